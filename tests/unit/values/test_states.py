"""States and device codes: what may be shown is shown, and what may not is not."""

from __future__ import annotations

import pickle

import pytest

from ipyterrascope.errors import SecretExposed
from ipyterrascope.values.secret import Secret
from ipyterrascope.values.states import DeviceAuthorization, LoginState

DEVICE = DeviceAuthorization(
    device_code=Secret("the-device-code"),
    code_verifier=Secret("the-code-verifier"),
    user_code="WDJB-MJHT",
    verification_uri="https://sso.example.org/device",
    verification_uri_complete=None,
    expires_at=1600.0,
    interval=5.0,
)


def test_a_device_code_is_not_shown() -> None:
    """What people type is shown; device code and verifier are neither shown nor pickled, also inside a state."""
    state = LoginState(phase="awaiting_user", device=DEVICE)
    assert "WDJB-MJHT" in repr(state)
    assert "the-device-code" not in repr(state)
    assert "the-code-verifier" not in repr(state)
    with pytest.raises(SecretExposed):
        pickle.dumps(state)
