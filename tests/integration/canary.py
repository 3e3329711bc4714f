"""Looking for secrets: what counts as one, in which spellings it may appear, and where to look."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus

from kernels import FrontEnd

from ipyterrascope.sandbox import Sandbox

_ENOUGH = 20  # characters by which a long secret is recognised also where it was cut off

_TOKEN_STARTS = (b"eyJhbGciOi", b"eyJ0eXAiOi")  # {"alg": and {"typ":

# Runs in the kernel: writes down what its objects show of themselves, also where nobody looks.
PROBE = r"""
def _probe(path):
    import copy, gc, os, pickle, sys, types
    shell = get_ipython()
    lines = []

    def note(what, show, thing):
        try:
            shown = show(thing)
        except BaseException as exc:
            shown = f"{type(exc).__name__}: {exc}"
        shown = shown if isinstance(shown, bytes) else str(shown).encode(errors="replace")
        lines.append(what.encode() + b": " + shown)

    def frames_of(exc):
        pending, seen = [exc], set()
        while pending:
            one = pending.pop()
            if not isinstance(one, BaseException) or id(one) in seen:
                continue
            seen.add(id(one))
            pending += [one.__cause__, one.__context__, *one.args]
            step = one.__traceback__
            while step is not None:
                yield step.tb_frame
                step = step.tb_next

    ours = ("ipyterrascope", "requests", "urllib3", "oauthlib", "http", "anywidget")
    named = {**shell.user_ns, **{f"_public_{name}": getattr(ts, name) for name in ts.__all__}}
    held = gc.get_objects()
    found = [*named.values(), *(thing for thing in held if str(type(thing).__module__).partition(".")[0] in ours)]
    errors = [thing for thing in held if issubclass(type(thing), BaseException)]
    for thing in [*found, *errors]:
        what = type(thing).__qualname__
        for show in (repr, str, format, lambda t: repr(vars(t)), lambda t: getattr(t, "_repr_html_")()):
            note(what, show, thing)
        if not isinstance(thing, types.ModuleType):
            note(what, pickle.dumps, thing)
            note(what, lambda t: repr(vars(copy.copy(t))), thing)
    for exc in errors:
        for frame in frames_of(exc):
            for name, value in frame.f_locals.items():
                note(f"{frame.f_code.co_qualname if hasattr(frame.f_code, 'co_qualname') else ''} {name}", repr, value)
    for frame in sys._current_frames().values():
        while frame is not None:
            if "ipyterrascope" in frame.f_code.co_filename:
                for name, value in frame.f_locals.items():
                    note(name, repr, value)
            frame = frame.f_back
    note("environ", repr, dict(os.environ))
    with open(path, "wb") as out:
        out.write(b"\n".join(lines))
    return len(lines)
"""


def spellings(secret: str, users: Iterable[str]) -> set[bytes]:
    """Return a secret in every form in which it could be written down; a long one also by its beginning and end."""
    whole = {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], quote(secret), quote_plus(secret)}
    for text in (secret, *(f"{user}:{secret}" for user in users)):
        whole |= {
            base64.b64encode(text.encode()).decode(),
            base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
        }
    if len(secret) > 2 * _ENOUGH:
        # tokens of one issuer begin alike
        whole |= {secret[-_ENOUGH:], secret if secret.startswith("eyJ") else secret[:_ENOUGH]}
    return {text.encode(encoding) for text in whole for encoding in ("utf-8", "utf-16-le")} | {secret.encode("latin-1")}


def secrets_of(box: Sandbox, typed: Iterable[str]) -> set[str]:
    """Return all that must be found nowhere: what was typed, what was issued, and what only the kernel made up."""
    sent = [record.form.get(name, "") for record in box.requests for name in ("code_verifier", "device_code", "totp")]
    return {secret for secret in (*typed, *sent, *box.issued) if secret}


def places_of(notebook: FrontEnd, folder: Path) -> dict[str, bytes]:
    """Return everything that left the kernel's memory: files, messages, traits, and the environment."""
    places = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for number, message in enumerate(notebook.messages):
        told = {name: message.get(name) for name in ("content", "metadata", "parent_header")}
        name = f"message {number} {message['msg_type']} {message.get('channel', '')}".strip()
        buffers = [bytes(buffer) for buffer in message.get("buffers", []) if message.get("channel") != "sent"]
        places[name] = json.dumps(told, default=str, ensure_ascii=False).encode() + b"".join(buffers)
    for view, traits in notebook.widgets.items():
        places[f"traits of {view}"] = json.dumps(traits, default=str, ensure_ascii=False).encode()
    process = notebook.manager.provisioner.process  # type: ignore[union-attr]
    places["environ"] = Path(f"/proc/{process.pid}/environ").read_bytes()
    return places


def found_in(places: Mapping[str, bytes], secrets: Iterable[str], users: Iterable[str]) -> set[str]:
    """Return the places in which a secret is written, with a mark of the secret and never the secret itself."""
    needles = [(_mark(secret), spelling) for secret in secrets for spelling in spellings(secret, users)]
    needles += [("the beginning of a token", start) for start in _TOKEN_STARTS]
    return {f"{place} (secret {mark})" for place, text in places.items() for mark, needle in needles if needle in text}


def _mark(secret: str) -> str:
    return f"{hashlib.sha256(secret.encode()).hexdigest()[:6]}, {len(secret)} characters"
