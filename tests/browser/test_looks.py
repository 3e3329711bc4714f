"""How the widget looks and reads in JupyterLab: every face, in three themes, wide and narrow, and by keyboard."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from testbed.lab import Lab
from testbed.looks import checked, size_of
from testbed.scenes import ENDINGS, GUESTS, SCENES, THEMES, Theatre, theatre

# what a person opens or does wrong may take room; all else must not move what is below
GROWING = {"code-qr", "form-one-time-code", "form-refused"}
WIDTHS_PX = (0, 640, 320, 240, 160)  # 0: as the cell is

# of the other faces, what says most of them, in the order of reading
_READS = {
    "start": [
        "Sign in once: this notebook can then use your data",
        'button "Sign in with Terrascope"',
        'link "Register"',
    ],
    "asking": ["Signing in…", 'button "Cancel"'],
    "denied": ["alert", "The sign-in was denied.", 'button "New code"'],
    "form-refused": [
        "Terrascope did not accept the user name and password.",
        'textbox "User name": dora',
        'textbox "Password"',
        'button "Sign in"',
        'link "Forgot the password?"',
        'link "My account"',
    ],
    "signed-in": [
        "Signed in as dora.",
        "With a device code.",
        "Ends at",
        'button "Log out"',
        'button "Switch account"',
    ],
    "ends-soon": ["Signed in as dora.", "Not used for a while: this login ends in 7 minutes, at", 'button "Log out"'],
}
CASTS = list(dict.fromkeys(scene.cast for scene in GUESTS.values()))
_ROOT = ".jp-NotebookPanel:not(.lm-mod-hidden) .ipyterrascope-login"


@pytest.fixture
def stage(lab: Lab) -> Iterator[Theatre]:
    with theatre(lab) as stage:
        yield stage


@pytest.mark.parametrize("theme", THEMES)
def test_every_face_is_accessible(stage: Theatre, theme: str, record_property: Any) -> None:
    """axe finds nothing wrong and is unsure of nothing, and it did look at the contrast of the texts in each face."""
    stage.notebook.use_theme(THEMES[theme])
    found: dict[str, list[Any]] = {}
    looked: dict[str, int] = {}
    for name in SCENES:
        stage.show(name)
        found[name], looked[name] = checked(stage.notebook.page, _ROOT)
    record_property("color-contrast", looked)
    assert {name: faults for name, faults in found.items() if faults} == {}
    assert min(looked.values()) >= 3, looked
    assert sum(looked.values()) >= 120, looked


@pytest.mark.parametrize("name", ENDINGS)
def test_a_lost_kernel_is_accessible(lab: Lab, name: str) -> None:
    """The same holds where the kernel is busy, and where it is gone."""
    with theatre(lab) as stage:
        stage.show(name)
        in_every_theme(stage)


@pytest.mark.parametrize("cast", CASTS)
def test_the_faces_of_other_providers_are_accessible_and_fit(lab: Lab, cast: str) -> None:
    """The same holds for a provider that can be chosen, a token that is pasted, and pages that a back-end names."""
    faults: list[tuple[object, ...]] = []
    with theatre(lab, cast) as stage:
        for name in [name for name in GUESTS if GUESTS[name].cast == cast]:
            stage.show(name)
            in_every_theme(stage)
            for width in WIDTHS_PX[:-1]:  # their names are long
                _, over, broken = size_of(stage.notebook.page, _ROOT, width)
                broken = [word for word in broken if "://" not in word]  # where else would an address go
                if over > 0 or broken:
                    faults.append((name, width, over, broken))
    assert faults == []


def in_every_theme(stage: Theatre) -> None:
    for theme in THEMES.values():
        stage.notebook.use_theme(theme)
        faults, looked = checked(stage.notebook.page, _ROOT)
        assert faults == []
        assert looked >= 3


def test_every_face_fits_and_nothing_below_jumps(stage: Theatre) -> None:
    """All faces that come by themselves are equally high, in a wide cell and in a side panel of 320 px (also 640 px at
    200 % zoom); and nothing sticks out of the card and no word is broken, however narrow it is."""
    heights: dict[int, dict[str, int]] = {width: {} for width in WIDTHS_PX}
    faults: list[tuple[object, ...]] = []
    for name in SCENES:
        stage.show(name)
        for width in WIDTHS_PX:
            height, over, broken = size_of(stage.notebook.page, _ROOT, width)
            if name not in GROWING:
                heights[width][name] = height
            if over > 0 or broken:
                faults.append((name, width, over, broken))
    assert faults == []
    for width in (0, 320):
        assert len(set(heights[width].values())) == 1, heights[width]


def test_a_face_reads_like_sentences(stage: Theatre) -> None:
    """What a screen reader is told: names that say what a thing does and where it leads, in the order of reading."""
    told = stage.show("code").aria_snapshot()
    assert re.sub(r"timer: .*", "timer", told).splitlines() == [
        '- group "Sign in at Terrascope":',
        "  - text: Terrascope sso.terrascope.be",
        "  - paragraph:",
        "    - text: Approve this code at",
        "    - strong: sso.terrascope.be",
        "  - code: WDJB-MJHT",
        '  - button "Copy the code": Copy',
        '  - button "Show the address as a QR code": QR',
        '  - link "Copy code & open Terrascope (in a new tab)":',
        "    - /url: https://sso.terrascope.be/auth/realms/terrascope/device?user_code=WDJB-MJHT",
        "    - text: Copy code & open Terrascope",
        '  - button "New code"',
        '  - button "Cancel"',
        '  - checkbox "Stay signed in on this machine"',
        "  - text: Stay signed in on this machine",
        "  - paragraph: Waiting for your approval",
        "  - timer",
        '  - button "Use a password"',
        "  - paragraph: Your code is W D J B - M J H T. Approve it at sso.terrascope.be.",
    ]
    for name, wanted in _READS.items():
        told = stage.show(name).aria_snapshot()
        position = -1
        for line in wanted:
            assert line in told, (name, told)
            assert told.index(line) > position, (name, told)
            position = told.index(line)
    empty = stage.show("form-empty").aria_snapshot()
    for name in ("User name", "Password"):
        assert f'textbox "{name} Fill this in."' in empty
    assert 'button "Show what is typed"' in empty


@pytest.mark.usefixtures("browser_context")
def test_a_system_with_forced_colours_and_no_motion_is_obeyed(stage: Theatre) -> None:
    """With Windows' high contrast each button keeps an edge; with reduced motion nothing pulses."""
    page = stage.notebook.page
    page.emulate_media(forced_colors="active", reduced_motion="reduce")
    widget = stage.show("code")
    for control in (*widget.get_by_role("button").all(), widget.get_by_role("link").first):
        edge = control.evaluate(
            "node => [getComputedStyle(node).borderTopStyle, getComputedStyle(node).borderTopColor]"
        )
        assert edge[0] == "solid"
        assert edge[1] != "rgba(0, 0, 0, 0)", json.dumps(edge)
    motion = "node => getComputedStyle(node, '::before').animationName"
    assert widget.locator(".ts-going-on").evaluate(motion) == "none"
