"""Secrets: shown to nobody who does not ask, in whichever way a value is usually shown, copied or kept."""

from __future__ import annotations

import copy
import io
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import pytest

from ipyterrascope.errors import LoginRefused, SecretExposed, UsageError
from ipyterrascope.values.secret import Secret, Veiled, sealed
from testbed.leaks import places

TEXT = "eyJ-the-secret"


@dataclass
class Holder:
    token: Secret = field(default_factory=lambda: Secret(TEXT))


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        ascii,
        "{}".format,
        "{:>40}".format,
        "{!r}".format,
        lambda secret: f"{secret}{secret!s}{secret!r}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031 - logging does it this way
        lambda secret: repr(Holder(secret)),
        lambda secret: repr({"token": [secret]}),
        lambda secret: json.dumps({"token": secret}, default=str),
    ],
)
def test_every_way_of_showing_it_is_masked(show: Callable[[Secret], str]) -> None:
    """repr, str, format, f-strings, containers and dataclasses show a mask."""
    shown = show(Secret(TEXT))
    assert TEXT not in shown
    assert "•••" in shown or "\\u2022" in shown


@pytest.mark.parametrize("value", [TEXT.encode(), None, 5, [TEXT], Secret(TEXT)])
def test_what_is_no_text_is_refused_at_once(value: object) -> None:
    """The error names the type, and neither it nor its frames have what was given."""
    with pytest.raises(UsageError, match=f"of type {type(value).__name__}") as caught:
        Secret(value)  # type: ignore[arg-type]
    trace = caught.value.__traceback__
    assert trace is not None
    assert trace.tb_next is not None
    assert "value" not in trace.tb_next.tb_frame.f_locals


def test_json_refuses_it() -> None:
    """A secret does not become JSON by itself."""
    with pytest.raises(TypeError):
        json.dumps({"token": Secret(TEXT)})


def test_logging_masks_it() -> None:
    """A log line shows the mask, also at DEBUG and in an exception's traceback."""
    stream = io.StringIO()
    logger = logging.Logger("test", logging.DEBUG)
    logger.addHandler(logging.StreamHandler(stream))
    secret = Secret(TEXT)
    logger.debug("got %s %r", secret, [secret])
    try:
        raise LoginRefused(f"no {secret}")  # noqa: TRY301
    except LoginRefused:
        logger.exception("it failed with %s", secret)
    assert TEXT not in stream.getvalue()
    assert stream.getvalue().count("•••") == 4


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_does_not_pickle(protocol: int) -> None:
    """Pickling raises with advice, by itself or inside anything."""
    for thing in (Secret(TEXT), Holder(), [Secret(TEXT)]):
        with pytest.raises(SecretExposed, match="cannot be pickled"):
            pickle.dumps(thing, protocol)


@pytest.mark.parametrize("take", [copy.copy, copy.deepcopy, lambda secret: asdict(Holder(secret))])
def test_it_is_not_copied(take: Callable[[Secret], object]) -> None:
    """There is one holder of a secret: copying raises, as pickling does."""
    with pytest.raises(SecretExposed):
        take(Secret(TEXT))


def test_nothing_of_it_is_an_attribute_by_name() -> None:
    """There is no `__dict__`, and no public attribute holds the text."""
    secret = Secret(TEXT)
    assert not hasattr(secret, "__dict__")
    assert not [name for name in dir(secret) if not name.startswith("_") and name != "reveal"]


def test_equality() -> None:
    """Secrets are equal by what they hold, never to a plain string, and serve as keys of sets."""
    assert Secret(TEXT) == Secret(TEXT)
    assert Secret(TEXT) != Secret("other")
    assert Secret(TEXT) != TEXT
    assert Secret(TEXT) != TEXT
    assert {Secret(TEXT), Secret(TEXT)} == {Secret(TEXT)}
    assert Secret("päss wörd+&%") == Secret("päss wörd+&%")
    assert Secret("half \udcff") == Secret("half \udcff")
    assert Secret("half \udcff") != Secret("half")


def test_truth_and_reveal() -> None:
    """A secret is true when it holds something, and gives it to who asks."""
    assert Secret("x")
    assert not Secret("")
    assert Secret(TEXT).reveal() == TEXT


def sealed_failure(call: Callable[[], object]) -> BaseException:
    try:
        sealed(call)
    except BaseException as exc:
        return exc
    raise AssertionError("nothing was raised")


def test_sealed_drops_the_frames_of_what_failed() -> None:
    """What fails while it reads a secret raises without the frames, and so the locals, in which it was read."""

    def reads(secret: Secret) -> None:
        text = secret.reveal()
        try:
            raise ValueError("a library failed")  # noqa: TRY301
        except ValueError as exc:
            raise LoginRefused("It failed.") from exc
        finally:
            del text

    failure = sealed_failure(lambda: reads(Secret(TEXT)))
    assert isinstance(failure, LoginRefused)
    assert isinstance(failure.__cause__, ValueError)
    assert "in reads" not in "".join(traceback.format_exception(failure))
    assert places(TEXT, failure) == []


def test_what_lists_attributes_shows_no_text() -> None:
    """A debugger's variables and `rich.inspect` look at every attribute: none of them is the text."""
    secret = Secret(TEXT)
    shown = [repr(getattr(secret, name, None)) for name in dir(secret)]
    assert [text for text in shown if TEXT in text] == []


def test_sealed_covers_an_interrupt() -> None:
    """Ctrl-C while a secret is read goes on without the frames too."""

    def reads() -> None:
        text = Secret(TEXT).reveal()
        raise KeyboardInterrupt(text[:0])

    failure = sealed_failure(reads)
    assert isinstance(failure, KeyboardInterrupt)
    assert "in reads" not in "".join(traceback.format_exception(failure))


def test_sealed_returns_what_it_is_given() -> None:
    """Where nothing fails, the result comes through."""
    assert sealed(lambda: 42) == 42


def test_veiled_text_is_sent_as_it_is_and_shown_as_a_mask() -> None:
    """A header's value for a library is plain text on the wire; a repr, a container's too, and a pickle mask it."""
    veiled = Veiled("Bearer canary")
    assert (veiled, veiled.encode("latin-1"), veiled.partition(" ")[2]) == ("Bearer canary", b"Bearer canary", "canary")
    assert "canary" not in repr(veiled) + repr({"Authorization": veiled}) + str([veiled])
    assert b"canary" not in pickle.dumps(veiled)
