"""Checksums as catalogues write them: multihashes in hexadecimal, STAC's ``file:checksum`` (floor 4).

A multihash is the code of its function, the length of the digest, and the digest (https://multiformats.io/multihash).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import BinaryIO

from ..errors import SourceInvalid, quoted

_FUNCTIONS = {"11": "sha1", "12": "sha256", "13": "sha512", "20": "sha384", "d501": "md5"}
_VARINT = "((?:[89a-f][0-9a-f]){0,8}[0-7][0-9a-f])"
_MULTIHASH = re.compile(f"{_VARINT}{_VARINT}((?:[0-9a-f]{{2}})*)")
_CHUNK_BYTES = 1 << 20


def read_multihash(multihash: str) -> tuple[str, str] | None:
    """Return function and digest of a multihash; None where its function is not known here.

    Parameters
    ----------
    multihash : str
        Function code, length and digest, in hexadecimal.

    Raises
    ------
    SourceInvalid
        When it is no hexadecimal text, or the digest is not as long as it says, or not as its function makes it.
    """
    text = multihash.strip().lower()
    if not re.fullmatch(r"(?:[0-9a-f]{2})+", text):
        raise _not_a_checksum(text, "It is not hexadecimal.")
    for code, function in _FUNCTIONS.items():
        if text.startswith(code):
            size = hashlib.new(function, usedforsecurity=False).digest_size
            head = f"{code}{size:02x}"
            if text.startswith(head) and len(text) == len(head) + 2 * size:
                return function, text[len(head) :]
            raise _not_a_checksum(text, f"A {function} digest has {size} bytes, and it says so before them.")
    # of another function, or no multihash at all: a bare digest, say
    match = _MULTIHASH.fullmatch(text)
    if match is None or not match[3] or _number(match[2]) != len(match[3]) // 2:
        raise _not_a_checksum(text, "A multihash names its function and the length of its digest, and has just that.")
    return None


def _number(varint: str) -> int:
    """Read an unsigned varint: seven bits a byte, the least first (https://github.com/multiformats/unsigned-varint)."""
    return sum((byte & 0x7F) << 7 * place for place, byte in enumerate(bytes.fromhex(varint)))


def multihash_of(function: str, digest: str) -> str:
    """Return the multihash of a digest in hexadecimal; `function` is called as in ``hashlib``.

    Raises
    ------
    SourceInvalid
        When the function is not known here, or the digest is not one of it.
    """
    code = next((code for code, known in _FUNCTIONS.items() if known == function), None)
    if code is None:
        raise SourceInvalid(
            f"Checksums of the kind {quoted(function, 20)!r} cannot be checked here.",
            f"These can: {', '.join(_FUNCTIONS.values())}.",
            "Give one of these, or leave it out.",
        )
    text, size = digest.strip().lower(), hashlib.new(function, usedforsecurity=False).digest_size
    if not re.fullmatch(f"[0-9a-f]{{{2 * size}}}", text):
        raise SourceInvalid(
            f"{quoted(digest, 20)!r} is no {function} checksum.",
            f"One has {2 * size} hexadecimal digits.",
            "Correct it, or leave it out.",
        )
    return f"{code}{size:02x}{text}"


def matches(file: BinaryIO, multihash: str, is_over: Callable[[], bool] = bool) -> bool:
    """Tell whether an open file has a checksum. One whose function is not known here counts as matched.

    Raises
    ------
    InterruptedError
        When `is_over` tells that nobody wants to know any more.
    """
    known = read_multihash(multihash)
    if known is None:
        return True
    function, expected = known
    digest = hashlib.new(function, usedforsecurity=False)
    file.seek(0)
    while chunk := file.read(_CHUNK_BYTES):
        if is_over():
            raise InterruptedError
        digest.update(chunk)
    return digest.hexdigest() == expected


def are_same(one: BinaryIO, other: BinaryIO, is_over: Callable[[], bool] = bool) -> bool:
    """Tell whether two open files hold the same bytes; False, too, where `is_over` tells that nobody wants to know."""
    one.seek(0)
    while not is_over() and (chunk := one.read(_CHUNK_BYTES)) == other.read(_CHUNK_BYTES):
        if not chunk:
            return True
    return False


def _not_a_checksum(text: str, why: str) -> SourceInvalid:
    return SourceInvalid(
        f"{quoted(text, 20)!r} is no checksum.",
        why,
        "Give a multihash in hexadecimal, as STAC's file:checksum is, or leave it out.",
    )
