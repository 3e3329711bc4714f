"""Tab completion, asked of IPython's own completer."""

from __future__ import annotations

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

from ipyterrascope import configuration


def completed(shell: InteractiveShell, text: str) -> list[str]:
    with provisionalcompleter():
        return [text[: match.start] + match.text for match in shell.Completer.completions(text, len(text))]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("%terrascope ", ["login", "status", "session", "logout"]),
        ("%terrascope lo", ["login", "logout"]),
        ("%terrascope login --", ["--method", "--wait", "--user"]),
        ("%terrascope login --wait --", ["--method", "--user"]),
        ("%terrascope login --method ", ["device", "password", "basic"]),
        ("%terrascope login --method p", ["password"]),
        ("%terrascope logout ", ["terrascope"]),
        ("%terrascope logout ter", ["terrascope"]),
        ("s = %terrascope se", ["session"]),
        ("terrascope st", ["status"]),
        ("%download --", ["--dir", "--output", "--overwrite", "--provider"]),
        ("%download https://a.example.org/b.tif --ov", ["--overwrite"]),
        ("%download --provider ", ["terrascope"]),
        ("%%download --o", ["--output", "--overwrite"]),
        ("x = 1\n%terrascope sta", ["status"]),
    ],
)
def test_words_that_may_follow(shell: InteractiveShell, text: str, found: list[str]) -> None:
    """Subcommands, options, choices and providers' names are offered, and nothing of Python among them."""
    head = text[: text.rindex(" ") + 1]
    assert completed(shell, text) == [head + word for word in found]


def test_a_choice_after_an_equals_sign(shell: InteractiveShell) -> None:
    """`--method=d` completes too."""
    assert completed(shell, "%terrascope login --method=d") == ["%terrascope login --method=device"]


def test_urls_and_folders_are_left_to_ipython(shell: InteractiveShell) -> None:
    """Where a URL, a variable or a folder goes, IPython's own completion works."""
    shell.user_ns["my_urls"] = []
    assert "%download $my_urls" in completed(shell, "%download $my_u")


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
