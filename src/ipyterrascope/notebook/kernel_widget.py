"""A widget of which the kernel is the truth: what every widget of ours does with its views (floor 6).

No trait holds a secret, and nothing that a front-end sets in a trait counts. A person's clicks come as messages; with
ipykernel 7 they are handled on a thread of their own, also while a cell runs.
"""

# ipywidgets ships no types
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import secrets
import threading
import traceback
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, cast

import anywidget
import traitlets

from ..errors import TerrascopeError

STATIC = Path(__file__).parent.parent / "static"

Bundle = tuple[dict[str, Any], dict[str, Any]]


class KernelWidget(anywidget.AnyWidget):
    """Shows what the kernel says, in any number of views."""

    _noun: ClassVar[str]
    """What it shows."""

    boot_id = traitlets.Unicode(
        read_only=True, help="Random for each widget; a view that is answered with another one is stale."
    ).tag(sync=True)

    @traitlets.default("boot_id")
    def _made_up(self) -> str:
        return secrets.token_hex(8)

    @cached_property
    def _lock(self) -> threading.RLock:
        # made by whoever makes the widget, before it is shown
        return threading.RLock()

    def open(self) -> None:
        """Open the line to the front-ends."""
        super().open()
        self._be_heard()

    def _send(self, msg: object, buffers: object = None) -> None:
        super()._send(msg, buffers)
        self._be_heard()

    def _be_heard(self) -> None:
        """Let the next click come to the thread that its front-end chose for it.

        ipykernel 7.4 notes which thread a comm sent from, and brings what comes to that one: after a message that
        belongs to a running cell, to the main thread, where it would wait for the end of the cell.
        """
        getattr(self.comm, "__dict__", {}).pop("_reply_subshell_id", None)

    def set_state(self, sync_data: Mapping[str, object]) -> None:
        """Take nothing from a front-end: put the truth back into the one that set a trait, and into all others."""
        with self._lock:
            self.send_state([name for name in sync_data if name in self.keys])

    def _beside(self, view_id: str, action: Callable[[], object]) -> None:
        threading.Thread(target=self._guarded, args=(view_id, action), name="terrascope-widget", daemon=True).start()

    def _guarded(self, view_id: str, action: Callable[[], object]) -> None:
        """Run `action`; whatever it raises is shown in the view, since ipywidgets would do no more than log it."""
        try:
            action()
        except TerrascopeError as exc:
            reason = str(exc)
        except Exception as exc:  # noqa: BLE001 - a message handler and a thread are where errors get lost
            # the stack without values: those in these frames are a person's
            stack = "".join(traceback.format_tb(exc.__traceback__))
            self.log.error("The %s widget failed with %s:\n%s", self._noun, type(exc).__name__, stack)  # noqa: TRY400
            reason = (
                f"The {self._noun} widget failed ({type(exc).__name__}). This is a bug in ipyterrascope. "
                "Run the cell again."
            )
        else:
            return
        self._reply("refused", view_id, reason=reason)

    def _reply(self, kind: str, view_id: str, **fields: object) -> None:
        self.send({"kind": kind, "boot_id": self.boot_id, "view_id": view_id, **fields})

    def _text(self) -> str:
        """Return what stands where no widgets are shown, in the saved notebook too."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> Bundle | None:
        bundle = cast("Bundle | None", super()._repr_mimebundle_(**kwargs))
        if bundle is not None:
            bundle[0]["text/plain"] = self._text()
        return bundle
