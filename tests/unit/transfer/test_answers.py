from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipyterrascope.errors import ServerRefused, ServerUnreachable
from ipyterrascope.transfer import Backoff
from ipyterrascope.transfer.answers import (
    Body,
    content_length,
    read_body,
    refusal,
    retry_after_s,
    strong_validator,
)

NOON = 1_785_585_600.0  # Sat, 01 Aug 2026 12:00:00 GMT


def headers(**fields: str) -> dict[str, str]:
    return {name.replace("_", "-").lower(): value for name, value in fields.items()}


def test_whole_answer() -> None:
    """A 200 holds the file from its start, also when a part was asked for."""
    fields = headers(Content_Length="10", ETag='"a"')
    assert read_body(200, fields, 0, None, None) == Body(0, None, 10, '"a"')
    assert read_body(200, fields, 5, 10, '"a"') == Body(0, None, 10, '"a"')


def test_true_part() -> None:
    """A 206 is believed when it begins where it was asked to, ends no later, and names the same content."""
    fields = headers(Content_Range="bytes 5-9/12", Content_Length="5", ETag='"a"')
    assert read_body(206, fields, 5, None, '"a"') == Body(5, 10, 12, '"a"')
    assert read_body(206, fields, 5, 10, '"a"') == Body(5, 10, 12, '"a"')
    assert read_body(206, fields, 5, 11, '"a"') == Body(5, 10, 12, '"a"')
    assert read_body(206, fields, 5, 9, '"a"') is None


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"Content_Range": "bytes 4-9/10"},
        {"Content_Range": "bytes 5-9/*"},
        {"Content_Range": "bytes 5-10/10"},
        {"Content_Range": "bytes 5-4/10"},
        {"Content_Range": "items 5-9/10"},
        {"Content_Range": "bytes 5-9/10", "Content_Length": "6"},
        {"Content_Range": "bytes 5-9/10", "ETag": '"b"'},
        {"Content_Range": "bytes 5-9/10", "ETag": 'W/"a"'},
        {"Content_Range": "bytes 5-9/10"},
        {"Content_Type": "multipart/byteranges; boundary=x"},
        {"Content_Range": "bytes 5-9/10", "ETag": '"a"', "Content_Type": "Multipart/byteranges; boundary=x"},
    ],
)
def test_doubtful_part(fields: dict[str, str]) -> None:
    """A 206 that begins elsewhere, contradicts itself or is of another content is not used."""
    assert read_body(206, headers(**fields), 5, None, '"a"') is None


def test_part_that_was_not_asked_for() -> None:
    """A 206 for a request of the whole file is not used."""
    assert read_body(206, headers(Content_Range="bytes 0-9/10"), 0, None, None) is None


def test_first_part() -> None:
    """The first part of a file names the content of which all others have to be."""
    fields = headers(Content_Range="bytes 0-4/10", ETag='"a"')
    assert read_body(206, fields, 0, 5, None) == Body(0, 5, 10, '"a"')
    assert read_body(206, headers(Content_Range="bytes 0-4/10"), 0, 5, None) == Body(0, 5, 10, None)


@pytest.mark.parametrize(
    ("fields", "validator"),
    [
        ({"ETag": '"abc"'}, '"abc"'),
        ({"ETag": 'W/"abc"'}, None),
        ({"ETag": "abc"}, None),
        ({"ETag": '"a"b"'}, None),
        ({}, None),
        (
            {"Last_Modified": "Fri, 31 Jul 2026 12:00:00 GMT", "Date": "Sat, 01 Aug 2026 12:00:00 GMT"},
            "Fri, 31 Jul 2026 12:00:00 GMT",
        ),
        ({"Last_Modified": "Sat, 01 Aug 2026 11:59:30 GMT", "Date": "Sat, 01 Aug 2026 12:00:00 GMT"}, None),
        ({"Last_Modified": "Fri, 31 Jul 2026 12:00:00 GMT"}, None),
        ({"Last_Modified": "yesterday", "Date": "today"}, None),
        (
            {
                "ETag": 'W/"x"',
                "Last_Modified": "Fri, 31 Jul 2026 12:00:00 GMT",
                "Date": "Sat, 01 Aug 2026 12:00:00 GMT",
            },
            None,
        ),
    ],
)
def test_strong_validator(fields: dict[str, str], validator: str | None) -> None:
    """Only a strong ETag, or a date old enough, can prove that a content is still the same."""
    assert strong_validator(headers(**fields)) == validator


@pytest.mark.parametrize(
    ("value", "length"), [("0", 0), ("12", 12), ("", None), ("-1", None), ("1e3", None), ("٣", None), ("9" * 40, None)]
)
def test_content_length(value: str, length: int | None) -> None:
    """Content-Length is ASCII digits or nothing."""
    assert content_length(headers(Content_Length=value)) == length


def test_length_of_a_compressed_body_is_not_the_files() -> None:
    """Content-Length of a compressed answer counts other bytes."""
    assert content_length(headers(Content_Length="12", Content_Encoding="gzip")) is None


def test_part_that_is_called_all() -> None:
    """A 200 whose Content-Range tells of a longer file is not all of it, with a length or without."""
    part = "bytes 500-599/12000"
    assert read_body(200, headers(Content_Length="100", Content_Range=part), 0, 8000, None) is None
    assert read_body(200, headers(Content_Length="12000", Content_Range=part), 0, 8000, None) == Body(
        0, None, 12000, None
    )
    assert read_body(200, headers(Content_Range=part), 0, None, None) is None
    whole = "bytes 0-11999/12000"
    assert read_body(200, headers(Content_Range=whole), 0, None, None) == Body(0, None, 12000, None)
    assert read_body(200, headers(Content_Length="5", Content_Range="lies"), 0, None, None) == Body(0, None, 5, None)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_passing_refusal(status: int) -> None:
    """Too many requests, time-outs and troubles of the server may be tried again."""
    error = refusal(status, "https://h/a.tif?signature=s3cret")
    assert isinstance(error, ServerUnreachable)
    assert error.retryable
    assert error.status == status
    assert "s3cret" not in str(error)
    assert ("Fewer connections may do" in str(error)) == (status == 429)
    assert ("h is busy" in str(error)) == (status in (429, 503))


@pytest.mark.parametrize(
    ("asked_s", "span"), [(1.0, "1 s"), (119.0, "119 s"), (600.0, "10 min"), (7200.0, "2 h"), (86400.0, "24 h")]
)
def test_how_long_a_server_asks_to_wait(asked_s: float, span: str) -> None:
    """How long to wait is told as people say it."""
    assert f"Try again in {span}: it asks for that." in str(refusal(503, "https://h/a.tif", asked_s=asked_s))


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (400, "address"),
        (401, "Sign in again"),
        (403, "conditions"),
        (404, "Search the catalogue again"),
        (410, "newer"),
        (304, "address"),
    ],
)
def test_refusal_for_good(status: int, advice: str) -> None:
    """Other refusals are final, and each says what to do."""
    error = refusal(status, "https://h/a.tif?signature=s3cret")
    assert isinstance(error, ServerRefused)
    assert not error.retryable
    assert advice in error.do
    assert "s3cret" not in str(error)


def test_a_full_stop_behind_an_address() -> None:
    """What was copied along with an address out of a text is pointed out where the file is not found."""
    assert refusal(404, "https://h/a.tif.").do.startswith("It ends with '.': was that a part of the text around it? ")
    assert "around it" not in refusal(404, "https://h/a.tif").do + refusal(403, "https://h/a.tif.").do


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("Sat, 01 Aug 2026 12:00:30 GMT", 30.0),
        ("Sat, 01 Aug 2026 11:00:00 GMT", 0.0),
        ("Sat, 01 Aug 2026 12:00:30 -0000", 30.0),
        ("", None),
        ("soon", None),
        ("-5", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    """Retry-After is read as seconds or as a date."""
    assert retry_after_s(headers(Retry_After=value), NOON) == seconds


@pytest.mark.soak
@given(st.text())
def test_retry_after_never_fails(value: str) -> None:
    """Whatever a server writes there, reading it gives a time that is not negative, or none."""
    assert (retry_after_s({"Retry-After": value}, NOON) or 0.0) >= 0.0


@pytest.mark.soak
@given(st.integers(1, 100), st.none() | st.floats(0, 1e9), st.floats(0, 1))
def test_backoff_is_bounded(tries: int, asked_s: float | None, random: float) -> None:
    """A wait is never longer than the cap, and never shorter than what the server asked for; too long is none."""
    backoff = Backoff()
    wait_s = backoff.wait_s(tries, asked_s, lambda: random)
    assert 0.5 <= wait_s <= backoff.most_s or asked_s is not None
    assert wait_s >= (asked_s or 0.0)
    assert backoff.ends(tries, asked_s) or wait_s <= max(backoff.most_s, backoff.most_asked_s) + 1


def test_part_by_its_date() -> None:
    """A part names the date again by which its content is known; one of another date is of another content."""
    then, later = "Sat, 01 Aug 2026 10:00:00 GMT", "Sat, 01 Aug 2026 11:00:00 GMT"
    part = {"Content_Range": "bytes 5-9/10"}
    assert read_body(206, headers(**part, Last_Modified=then), 5, None, then) == Body(5, 10, 10, then)
    assert read_body(206, headers(**part, Last_Modified=later), 5, None, then) is None
    assert read_body(206, headers(**part), 5, None, then) is None
    # an ETag where there was none before, strong or weak, is of another content
    for etag in ('"b"', 'W/"b"'):
        assert read_body(206, headers(**part, Last_Modified=then, ETag=etag), 5, None, then) is None
    assert read_body(206, headers(**part, Last_Modified='"a"', ETag='"b"'), 5, None, '"a"') is None
