"""Floor 4: downloads. Sources become items, items a plan, the engine carries it out, the report says what became of it.

It knows no tokens: it is handed a session that carries the sign-in.
"""

from .download import download
from .engine import Engine, SessionEngine
from .plan import Action, plan
from .progress import Progress, progress_for
from .report import Outcome, Report
from .retry import Backoff
from .sources import Item, Source, items_from

__all__ = [
    "Action",
    "Backoff",
    "Engine",
    "Item",
    "Outcome",
    "Progress",
    "Report",
    "SessionEngine",
    "Source",
    "download",
    "items_from",
    "plan",
    "progress_for",
]
