"""The timeline: scripted answers, one for each request, and how they are sent."""

from __future__ import annotations

import gzip
import socket
import threading
import time

import pytest
import requests

from ipyterrascope.sandbox import Sandbox, steps

DATA = bytes(range(250)) * 40


@pytest.fixture
def url(box):
    """A file of 10,000 bytes that needs no login."""
    box.require_bearer = False
    return box.add_file("test/file.bin", DATA)


def get(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers=headers, timeout=10, allow_redirects=False)


def raw(url: str) -> bytes:
    """Get everything that arrives, to the end of the connection."""
    host, _, path = url.removeprefix("http://").partition("/")
    name, _, port = host.partition(":")
    received = b""
    with socket.create_connection((name, int(port)), timeout=10) as connection:
        connection.sendall(f"GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        while chunk := connection.recv(65536):
            received += chunk
    return received


def test_device_login_by_script(box, ask, poll):
    """Steps come one for each poll whatever its time; `success` approves what still waits."""
    device = ask("auth/device").json()
    box.timeline.token("authorization_pending", "slow_down", 503, "success")
    answers = [poll(device) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [400, 400, 503, 200]
    assert [answer.json()["error"] for answer in answers[:2]] == ["authorization_pending", "slow_down"]
    assert answers[3].json()["access_token"]


def test_normal_service_resumes(box, ask, poll):
    """When the script is used up, the service answers again."""
    box.timeline.token("expired_token")
    device = ask("auth/device").json()
    assert poll(device).json()["error"] == "expired_token"
    assert poll(device).json()["error"] == "authorization_pending"


@pytest.mark.parametrize(
    ("word", "status"),
    [("access_denied", 400), ("invalid_grant", 400), ("invalid_client", 401), ("temporarily_unavailable", 503)],
)
def test_oauth_errors(box, ask, word, status):
    """An OAuth error is answered with Keycloak's status."""
    box.timeline.token(word)
    answer = ask("token", grant_type="refresh_token", refresh_token="x")
    assert (answer.status_code, answer.json()["error"]) == (status, word)


def test_own_errors_and_payloads(box, ask):
    """Any error, description, status and JSON can be answered."""
    box.timeline.token(steps.oauth_error("odd", "\x1b[31mred", 418), steps.payload(["a", "list"]))
    odd = ask("token")
    assert (odd.status_code, odd.json()["error_description"]) == (418, "\x1b[31mred")
    assert ask("token").json() == ["a", "list"]


@pytest.mark.parametrize("endpoint", ["token", "auth/device", "revoke", "logout", "userinfo"])
def test_every_endpoint_has_its_own_queue(box, ask, endpoint):
    """A step of one endpoint leaves the others alone."""
    name = endpoint.rpartition("/")[2]
    getattr(box.timeline, name)(503)
    assert requests.get(f"{box.issuer}/.well-known/openid-configuration", timeout=10).ok
    assert ask(endpoint).status_code == 503
    assert ask(endpoint).status_code != 503
    box.timeline.discovery(500)
    assert requests.get(f"{box.issuer}/.well-known/openid-configuration", timeout=10).status_code == 500
    box.timeline.certs(404)
    assert requests.get(f"{box.issuer}/protocol/openid-connect/certs", timeout=10).status_code == 404


def test_stac_queue(box):
    """The STAC API can be scripted too."""
    box.timeline.stac(429)
    answer = requests.get(box.stac_url, timeout=10)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")


def test_retry_after(box, url):
    """`Retry-After` can be any number or date."""
    box.timeline.files(steps.status(429, retry_after=7), steps.status(503, retry_after="Fri, 07 Aug 2026 12:00:00 GMT"))
    assert get(url).headers["Retry-After"] == "7"
    assert get(url).headers["Retry-After"].startswith("Fri")


def test_answers_that_are_not_what_they_should_be(box, sign_in, ask):
    """A token answer can lack its token, have wrong types, or be no JSON."""
    fields = {"grant_type": "password", "username": "dora", "password": box.users["dora"]}
    box.timeline.token("missing_access_token", "wrong_types", "not_json", "html")
    missing, wrong, broken, page = (ask("token", **fields) for _ in range(4))
    assert "access_token" not in missing.json()
    assert (wrong.json()["access_token"], wrong.json()["expires_in"]) == (42, "soon")
    with pytest.raises(ValueError, match="Expecting"):
        broken.json()
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")


def test_redirects(box, url):
    """A file can lead to the login page or anywhere else."""
    box.timeline.files("redirect_to_login", steps.redirect("https://foreign.example.org/x", 307))
    assert get(url).headers["Location"].startswith(box.issuer)
    foreign = get(url)
    assert (foreign.status_code, foreign.headers["Location"]) == (307, "https://foreign.example.org/x")


@pytest.mark.parametrize("step", [steps.stall(after=3000, for_s=0.1), steps.truncated(after=3000)])
def test_bodies_cut_short(box, url, step):
    """Exactly the bytes asked for arrive, though the whole length was announced; then the connection ends."""
    box.timeline.files(step)
    head, _, body = raw(url).partition(b"\r\n\r\n")
    assert b"Content-Length: 10000" in head
    assert body == DATA[:3000]


def test_stall_before_the_first_byte(box, url):
    """With `after=0` the header comes and nothing else."""
    box.timeline.files(steps.stall(after=0, for_s=0.1))
    head, _, body = raw(url).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert body == b""


def test_reset(box, url):
    """A reset is a reset, not an end."""
    box.timeline.files(steps.reset(after=3000))
    with pytest.raises(ConnectionResetError):
        raw(url)


def test_no_answer(box, url):
    """The connection can end without a status line; the record says so."""
    box.timeline.files("no_answer")
    assert raw(url) == b""
    assert box.requests[-1].status is None


def test_drip(box, url):
    """A drip is slow and whole."""
    box.timeline.files(steps.drip(chunk_bytes=2000, pause_s=0.02))
    began = time.monotonic()
    assert get(url).content == DATA
    assert time.monotonic() - began > 0.08


def test_delay(box, url):
    """Any step can come late."""
    box.timeline.files(steps.delayed(0.1, 503))
    began = time.monotonic()
    assert get(url).status_code == 503
    assert time.monotonic() - began > 0.09


def test_wrong_lengths(box, url):
    """A whole answer can be shorter or longer than the file."""
    box.timeline.files(steps.wrong_length(-1), steps.wrong_length(1))
    assert [get(url).headers["Content-Length"] for _ in range(2)] == ["9999", "10001"]


def test_ranges_done_wrong(box, url):
    """A server can ignore a range, answer another one, or say that the file changed."""
    etag = get(url).headers["ETag"]
    box.timeline.files("ignore_ranges", "wrong_range", "changed_etag", "changed_etag")
    assert get(url, Range="bytes=10-19").status_code == 200
    assert get(url, Range="bytes=10-19").headers["Content-Range"] == "bytes 11-20/10000"
    changed = get(url, Range="bytes=10-19", **{"If-Range": etag})
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"changed"')
    assert get(url, Range="bytes=10-19").status_code == 206


def test_compressed_against_the_wish(box, url):
    """A body can be gzip although identity was asked for."""
    box.timeline.files("gzip")
    answer = requests.get(url, headers={"Accept-Encoding": "identity"}, stream=True, timeout=10)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.raw.read()) == DATA


def test_steps_for_one_file(box, url):
    """With `to` a step waits for its file."""
    other = box.add_file("test/other.bin", b"x")
    box.timeline.files(404, to="other.bin")
    assert get(url).ok
    assert box.timeline.left("files") == 1
    assert get(other).status_code == 404
    box.timeline.files(404)
    box.timeline.clear()
    assert get(other).ok


def test_unknown_words_are_refused_at_once(box):
    """A misspelt step fails where it is written."""
    with pytest.raises(ValueError, match="slow_down"):
        box.timeline.token("slowdown")


def test_stopping_does_not_wait_for_a_stall():
    """A sandbox ends at once, whatever its connections do."""
    with Sandbox(require_bearer=False) as box:
        url = box.add_synthetic("big.bin", 10**9)
        box.timeline.files(steps.stall(after=100, for_s=600), steps.drip(pause_s=60), steps.delayed(600))
        answers: list[bytes] = []
        threads = [threading.Thread(target=lambda: answers.append(raw(url))) for _ in range(3)]
        for thread in threads:
            thread.start()
        while len(box.requests) < 3:
            time.sleep(0.005)
        began = time.monotonic()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began < 10
    assert len(answers) == 3
