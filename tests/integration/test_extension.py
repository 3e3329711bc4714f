"""The extension in a kernel: loaded by hand or by configuration, loaded twice, reloaded, unloaded, misconfigured."""

from __future__ import annotations

from pathlib import Path

import pytest
from kernels import FrontEnd, front_end
from places import PASSWORD, environment_for

from ipyterrascope.magics.options import download_parser, terrascope_parser
from ipyterrascope.options import help_of
from ipyterrascope.sandbox import Sandbox
from private_jupyter import configure_ipython


def configured(folder: Path, **traits: object) -> dict[str, str]:
    """Return the environment of a kernel whose `ipython_config.py` sets these traits."""
    environ = environment_for(folder)
    configure_ipython(Path(environ["IPYTHONDIR"]), {name.replace("__", "."): value for name, value in traits.items()})
    return environ


def signed_in_by_form(notebook: FrontEnd) -> None:
    view = notebook.run("%terrascope login --method password").views[0]
    notebook.sign_in_by_form(view, "dora", PASSWORD)
    notebook.until_phase(view, "signed_in")


def test_the_configuration_file_loads_and_configures_it(box: Sandbox, tmp_path: Path) -> None:
    """With `ipython_config.py` alone a kernel has the magics, and the sandbox as Terrascope."""
    environ = configured(
        tmp_path,
        InteractiveShellApp__extensions=["ipyterrascope"],
        Terrascope__issuer=box.issuer,
        Terrascope__hosts={f"127.0.0.1:{box.port}"},
        Terrascope__label="Terrascope of the tests",
        Terrascope__badge="SANDBOX",
    )
    with front_end(environ, tmp_path) as notebook:
        signed_in_by_form(notebook)
        status = notebook.run("%terrascope status").result
        assert status.startswith("Terrascope of the tests [SANDBOX]: signed in as dora, by password.")
        fetched = notebook.run(f"r = %download {box.download_urls[0]} -d data\nprint(r)")
        assert fetched.stream.startswith("1 saved")


def test_a_bad_trait_is_said_and_the_kernel_goes_on(tmp_path: Path) -> None:
    """A trait that cannot be right stops the loading in plain sentences; every other cell runs."""
    environ = configured(tmp_path, Terrascope__issuer="http://sso.example.org")
    with front_end(environ, tmp_path) as notebook:
        assert notebook.run("%load_ext ipyterrascope").shown.splitlines() == [
            "ConfigurationError: c.Terrascope is not configured right.",
            "The issuer of provider terrascope is not a secure address. Credentials go only to https (http only on "
            "loopback), without user information in the address. Check the address.",
            "Correct ipython_config.py, then load the extension again.",
        ]
        assert notebook.run("1 + 1").result == "2"
        assert "not found" in notebook.run("%terrascope login").stream


def test_a_bad_trait_does_not_keep_a_kernel_from_starting(tmp_path: Path) -> None:
    """Where the configuration loads the extension itself, a bad trait is reported and the kernel starts."""
    environ = configured(tmp_path, InteractiveShellApp__extensions=["ipyterrascope"], Terrascope__hosts={"https://x"})
    with front_end(environ, tmp_path) as notebook:
        assert notebook.run("1 + 1").result == "2"
    assert "is not a host name" in (tmp_path / "kernel.log").read_text()


def test_loading_again_keeps_the_login(notebook: FrontEnd) -> None:
    """`%load_ext` twice and `%reload_ext` change nothing about who is signed in, nor about the widget."""
    signed_in_by_form(notebook)
    assert "already loaded" in notebook.run("%load_ext ipyterrascope").stream
    assert notebook.run("%reload_ext ipyterrascope").ename == ""
    assert "signed in as dora" in notebook.run("%terrascope status").result
    assert notebook.run("import ipyterrascope as ts; ts.session(), ts.auth()").ename == ""
    assert notebook.run("%unload_ext ipyterrascope").ename == ""
    assert "not found" in notebook.run("%terrascope status").stream
    assert notebook.run("ts.account()").result == "<Account terrascope: signed_in as dora>"
    assert notebook.run("%load_ext ipyterrascope").ename == ""
    assert "signed in as dora" in notebook.run("%terrascope status").result


def test_config_moves_to_another_provider_and_back(notebook: FrontEnd) -> None:
    """`%config Terrascope.issuer = …` turns to another provider at once; the login at the first one is kept."""
    signed_in_by_form(notebook)
    with Sandbox() as other:
        notebook.run("issuer = get_ipython().run_line_magic('config', 'Terrascope.issuer')")
        assert notebook.run(f"%config Terrascope.issuer = {other.issuer!r}").ename == ""
        assert notebook.run("s = %terrascope session").ename == "LoginRequired"
        signed_in_by_form(notebook)
        assert len(other.requests_to("/token")) == 1
    notebook.run("%config Terrascope.issuer = issuer")
    assert notebook.run("s = %terrascope session").ename == ""


@pytest.mark.parametrize(("name", "parser"), [("terrascope", terrascope_parser), ("download", download_parser)])
def test_the_help_of_a_notebook_is_the_parsers(notebook: FrontEnd, name: str, parser: type) -> None:
    """`%terrascope?` and `%download?` show the parser's own help in the pager."""
    shown = notebook.help_of(f"%{name}")
    assert all(line.strip() in shown for line in help_of(parser()).splitlines())


def test_tab_completes_in_a_notebook(notebook: FrontEnd) -> None:
    """The kernel's completion offers subcommands, options, choices and providers, and nothing else."""
    assert notebook.complete("%terrascope lo") == ["login", "logout"]
    assert notebook.complete("s = %terrascope ses") == ["session"]
    assert notebook.complete("%terrascope login --method ") == ["device", "password", "basic", "code", "token", "oidc"]
    assert notebook.complete("%terrascope status ") == ["terrascope", "openeo:"]
    assert notebook.complete("%download --") == [
        "--dir", "--output", "--overwrite", "--plan", "--asset", "--roles", "--local",
        "--max-connections", "--limit-rate", "--provider", "--background",
    ]  # fmt: skip
    notebook.run("some_urls = []; import os; os.mkdir('some_folder')")
    assert notebook.complete("%download $some") == ["$some_urls"]
    assert notebook.complete("%download $some_urls -d some") == ["some_folder/"]
