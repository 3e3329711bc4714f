"""Floor 4: downloads. Sources become items, items a plan, the engine carries it out, the report says what became of it.

It knows no tokens: it is handed an `Authorizer`.
"""

from .control import Control
from .curl import CurlEngine, engine_of
from .download import download
from .engine import Engine
from .limits import connections_of, rate_of
from .local import LocalFiles, LocalUse
from .order import Order, order_of
from .plan import Action, plan
from .prepare import prepare
from .preview import Plan
from .progress import Progress, show_bar, show_waits
from .report import Outcome, Report
from .retry import Backoff
from .sources import Item, Lines, Selection, Source, items_from, source_of
from .states import DownloadState, FileState
from .under_way import Download, downloads_under_way

__all__ = [
    "Action",
    "Backoff",
    "Control",
    "CurlEngine",
    "Download",
    "DownloadState",
    "Engine",
    "FileState",
    "Item",
    "Lines",
    "LocalFiles",
    "LocalUse",
    "Order",
    "Outcome",
    "Plan",
    "Progress",
    "Report",
    "Selection",
    "Source",
    "connections_of",
    "download",
    "downloads_under_way",
    "engine_of",
    "items_from",
    "order_of",
    "plan",
    "prepare",
    "rate_of",
    "show_bar",
    "show_waits",
    "source_of",
]
