"""`jupyter terrascope` at a real Keycloak that rotates refresh tokens and detects their reuse."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pexpect
import requests

from private_jupyter import private_environment
from testbed.files import ProtectedFiles
from testbed.keycloak import DORA, Keycloak

COMMAND = [sys.executable, "-m", "ipyterrascope"]


def test_one_login_serves_many_commands_at_once(
    keycloak: Keycloak, keycloak_files: ProtectedFiles, tmp_path: Path
) -> None:
    """A person signs in once; twelve commands, four at a time, outlive their tokens; `logout` ends it."""
    url = keycloak_files.add("/download/file.txt", b"content")
    environ = {
        **private_environment(tmp_path, dict(os.environ)),
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "TERRASCOPE_ISSUER": keycloak.issuer,
        "TERRASCOPE_HOSTS": "127.0.0.1",
    }

    def run(*words: str) -> str:
        done = subprocess.run(
            [*COMMAND, *words], env=environ, capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def used(number: int) -> int:
        time.sleep(number % 2)
        token = run("token", "--show-secrets")
        return requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=20).status_code

    with keycloak.realm(revokeRefreshToken=True, refreshTokenMaxReuse=0, accessTokenLifespan=4):
        login = pexpect.spawn(
            COMMAND[0], [*COMMAND[1:], "login", "--method", "password", "--user", DORA.username],
            env=environ, encoding="utf-8", cwd=str(tmp_path),
        )  # fmt: skip
        login.expect_exact("password (not shown): ", timeout=60)
        login.sendline(DORA.password)
        login.expect_exact("Kept in ", timeout=60)
        login.expect(pexpect.EOF)
        login.close()
        assert login.exitstatus == 0
        with ThreadPoolExecutor(4) as pool:
            for _ in range(3):
                assert [*pool.map(used, range(4))] == [200] * 4
                time.sleep(4)  # by the next ones the token has ended
        assert keycloak.events("REFRESH_TOKEN_ERROR") == []
        assert len(keycloak.events("REFRESH_TOKEN")) >= 2
        (status,) = json.loads(run("status", "--json"))["accounts"]
        assert (status["user"], status["source"]) == ("dora", "stored")
        assert run("logout") == "Signed out, and the session at Terrascope is ended."
        # one that may stay is an offline session, which Keycloak does not list among those of a user
        assert len(keycloak.events("REVOKE_GRANT")) == 1
