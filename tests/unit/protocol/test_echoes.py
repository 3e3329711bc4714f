"""What a provider repeats of a form is not passed on; what it says otherwise is."""

from __future__ import annotations

import pytest

from ipyterrascope.errors import TerrascopeError
from ipyterrascope.protocol.echoes import without_echo
from ipyterrascope.protocol.oauth import OAuthClient
from ipyterrascope.sandbox import Sandbox, steps
from ipyterrascope.values.secret import Secret
from testbed.leaks import places

FORM = Secret("client_id=public&grant_type=password&username=dora&password=s3cret++Pa55&totp=123456")


@pytest.mark.parametrize(
    "text", ["Invalid user credentials", "dora is not known to public", "s3cret Pa55", "12345", ""]
)
def test_what_holds_nothing_of_the_form_is_passed_on(text: str) -> None:
    """Names that anybody may know, and other words, stay."""
    assert without_echo(text, FORM) == text
    assert without_echo(text, None) == text


@pytest.mark.parametrize(
    "text", ["s3cret  Pa55", "'S3CRET  PA55' is wrong", "x" * 500 + "s3cret  Pa55", "code 123456?"]
)
def test_what_holds_a_value_of_the_form_is_not(text: str) -> None:
    """A password or a code is found in capitals, behind much else, and with all its blanks."""
    assert without_echo(text, FORM) == ""


@pytest.mark.parametrize("field", ["error", "error_description"])
def test_a_provider_that_repeats_a_refresh_token(box: Sandbox, field: str) -> None:
    """Also the refusal of another grant shows nothing of what was sent."""
    client = OAuthClient(box.provider())
    tokens = client.password("dora", Secret("s3cret-Pa55"))
    assert tokens.refresh_token is not None
    said = {"error": "invalid_grant", "error_description": "no"} | {field: f"not {tokens.refresh_token.reveal()}"}
    box.timeline.token(steps.payload(said, 400))
    with pytest.raises(TerrascopeError) as caught:
        client.refresh(tokens)
    assert places(tokens.refresh_token.reveal(), caught.value, besides=[tokens]) == []
