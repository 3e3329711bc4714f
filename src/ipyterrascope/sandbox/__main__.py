"""`python -m ipyterrascope.sandbox`: run the sandbox in the foreground until it is told to stop."""

from __future__ import annotations

import argparse
import errno
import json
import shlex
import signal
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .box import Sandbox


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, serve until SIGTERM or Ctrl-C."""
    options = _parser().parse_args(arguments)
    as_json = options.__dict__.pop("json")
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: stopped.set())
    box = _started(options)
    try:
        print(_described_as_json(box) if as_json else _described(box), flush=True)
        stopped.wait()
    finally:
        box.stop()


def _started(options: argparse.Namespace) -> Sandbox:
    try:
        from .box import Sandbox

        return Sandbox(**vars(options)).start()
    except ImportError:
        reason = "The sandbox needs its extra: pip install 'ipyterrascope[sandbox]'."
    except OSError as exc:
        if exc.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        reason = f"Port {options.port} on 127.0.0.1 cannot be had: choose another one, or leave --port out."
    sys.exit(reason)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ipyterrascope.sandbox",
        description="A Terrascope on this machine, for trying things out. Nothing in it is real.",
    )
    parser.add_argument("--port", type=_port, default=0, help="port on 127.0.0.1 (default: any that is free)")
    parser.add_argument("--json", action="store_true", help="print one line of JSON instead of text")
    for name, default, text in (
        ("access-token-lifetime", 300, "life of an access token"),
        ("refresh-token-lifetime", 3600, "how long an idle session lasts"),
        ("device-interval", 5, "least time between two polls of a device login"),
        ("device-lifetime", 600, "life of a device code"),
    ):
        parser.add_argument(
            f"--{name}",
            dest=f"{name.replace('-', '_')}_s",
            metavar="SECONDS",
            type=float,
            default=default,
            help=f"{text} (default: %(default)s)",
        )
    parser.add_argument("--no-rotation", dest="rotation", action="store_false", help="old refresh tokens stay good")
    parser.add_argument("--no-device-flow", dest="device_flow", action="store_false", help="offer no device login")
    return parser


def _port(text: str) -> int:
    if not 0 <= int(text) < 65536:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return int(text)


def _described_as_json(box: Sandbox) -> str:
    provider = box.provider()
    return json.dumps(
        {
            "url": box.url,
            "issuer": box.issuer,
            "stac_url": box.stac_url,
            "hosts": sorted(provider.hosts),
            "client_id": provider.client_id,
        }
    )


def _described(box: Sandbox) -> str:
    users = "\n".join(f"  {name:10} {password}" for name, password in box.users.items())
    unattended = {"TERRASCOPE_USERNAME": "dora", "TERRASCOPE_PASSWORD": box.users["dora"]}
    return (
        f"Terrascope SANDBOX at {box.url} (this machine only; Ctrl-C ends it)\n"
        f"issuer     {box.issuer}\ncatalogue  {box.stac_url}\n"
        f"users and passwords, none of them real (the address above tells what each is for):\n{users}\n\n"
        f"To use it as Terrascope, in the shell that starts Python or Jupyter:\n{_exports(box.variables)}\n"
        f"and to sign in without a question:\n{_exports(unattended)}"
    )


def _exports(variables: dict[str, str]) -> str:
    return "\n".join(f"  export {name}={shlex.quote(value)}" for name, value in variables.items())


if __name__ == "__main__":
    main()
