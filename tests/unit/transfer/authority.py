"""A certificate authority of our own, and a proxy and an HTTP/2 server for its certificates, all on loopback."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import select
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "data.test"
_HTTP2 = """
const http2 = require("http2"), fs = require("fs");
const [, folder] = process.argv;
const read = (name) => fs.readFileSync(`${folder}/${name}`);
const body = read("content"), etag = '"v1"';

function reply(asked, answer) {
  const range = asked.headers.range, match = /^bytes=(\\d+)-(\\d*)$/.exec(range || "");
  console.log(asked.httpVersion, range || "whole");
  if (asked.url === "/unsized") {
    answer.writeHead(200, { etag });
    return answer.end(body);
  }
  const [, ending, isSized] = /^\\/(reset|refused|gone)(-sized)?$/.exec(asked.url) || [];
  if (ending) {
    answer.writeHead(200, isSized ? { etag, "content-length": body.length } : { etag });
    answer.write(body.subarray(0, 1000));
    const { NGHTTP2_INTERNAL_ERROR, NGHTTP2_REFUSED_STREAM } = http2.constants;
    const codes = { reset: NGHTTP2_INTERNAL_ERROR, refused: NGHTTP2_REFUSED_STREAM };
    const end = () => {
      if (!answer.stream) return answer.socket.destroy();
      return ending === "gone" ? answer.stream.session.destroy() : answer.stream.close(codes[ending]);
    };
    return setTimeout(end, 20);
  }
  const start = match ? Number(match[1]) : 0;
  const end = match && match[2] ? Math.min(body.length, Number(match[2]) + 1) : body.length;
  const part = match ? { "content-range": `bytes ${start}-${end - 1}/${body.length}` } : {};
  answer.writeHead(match ? 206 : 200, { etag, "content-length": end - start, ...part });
  return answer.end(body.subarray(start, end));
}

const server = http2.createSecureServer({ key: read("key.pem"), cert: read("cert.pem"), allowHTTP1: true }, reply);
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
"""


@dataclass(frozen=True)
class Authority:
    """Where a CA and the key and certificate that it gave to `HOST` and 127.0.0.1 lie."""

    folder: Path

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "cert.pem", self.folder / "key.pem")
        return context


def authority(folder: Path) -> Authority:
    """Make a CA and one certificate."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A test authority")])
    now = datetime.datetime.now(datetime.timezone.utc)

    def builder(name: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(ca_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )

    names = x509.SubjectAlternativeName([x509.DNSName(HOST), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    ca = builder(ca_name, ca_key.public_key()).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    cert = builder(x509.Name([]), key.public_key()).add_extension(names, critical=True)
    for name, made in (("ca.pem", ca), ("cert.pem", cert)):
        signed = made.sign(ca_key, hashes.SHA256())
        (folder / name).write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(secret)
    return Authority(folder)


class Proxy:
    """An HTTP proxy that runs: `heads` is what it was told."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.port = 0


@contextlib.contextmanager
def proxy(port: int) -> Iterator[Proxy]:
    """Run a proxy that leads every CONNECT to one port of this machine, whatever host was asked for."""
    told = Proxy()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            head = b""
            while b"\r\n\r\n" not in head:
                head += self.request.recv(4096)
            told.heads.append(head)
            with socket.create_connection(("127.0.0.1", port)) as there:
                self.request.sendall(
                    b"HTTP/1.1 200 Connection established\r\nX-Proxy: yes\r\nContent-Length: 5\r\n\r\n"
                )
                _splice(self.request, there)

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    told.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _splice(one: socket.socket, other: socket.socket) -> None:
    ways = {one: other, other: one}
    while True:
        for ready in select.select([*ways], [], [])[0]:
            try:
                data = ready.recv(65536)
            except OSError:
                return
            if not data:
                return
            ways[ready].sendall(data)


@dataclass
class Http2Server:
    """A server that runs: `url` without a path, and what it was asked so far."""

    url: str
    asked: list[str]


@contextlib.contextmanager
def http2_server(own: Authority, content: bytes) -> Iterator[Http2Server]:
    """Run a server that speaks HTTP/2 where it is asked to."""
    (own.folder / "content").write_bytes(content)
    command = ["node", "-e", _HTTP2, str(own.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        running = Http2Server(f"https://127.0.0.1:{process.stdout.readline().strip()}", [])
        lines = process.stdout
        reader = threading.Thread(target=lambda: running.asked.extend(line.strip() for line in lines))
        reader.start()
        try:
            yield running
        finally:
            process.kill()
            reader.join()


def _frame(kind: int, stream: int, payload: bytes = b"", flags: int = 0) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


@contextlib.contextmanager
def http2_that_hangs_up(own: Authority, content: bytes) -> Iterator[str]:
    """Run a server that answers over HTTP/2 by `content`, and closes the stream without ending the body or saying that
    anything is wrong (RST_STREAM with NO_ERROR); yield its address."""
    context = own.context()
    context.set_alpn_protocols(["h2"])

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError), context.wrap_socket(self.request, server_side=True) as secure:
                secure.sendall(_frame(4, 0))
                come = b""
                while data := secure.recv(65536):
                    # the preface, and then frames: settings are acknowledged, a request is the one with headers
                    come = (come + data).removeprefix(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
                    while len(come) >= 9 and len(come) >= 9 + (size := int.from_bytes(come[:3], "big")):
                        kind, flags, stream = come[3], come[4], int.from_bytes(come[5:9], "big")
                        come = come[9 + size :]
                        if kind == 4 and not flags & 1:
                            secure.sendall(_frame(4, 0, flags=1))
                        elif kind == 1:
                            # 0x88 is ":status: 200"
                            answer = _frame(1, stream, b"\x88", flags=4) + _frame(0, stream, content)
                            secure.sendall(answer + _frame(3, stream, bytes(4)))

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
