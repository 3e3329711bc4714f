"""Looking for secrets: where to look, in the kernel and in all that leaves it."""

from __future__ import annotations

import json
from pathlib import Path

import psutil
from kernels import FrontEnd

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

    ours = (
        *("ipyterrascope", "requests", "urllib3", "oauthlib", "http", "anywidget"),
        *("rasterio", "fsspec", "aiohttp", "filelock"),
    )
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


def places_of(notebook: FrontEnd, folder: Path) -> dict[str, bytes]:
    """Return everything that left the kernel's memory: files, messages, traits, its environment and its children's."""
    places = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for number, message in enumerate(notebook.messages):
        told = {name: message.get(name) for name in ("content", "metadata", "parent_header")}
        name = f"message {number} {message['msg_type']} {message.get('channel', '')}".strip()
        buffers = [bytes(buffer) for buffer in message.get("buffers", []) if message.get("channel") != "sent"]
        places[name] = json.dumps(told, default=str, ensure_ascii=False).encode() + b"".join(buffers)
    for view, traits in notebook.widgets.items():
        places[f"traits of {view}"] = json.dumps(traits, default=str, ensure_ascii=False).encode()
    kernel = psutil.Process(notebook.manager.provisioner.process.pid)  # type: ignore[union-attr]
    for process in (kernel, *kernel.children(recursive=True)):
        places[f"environ of {process.name()}"] = Path(f"/proc/{process.pid}/environ").read_bytes()
    return places
