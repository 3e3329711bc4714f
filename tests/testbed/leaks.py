"""Where a secret can still be read: a walk over all that an object holds, tracebacks and their locals included."""

from __future__ import annotations

import gc
import types
from collections import deque
from collections.abc import Iterable, Iterator

from ipyterrascope.values.secret import Secret

_OPAQUE = (types.ModuleType, type, types.CodeType, types.BuiltinFunctionType, Secret)


def places(secret: str, *roots: object, besides: Iterable[object] = ()) -> list[str]:
    """Return the paths by which `secret` can be reached from `roots`; empty is good.

    A `Secret` is where it belongs, so the walk ends there. It also ends at `besides` (who holds the credential by
    right) and at the frames of tests.
    """
    seen = {id(thing) for thing in besides}
    queue = deque((root, type(root).__name__) for root in roots)
    found: list[str] = []
    kept: list[object] = []  # so that no id is used twice while we walk
    while queue:
        thing, path = queue.popleft()
        if id(thing) in seen or isinstance(thing, _OPAQUE):
            continue
        seen.add(id(thing))
        kept.append(thing)
        if _shows(thing, secret):
            found.append(path)
        queue.extend((part, f"{path} > {name}") for name, part in _parts(thing))
    return found


def _shows(thing: object, secret: str) -> bool:
    if isinstance(thing, str):
        return secret in thing
    return isinstance(thing, (bytes, bytearray)) and secret.encode() in thing


def _parts(thing: object) -> Iterator[tuple[str, object]]:
    if isinstance(thing, types.FrameType):
        if "/tests/" not in thing.f_code.co_filename:
            for name, value in list(thing.f_locals.items()):
                yield f"{thing.f_code.co_name}.{name}", value
    elif isinstance(thing, types.FunctionType):
        yield from (("closure", cell) for cell in thing.__closure__ or ())
        yield "defaults", thing.__defaults__
    elif isinstance(thing, dict):
        for key, value in list(thing.items()):
            yield f"[{key!r:.40}]", value
            yield "key", key
    else:
        yield from ((type(part).__name__, part) for part in gc.get_referents(thing))
