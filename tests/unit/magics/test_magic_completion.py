"""Tab completion, asked of IPython's own completer."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from openeo.rest.auth.config import AuthConfig

from ipyterrascope import configuration
from ipyterrascope.configuration import Configuration
from ipyterrascope.magics.completion import completions
from ipyterrascope.transfer import Item
from ipyterrascope.values.known import KNOWN_BACKENDS, TERRASCOPE
from ipyterrascope.values.states import Source


def completed(shell: InteractiveShell, text: str) -> list[str]:
    with provisionalcompleter():
        return [text[: match.start] + match.text for match in shell.Completer.completions(text, len(text))]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("%terrascope ", ["login", "status", "gdal", "session", "logout"]),
        ("%terrascope gdal o", ["on", "off"]),
        ("%terrascope lo", ["login", "logout"]),
        (
            "%terrascope login --",
            ["--method", "--source", "--user", "--provider-id", "--client-id", "--remember", "--wait"],
        ),
        (
            "%terrascope login --wait --",
            ["--method", "--source", "--user", "--provider-id", "--client-id", "--remember"],
        ),
        ("%terrascope login --source ", list(get_args(Source))),
        ("%terrascope login --source t", ["token_file", "token"]),
        ("%terrascope login --method ", ["device", "password", "basic", "code", "token", "oidc"]),
        ("%terrascope login --method p", ["password"]),
        ("%terrascope logout ", ["terrascope", "openeo:", "--provider-id"]),
        ("%terrascope logout ter", ["terrascope"]),
        ("s = %terrascope se", ["session"]),
        ("terrascope st", ["status"]),
        (
            "%download --",
            [
                "--dir",
                "--output",
                "--overwrite",
                "--plan",
                "--asset",
                "--roles",
                "--local",
                "--max-connections",
                "--limit-rate",
                "--provider",
                "--background",
            ],
        ),
        ("%download $items --local ", ["link", "copy", "off"]),
        ("%download https://a.example.org/b.tif --ov", ["--overwrite"]),
        ("%download --provider ", ["terrascope", "openeo:"]),
        ("%terrascope login openeo:openeo.d", ["openeo:openeo.dataspace.copernicus.eu"]),
        ("%%download --o", ["--output", "--overwrite"]),
        ("x = 1\n%terrascope sta", ["status"]),
    ],
)
def test_words_that_may_follow(shell: InteractiveShell, text: str, found: list[str]) -> None:
    """Subcommands, options, choices and providers' names are offered, and nothing of Python among them."""
    head = text[: text.rindex(" ") + 1]
    assert completed(shell, text) == [head + word for word in found]


def test_back_ends_that_are_known_here(
    shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once `openeo:` is there: the one that is configured, the built-in ones, and those of openEO's own file."""
    monkeypatch.setenv("OPENEO_CONFIG_HOME", str(tmp_path))
    file = tmp_path / "auth-config.json"
    AuthConfig(file).set_basic_auth("https://openeo.example.org/", "dora", "pa55")
    monkeypatch.setattr(configuration, "_configured", Configuration(openeo_backend="http://127.0.0.1:8080"))
    own = ["http://127.0.0.1:8080", *KNOWN_BACKENDS, "openeo.example.org"]
    assert completed(shell, "%terrascope login openeo:") == [f"%terrascope login openeo:{name}" for name in own]
    file.chmod(0o644)
    assert completed(shell, "%terrascope login openeo:") == [f"%terrascope login openeo:{name}" for name in own[:-1]]


def test_a_choice_after_an_equals_sign(shell: InteractiveShell) -> None:
    """`--method=d` completes too."""
    assert completed(shell, "%terrascope login --method=d") == ["%terrascope login --method=device"]


class Trap:
    """Answers to every name with an error."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(name)


@pytest.fixture(params=[True, False], ids=["jedi", "no jedi"])
def full_shell(request: pytest.FixtureRequest, shell: InteractiveShell) -> InteractiveShell:
    """A shell in whose namespace and folder there is something of each kind."""
    shell.Completer.use_jedi = request.param
    shell.user_ns.update(
        my_urls=["https://a.example.org/b.tif"],
        my_url="https://a.example.org/b.tif",
        my_item=Item("https://a.example.org/b.tif", "b.tif"),
        my_folder=Path("data"),
        my_provider=TERRASCOPE,
        my_number=3,
        my_trap=Trap(),
        my_function=print,
        my_mapping={},
        my_stac={"type": "Feature", "assets": {}},
        my_search=SimpleNamespace(items_as_dicts=lambda: iter(())),
        _my_hidden="text",
    )
    for folder in ("data/inner", "my data", "odd$name"):
        Path(folder).mkdir(parents=True)
    Path("data.tif").touch()
    return shell


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("%download ", ["$my_urls", "$my_url", "$my_item", "$my_stac", "$my_search"]),
        ("%download $my_s", ["$my_stac", "$my_search"]),
        ("%download @da", ["@data.tif", "@data/"]),
        ("%download $my_url @data/", ["@data/inner/"]),
        ("%%download @m", ['@"my data/"']),
        ("%download $my_u", ["$my_urls", "$my_url"]),
        ("%download $my_url $my_i", ["$my_item"]),
        ("r = %download $my_i", ["$my_item"]),
        ("%%download $my_urls -d $my_", ["$my_url", "$my_folder"]),
        ("%download $my_urls -o $my_f", ["$my_folder"]),
        ("%download $my_urls --provider $", ["$my_provider"]),
        ("%terrascope login $", ["$my_provider"]),
        ("%download $my_urls -d da", ["data/"]),
        ("%download $my_urls --dir data/", ["data/inner/"]),
        ("%download $my_urls -d m", ['"my data/"']),
    ],
)
def test_variables_and_folders_where_they_fit(full_shell: InteractiveShell, text: str, found: list[str]) -> None:
    """`$` offers the user's variables that can stand there, `-d` offers folders, and nothing of Python among them."""
    head = text[: text.rindex(" ") + 1]
    assert completed(full_shell, text) == [head + word for word in found]


def test_folders_in_the_persons_home(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`~` stays as it was typed: `%download` understands it."""
    (tmp_path / "home" / "data").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert completed(shell, "%download $urls -d ~/d") == ["%download $urls -d ~/data/"]


def test_files_are_left_to_ipython(shell: InteractiveShell) -> None:
    """Where a file's name goes, IPython's own completion works."""
    Path("mosaic.tif").touch()
    assert completed(shell, "%download $urls -o mo") == ["%download $urls -o mosaic.tif"]


@given(st.text(), st.sampled_from(["", "$", "-d ", "--provider ", "-d '"]))
def test_any_line_can_be_completed(line: str, last: str) -> None:
    """Whatever stands in a line, Tab raises nothing and answers for the end of the line."""
    text = f"%download {line} {last}{line}"
    fragment, found = completions(text, {"urls": []})
    assert text.endswith(fragment)
    assert all(isinstance(word, str) for word in found)


def test_no_other_line_is_touched(shell: InteractiveShell) -> None:
    """Other magics and Python code complete as ever."""
    assert completed(shell, "%load_e") == ["%load_ext"]
    assert not [word for word in completed(shell, "download.") if "--dir" in word]


def test_a_configuration_that_went_wrong_breaks_no_completion(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the environment's issuer cannot be right, providers are simply not offered."""
    configuration.configure(None)
    monkeypatch.setenv("TERRASCOPE_ISSUER", "http://not.secure.example.org")
    assert completed(shell, "%terrascope login --w") == ["%terrascope login --wait"]


def test_unloading_takes_the_completions_away(shell: InteractiveShell) -> None:
    """After `%unload_ext` nothing of ours is offered, and loading again offers it once."""
    shell.extension_manager.unload_extension("ipyterrascope")
    assert not [word for word in completed(shell, "%terrascope lo") if word.endswith(("login", "logout"))]
    shell.extension_manager.load_extension("ipyterrascope")
    assert completed(shell, "%terrascope logi") == ["%terrascope login"]
