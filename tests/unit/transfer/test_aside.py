"""What takes a while (a token that is renewed, a checksum) holds up no other transfer."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import BinaryIO

import pytest
from downloads import DATA, Downloads, NoProgress, planned
from faulty import Answer, Asked

from ipyterrascope.errors import DownloadFailed, LoginRequired, TerrascopeError
from ipyterrascope.transfer import Control, Item, download, partial
from ipyterrascope.transfer.curl.aside import Aside

PATIENCE_S = 10.0


class Slow:
    """An authorizer that answers about one path when it is let, and about all others at once."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.let, self.is_asked, self.waits_for = threading.Event(), threading.Event(), "headers"
        self.error: TerrascopeError | None = None

    def _wait(self, url: str, waits_for: str) -> None:
        if url.endswith(self._path) and waits_for == self.waits_for:
            self.is_asked.set()
            assert self.let.wait(PATIENCE_S), "the others were held up"
            if self.error is not None:
                raise self.error

    def headers(self, url: str) -> Mapping[str, str]:
        self._wait(url, "headers")
        return {"Authorization": "Bearer t0k3n"}

    def refused(self, url: str, headers: Mapping[str, str]) -> bool:
        self._wait(url, "refused")
        return True


class Prompt(Slow):
    """One that says when it would block."""

    def headers_at_once(self, url: str) -> Mapping[str, str] | None:
        return None if url.endswith(self._path) and self.waits_for == "headers" else self.headers(url)


def letting(authorizer: Slow, answers: Mapping[str, list[Answer]]) -> Callable[[Asked], Answer]:
    """Answer each path by one after the other; let the authorizer go on at the fourth request for another path."""
    others: list[str] = []

    def decide(asked: Asked) -> Answer:
        script = answers[asked.path]
        if asked.path != "/slow.tif":
            others.append(asked.path)
            if len(others) == 4:
                authorizer.let.set()
        return script.pop(0) if len(script) > 1 else script[0]

    return decide


@pytest.mark.parametrize("kind", [Slow, Prompt])
@pytest.mark.parametrize("waits_for", ["headers", "refused"])
def test_a_renewal_holds_up_nobody(one: Downloads, kind: type[Slow], waits_for: str) -> None:
    """While a token is renewed for one file, others are fetched from first to last."""
    one.authorizer = authorizer = kind("/slow.tif")
    authorizer.waits_for = waits_for
    answers = {"/slow.tif": [Answer(status=401)] * (waits_for == "refused") + [Answer(DATA)]}
    paths = ["/slow.tif", *(f"/{number}.tif" for number in range(4))]
    one.server.decide = letting(authorizer, {path: [Answer(DATA)] for path in paths[1:]} | answers)
    report = download([one.server.url(path) for path in paths], one.folder, engine=one.engine(max_connections=2))
    assert [path.read_bytes() for path in report] == [DATA] * 5


@pytest.mark.parametrize("waits_for", ["headers", "refused"])
def test_a_renewal_that_fails(one: Downloads, waits_for: str) -> None:
    """What the authorizer raises after a while is the failure of that file alone."""
    one.authorizer = authorizer = Slow("/slow.tif")
    authorizer.waits_for, authorizer.error = waits_for, LoginRequired("The session is over.")
    answers = {"/slow.tif": [Answer(status=401)]} | {f"/{number}.tif": [Answer(DATA)] for number in range(4)}
    one.server.decide = letting(authorizer, answers)
    with pytest.raises(DownloadFailed) as caught:
        download([one.server.url(path) for path in answers], one.folder, engine=one.engine(max_connections=2))
    assert "The session is over." in str(caught.value)
    assert one.names() == [f"{number}.tif" for number in range(4)]


def test_end_during_a_renewal(one: Downloads) -> None:
    """Who stops listening while a token is renewed does not wait for it."""
    one.authorizer = authorizer = Slow("/slow.tif")
    control = Control()
    running = one.engine().run(planned(one.folder, one.server.url("/slow.tif")), NoProgress(), control)
    waiting = threading.Thread(target=lambda: [*running])
    waiting.start()
    assert authorizer.is_asked.wait(PATIENCE_S)
    control.stop()
    waiting.join(PATIENCE_S)
    assert not waiting.is_alive()
    assert not authorizer.let.is_set()
    assert one.server.asked == []
    authorizer.let.set()


def test_a_checksum_holds_up_nobody(one: Downloads, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the checksum of a file is looked at, the next ones are fetched, on its connection too."""
    asked = threading.Event()
    real = partial.matches

    def slow(file: BinaryIO, multihash: str, is_over: Callable[[], bool] = bool) -> bool:
        assert asked.wait(PATIENCE_S), "the next file was held up"
        return real(file, multihash, is_over)

    def decide(request: Asked) -> Answer:
        if request.path == "/b.tif":
            asked.set()
        return Answer(DATA)

    monkeypatch.setattr(partial, "matches", slow)
    one.server.decide = decide
    checksum = "1220" + hashlib.sha256(DATA).hexdigest()
    items = [Item(one.server.url("/a.tif"), "a.tif", checksum=checksum), Item(one.server.url("/b.tif"), "b.tif")]
    report = download(items, one.folder, engine=one.engine())
    assert [path.read_bytes() for path in report] == [DATA] * 2
    assert one.names() == ["a.tif", "b.tif"]


def test_a_comparison_holds_up_nobody(one: Downloads, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a file is compared with one that got its name meanwhile, the next ones are fetched."""
    asked = threading.Event()
    real = partial.are_same

    def slow(first: BinaryIO, second: BinaryIO, is_over: Callable[[], bool] = bool) -> bool:
        assert asked.wait(PATIENCE_S), "the next file was held up"
        return real(first, second, is_over)

    def decide(request: Asked) -> Answer:
        if request.path == "/b.tif":
            asked.set()
        else:
            (one.folder / "a.tif").write_bytes(DATA)
        return Answer(DATA)

    monkeypatch.setattr(partial, "are_same", slow)
    one.server.decide = decide
    report = download([one.server.url(path) for path in ("/a.tif", "/b.tif")], one.folder, engine=one.engine())
    assert [outcome.status for outcome in report.outcomes] == ["skipped", "saved"]
    assert one.names() == ["a.tif", "b.tif"]


def test_wrong_checksums_among_right_ones(one: Downloads) -> None:
    """Each file is judged by its own checksum, large or small."""
    one.server.decide = lambda asked: Answer(DATA if "large" in asked.path else DATA[:100])
    right = {"large": hashlib.sha256(DATA).hexdigest(), "small": hashlib.sha256(DATA[:100]).hexdigest()}
    items = [
        Item(
            one.server.url(f"/{kind}{number}.tif"), f"{kind}{number}.tif", checksum="1220" + (digest, "00" * 32)[number]
        )
        for kind, digest in right.items()
        for number in (0, 1)
    ]
    with pytest.raises(DownloadFailed) as caught:
        download(items, one.folder, engine=one.engine(max_connections=4))
    assert "2 of 4 downloads failed" in str(caught.value)
    assert one.names() == ["large0.tif", "small0.tif"]


def test_end_during_a_checksum(one: Downloads, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that ends while a checksum is looked at stops that, and keeps what it would have named."""
    begun = threading.Event()
    real = partial.matches

    def slow(file: BinaryIO, multihash: str, is_over: Callable[[], bool] = bool) -> bool:
        begun.set()
        while not is_over():
            threading.Event().wait(0.005)
        return real(file, multihash, is_over)

    monkeypatch.setattr(partial, "matches", slow)
    one.server.files["/a.tif"] = Answer(DATA)
    item = Item(one.server.url("/a.tif"), "a.tif", checksum="1220" + hashlib.sha256(DATA).hexdigest())
    actions = planned(one.folder, item.url)

    class Ends(NoProgress):
        def advanced(self, item: Item, done_bytes: int, size_bytes: int | None) -> None:
            if begun.is_set():
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(one.engine().run([replace(action, item=item) for action in actions], Ends()))
    monkeypatch.undo()
    assert one.names() == ["a.tif.part", "a.tif.part.json"]
    [path] = download(item, one.folder, engine=one.engine())
    assert path.read_bytes() == DATA


def test_what_follows_is_done_where_it_is_collected() -> None:
    """Work is done in another thread, and what follows in the one that collects, also after an exception."""
    woken = threading.Event()
    aside, answers = Aside(woken.set), list[object]()

    def fail() -> str:
        raise ValueError("as told")

    for work in (lambda: threading.current_thread().name, fail):
        aside.begin(work, lambda answer: answers.append((threading.current_thread().name, answer)))
        assert aside.is_busy
        assert woken.wait(PATIENCE_S)
        woken.clear()
        aside.collect()
        assert not aside.is_busy
    here = threading.current_thread().name
    (first, name), (second, error) = answers
    assert (first, second) == (here, here)
    assert name == "download-aside"
    assert isinstance(error, ValueError)
    aside.join()
