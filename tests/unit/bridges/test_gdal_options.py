"""Options for one prefix, set in the libgdal that rasterio brings, and put back as they were."""

from __future__ import annotations

import rasterio._env
from signing import sign_in

from ipyterrascope.auth.account import Account
from ipyterrascope.bridges.gdal_library import Library, library_of
from ipyterrascope.bridges.gdal_options import HEADER_FILE, S3_REDIRECT, Everywhere, Settings, options_for, prefixes_of

PREFIX = "/vsicurl/https://data.example.org/"
FILE = f"{PREFIX}folder/a.tif"
RETRIES = "GDAL_HTTP_MAX_RETRY"


def library() -> Library:
    found = library_of(rasterio._env)
    assert found is not None
    return found


def test_the_libgdal_in_use_is_found() -> None:
    """It is rasterio's own, named with its versions, and the same one however often it is looked for."""
    assert library().name == f"rasterio {rasterio.__version__} (GDAL {rasterio.__gdal_version__})"
    assert library().key == library().key


def test_options_hold_for_their_prefix_only() -> None:
    """A host whose name only begins alike gets nothing, and neither does a longer or a shorter port."""
    settings = Settings(library(), [PREFIX, "/vsicurl/http://127.0.0.1:808/"])
    settings.apply({HEADER_FILE: "/somewhere"})
    for inside in (FILE, PREFIX, "/vsicurl/http://127.0.0.1:808/a"):
        assert library().get(inside, HEADER_FILE) == "/somewhere"
    for outside in (
        "/vsicurl/https://data.example.org.evil.org/a.tif",
        "/vsicurl/https://data.example.org:444/a.tif",
        "/vsicurl/https://data.example.org@evil.org/a.tif",
        "/vsicurl/https://data.example.org",
        "/vsicurl/http://data.example.org/a.tif",
        "/vsicurl/http://127.0.0.1:8080/a",
        "/vsicurl/https://other.example.org/a.tif",
        "/vsis3/data.example.org/",
    ):
        assert library().get(outside, HEADER_FILE) is None, outside
    settings.restore()
    assert library().get(FILE, HEADER_FILE) is None


def test_what_the_user_set_comes_back() -> None:
    """A header file and a number of retries of the user's own are there again afterwards, the latter all the time."""
    library().set(PREFIX, HEADER_FILE, "/mine")
    library().set(PREFIX, RETRIES, "9")
    settings = Settings(library(), [PREFIX])
    settings.apply({HEADER_FILE: "/ours", RETRIES: "4", "GDAL_HTTP_RETRY_DELAY": "0.5"})
    found = [library().get(FILE, name) for name in (HEADER_FILE, RETRIES, "GDAL_HTTP_RETRY_DELAY")]
    assert found == ["/ours", "9", "0.5"]
    settings.restore()
    found = [library().get(FILE, name) for name in (HEADER_FILE, RETRIES, "GDAL_HTTP_RETRY_DELAY")]
    assert found == ["/mine", "9", None]
    for name in (HEADER_FILE, RETRIES):
        library().set(PREFIX, name, None)


def test_what_holds_for_a_shorter_prefix_is_not_nailed_down() -> None:
    """An option for all of /vsicurl/ shows through again, and follows when it is changed."""
    library().set("/vsicurl/", HEADER_FILE, "/for-all")
    settings = Settings(library(), [PREFIX])
    settings.apply({HEADER_FILE: "/ours"})
    settings.restore()
    assert library().get(FILE, HEADER_FILE) == "/for-all"
    library().set("/vsicurl/", HEADER_FILE, None)
    assert library().get(FILE, HEADER_FILE) is None


def test_what_somebody_changed_meanwhile_stays() -> None:
    """Neither the next renewal nor the end overwrites an option that the user has set since."""
    settings = Settings(library(), [PREFIX])
    settings.apply({RETRIES: "4"})
    library().set(PREFIX, RETRIES, "7")
    settings.apply({RETRIES: "4"})
    assert library().get(FILE, RETRIES) == "7"
    settings.restore()
    assert library().get(FILE, RETRIES) == "7"
    library().set(PREFIX, RETRIES, None)


def test_signed_redirects_are_not_remembered_meanwhile() -> None:
    """The one option that only holds everywhere is switched off meanwhile, and is then what it was."""
    for before in (None, "YES", "NO"):
        library().set_global(S3_REDIRECT, before)
        settings = Settings(library(), [PREFIX])
        for _ in range(2):
            settings.apply({})
            assert library().get_global(S3_REDIRECT) == "NO"
        settings.restore()
        assert library().get_global(S3_REDIRECT) == before
    library().set_global(S3_REDIRECT, None)


def test_a_library_that_two_packages_share_is_set_once() -> None:
    """Where packages share a libgdal, our own options are not taken for the user's."""
    everywhere = Everywhere([PREFIX], lambda module: library_of(rasterio._env))
    for _ in range(2):
        everywhere.apply({HEADER_FILE: "/ours"})
    assert len(everywhere._settings) == 1  # pyright: ignore[reportPrivateUsage]
    everywhere.restore()
    assert library().get(FILE, HEADER_FILE) is None


def test_a_refused_password_is_sent_once(account: Account) -> None:
    """GDAL repeats what was refused for a token, which may be new by then, and never for a password."""
    assert options_for(account, "/f")["GDAL_HTTP_RETRY_CODES"].startswith("401,")
    sign_in(account, "basic")
    assert "401" not in options_for(account, "/f")["GDAL_HTTP_RETRY_CODES"]


def test_the_prefixes_are_the_hosts() -> None:
    """Each host has its prefixes, with the slash at the end."""
    assert prefixes_of(frozenset({"data.example.org", "127.0.0.1:8080"})) == [
        "/vsicurl/https://127.0.0.1:8080/",
        "/vsicurl/http://127.0.0.1:8080/",
        "/vsicurl/https://data.example.org:443/",
        "/vsicurl/https://data.example.org/",
    ]
