"""`download`: files for scripts and cron, or for somebody at a terminal (floor 6)."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO, cast

from ..errors import DownloadFailed, UsageError
from ..options import download_of
from .answers import FAILED, Answer
from .parsers import PROG

if TYPE_CHECKING:
    from .application import TerrascopeApp


def download(app: TerrascopeApp, options: Namespace) -> Answer:
    """Fetch files, or tell what would be fetched."""
    from .. import downloading

    if not options.sources:
        raise UsageError("There is nothing to download.", "No URL was given.", f"See {PROG} download --help.")
    sources = [_piped(app.piped) if source == "@-" else source for source in options.sources]
    if options.plan:
        plan = downloading.plan(sources, **download_of(options))
        return Answer(text=repr(plan), fields=plan.to_dict())
    from ..transfer import Report

    try:
        # as a list also where it is one: what becomes of it is a report always
        fetch = cast("Callable[..., Report]", downloading.download)
        report = fetch(
            sources,
            **download_of(options),
            provider=options.provider,
            max_connections=options.max_connections,
            limit_rate=options.limit_rate,
        )
    except DownloadFailed as exc:
        if not isinstance(exc.report, Report):
            raise
        # at a terminal the report beside it has the same lines
        is_beside = sys.__stdout__ is not None and sys.__stdout__.isatty() and sys.stderr.isatty() and not options.json
        whys = [one.error.why for one in exc.report.failed if one.error is not None and one.error.why]
        notes = [*(whys if len(whys) == 1 else []), exc.do] if is_beside else str(exc).splitlines()
        return Answer(text=repr(exc.report), fields=exc.report.to_dict(), notes=notes, status=FAILED)
    return Answer(text=repr(report), fields=report.to_dict(), notes=_not_kept(options.provider))


def _not_kept(provider: str | None) -> list[str]:
    """Say of a sign-in that a person made on the way that the next command will not find it."""
    from .. import api, asking

    account = api.account(provider)
    is_by_person = account.is_signed_in and asking.can_be_kept(account, account.state.source)
    if not is_by_person or account.state.remember:
        return []
    name = f" {provider}" if provider else ""
    return [f"That sign-in was for this command alone; {PROG} login{name} keeps one."]


def _piped(stream: TextIO) -> object:
    from ..transfer import source_of

    return source_of(stream.read(), "-")
