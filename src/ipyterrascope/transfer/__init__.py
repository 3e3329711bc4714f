"""Floor 4: downloads. Sources become items, items a plan, the engine carries it out, the report says what became of it.

It knows no tokens: it is handed an `Authorizer`.
"""

from .curl import CurlEngine
from .download import download
from .engine import Engine
from .limits import connections_of, rate_of
from .plan import Action, plan
from .progress import Progress, progress_for
from .report import Outcome, Report
from .retry import Backoff
from .sources import Item, Source, items_from

__all__ = [
    "Action",
    "Backoff",
    "CurlEngine",
    "Engine",
    "Item",
    "Outcome",
    "Progress",
    "Report",
    "Source",
    "connections_of",
    "download",
    "items_from",
    "plan",
    "progress_for",
    "rate_of",
]
