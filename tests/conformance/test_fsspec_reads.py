"""xarray, zarr and h5netcdf by our file system, for long, with tokens that live three seconds."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import xarray as xr

import ipyterrascope as ts
from ipyterrascope.auth.account import Account
from ipyterrascope.sandbox import Sandbox
from ipyterrascope.values.secret import Secret
from testbed import geo
from testbed.files import ProtectedFiles
from testbed.keycloak import DORA, Keycloak

EDGE = 256
EXPECTED = geo.dataset(EDGE).ndvi.values


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A netCDF and a zarr by their paths below the download service."""
    store = geo.zarr_files(tmp_path_factory.mktemp("zarr"), 3, EDGE)
    return {"a.nc": geo.netcdf(EDGE), **{f"a.zarr/{path}": data for path, data in store.items()}}


@pytest.fixture
def seconds(full_counts: bool) -> float:
    return 60 if full_counts else 8


@pytest.fixture
def in_vain(full_counts: bool) -> set[int]:
    """The answers that may come before a good one: 404, since zarr asks for files of other versions of its format, and
    unless this runs alone also 401, where a request waited longer for its turn than its token had left."""
    return {404} if full_counts else {401, 404}


def of_zarr(root: str, name: str) -> None:
    found = xr.open_zarr(ts.fsspec.store(f"{root}/a.zarr", name))
    assert (found.ndvi.compute(scheduler="synchronous").values == EXPECTED).all()


def of_netcdf(root: str, name: str) -> None:
    file = ts.fsspec.open(f"{root}/a.nc", provider=name, block_size=65536)
    with xr.open_dataset(file, engine="h5netcdf") as found:
        row, column = (random.randrange(EDGE // 64) * 64 for _ in range(2))
        assert (
            found.ndvi[row : row + 64, column : column + 64].values == EXPECTED[row : row + 64, column : column + 64]
        ).all()


def by_dask(root: str, name: str) -> None:
    found = xr.open_zarr(ts.fsspec.store(f"{root}/a.zarr", name), chunks={})
    assert int(found.ndvi.sum().compute(scheduler="threads", num_workers=4)) == int(EXPECTED.sum())


def by_coroutines(root: str, name: str) -> None:
    async def read() -> list[bytes]:
        system = ts.fsspec.filesystem(name, asynchronous=True)
        url = f"{root}/a.nc"
        starts = [random.randrange(100_000) for _ in range(20)]
        return await asyncio.gather(*(system._cat_file(url, start, start + 100) for start in starts))

    assert {len(data) for data in asyncio.run(read())} == {100}


def by_one_open_store(root: str, name: str) -> None:
    """Read chunks of a store that was opened once, with a pause in between in which the token ends."""
    array = xr.open_zarr(ts.fsspec.store(f"{root}/a.zarr", name)).ndvi
    for column in range(0, EDGE, 64):
        assert (array[:64, column : column + 64].values == EXPECTED[:64, column : column + 64]).all()
        time.sleep(0.8)


def read_all(root: str, name: str, seconds: float) -> tuple[dict[str, int], list[str]]:
    """Read in all ways at once for some seconds; return how often each did, and what failed."""
    counts: dict[str, int] = {}
    failures: list[str] = []
    ends_at = time.monotonic() + seconds

    def run(read: Callable[[str, str], None]) -> None:
        while time.monotonic() < ends_at:
            try:
                read(root, name)
            except BaseException as exc:
                failures.append(f"{read.__name__}: {type(exc).__name__}: {exc}")
                return
            counts[read.__name__] = counts.get(read.__name__, 0) + 1

    reads = [of_zarr, of_zarr, of_netcdf, of_netcdf, by_dask, by_coroutines, by_one_open_store]
    threads = [threading.Thread(target=run, args=(read,)) for read in reads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(counts)
    assert set(counts) == {read.__name__ for read in reads}
    return counts, failures


@pytest.fixture
def signed_in() -> Iterator[Callable[..., Account]]:
    """Sign in at a provider, which is known by its name then; sign out afterwards."""
    made: list[Account] = []

    def sign_in(provider: ts.Provider, password: str) -> Account:
        account = ts.account(provider)
        account.start_password_login("dora", Secret(password))
        assert account.wait(30).phase == "signed_in"
        made.append(account)
        return account

    yield sign_in
    for account in made:
        account.logout()


@pytest.mark.soak
def test_all_ways_to_read_go_through_every_rotation(
    files: dict[str, bytes], seconds: float, in_vain: set[int], signed_in: Callable[..., Account]
) -> None:
    """zarr and netCDF, in threads, in coroutines and by dask: no read fails, and no request is without a token."""
    with Sandbox(access_token_lifetime_s=3) as box:
        for path, data in files.items():
            box.add_file(path, data)
        signed_in(box.provider(name="rotating"), "s3cret-Pa55")
        _, failures = read_all(f"{box.url}/download", "rotating", seconds)
        asked = box.requests_to("/download/")
        renewals = [record for record in box.requests_to("/token") if record.form.get("grant_type") == "refresh_token"]
    assert failures == []
    assert {record.status for record in asked} - in_vain == {200, 206}
    assert [record for record in asked if "Authorization" not in record.headers] == []
    # one for each life, however many read: no more than a renewal at 90 % of it
    assert seconds / 3 - 1 <= len(renewals) <= seconds / 2.7 + 1


@pytest.mark.soak
def test_all_ways_to_read_go_with_keycloaks_tokens(
    keycloak: Keycloak,
    keycloak_files: ProtectedFiles,
    files: dict[str, bytes],
    seconds: float,
    signed_in: Callable[..., Account],
) -> None:
    """The same against a real Keycloak that rotates its refresh tokens and detects when one is used again."""
    for path, data in files.items():
        keycloak_files.add(f"/download/{path}", data)
    with keycloak.realm(accessTokenLifespan=3, revokeRefreshToken=True):
        host = keycloak_files.base_url.removeprefix("http://")
        signed_in(keycloak.provider(name="keycloak", hosts=frozenset({host})), DORA.password)
        _, failures = read_all(f"{keycloak_files.base_url}/download", "keycloak", seconds)
    assert failures == []
    # a token of three seconds that Keycloak made late in one lives for hardly more than two: it may end on its way
    assert {status for _, status in keycloak_files.answered} - {401, 404} == {200, 206}
    assert keycloak_files.refusals <= {"ExpiredTokenError"}
    assert len(keycloak.events("REFRESH_TOKEN")) >= seconds / 3 - 1
    assert keycloak.events("REFRESH_TOKEN_ERROR") == []
