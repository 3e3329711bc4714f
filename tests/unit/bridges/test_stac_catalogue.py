"""`ts.stac.open()`: pystac-client over our session, against a real STAC API on loopback."""

from __future__ import annotations

import gzip
import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import pystac_client
import pytest
import requests
from pystac_client.stac_api_io import StacApiIO

import ipyterrascope as ts
from ipyterrascope.auth.account import Account
from ipyterrascope.configuration import Configuration, configure
from ipyterrascope.errors import ConfigurationError, ServerRefused, ServerUnreachable, SourceInvalid, UsageError
from ipyterrascope.sandbox import Sandbox, steps
from ipyterrascope.sandbox.content import Held
from ipyterrascope.sandbox.messages import Answer
from ipyterrascope.values.connection import Connection
from ipyterrascope.values.secret import Secret
from testbed.loopback import Loopback, Reply, loopback


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox() as running:
        configure(Configuration(terrascope=running.provider()))
        yield running
        configure(None)


@pytest.fixture
def account(box: Sandbox) -> Iterator[Account]:
    """Terrascope's account, signed in as dora."""
    made = ts.account()
    made.start_password_login("dora", Secret("s3cret-Pa55"))
    assert made.wait(30).phase == "signed_in"
    box.forget_requests()
    yield made
    made.logout()


@pytest.fixture
def foreign() -> Iterator[Loopback]:
    page = b'{"type": "FeatureCollection", "features": [{"type": "Feature", "assets": {}}], "links": []}'
    with loopback(lambda _: Reply(200, page)) as running:
        yield running


def names(source: Any, **chosen: Any) -> list[str]:
    return [action.item.name for action in ts.plan(source, **chosen).actions]


def next_page(url: str, **fields: Any) -> steps.Step:
    """Answer a search with one item and a link to more."""
    link = {"rel": "next", "href": url, "method": "GET", **fields}
    feature = {"type": "Feature", "id": "x", "assets": {"a": {"href": "https://h.example.org/first.tif"}}}
    return steps.payload({"type": "FeatureCollection", "features": [feature], "links": [link]})


def test_search_and_download_are_two_lines(account: Account, box: Sandbox, tmp_path: Path) -> None:
    """A search of the catalogue is downloaded as it is, by the name of a band."""
    items = ts.stac.open().search(collections=["terrascope-s2-toc-v2"], max_items=2)
    report = ts.download(items, tmp_path, assets="B02")
    assert [path.name for path in report] == [
        "S2C_20260807T104621_31TCN_TOC-B02_10M_V220.tif",
        "S2A_20260802T105621_31TCN_TOC-B02_10M_V220.tif",
    ]
    assert {outcome.status for outcome in report.outcomes} == {"saved"}
    assert {request.headers.get("Authorization") for request in box.requests_to("/stac")} == {None}


def test_on_terrascopes_own_machines(box: Sandbox, tmp_path: Path) -> None:
    """Where the catalogue's files are mounted, a search is linked: no login, and no file service is asked."""
    root = box.data_root = str(tmp_path / "MTDA")
    configure(Configuration(terrascope=box.provider(), local_roots=(root,)))
    search = ts.stac.open().search(collections=["terrascope-s2-toc-v2"])
    for asset in [item["assets"]["TOC-B02_10M"] for item in search.items_as_dicts()]:
        path = Path(asset["alternate"]["local"]["href"].removeprefix("file://"))
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes(asset["file:size"]))
    report = ts.download(search, tmp_path / "data", assets="B02")
    assert [outcome.status for outcome in report.outcomes] == ["linked", "linked"]
    assert {path.readlink().is_relative_to(root) for path in report} == {True}
    assert {request.path.split("/")[1] for request in box.requests} == {"stac"}


def test_nobody_need_be_signed_in(box: Sandbox) -> None:
    """Searching and planning ask for no login, and nothing but the catalogue is asked."""
    assert len(names(ts.stac.open().search())) > 6
    assert {request.path.split("/")[1] for request in box.requests} == {"stac"}
    assert {request.headers["Accept"] for request in box.requests} == {"application/geo+json, application/json"}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_pages_are_asked_for_as_they_are_needed(box: Sandbox, method: str) -> None:
    """A search of many pages is read to its end, and one that is enough stops."""
    client = ts.stac.open()
    box.forget_requests()
    whole = names(client.search(limit=2, method=method), roles="all")
    assert len(box.requests_to("/stac/search", method)) == 3
    assert len(set(whole)) + 1 == len(whole) > 12
    box.forget_requests()
    assert len(names(client.search(limit=2, max_items=3, method=method), roles="all")) < len(whole)
    assert len(box.requests_to("/stac/search", method)) == 2


@pytest.mark.parametrize("form", ["items", "item_collection", "items_as_dicts", "pages", "get_items"])
def test_every_shape_of_a_search(box: Sandbox, form: str) -> None:
    """What pystac-client makes of a search, all of it is a source; and so are the items of a collection."""
    client = ts.stac.open()
    search = client.search(collections=["terrascope-s2-toc-v2"])
    source = {
        "items": search.items,
        "item_collection": search.item_collection,
        "items_as_dicts": search.items_as_dicts,
        "pages": search.pages,
        "get_items": client.get_collection("terrascope-s2-toc-v2").get_items,
    }[form]()
    assert names(source, assets="TOC-B03_10M") == names(search, assets="B03")
    assert names(
        client.get_collection("terrascope-s2-toc-v2").get_item("S2C_20260807T104621_31TCN_TOC_V220"), assets="B03"
    )


def test_a_catalogue_is_not_downloaded_as_a_whole(box: Sandbox) -> None:
    """A catalogue or a collection says to search it."""
    client = ts.stac.open()
    for source in (client, client.get_collection("lcfm-lcm-10")):
        with pytest.raises(SourceInvalid, match="Search it first"):
            ts.plan(source)


def test_a_foreign_next_gets_no_bearer(account: Account, box: Sandbox, foreign: Loopback) -> None:
    """A page that leads to another host is read, and neither it nor the catalogue is shown a credential."""
    search = ts.stac.open().search()
    box.timeline.stac(next_page(f"{foreign.url}/search"))
    assert names(search) == ["first.tif"]
    assert [request.path for request in foreign.asked] == ["/search"]
    for request in (*foreign.asked, *box.requests):
        assert "Authorization" not in request.headers


@pytest.mark.parametrize("by", ["open", "session"])
def test_a_long_search_goes_through_a_revocation(box: Sandbox, foreign: Loopback, by: str) -> None:
    """Ten pages and more, with the token revoked in the middle and a `next` that leads to another host and back: all
    come, whether by our catalogue or by pystac-client over our session, and the other host is shown no credential."""
    box.access_token_lifetime_s = 3
    account = ts.account()
    account.start_password_login("dora", Secret("s3cret-Pa55"))
    assert account.wait(30).phase == "signed_in"
    if by == "open":
        client = ts.stac.open()
    else:
        library = StacApiIO()
        library.session = ts.session()
        client = pystac_client.Client.open(box.stac_url, stac_io=library)
    whole = len([*client.search(limit=100).items_as_dicts()])
    back = {"rel": "next", "href": f"{box.stac_url}/search?limit=1", "method": "GET"}
    page = {"type": "FeatureCollection", "features": [{"type": "Feature", "id": "foreign"}], "links": [back]}
    foreign.answer = lambda _: Reply(200, json.dumps(page).encode())
    refused = 1 if by == "session" else 0
    box.timeline.stac(*["success"] * (whole - 1 + refused), with_next(f"{foreign.url}/search"))
    box.forget_requests()
    seen: list[str] = []
    for found in client.search(limit=1, method="GET").pages_as_dicts():
        seen += [item["id"] for item in found["features"]]
        if len(seen) == 3:
            time.sleep(0.5)
            box.expire_access_tokens()
    account.logout()
    assert len(seen) == 2 * whole + 1 >= 10
    assert seen == [*seen[:whole], "foreign", *seen[:whole]]
    assert [request.headers.get("Authorization") for request in foreign.asked] == [None]
    statuses = [request.status for request in box.requests_to("/stac/search")]
    assert statuses.count(401) == refused
    assert statuses.count(200) == len(seen) - 1


def with_next(url: str) -> steps.Step:
    """Answer a search as it is, with a link to more."""

    def alter(answer: Answer) -> Answer:
        page = json.loads(answer.body.read(0, answer.body.size_bytes))
        link = {"rel": "next", "href": url, "method": "GET"}
        return replace(answer, body=Held(json.dumps({**page, "links": [*page["links"], link]}).encode()))

    return steps.Step(alter=alter)


@pytest.mark.parametrize("where", ["http://127.0.0.1:9/x", "http://h.example.org/x", "https://localhost/x"])
def test_a_next_that_is_not_safe_to_ask(where: str) -> None:
    """A catalogue in the world cannot make us ask this machine, or ask in the clear."""
    session = ts.stac._CatalogueSession("https://stac.example.org", Connection())
    with pytest.raises(ServerRefused, match="not safe to ask"):
        session.get(where)


def test_what_our_session_refuses_is_told_through_the_library(box: Sandbox) -> None:
    """An error of the tree that pystac-client wrapped comes out as it was, without the address's query."""
    library = StacApiIO()
    library.session = ts.stac._CatalogueSession("https://stac.example.org", Connection())
    search = pystac_client.ItemSearch(f"{box.stac_url}/search?token=s3cret", stac_io=library)
    with pytest.raises(ServerRefused, match=r"leads to 127\.0\.0\.1:[0-9]+, which is not safe") as caught:
        ts.plan(search)
    assert "s3cret" not in str(caught.value)
    assert not box.requests


def test_trouble_that_passes(box: Sandbox) -> None:
    """A catalogue that is busy is asked again, also in the middle of a search by POST."""
    box.timeline.stac(503)
    client = ts.stac.open()
    box.timeline.stac(429, 502)
    assert len(names(client.search())) > 6


@pytest.mark.parametrize(
    ("step", "error"), [(404, ServerRefused), (500, ServerUnreachable), ("html", ServerUnreachable)]
)
def test_a_catalogue_that_does_not_answer(box: Sandbox, step: Any, error: type[Exception]) -> None:
    """At the opening and in a search, what goes wrong is an error of the tree."""
    box.timeline.stac(step)
    with pytest.raises(error, match="The catalogue did not answer"):
        ts.stac.open()
    client = ts.stac.open()
    box.timeline.stac(step)
    with pytest.raises(error, match="The catalogue did not answer"):
        ts.plan(client.search())


def drip(begin: bytes, piece: bytes = b" ") -> Callable[[BinaryIO], None]:
    def write(out: BinaryIO) -> None:
        out.write(begin)
        for _ in range(600):
            out.write(piece)
            out.flush()
            time.sleep(0.02)

    return write


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, gzip.compress(bytes(40_000_000)), {"Content-Encoding": "gzip"}),
        Reply(200, gzip.compress(gzip.compress(b"{}")), {"Content-Encoding": "gzip, gzip"}),
        Reply(200, b"{}", {"Content-Encoding": "br"}),
        Reply(write=drip(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")),
        Reply(write=drip(b"HTTP/1.1 200 OK\r\nX: ")),
        Reply(write=drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n")),
    ],
    ids=["much", "packed twice", "another packing", "drip", "drip of a header", "interim answers"],
)
def test_an_answer_without_measure(
    box: Sandbox, foreign: Loopback, monkeypatch: pytest.MonkeyPatch, reply: Reply
) -> None:
    """A page takes no more memory and time than pages do, at the opening as in a search."""
    monkeypatch.setattr(ts.stac, "_MOST_BYTES", 1 << 20)
    monkeypatch.setattr(ts.stac, "_MOST_S", 0.5)
    foreign.answer = lambda _: reply
    began = time.monotonic()
    with pytest.raises(ServerRefused, match=r"answer is too much \(127\.0\.0\.1:.*more than 1\.0 MB"):
        ts.stac.open(box.provider(stac_url=f"{foreign.url}/stac"))
    client = ts.stac.open()
    box.timeline.stac(next_page(f"{foreign.url}/more"))
    with pytest.raises(ServerRefused, match="fewer items at once"):
        ts.plan(client.search())
    assert time.monotonic() - began < 6


def test_a_packed_page_is_read(box: Sandbox, foreign: Loopback) -> None:
    """A catalogue may pack what it says, once."""
    root = requests.get(box.stac_url, timeout=10).content
    foreign.answer = lambda _: Reply(200, gzip.compress(root), {"Content-Encoding": "gzip"})
    assert ts.stac.open(box.provider(stac_url=f"{foreign.url}/stac")).title
    assert foreign.asked[0].headers["Accept-Encoding"] == "gzip, deflate"


def test_which_catalogue(box: Sandbox) -> None:
    """It is Terrascope's unless another provider is given; one without a catalogue, and an unknown name, say so."""
    provider = box.provider(name="mine", label="Mine")
    for given in (None, "terrascope", provider):
        assert isinstance(ts.stac.open(given), pystac_client.Client)
    with pytest.raises(ConfigurationError, match="No catalogue of Mine is known"):
        ts.stac.open(box.provider(label="Mine", stac_url=""))
    with pytest.raises(UsageError, match="Known by name: terrascope"):
        ts.stac.open("hunter2")


def test_our_certificates_and_patience_hold() -> None:
    """The configured CA bundle and time-outs are those of the session, whatever pystac-client passes along."""
    session = ts.stac._CatalogueSession("https://stac.example.org", Connection(verify="/missing/ca.pem"))
    settings = session.merge_environment_settings("https://stac.example.org", {}, None, True, None)
    request = session.prepare_request(requests.Request("GET", "https://stac.example.org"))
    with pytest.raises(OSError, match="/missing/ca"):
        session.send(request, **settings)


def test_nothing_secret_is_logged(account: Account, box: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """At DEBUG, where pystac-client prints the headers of each request, there is no credential among them."""
    with caplog.at_level(logging.DEBUG):
        assert names(ts.stac.open().search())
    assert "Headers" in caplog.text
    assert not [token for token in box.issued if token in caplog.text]


def test_without_pystac_client() -> None:
    """Where the library is missing, the extra that brings it is named; importing the package does not need it."""
    code = (
        "import sys; sys.modules['pystac_client'] = None\n"
        "import ipyterrascope as ts\n"
        "assert 'stac' in dir(ts)\n"
        "try: ts.stac.open()\n"
        "except ImportError as error: print(type(error).__name__, error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("ExtraMissing pystac-client is not installed.")
    assert 'pip install "ipyterrascope[geo]"' in said


def test_it_is_a_module_of_the_package() -> None:
    """`ts.stac` is imported when it is first used, and costs nothing before."""
    code = (
        "import sys, ipyterrascope as ts\n"
        "assert not [name for name in sys.modules if name.startswith(('ipyterrascope.bridges', 'pystac'))]\n"
        "ts.stac\n"
        "assert 'ipyterrascope.bridges.stac' in sys.modules and 'pystac' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("https://nobody.invalid/stac?token=s3cret", r"No server called nobody\.invalid was found\. .*no network"),
        ("http://127.0.0.1:1/stac", r"127\.0\.0\.1:1 takes no connections\. .* Check the address and the network"),
    ],
)
def test_a_catalogue_that_is_not_reached(address: str, said: str) -> None:
    """Without a network it is said which host was not reached, why, and what to do; for a search of pystac-client's own
    too, which a person made."""
    provider = replace(ts.providers["terrascope"], stac_url=address)
    with pytest.raises(ServerUnreachable, match=said) as caught:
        ts.stac.open(provider)
    assert "s3cret" not in str(caught.value)
    search = pystac_client.ItemSearch(f"{address}/search", stac_io=StacApiIO(max_retries=None))
    with pytest.raises(ServerUnreachable, match=said) as caught:
        ts.plan(search)
    assert "s3cret" not in str(caught.value)
