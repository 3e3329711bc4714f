"""A file service that gives its files only to who shows a live access token of an issuer."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

import requests
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from testbed.loopback import QuietServer

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass
class ProtectedFiles:
    """The service that runs.

    Attributes
    ----------
    files : dict of str to bytes
        What is served, by path, for example ``/download/a.tif``. May be changed while it runs.
    answered : list of (str, int)
        Path and status of every request so far.
    ends_at : dict of str to float
        When the token ends that a user's last request had, in POSIX seconds.
    refusals : set of str
        Why requests were refused, by the names of the errors: ``ExpiredTokenError`` for a token that had ended.
    """

    base_url: str
    issuer: str
    keys: KeySet
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    answered: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    ends_at: dict[str, float] = field(default_factory=dict[str, float])
    refusals: set[str] = field(default_factory=set[str])

    def add(self, path: str, data: bytes) -> str:
        """Serve `data` at `path` and return its URL."""
        self.files[path] = data
        return f"{self.base_url}{path}"

    def accepts(self, authorization: str) -> bool:
        """Tell whether a header is the bearer of a token that the issuer signed and that has not expired."""
        scheme, _, token = authorization.partition(" ")
        claims = jwt.JWTClaimsRegistry(iss={"essential": True, "value": self.issuer}, exp={"essential": True})
        try:
            told = jwt.decode(token, self.keys, algorithms=["RS256"]).claims
            claims.validate(told)
        except (JoseError, ValueError) as exc:
            self.refusals.add(type(exc).__name__)
            return False
        self.ends_at[str(told.get("preferred_username"))] = float(told["exp"])
        return scheme == "Bearer"


@contextlib.contextmanager
def protected_files(issuer: str) -> Iterator[ProtectedFiles]:
    """Run a file service on loopback that trusts the keys `issuer` publishes."""
    metadata = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=10).json()
    keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=10).json())
    server = _Server(("127.0.0.1", 0), _Handler)
    server.service = ProtectedFiles(f"http://127.0.0.1:{server.server_port}", issuer, keys)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(QuietServer):
    service: ProtectedFiles


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        service = self.server.service
        data = service.files.get(self.path)
        allowed = service.accepts(self.headers.get("Authorization", ""))
        status = 401 if not allowed else 404 if data is None else 200
        body = (data or b"") if allowed else b""
        span = _RANGE.fullmatch(self.headers.get("Range", "")) if status == 200 and self.command == "GET" else None
        if span is not None:
            whole, start = len(body), int(span[1])
            status, body = 206, body[start : int(span[2] or whole) + 1]
        service.answered.append((self.path, status))
        self.send_response(status)
        if span is not None:
            self.send_header("Content-Range", f"bytes {start}-{start + len(body) - 1}/{whole}")
        self.send_header("Content-Type", "image/tiff")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Keep the tests' output quiet; `answered` tells."""
