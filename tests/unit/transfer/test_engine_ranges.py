"""A large file comes in several ranges at once: never a mixture, whatever the server makes of them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from downloads import Downloads, NoProgress, planned
from faulty import Answer, Asked

from ipyterrascope.errors import ServerUnreachable, TerrascopeError
from ipyterrascope.transfer import Backoff, Item, download

LARGE = random.Random(4).randbytes(20 << 20)
OTHER = LARGE[::-1]
FIRST = 8 << 20
SLOW = 0.001
"""So that the first part is under way for as long as the others take to begin."""


def get(one: Downloads, **options: object) -> Path:
    engine = one.engine(max_connections=8, **options)
    [path] = download(one.server.url("/p/a.tif"), one.folder, engine=engine)
    assert one.names() == ["a.tif"]
    return path


def test_ranges_at_once(one: Downloads) -> None:
    """Once the server proved that it serves ranges of one content, several come at once, each byte asked for once."""
    one.server.files["/p/a.tif"] = Answer(LARGE, pause_s=SLOW)
    assert get(one).read_bytes() == LARGE
    first, *others = one.server.gets()
    assert first.headers["Range"] == f"bytes=0-{FIRST - 1}"
    assert "If-Range" not in first.headers
    assert {asked.headers["If-Range"] for asked in others} == {'"v1"'}
    assert one.server.most_at_once > 1
    starts = sorted(asked.range[0] for asked in one.server.gets())
    assert len(starts) == len(set(starts))
    assert one.waits.seconds == []


def test_one_connection_asks_for_no_part(one: Downloads) -> None:
    """With one connection a file comes in one piece, in one request."""
    one.server.files["/p/a.tif"] = Answer(LARGE)
    [path] = download(one.server.url("/p/a.tif"), one.folder, engine=one.engine(max_connections=1))
    assert path.read_bytes() == LARGE
    assert one.ranges() == [None]


@pytest.mark.parametrize(
    "answer",
    [Answer(LARGE, ranges=False), Answer(LARGE, chunked=True, ranges=False), Answer(LARGE, ranges=False, etag=None)],
)
def test_server_without_ranges(one: Downloads, answer: Answer) -> None:
    """A server that answers the first part by the whole file is asked once."""
    one.server.files["/p/a.tif"] = answer
    assert get(one).read_bytes() == LARGE
    assert len(one.server.gets()) == 1


@pytest.mark.parametrize("etag", [None, 'W/"v1"'])
def test_ranges_of_nobody_knows_what(one: Downloads, etag: str | None) -> None:
    """Without a strong validator nothing proves that two parts are of one content: the file comes in one piece."""
    one.server.files["/p/a.tif"] = Answer(LARGE, etag=etag)
    assert get(one).read_bytes() == LARGE
    assert one.ranges() == [f"bytes=0-{FIRST - 1}", None]


@pytest.mark.parametrize("content_range", ["bytes 0-99/*", "bytes 5-104/1000", "items 0-99/100", ""])
def test_first_part_that_cannot_be_used(one: Downloads, content_range: str) -> None:
    """A first part that says something else than it was asked for is no obstacle: the file comes in one piece."""
    one.server.files["/p/a.tif"] = Answer(LARGE)
    one.server.script.append(Answer(LARGE[:100], status=206, headers={"Content-Range": content_range}))
    assert get(one).read_bytes() == LARGE
    assert one.ranges()[1] is None


@pytest.mark.parametrize("most_bytes", [1 << 20, 3_000_000, 100_000])
def test_server_that_sends_less_than_asked(one: Downloads, most_bytes: int) -> None:
    """A server that serves short ranges only is asked for the rest, again and again."""
    one.server.files["/p/a.tif"] = Answer(LARGE, most_bytes=most_bytes)
    assert get(one).read_bytes() == LARGE
    assert one.waits.seconds == []


@pytest.mark.parametrize("most_bytes", [1, 16_000])
def test_server_that_sends_next_to_nothing(one: Downloads, most_bytes: int) -> None:
    """A server that serves a few bytes at a time is given up after the same tries and waits as one that serves none."""
    one.server.files["/p/a.tif"] = Answer(LARGE, most_bytes=most_bytes)
    with pytest.raises(ServerUnreachable, match=r"sends a\.tif a few bytes at a time"):
        get(one)
    assert one.waits.seconds == [1.0, 2.0, 4.0]
    assert len(one.server.gets()) < 40


def test_answers_that_are_short_now_and_then(one: Downloads) -> None:
    """A few bytes now and then are no failure of a file of which more comes in between."""
    one.server.decide = lambda asked: Answer(LARGE, most_bytes=5 if asked.nth in (3, 9, 15) else 1 << 20)
    assert get(one).read_bytes() == LARGE


def changing(after: int, **fields: object) -> Callable[[Asked], Answer]:
    """The file is another one from the nth request on."""
    old = Answer(LARGE, pause_s=SLOW)
    new = Answer(OTHER, **({"etag": '"v2"', "pause_s": SLOW} | fields))  # type: ignore[arg-type]
    return lambda asked: old if asked.nth <= after else new


@pytest.mark.parametrize("after", range(1, 7))
@pytest.mark.parametrize("if_range", [True, False])
def test_file_that_changes_in_the_middle(one: Downloads, after: int, if_range: bool) -> None:
    """A file that changes while its parts come is fetched anew, also from a server that ignores If-Range."""
    one.server.decide = changing(after, if_range=if_range)
    assert get(one).read_bytes() == OTHER


@pytest.mark.parametrize("after", [1, 3])
def test_file_that_changes_to_another_size(one: Downloads, after: int) -> None:
    """A part of a file of another size is not put beside the others, though its ETag be the same."""
    longer = OTHER + b"more"
    old, new = Answer(LARGE, pause_s=SLOW), Answer(longer)
    one.server.decide = lambda asked: old if asked.nth <= after else new
    assert get(one).read_bytes() == longer


def test_file_that_changes_all_the_time(one: Downloads) -> None:
    """A file that never stays the same is given up, and nothing of it is left that was mixed."""
    one.server.decide = lambda asked: Answer(LARGE, etag=f'"v{asked.nth}"', pause_s=SLOW)
    with pytest.raises(TerrascopeError):
        get(one)
    assert not (one.folder / "a.tif").exists()


def test_server_that_forgets_its_ranges(one: Downloads) -> None:
    """A server that serves ranges at first and then the whole file, of the same content, costs only time."""
    with_ranges, without = Answer(LARGE, pause_s=SLOW), Answer(LARGE, ranges=False)
    one.server.decide = lambda asked: with_ranges if asked.nth <= 3 else without
    assert get(one).read_bytes() == LARGE


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_connections_that_break(one: Downloads, reset: bool, seed: int) -> None:
    """Connections that break anywhere are replaced; only what they did not bring is asked for again."""
    chance = random.Random(seed)
    cuts = iter([chance.choice([None, None, 0, 1, 70_000, 700_000]) for _ in range(20)])
    one.server.decide = lambda asked: Answer(LARGE, cut_at=next(cuts, None), reset=reset, pause_s=SLOW)
    assert get(one, max_tries=20).read_bytes() == LARGE


class Told(NoProgress):
    def __init__(self) -> None:
        self.waits: list[float] = []

    def waiting(self, item: Item, wait_s: float, error: TerrascopeError) -> None:
        self.waits.append(wait_s)


def test_connections_that_break_at_once(one: Downloads) -> None:
    """Several connections of one file that break at the same time are one failure."""
    good, bad = Answer(LARGE, pause_s=SLOW), Answer(LARGE, cut_at=10_000)
    one.server.decide = lambda asked: bad if 1 < asked.nth <= 4 else good
    progress = Told()
    engine = one.engine(max_connections=8, backoff=Backoff(max_tries=2, first_s=2.0))
    [outcome] = engine.run(planned(one.folder, one.server.url("/p/a.tif")), progress)
    assert outcome.path.read_bytes() == LARGE
    assert len(progress.waits) == 1


def test_one_silent_connection(one: Downloads) -> None:
    """When one of the connections falls silent, the others bring its part after a while."""
    good, silent = Answer(LARGE, pause_s=SLOW), Answer(LARGE, cut_at=100_000, stall=True)
    one.server.decide = lambda asked: silent if asked.nth == 3 else good
    assert get(one, stall_s=0.4).read_bytes() == LARGE


REFUSALS = [Answer(status=429), Answer(status=503), Answer(hang_up=True)]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_server_that_bears_one_connection(one: Downloads, refusal: Answer) -> None:
    """A server that refuses all connections but one is served by one, and none of it counts against a file."""
    one.server.decide = lambda asked: refusal if asked.at_once > 1 else Answer(LARGE, pause_s=SLOW)
    assert get(one, max_tries=2).read_bytes() == LARGE
    refused = sum(asked.at_once > 1 for asked in one.server.gets())
    assert 0 < refused < 12


@pytest.mark.parametrize("refusal", REFUSALS)
def test_many_files_from_a_server_that_bears_one_connection(one: Downloads, refusal: Answer) -> None:
    """The same with a batch of small files."""
    small = Answer(LARGE[:5000], pause_s=0.005)
    one.server.decide = lambda asked: refusal if asked.at_once > 1 else small
    urls = [one.server.url(f"/{number}.tif") for number in range(30)]
    report = download(urls, one.folder, engine=one.engine(max_connections=8, max_tries=3))
    assert len(report.saved) == 30


def test_storm_of_429(one: Downloads) -> None:
    """A server that has too much for a while gets fewer requests, and all files come."""
    one.server.decide = lambda asked: Answer(status=429) if asked.nth <= 40 else Answer(LARGE[:5000])
    urls = [one.server.url(f"/{number}.tif") for number in range(40)]
    report = download(urls, one.folder, engine=one.engine(max_connections=8, max_tries=60))
    assert len(report.saved) == 40


def test_host_that_asks_for_a_day_holds_up_nobody(one: Downloads) -> None:
    """A server that asks to come back tomorrow for one file is asked for the others all the same."""
    later = Answer(status=503, headers={"Retry-After": "86400"})
    one.server.files |= {"/0.tif": later, "/1.tif": Answer(LARGE[:5000]), "/2.tif": Answer(LARGE[:5000])}
    engine = one.engine(max_connections=8)
    with pytest.raises(TerrascopeError) as caught:
        download([one.server.url(f"/{number}.tif") for number in range(3)], one.folder, engine=engine)
    assert "1 of 3 downloads failed" in str(caught.value)
    assert one.names() == ["1.tif", "2.tif"]


def test_who_asks_for_a_day_of_all_but_few_connections_is_served_by_these(one: Downloads) -> None:
    """Where something comes, no file fails because of a wait that nobody keeps: fewer are asked for at once."""
    too_much = Answer(status=429, headers={"Retry-After": "86400"})
    # those before may still be counted where the next one comes, on a busy machine
    one.server.decide = lambda asked: Answer(LARGE[:5000], pause_s=SLOW) if asked.at_once <= 4 else too_much
    urls = [one.server.url(f"/{number}.tif") for number in range(12)]
    assert len(download(urls, one.folder, engine=one.engine(max_connections=8)).saved) == 12


def test_next_run_fills_the_holes(one: Downloads) -> None:
    """What a run could not finish, the next one does: it asks for what is not there, wherever that is."""
    good = Answer(LARGE, pause_s=SLOW)
    one.server.decide = lambda asked: (
        Answer(status=503) if asked.nth > 8 else good if asked.nth % 2 else Answer(LARGE, cut_at=300_000)
    )
    with pytest.raises(ServerUnreachable):
        get(one, max_tries=2)
    asked_before = len(one.server.gets())
    one.server.decide = lambda asked: Answer(LARGE)
    assert get(one).read_bytes() == LARGE
    again = [asked.range for asked in one.server.gets()[asked_before:]]
    assert again[0][0] > 0
    assert sum((end or len(LARGE)) - start for start, end in again) < 2 * len(LARGE)


@pytest.mark.parametrize("if_range", [True, False])
def test_next_run_finds_another_file(one: Downloads, if_range: bool) -> None:
    """A part with holes of a file that changed since is not used, wherever its holes are."""
    good = Answer(LARGE, pause_s=SLOW)
    # the first part brings nothing, the others all: the hole is at the start
    one.server.decide = lambda asked: (
        Answer(status=503) if asked.nth > 8 else Answer(LARGE, cut_at=4) if asked.range[0] == 0 else good
    )
    with pytest.raises(ServerUnreachable):
        get(one, max_tries=2)
    one.server.decide = lambda asked: Answer(OTHER, etag='"v2"', if_range=if_range)
    assert get(one).read_bytes() == OTHER


def test_connections_are_used_again(one: Downloads) -> None:
    """Many files need no more connections than may be open at once."""
    one.server.files |= {f"/{number}.tif": Answer(LARGE[:5000]) for number in range(60)}
    download(
        [one.server.url(f"/{number}.tif") for number in range(60)], one.folder, engine=one.engine(max_connections=4)
    )
    assert 0 < one.server.connections <= 4


def test_large_and_small_files_together(one: Downloads) -> None:
    """In a batch of large and small files each arrives whole."""
    sizes = [0, 1, 5000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, FIRST - 1, FIRST, FIRST + 1, len(LARGE)]
    one.server.files |= {f"/{size}.tif": Answer(LARGE[:size]) for size in sizes}
    urls = [one.server.url(f"/{size}.tif") for size in sizes]
    for known in (False, True):
        items = [
            Item(url, f"{known}-{size}.tif", size if known else None) for url, size in zip(urls, sizes, strict=True)
        ]
        report = download(items, one.folder, engine=one.engine(max_connections=8))
        for path, size in itertools.zip_longest(report, sizes):
            assert path.read_bytes() == LARGE[:size]
