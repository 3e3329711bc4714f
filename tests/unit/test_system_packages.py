"""`tools/system-packages`, run on machines that are made of a search path."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "system-packages"


class Machine:
    """A search path with the plainest commands, to which a test adds programs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.installed = folder / "installed"
        for name in ("chmod", "env", "ls", "sed", "sh", "touch"):
            (folder / name).symlink_to(str(shutil.which(name)))
        self.add("id", "echo 0")

    def add(self, name: str, script: str = "") -> None:
        """Put a program on the search path."""
        (self.folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.folder / name).chmod(0o755)

    def run(self, *needs: str) -> subprocess.CompletedProcess[str]:
        """Run the script."""
        environment = {"PATH": str(self.folder), "HOME": str(self.folder)}
        return subprocess.run(
            [SCRIPT, *needs], env=environment, capture_output=True, text=True, timeout=30, check=False
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_apt_is_left_alone_when_everything_is_there(machine: Machine) -> None:
    """Nothing is asked of apt, and nothing is said."""
    machine.add("apt-get", f"touch {machine.installed}")
    machine.add("mvn")
    machine.add("java", """echo 'openjdk version "17.0.15" 2025-04-15' >&2""")

    ended = machine.run("maven", "java")

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert not machine.installed.exists()


def test_what_is_missing_is_installed_by_apt(machine: Machine) -> None:
    """Only the packages of what is missing are installed."""
    machine.add("mvn")
    unzip = machine.folder / "unzip"
    machine.add("apt-get", f'echo "$@" >> {machine.installed}; touch {unzip}; chmod 755 {unzip}')

    ended = machine.run("maven", "unzip")

    assert ended.returncode == 0
    assert machine.installed.read_text().splitlines()[-1] == "install -qq -y --no-install-recommends unzip"


def test_where_apt_cannot_be_used_the_list_is_printed(machine: Machine) -> None:
    """Without apt, everything that is missing is told, an old Java included, and the exit status is 1."""
    machine.add("mvn")
    machine.add("java", """echo 'openjdk version "11.0.2" 2019-01-15' >&2""")

    ended = machine.run("maven", "java", "unzip", "chromium")

    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "This machine lacks:",
        "  - a Java runtime, 17 or newer",
        "  - unzip",
        "  - Chromium, as 'chromium-headless-shell', 'chromium' or by 'playwright install chromium'",
    ]


def test_nobody_is_asked_for_a_password(machine: Machine) -> None:
    """An ordinary user without passwordless sudo gets the list; apt is not run."""
    machine.add("id", "echo 1000")
    machine.add("sudo", '[ "$1" = -n ] && exit 1; read answer')
    machine.add("apt-get", f"touch {machine.installed}")

    assert machine.run("unzip").returncode == 1
    assert not machine.installed.exists()
