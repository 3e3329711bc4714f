"""The one tree of errors (floor 0).

Every error carries three short sentences: `what` happened, `why`, and what to `do` next; `str()` is the three.

    TerrascopeError
    ├── ConfigurationError        a provider, issuer, host or trait that cannot be right
    ├── UsageError                a command line or an argument that cannot be read
    │   └── UnknownProvider       no provider has that name
    ├── SecretExposed             something would have carried a secret out of the kernel (pickle, argument)
    ├── LoginError
    │   ├── LoginRequired         nobody is signed in, and nobody can be asked here and now
    │   ├── LoginRefused          the provider said no to these credentials
    │   │   └── AccountRefused    the account is disabled, or wants something done first
    │   ├── LoginDenied           the person (or the provider) denied the device login
    │   ├── LoginExpired          the device code ran out before it was approved
    │   ├── LoginCancelled        the person cancelled
    │   └── FlowUnavailable       this provider or client does not offer that way to sign in
    ├── ProviderError
    │   ├── ProviderUnreachable   no answer, or 5xx/429: passing (`retryable`)
    │   └── ProviderAnswerInvalid an answer that is not what the RFC says
    └── TransferError
        ├── SourceInvalid         not a thing that can be downloaded
        ├── TargetInvalid         the folder or name cannot be written
        ├── ServerRefused         401, 403, 404 … for good
        │   ├── ApplicationNotApproved  a data centre that a person has to let have their login (`page_url`)
        │   └── EulaNotAccepted   conditions that a person has to accept first (`page_url`)
        ├── ServerUnreachable     no answer, time-out, 5xx (`retryable`)
        ├── ContentInvalid        a login page, a wrong length, a wrong checksum
        │   └── LoginPageReceived the login's own page, with 200 (`page_url`)
        ├── DownloadFailed        the summary of a batch in which something failed, or was cancelled
        └── DownloadUnfinished    not over yet, for somebody who would not wait longer

None derives from `OSError`: aiohttp would turn it into `ClientOSError`, and fsspec into `FileNotFoundError`.
No text holds a response body, a query string or a header; `error_description` may be quoted after `quoted()`.
"""

from __future__ import annotations

import unicodedata

__all__ = [
    "AccountRefused",
    "ApplicationNotApproved",
    "ConfigurationError",
    "ContentInvalid",
    "DownloadFailed",
    "DownloadUnfinished",
    "EulaNotAccepted",
    "FlowUnavailable",
    "LoginCancelled",
    "LoginDenied",
    "LoginError",
    "LoginExpired",
    "LoginPageReceived",
    "LoginRefused",
    "LoginRequired",
    "ProviderAnswerInvalid",
    "ProviderError",
    "ProviderUnreachable",
    "SecretExposed",
    "ServerRefused",
    "ServerUnreachable",
    "SourceInvalid",
    "TargetInvalid",
    "TerrascopeError",
    "TransferError",
    "UnknownProvider",
    "UsageError",
]

SIGN_IN_AGAIN = "Sign in again."
"""What to do where a login has ended. Whoever knows what a person can run here says that instead."""

# control, invisible and bidirectional formatting, lone surrogates (which no terminal can print), line separators
_UNFIT = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def is_showable(text: str) -> bool:
    """Tell whether text is one line with nothing invisible in it, so that it can be shown as it is."""
    return text.isprintable() or not any(unicodedata.category(letter) in _UNFIT for letter in text)


def printable(text: str) -> str:
    """Make text of several lines fit for a terminal, whatever it holds: nothing in it steers one."""
    return "".join(
        " " if letter not in "\n\t" and unicodedata.category(letter) in _UNFIT else letter for letter in text
    )


def quoted(text: object, limit: int = 200) -> str:
    """Make text from a server fit for an error: one line, nothing invisible in it, `limit` characters at most."""
    line = str(text)
    if not line.isprintable():
        line = "".join(" " if unicodedata.category(letter) in _UNFIT else letter for letter in line)
    clean = " ".join(line.split())
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


class TerrascopeError(Exception):
    """Base of all errors of this package.

    Parameters
    ----------
    what, why, do : str
        One short sentence each: what happened, why, and what to do next. The last two may be empty.
    error : str, optional
        The wire's error code, for example ``invalid_grant`` (RFC 6749 section 5.2).
    status : int, optional
        The HTTP status, where there was one.
    retry_after_s : float, optional
        Seconds that the server asked to wait before the next try, where it did.
    page_url : str, optional
        The page at which a person mends it, where there is one.

    Attributes
    ----------
    retryable : bool
        True when the same call may succeed later without anybody changing anything.
    """

    retryable: bool = False

    def __init__(
        self,
        what: str,
        why: str = "",
        do: str = "",
        *,
        error: str | None = None,
        status: int | None = None,
        retry_after_s: float | None = None,
        page_url: str = "",
    ) -> None:
        super().__init__(what, why, do)
        self.what, self.why, self.do = what, why, do
        self.error, self.status, self.retry_after_s, self.page_url = error, status, retry_after_s, page_url

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.why, self.do) if part)


class ConfigurationError(TerrascopeError):
    """A provider, issuer, host or trait that cannot be right."""


class UsageError(TerrascopeError):
    """A command line or an argument that cannot be read."""


class UnknownProvider(UsageError, KeyError):
    """No provider has that name. A `KeyError` too, because `ipyterrascope.providers` is a mapping."""


class SecretExposed(TerrascopeError):
    """Something would have carried a secret out of the kernel."""


class LoginError(TerrascopeError):
    """Signing in did not succeed."""


class LoginRequired(LoginError):
    """Nobody is signed in, and nobody can be asked here and now."""


class LoginRefused(LoginError):
    """The provider said no to these credentials (`invalid_grant`, RFC 6749 section 5.2, or a bare 401 or 403)."""


class AccountRefused(LoginRefused):
    """The credentials may be right, but the account is disabled or wants something done first: no use to try again."""


class LoginDenied(LoginError):
    """The device login was denied (`access_denied`, RFC 8628 section 3.5)."""


class LoginExpired(LoginError):
    """The device code ran out before it was approved (`expired_token`, RFC 8628 section 3.5)."""


class LoginCancelled(LoginError):
    """The person cancelled the login."""


class FlowUnavailable(LoginError):
    """This provider or client does not offer that way to sign in."""


class ProviderError(TerrascopeError):
    """The identity provider did not answer as it should."""


class ProviderUnreachable(ProviderError):
    """The identity provider gave no answer, or one that says "later" (429, 5xx)."""

    retryable = True


class ProviderAnswerInvalid(ProviderError):
    """The identity provider's answer is not what the RFC says."""


class TransferError(TerrascopeError):
    """A download did not succeed."""


class SourceInvalid(TransferError):
    """Not a thing that can be downloaded."""


class TargetInvalid(TransferError):
    """The folder or the name cannot be written.

    Attributes
    ----------
    concerns_all : bool
        True where no other file could be written there either: the disk is full, say.
    """

    concerns_all: bool = False


class ServerRefused(TransferError):
    """The server refused for good (401, 403, 404 …)."""


class ApplicationNotApproved(ServerRefused):
    """A person has not yet let a data centre have their login; `page_url` is where they can."""


class EulaNotAccepted(ServerRefused):
    """A person has not yet accepted a data centre's conditions; `page_url` is where they can."""


class ServerUnreachable(TransferError):
    """The server gave no answer, timed out, or answered 429 or 5xx."""

    retryable = True


class ContentInvalid(TransferError):
    """What came is not the file: a login page, a wrong length, a wrong checksum."""


class LoginPageReceived(ContentInvalid):
    """The login's page came with 200 instead of a file; `page_url` is where to sign in."""


class DownloadUnfinished(TransferError):
    """A download has not ended within the time that somebody would wait; it goes on."""


class DownloadFailed(TransferError):
    """The summary of a batch in which something failed or was cancelled; `report` says what became of every item.

    `why` has a line for each file that failed.
    """

    report: object | None = None

    def __str__(self) -> str:
        return "\n".join(part for part in (self.what, self.why, self.do) if part)
