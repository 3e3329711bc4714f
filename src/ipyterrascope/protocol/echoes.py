"""What a provider sends back of what it was sent: never to be shown (floor 2).

Errors are shown, kept in a widget's traits and saved with a notebook; some servers repeat in them what they refuse.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from ..values.secret import Secret

# what may be shown, because anybody may know it
_PUBLIC = ("client_id", "grant_type", "scope", "username", "token_type_hint", "code_challenge_method")
# what is shorter stands in many a text by chance
_LEAST_LETTERS = 4


def without_echo(text: str, form: Secret | None) -> str:
    """Return a text of the server, or nothing where it holds a value of the form, in capitals or not."""
    if form is None:
        return text
    said = text.casefold()
    for name, value in parse_qsl(form.reveal()):
        if name not in _PUBLIC and len(value) >= _LEAST_LETTERS and value.casefold() in said:
            return ""
    return text
