"""Takes secrets out of the addresses that HTTP libraries log (floor 2).

Some protocols put them into a query: the code by which a login leads a data centre's visitors back, a user token that
is revoked, the signature of an address that serves whoever has it. openEO back-ends put one into the path of a result.
"""

from __future__ import annotations

import logging
import re

# that log an address, or the headers of an answer with its `Location`
_LOGGERS = (
    "urllib3.connectionpool",
    "urllib3.poolmanager",
    "urllib3.util.retry",
    "httpx",
    "httpcore.http11",
    "httpcore.http2",
    "fsspec.http",
    "rasterio._env",
)
_NAMES = (
    "code|state|token|access_token|refresh_token|id_token|client_secret|password|device_code|code_verifier|assertion"
    "|signature|sig|x-(?:amz|goog)-(?:signature|credential)|x-amz-security-token|ticket|jwt|api_?key|hdnea"
)
# also where one address stands in the query of another one
_PARAMETER = re.compile(rf"((?:[?&;#]|%3F|%26|%23)(?:{_NAMES})(?:=|%3D))(?:(?!%26|%23)[^&;#\s'\"<>])+", re.IGNORECASE)
_SEGMENT = re.compile(r"(?<=/)[0-9a-f]{32,}(?![^/?#\s'\"<>])", re.IGNORECASE)


def masked(text: str) -> str:
    """Return text with a mask for each query parameter and part of a path in it that may be a secret."""
    return _SEGMENT.sub("•••", _PARAMETER.sub(r"\1•••", text))


class _Mask(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        try:
            said = record.getMessage()
        except Exception:  # noqa: BLE001 - logging itself tells of a line that does not fit its arguments
            return True
        shown = masked(said)
        if shown != said:
            record.msg, record.args = shown, None
        return True


_mask = _Mask()


def mask_logs() -> None:
    """Let no library that sends our requests log such a parameter, from now on."""
    for name in _LOGGERS:
        # a filter that is there already is not added again
        logging.getLogger(name).addFilter(_mask)
