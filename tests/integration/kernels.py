"""A live front-end without a browser: a real ipykernel, and a client that shows widgets and answers for the person."""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client import BlockingKernelClient, KernelManager

_WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
_PATIENCE_S = 40.0


@dataclass
class Cell:
    """What came of one execution."""

    msg_id: str
    code: str
    stream: str = ""
    result: str = ""
    error: tuple[str, str, str] = ("", "", "")
    views: list[str] = field(default_factory=list[str])
    displays: dict[str, str] = field(default_factory=dict[str, str])
    kinds_of_output: set[str] = field(default_factory=set[str])
    is_idle: bool = False
    is_answered: bool = False
    seconds: float = 0.0

    @property
    def is_done(self) -> bool:
        """Whether the kernel is through with it."""
        return self.is_idle and self.is_answered

    @property
    def saved(self) -> str:
        """All text that is saved with the notebook."""
        return "\n".join([self.stream, self.result, *self.displays.values(), *self.error])

    @property
    def ename(self) -> str:
        """The name of the error's class; empty when there was none."""
        return self.error[0]

    @property
    def shown(self) -> str:
        """The error as the front-end shows it: the "traceback"."""
        return self.error[2]


class FrontEnd:
    """A notebook that is open in front of a person, who may type (`allow_stdin`)."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager, self.client = manager, client
        # as notebooks do, and consoles do not
        client.session.metadata = {"cellId": "4f0c"}
        self.messages: list[dict[str, Any]] = []
        self.widgets: dict[str, dict[str, Any]] = {}
        self.replies: list[dict[str, Any]] = []
        self._cells: dict[str, Cell] = {}
        self._subshell: str | None = None

    def run(self, code: str, *, allow_stdin: bool = True) -> Cell:
        """Run a cell and wait until it is done."""
        cell = self.start(code, allow_stdin=allow_stdin)
        return self.finish(cell)

    def start(self, code: str, *, allow_stdin: bool = True) -> Cell:
        """Start a cell."""
        cell = Cell(self.client.execute(code, allow_stdin=allow_stdin, stop_on_error=False), code)
        cell.seconds = -time.monotonic()
        self._cells[cell.msg_id] = cell
        return cell

    def finish(self, cell: Cell) -> Cell:
        """Wait until a cell is done."""
        self.until(lambda: cell.is_done)
        return cell

    def until(self, is_reached: Callable[[], object], patience_s: float = _PATIENCE_S) -> None:
        """Take messages from the kernel until it is so."""
        deadline = time.monotonic() + patience_s
        while not is_reached():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not reached; the last messages: {[m['msg_type'] for m in self.messages[-12:]]}")
            self._take()

    def state_of(self, view: str) -> dict[str, Any]:
        """Return the traits of a widget as this front-end knows them now."""
        return self.widgets[view]

    def until_phase(self, view: str, phase: str) -> dict[str, Any]:
        """Wait until a login widget shows a phase, and return its traits."""
        self.until(lambda: self.widgets[view].get("phase") == phase)
        return self.widgets[view]

    def click(self, view: str, kind: str, buffers: list[bytes] | None = None, **fields: object) -> None:
        """Send a widget what a person does in its view, as `js/connection.js` does.

        As in JupyterLab the message goes to a subshell, where the kernel has them: it does not wait for a running cell.
        """
        content = {"kind": kind, "boot_id": self.widgets[view]["boot_id"], "view_id": "view-1", **fields}
        message = self.client.session.msg(
            "comm_msg", {"comm_id": view, "data": {"method": "custom", "content": content}}
        )
        message["buffers"] = buffers or []
        message["header"]["subshell_id"] = self._subshell_id()
        self.messages.append({"msg_type": "comm_msg", "content": message["content"], "channel": "sent"})
        self.client.shell_channel.send(message)

    def sign_in_by_form(self, view: str, username: str, password: str, method: str = "password") -> None:
        """Fill the form in and submit it: the password is a binary buffer."""
        form = {"username": username, "method": method, "has_one_time_code": False}
        self.click(view, "submit_password", [password.encode()], **form)

    def type_at_prompt(self, text: str) -> dict[str, Any]:
        """Wait until the running cell asks for a line, type it, and return the question: `prompt`, `password`."""
        self.until(lambda: self.messages and self.messages[-1]["msg_type"] == "input_request")
        question = dict(self.messages[-1]["content"])
        self.messages.append({"msg_type": "input_reply", "channel": "sent"})
        self.client.input(text)
        return question

    def help_of(self, name: str) -> str:
        """Return what `name?` shows in the pager."""
        reply = self.client.execute_interactive(f"{name}?", timeout=_PATIENCE_S, output_hook=lambda _: None)
        return str(reply["content"]["payload"][0]["data"]["text/plain"])

    def interrupt(self) -> None:
        """Press the stop button."""
        self.manager.interrupt_kernel()

    def restart(self) -> None:
        """Restart the kernel, as the menu does."""
        self.manager.restart_kernel(now=True)
        self.client.wait_for_ready(timeout=60)
        self._subshell = None

    def complete(self, code: str) -> list[str]:
        """Press Tab at the end of `code`."""
        reply = self.client.complete(code, reply=True, timeout=_PATIENCE_S)
        return list(reply["content"]["matches"])

    def _subshell_id(self) -> str:
        if self._subshell is None:
            request = self.client.session.msg("create_subshell_request")
            self.client.control_channel.send(request)
            self._subshell = str(self.client.control_channel.get_msg(timeout=_PATIENCE_S)["content"]["subshell_id"])
        return self._subshell

    def _take(self) -> None:
        for channel in (self.client.iopub_channel, self.client.shell_channel, self.client.stdin_channel):
            with contextlib.suppress(queue.Empty):
                while True:
                    self._receive(channel.get_msg(timeout=0.02 if channel is self.client.iopub_channel else 0))

    def _receive(self, message: dict[str, Any]) -> None:
        self.messages.append(message)
        kind, content = message["msg_type"], message["content"]
        if kind.startswith("comm_"):
            self._comm(kind, content)
        cell = self._cells.get(message["parent_header"].get("msg_id", ""))
        if cell is None:
            return
        if kind in ("stream", "error", "display_data", "execute_result"):
            cell.kinds_of_output.add(kind)
        if kind == "stream":
            cell.stream += content["text"]
        elif kind == "error":
            cell.error = (content["ename"], content["evalue"], "\n".join(content["traceback"]))
        elif kind in ("display_data", "update_display_data") and content["transient"].get("display_id"):
            cell.displays[content["transient"]["display_id"]] = content["data"]["text/plain"]
        elif kind in ("display_data", "execute_result"):
            view = content["data"].get(_WIDGET_VIEW)
            if view:
                cell.views.append(view["model_id"])
            cell.result = content["data"].get("text/plain", "")
        elif kind == "execute_reply":
            cell.is_answered = True
        elif kind == "status" and content["execution_state"] == "idle":
            cell.is_idle, cell.seconds = True, cell.seconds + time.monotonic()

    def _comm(self, kind: str, content: dict[str, Any]) -> None:
        data = content.get("data", {})
        if kind == "comm_open":
            self.widgets[content["comm_id"]] = dict(data["state"])
        elif data.get("method") in ("update", "echo_update"):
            self.widgets[content["comm_id"]].update(data["state"])
        elif data.get("method") == "custom":
            self.replies.append(data["content"])


@contextlib.contextmanager
def front_end(environ: Mapping[str, str], folder: Path) -> Iterator[FrontEnd]:
    """Start a kernel in `folder` and connect a front-end to it."""
    with contextlib.ExitStack() as stack:
        try:
            opened = stack.enter_context(_started(environ, folder))
        except (ValueError, RuntimeError):
            # a server of another test has taken a port between its choice and the kernel's start
            opened = stack.enter_context(_started(environ, folder))
        yield opened


@contextlib.contextmanager
def _started(environ: Mapping[str, str], folder: Path) -> Iterator[FrontEnd]:
    manager = KernelManager(connection_file=str(folder / "kernel.json"))
    with (folder / "kernel.log").open("ab") as log:
        manager.start_kernel(env=dict(environ), cwd=str(folder), stdout=log, stderr=log)
        client = manager.client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=60)
            yield FrontEnd(manager, client)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
            manager.cleanup_resources()
