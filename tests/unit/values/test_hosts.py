"""Which URL may carry a credential: exact names only, and nothing on which two parsers could disagree."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import pytest
import requests
from hypothesis import example, given
from hypothesis import strategies as st
from urllib3.util import parse_url

from ipyterrascope.errors import ConfigurationError
from ipyterrascope.values.hosts import (
    is_loopback,
    is_secure,
    may_carry,
    origin_of,
    origins_of,
    reach_of,
    validated_hosts,
)

GOOD = "services.terrascope.be"
HOSTS = frozenset({GOOD, "tools.example.org:8443", "localhost", "127.0.0.1:8080", "[::1]"})


@pytest.mark.parametrize(
    "url",
    [
        "https://services.terrascope.be",
        "https://services.terrascope.be/",
        "https://services.terrascope.be/download/a.tif?x=1#y",
        "https://services.terrascope.be?x",
        "https://services.terrascope.be:443/a",
        "HTTPS://Services.Terrascope.BE/a",
        "https://services.terrascope.be/a b@evil.org",
        "https://tools.example.org:8443/",
        "http://localhost/",
        "http://localhost:9000/",
        "https://localhost:9000/",
        "http://127.0.0.1:8080/",
        "http://[::1]:9000/",
    ],
)
def test_allowed(url: str) -> None:
    """A credential goes to the very hosts on the list, by https, or by http on loopback."""
    assert may_carry(url, HOSTS)


def test_the_origins_of_hosts_are_those_that_are_allowed() -> None:
    """Whoever takes prefixes gets each way to spell an allowed origin, and none that is not allowed."""
    assert origins_of(HOSTS) == [
        *("http://127.0.0.1:8080", "https://127.0.0.1:8080")[::-1],
        *("https://[::1]:443", "https://[::1]", "http://[::1]:80", "http://[::1]"),
        *("https://localhost:443", "https://localhost", "http://localhost:80", "http://localhost"),
        *("https://services.terrascope.be:443", "https://services.terrascope.be"),
        "https://tools.example.org:8443",
    ]
    assert all(may_carry(f"{origin}/a", HOSTS) for origin in origins_of(HOSTS))
    assert origins_of({"a.example.org:80", "a.example.org:443"}) == [
        *("https://a.example.org:443", "https://a.example.org", "https://a.example.org:80"),
    ]


@pytest.mark.parametrize(
    "url",
    [
        # another name
        "https://terrascope.be/",
        "https://evil.services.terrascope.be/",
        "https://services.terrascope.be.evil.org/",
        "https://services-terrascope.be/",
        "https://evil.org/services.terrascope.be",
        "https://evil.org?services.terrascope.be",
        "https://evil.org#services.terrascope.be",
        # another port, or none where one is asked for
        "https://services.terrascope.be:8443/",
        "https://services.terrascope.be:4430/",
        "https://services.terrascope.be:65979/",  # 443 + 65536
        "https://services.terrascope.be:/",
        "https://services.terrascope.be:443x/",
        "https://services.terrascope.be:٤٤٣/",
        "https://tools.example.org/",
        "http://127.0.0.1:8081/",
        "http://127.0.0.1/",
        # http beyond loopback
        "http://services.terrascope.be/",
        "http://services.terrascope.be:443/",
        "ftp://services.terrascope.be/",
        "//services.terrascope.be/",
        "services.terrascope.be",
        "",
        # user information
        "https://services.terrascope.be@evil.org/",
        "https://services.terrascope.be:443@evil.org/",
        "https://user@services.terrascope.be/",
        "https://user:pass@services.terrascope.be/",
        "https://evil.org#@services.terrascope.be/",
        "https://evil.org?@services.terrascope.be/",
        # what browsers and libraries read in different ways
        "https://services.terrascope.be\\@evil.org/",
        "https://services.terrascope.be\\.evil.org/",
        "https:\\\\services.terrascope.be/",
        "https:/services.terrascope.be/",
        "https:///services.terrascope.be/",
        "https://services.terrascope.be%2f@evil.org/",
        "https://services.terrascope.be%00.evil.org/",
        "https://services.terrascope%2ebe/",
        "https://services.terrascope.be./",
        "https://.services.terrascope.be/",
        "https://services.terrascope.be;evil.org/",
        "https://services.terrascope.be,evil.org/",
        " https://services.terrascope.be/",
        "https://services.terrascope.be /",
        "https://services.terrascope.be\t/",
        "https://services.terra\nscope.be/",
        "\nhttps://services.terrascope.be/",
        "https://services.terrascope.be\r\n.evil.org/",
        "ht\ttps://services.terrascope.be/",
        # letters that look alike or become alike
        "https://servicеs.terrascope.be/",
        "https://ſervices.terraſcope.be/",
        "https://services。terrascope。be/",
        "httpſ://services.terrascope.be/",
        "https://tooKs.example.org:8443/",
        # other spellings of loopback
        "http://localhost./",
        "http://127.1:8080/",
        "http://2130706433:8080/",
        "http://0x7f000001:8080/",
        "http://127.0.0.1.nip.io:8080/",
        "http://[::1%25lo]:9000/",
        "http://[::ffff:127.0.0.1]:8080/",
        "http://[::1]evil.org/",
        "http://[::1]@evil.org/",
        "http://0.0.0.0:8080/",
    ],
)
def test_not_allowed(url: str) -> None:
    """Another host, port or scheme, or a spelling that some parser reads otherwise, gets no credential."""
    assert not may_carry(url, HOSTS)


def by_urllib(url: str) -> str | None:
    return urlsplit(url).hostname


def by_urllib3(url: str) -> str | None:
    return parse_url(url).host


def by_requests(url: str) -> str | None:
    return urlsplit(str(requests.Request("GET", url).prepare().url)).hostname


def by_httpx(url: str) -> str | None:
    return httpx.URL(url).host


PIECES = [
    *("https", "http", "HTTPS", "httpſ", ":", "//", "/", "\\", "@", "#", "?", "%", "%2f", "%40", "%00", ".", "。", ";"),
    *("[", "]", "::1", "127.0.0.1", "localhost", "evil.org", GOOD, "tools.example.org", "services", "terrascope.be"),
    *(
        ":443",
        ":8443",
        ":80",
        ":",
        "\t",
        "\n",
        "\r",
        " ",
        "\x00",
        "\u202e",
        "K",
        "ſ",
        "é",
        "xn--",
        "user:pw",
        "&",
        "=",
        "a",
    ),
]
URLS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=10).map("".join),
    st.lists(st.sampled_from(PIECES), max_size=6).map(lambda rest: "https://" + "".join(rest)),
    st.lists(st.sampled_from(PIECES), max_size=5).map(lambda rest: f"https://{GOOD}" + "".join(rest)),
    st.text(max_size=40),
    st.text(max_size=12).map(lambda rest: f"https://{GOOD}{rest}"),
)


@pytest.mark.soak
@pytest.mark.parametrize("read", [by_urllib, by_urllib3, by_requests, by_httpx])
@given(url=URLS)
@example(url=f"https://{GOOD}\\@evil.org/")
def test_no_parser_reads_another_host(read: Callable[[str], str | None], url: str) -> None:
    """What may carry a credential goes to a host of the list, whichever library reads the URL."""
    if not may_carry(url, HOSTS):
        return
    try:
        host = read(url)
    except (ValueError, requests.RequestException, httpx.InvalidURL):
        return  # who cannot read it sends nothing
    assert (host or "").strip("[]").lower() in {GOOD, "tools.example.org", "localhost", "127.0.0.1", "::1"}


@pytest.mark.soak
@given(url=URLS)
def test_reading_an_origin_never_fails(url: str) -> None:
    """Whatever the text, an origin or None comes back, and its port is one."""
    origin = origin_of(url)
    assert origin is None or (origin[0] in ("http", "https") and origin[1].isascii() and 0 <= origin[2] < 65536)


def test_what_loopback_is() -> None:
    """`localhost`, 127.0.0.0/8 and ::1 are this machine, and no other name is."""
    assert all(map(is_loopback, ["localhost", "127.0.0.1", "127.8.9.10", "[::1]"]))
    assert not any(map(is_loopback, ["localhost.evil.org", "128.0.0.1", "0.0.0.0", "[::2]", "", "127.1"]))


def test_secure_is_https_or_loopback() -> None:
    """A page or an endpoint is secure by https, or by http on this machine."""
    assert is_secure("https://sso.terrascope.be/auth")
    assert is_secure("http://127.0.0.1:8080/auth")
    assert not is_secure("http://sso.terrascope.be/auth")
    assert not is_secure("javascript:alert(1)")


@pytest.mark.parametrize(
    "entry",
    [
        *("https://services.terrascope.be", "services.terrascope.be/", "*.terrascope.be", "Services.terrascope.be", ""),
        *("services.terrascope.be:0", "services.terrascope.be:65536", "services.terrascope.be:", ".terrascope.be"),
        *("user@services.terrascope.be", "services terrascope", "ſervices.terrascope.be", "terrascope.be.", "::1"),
    ],
)
def test_an_entry_is_an_exact_name(entry: str) -> None:
    """A host list takes exact lower-case names with an optional port; anything else is refused when it is made."""
    with pytest.raises(ConfigurationError, match="is not a host name"):
        validated_hosts([entry])


def test_a_string_is_not_a_list_of_hosts() -> None:
    """One string instead of a set would be a list of letters: it is refused, and the error shows how to write it."""
    with pytest.raises(ConfigurationError, match=r'Write hosts=frozenset\(\{"services\.terrascope\.be"\}\)'):
        validated_hosts("services.terrascope.be")


@pytest.mark.parametrize(
    ("reach", "hosts"),
    {
        "machine": "localhost LOCALHOST localhost. a.localhost localhost.localdomain 127.0.0.1 127.9.9.9 127.1 0 "
        "0.0.0.0 2130706433 0x7f000001 017700000001 [::1] ::1 [::] [::1%25lo] [::ffff:127.0.0.1] "
        "[::ffff:7f00:1] [::ffff:0:127.0.0.1] [::127.0.0.1] [64:ff9b::127.0.0.1] [2002:7f00:1::] [::ffff:0.0.0.0] "
        "ip6-localhost IP6-loopback. localhost6 "
        "localhost6.localdomain6 localhost4",
        "network": "10.0.0.1 10.1 172.16.0.1 192.168.1.1 100.64.0.1 169.254.169.254 [fe80::1%25eth0] "
        "[fd00::1] [::ffff:10.0.0.1] [::10.0.0.1] [64:ff9b::192.168.1.1] [2002:a00:1::]",
        "world": "services.terrascope.be localhost-mirror.example.org 8.8.8.8 [2001:4860:4860::8888] 1.2.3.4.5 x "
        "[::ffff:8.8.8.8] [64:ff9b::8.8.8.8] [2002:808:808::] ip6-localhosts",
    }.items(),
)
def test_how_far_away_a_host_is(reach: str, hosts: str) -> None:
    """This machine and its network are known in every spelling that a resolver takes; a name is the world."""
    assert {host: reach_of(host) for host in hosts.split()} == dict.fromkeys(hosts.split(), reach)
