"""`python -m ipyterrascope.sandbox`: run the sandbox in the foreground until it is told to stop."""

from __future__ import annotations

import argparse
import json
import signal
import threading

from .box import Sandbox


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, serve until SIGTERM or Ctrl-C."""
    options = _parser().parse_args(arguments)
    as_json = options.__dict__.pop("json")
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: stopped.set())
    with Sandbox(**vars(options)) as box:
        print(_described_as_json(box) if as_json else _described(box), flush=True)
        stopped.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ipyterrascope.sandbox",
        description="A Terrascope on this machine, for trying things out. Nothing in it is real.",
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: any that is free)")
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
    return (
        f"Terrascope SANDBOX at {box.url} (this machine only; Ctrl-C ends it)\n"
        f"issuer     {box.issuer}\ncatalogue  {box.stac_url}\nusers and passwords, none of them real:\n{users}"
    )


if __name__ == "__main__":
    main()
