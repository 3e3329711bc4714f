"""The line to the front-ends, played: what a widget sends is kept, and what a view would send is handed in."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from comm.base_comm import BaseComm

from ipyterrascope.notebook.kernel_widget import KernelWidget


class Wire(BaseComm):
    """A line to the front-ends."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.sent: list[dict[str, Any]] = []
        super().__init__(*args, **kwargs)

    def publish_msg(self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **_: Any) -> None:
        self.sent.append({"type": msg_type, **(data or {})})

    def receive(self, content: object, buffers: list[Any] | None = None) -> None:
        data = {"method": "custom", "content": content}
        self.handle_msg({"content": {"data": data}, "buffers": [] if buffers is None else buffers})

    def receive_state(self, state: dict[str, object]) -> None:
        self.handle_msg({"content": {"data": {"method": "update", "state": state, "buffer_paths": []}}, "buffers": []})

    def replies(self) -> list[dict[str, Any]]:
        return [message["content"] for message in self.sent if message.get("method") == "custom"]

    def updates(self) -> list[dict[str, Any]]:
        return [message["state"] for message in self.sent if message.get("method") == "update"]


def wire_of(widget: KernelWidget) -> Wire:
    assert isinstance(widget.comm, Wire)
    return widget.comm


def wait_until(is_reached: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not is_reached():
        assert time.monotonic() < deadline
        time.sleep(0.005)
