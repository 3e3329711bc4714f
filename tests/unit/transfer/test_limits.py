"""Connections and speeds as people write them, and a speed that is kept to."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import pytest
from downloads import DATA, Downloads
from faulty import Answer
from hypothesis import given
from hypothesis import strategies as st

from ipyterrascope.errors import UsageError
from ipyterrascope.transfer import connections_of, download, rate_of


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("1000", 1000),
        ("500k", 512_000),
        ("500K", 512_000),
        ("10M", 10 << 20),
        ("1.5m", 3 << 19),
        ("1G", 1 << 30),
        (" 9 ", 9),
    ],
)
def test_speeds_are_read_as_curl_reads_them(text: str, rate: int) -> None:
    """A speed is a number of bytes a second, with k, M or G behind it."""
    assert rate_of(text) == rate


@pytest.mark.parametrize("value", [1, 2.5, 10_000_000, 1e9])
def test_speed_may_be_a_number(value: float) -> None:
    """In Python a number will do."""
    assert rate_of(value) == value


@pytest.mark.parametrize(
    "value",
    [
        "",
        "M",
        "-5",
        "10MB",
        "10 M",
        "1e6",
        "0",
        "0.5",
        "nan",
        "inf",
        0,
        -1,
        float("nan"),
        float("inf"),
        True,
        None,
        [1],
    ],
)
def test_what_is_no_speed(value: object) -> None:
    """Anything else is refused, with an example."""
    with pytest.raises(UsageError, match="--limit-rate 10M"):
        rate_of(value)


@pytest.mark.parametrize(("value", "connections"), [(1, 1), ("8", 8), (64, 64), ("08", 8)])
def test_connections_are_a_number(value: object, connections: int) -> None:
    """From 1 to 64 connections, as a number or as text."""
    assert connections_of(value) == connections


@pytest.mark.parametrize("value", [0, 65, -1, "0", "65", "", "eight", "1.5", 2.0, True, None, "٨", 10**30])
def test_what_is_no_number_of_connections(value: object) -> None:
    """Anything else is refused, with an example."""
    with pytest.raises(UsageError, match="--max-connections 8"):
        connections_of(value)


@given(st.text() | st.integers() | st.floats() | st.none(), st.sampled_from([connections_of, rate_of]))
def test_nothing_else_comes_of_it(value: object, read: Callable[[object], float]) -> None:
    """Whatever is given is read or refused in words."""
    with contextlib.suppress(UsageError):
        assert read(value) >= 1


@pytest.mark.parametrize("connections", [1, 8])
@pytest.mark.parametrize("files", [1, 6])
def test_speed_is_kept(one: Downloads, connections: int, files: int) -> None:
    """All connections together are not faster than the limit, and not much slower."""
    one.server.files |= {f"/{number}.tif": Answer(DATA[: len(DATA) // files]) for number in range(files)}
    urls = [one.server.url(f"/{number}.tif") for number in range(files)]
    rate = len(DATA) / 0.8
    began = time.monotonic()
    report = download(urls, one.folder, engine=one.engine(max_connections=connections, limit_rate=rate))
    seconds = time.monotonic() - began
    assert len(report.saved) == files
    # what is read at the very end has not to be waited for
    assert seconds > 0.6
    assert one.waits.seconds == []
