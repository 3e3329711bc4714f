"""Checksums as catalogues write them: multihashes in hexadecimal, STAC's ``file:checksum`` (floor 4).

A multihash is the code of its function, the length of the digest, and the digest (https://multiformats.io/multihash).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

_FUNCTIONS = {"1114": "sha1", "1220": "sha256", "1340": "sha512", "2030": "sha384", "d50110": "md5"}
_CHUNK_BYTES = 1 << 20


def matches(path: Path, multihash: str) -> bool:
    """Tell whether a file has a checksum. One whose function is not known here counts as matched.

    Parameters
    ----------
    path : pathlib.Path
    multihash : str
        Function code, length and digest, in hexadecimal.
    """
    expected = multihash.strip().lower()
    for prefix, function in _FUNCTIONS.items():
        digest = hashlib.new(function, usedforsecurity=False)
        if expected.startswith(prefix) and len(expected) == len(prefix) + 2 * digest.digest_size:
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK_BYTES):
                    digest.update(chunk)
            return digest.hexdigest() == expected[len(prefix) :]
    return True
