from __future__ import annotations

import pytest

from ipyterrascope.errors import ContentInvalid
from ipyterrascope.transfer.pages import check_page, is_telling, is_web_page


def headers(**fields: str) -> dict[str, str]:
    return {name.replace("_", "-").lower(): value for name, value in fields.items()}


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE html>",
        b"\n  <!doctype HTML public",
        b"\xef\xbb\xbf<html lang='en'>",
        b"<?xml version='1.0'?>\n<!DOCTYPE html PUBLIC",
        b"<!-- a --><!-- b -->\n<html>",
        b"<!--" + b"x" * 9000 + b"-->\n<html>",
        b" \r\n" * 3000 + b"<html>",
        b"<script>location='/login'</script>",
        b"<META http-equiv=refresh content='0;/login'>",
        b"<title>Sign in</title>",
        *("\ufeff\n<html>".encode(code) for code in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")),
        *(" <!doctype html>".encode(code) for code in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")),
    ],
)
def test_web_page_by_its_first_bytes(body: bytes) -> None:
    """A web page is known by its first bytes, whatever type is claimed."""
    for kind in ("image/tiff", "text/plain", "application/octet-stream"):
        assert is_web_page(headers(Content_Type=kind), body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"II*\x00",
        b"<?xml version='1.0'?><Product>",
        b"<?xml version='1.0'?>\n<title>",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script/>",
        b"<kml><Document/></kml>",
        b"<gml:FeatureCollection>",
        b"<metadata>",
        b"<script-log>",
        b"<htmlish>",
        b"text <html>",
        b"<!-- <html>",
        b"\x00" * 9000,
        b" " * 9000,
    ],
)
def test_data_is_no_web_page(body: bytes) -> None:
    """TIFF, product metadata, drawings and text that mentions a tag are data."""
    for kind in ("application/octet-stream", "text/plain", "text/xml"):
        assert not is_web_page(headers(Content_Type=kind), body)


def test_xml_with_the_type_of_a_page() -> None:
    """XML that says so is data, though a server calls everything it does not know HTML; XHTML is a page."""
    assert not is_web_page(headers(Content_Type="text/html"), b"<?xml version='1.0'?>\n<gmd:MD_Metadata>")
    assert is_web_page(headers(Content_Type="text/html"), b"<?xml version='1.0'?>\n<html xmlns='x'>")


@pytest.mark.parametrize(
    ("first_bytes", "telling"),
    [
        (b"", False),
        (b"I", False),
        (b"II*\x00", True),
        (b"\xff", False),
        (b"\xff\xfe<\x00", False),
        (b" " * 9000, False),
        (b" " * 9000 + b"<", False),
        (b" " * 9000 + b"<" + b"x" * 4095, True),
        (b"<!--" + b"x" * 9000, False),
        (b"<!--" + b"x" * 70_000, True),
        (b" " * 70_000, True),
    ],
)
def test_how_much_has_to_be_seen(first_bytes: bytes, telling: bool) -> None:
    """Data are known by four bytes, what begins like a page by 4 KB of text, and nothing is waited for without end."""
    assert is_telling(first_bytes) == telling


def test_many_comments_are_read_at_once() -> None:
    """A body of nothing but comments is data, and is looked at in one pass: trying all divisions would never end."""
    assert not is_web_page(headers(Content_Type="image/tiff"), b"<!---->" * 5000)
    assert is_web_page(headers(Content_Type="image/tiff"), b"<!---->" * 500 + b"<html>")


@pytest.mark.parametrize("kind", ["text/html", "Text/HTML; charset=utf-8", "application/xhtml+xml"])
def test_web_page_by_its_type(kind: str) -> None:
    """A web page is known by its type, whatever its bytes."""
    assert is_web_page(headers(Content_Type=kind), b"II*\x00")


@pytest.mark.parametrize(
    "body",
    [b"<!-- a --!><html>", b"\xef\xbb\xbf\xef\xbb\xbf<html>", b"\xc2\xa0<html>", b"<form action=/login>", b"<p>Log in"],
)
def test_a_binary_file_begins_with_no_tag(body: bytes) -> None:
    """Whatever begins with a tag, seen or behind what cannot be seen, is no GeoTIFF; a KML may."""
    url = "https://h.example.org/a"
    with pytest.raises(ContentInvalid, match="A web page came instead"):
        check_page(f"{url}.tif", f"{url}.tif", "a.tif", headers(), body)
    check_page(f"{url}.tif", f"{url}.tif", "a.tif", headers(), b"II*\0")
    check_page(f"{url}.kml", f"{url}.kml", "a.kml", headers(), b"<kml>")


PAGES = [
    b"<form action=/login><input name=user>",
    b"<p>Please log in",
    b"<!-- a --!><html>",
    b"<!--><body>",
    b"<!x><html>",
    b"<?x?><form action=/login>",
    b"<!-- a -->\xc2\xa0\xef\xbb\xbf<html>",
    b"<noscript>Enable it</noscript><body>",
    "<p>Log in".encode("utf-16"),
]


@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.json", "a", "a.CSV", "a.geojson"])
@pytest.mark.parametrize("body", PAGES)
def test_a_page_under_any_name_but_that_of_markup(name: str, body: bytes) -> None:
    """A page is known by its tags also where it has the name of a text, and is sent as one."""
    url = f"https://h.example.org/{name}"
    for kind in ("text/plain", "text/csv", "application/octet-stream"):
        with pytest.raises(ContentInvalid, match="A web page came instead"):
            check_page(url, url, name, headers(Content_Type=kind), body)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("a.txt", b"<"),
        ("a.txt", b"<none>"),
        ("a.csv", b"<a;b\n1;2"),
        ("a.csv", b"id,text\n1,<html>"),
        ("a.json", b'{"html": "<body>"}'),
        ("a", b"<feed xmlns='http://www.w3.org/2005/Atom'><title>x</title><link/></feed>"),
        ("a", b"<?xml version='1.0'?><a><form/></a>"),
        ("a.md", b"<p align=center>"),
        ("a.xml", b"<form><input/></form>"),
    ],
)
def test_texts_with_tags_are_data(name: str, body: bytes) -> None:
    """A text that mentions a tag, or begins with what only looks like one, is data, as is markup by its name."""
    url = f"https://h.example.org/{name}"
    check_page(url, url, name, headers(Content_Type="text/plain"), body)
