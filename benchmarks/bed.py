"""What is downloaded from: files in memory, nginx with a certificate and a bearer check, and a wide-area link.

All of it is on this machine: on loopback, or in two network namespaces that `link.c` joins (which takes root). Files,
certificate and configuration lie in `ROOT`, which is memory, so that no disk is measured.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = Path("/dev/shm/ipyterrascope-benchmarks")
FILES, OUT = ROOT / "files", ROOT / "out"
CA = ROOT / "ca.pem"
_ALLOWED = Path("/proc/sys/net/ipv4/tcp_allowed_congestion_control")
PORT = 18543
TOKEN = ("eyJhbGciOiJSUzI1NiJ9." + "bench0" * 190)[:1200]
"""As long as Keycloak's access tokens are."""

KB, MB = 1 << 10, 1 << 20
SETS = {
    "1 × 1 GB": [("1g.bin", 1 << 30)],
    "1 × 250 MB": [("250m.bin", 250 * MB)],
    "1 × 32 MB": [("32m.bin", 32 * MB)],
    "2000 × 100 KB": [(f"k{number}.bin", 100 * KB) for number in range(2000)],
    "500 × 100 KB": [(f"k{number}.bin", 100 * KB) for number in range(500)],
    "1 × 100 MB and 100 × 1 MB": [("100m.bin", 100 * MB), *[(f"m{number}.bin", MB) for number in range(100)]],
}


@dataclass(frozen=True)
class Place:
    """Where a server is: `namespaces` of server and client, and what `link.c` is told."""

    address: str
    namespaces: tuple[str, str] | None = None
    link: tuple[str, ...] = ()


PLACES = {
    "loopback": Place("127.0.0.1"),
    # 30 ms there and back, 1 Gbit/s, a queue of 4 MiB
    "WAN": Place("10.77.0.1", ("bench-ws", "bench-wc"), ("15", "1000", "4096", "0")),
    "WAN with 1 % loss": Place("10.78.0.1", ("bench-ls", "bench-lc"), ("15", "1000", "4096", "1")),
}
CAPPED = "capped"
"""The folder of which nginx gives 8 MiB/s to each connection."""


def run(*command: object) -> None:
    """Run a command to its end."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")


@contextmanager
def beds(names: list[str]) -> Iterator[None]:
    """Make files and certificate, and serve in the places of these names."""
    FILES.mkdir(parents=True, exist_ok=True)
    _make_files()
    _make_certificate()
    run("gcc", "-O2", "-o", ROOT / "measure", HERE / "measure.c")
    if any(PLACES[name].namespaces for name in names):
        run("gcc", "-O2", "-o", ROOT / "link", HERE / "link.c", "-lpthread")
    with ExitStack() as stack:
        if any(PLACES[name].namespaces for name in names):
            stack.enter_context(_cubic_allowed())
        for name in names:
            stack.enter_context(_bed(name.replace(" ", "-").replace("%", ""), PLACES[name]))
        yield


def _make_files() -> None:
    for name, size in {file for files in SETS.values() for file in files}:
        path = FILES / name
        if not path.exists() or path.stat().st_size != size:
            with path.open("wb") as file:
                for start in range(0, size, 4 * MB):
                    file.write(os.urandom(min(4 * MB, size - start)))


def _make_certificate() -> None:
    if CA.exists():
        return
    names = ",".join(f"IP:{place.address}" for place in PLACES.values())
    (ROOT / "extensions").write_text(f"subjectAltName={names}\nbasicConstraints=CA:FALSE\n")
    ca, new = ("-out", CA, "-keyout", ROOT / "ca.key"), ("-newkey", "rsa:2048", "-nodes", "-subj")
    run("openssl", "req", "-x509", *new, "/CN=benchmarks", "-addext", "keyUsage=critical,keyCertSign", "-days", 30, *ca)
    run("openssl", "req", *new, "/CN=server", "-keyout", ROOT / "server.key", "-out", ROOT / "server.csr")
    signed = ("-CA", CA, "-CAkey", ROOT / "ca.key", "-CAcreateserial", "-extfile", ROOT / "extensions", "-days", 30)
    run("openssl", "x509", "-req", "-in", ROOT / "server.csr", *signed, "-out", ROOT / "server.pem")


@contextmanager
def _bed(name: str, place: Place) -> Iterator[None]:
    folder = ROOT / name
    folder.mkdir(exist_ok=True)
    (folder / "nginx.conf").write_text(_configuration(folder, place.address))
    server = ["nginx", "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    with ExitStack() as stack:
        if place.namespaces:
            stack.enter_context(_link(place.namespaces, place))
            server = ["ip", "netns", "exec", place.namespaces[0], *server]
        process = stack.enter_context(subprocess.Popen(server, start_new_session=True))
        stack.callback(process.send_signal, signal.SIGTERM)
        time.sleep(0.5)
        yield


@contextmanager
def _link(namespaces: tuple[str, str], place: Place) -> Iterator[None]:
    with ExitStack() as stack:
        for name in namespaces:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
            run("ip", "netns", "add", name)
            stack.callback(run, "ip", "netns", "del", name)
        command = [str(ROOT / "link"), *namespaces, *place.link]
        process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        stack.callback(process.terminate)
        assert process.stdout is not None
        process.stdout.readline()
        client = place.address.removesuffix("1") + "2"
        for name, address in zip(namespaces, (place.address, client), strict=True):
            run("ip", "-n", name, "addr", "add", f"{address}/30", "dev", "link0")
            run("ip", "-n", name, "link", "set", "link0", "up", "txqueuelen", 10_000)
            settings = ("net.ipv4.tcp_no_metrics_save=1", "net.ipv4.tcp_congestion_control=cubic")
            run("ip", "netns", "exec", name, "sysctl", "-w", *settings)
        yield


@contextmanager
def _cubic_allowed() -> Iterator[None]:
    """Let namespaces have the congestion control that most servers have, whatever this machine's own is."""
    before = _ALLOWED.read_text()
    _ALLOWED.write_text(" ".join({*before.split(), "cubic"}))
    try:
        yield
    finally:
        _ALLOWED.write_text(before)


def _configuration(folder: Path, address: str) -> str:
    return f"""
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 2;
user root; worker_rlimit_nofile 8192; events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000; default_type image/tiff;
  client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  map_hash_bucket_size 4096; map $http_authorization $is_signed_in {{ default 0; "Bearer {TOKEN}" 1; }}
  server {{
    listen {address}:{PORT} ssl backlog=1024;
    ssl_certificate {ROOT}/server.pem; ssl_certificate_key {ROOT}/server.key; ssl_session_cache shared:s:4m;
    if ($is_signed_in = 0) {{ return 401; }}
    location /free/ {{ alias {FILES}/; }}
    location /{CAPPED}/ {{ alias {FILES}/; limit_rate 8m; }}
  }}
}}
"""
