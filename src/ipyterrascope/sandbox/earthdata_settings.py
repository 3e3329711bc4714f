"""The switches of the Earthdata sandbox, and who and what is known there (sandbox)."""

from __future__ import annotations

from dataclasses import dataclass, field

DAAC, TOOL = "sandbox-daac", "sandbox-tool"


@dataclass(frozen=True, kw_only=True)
class Application:
    """A registered application: confidential, as all at Earthdata Login (RFC 6749 section 2)."""

    client_id: str
    title: str
    secret: str
    redirect_uri: str


@dataclass(kw_only=True, eq=False)
class EarthdataSettings:
    """How the sandbox behaves. Each may be changed while it runs and counts from the next request on.

    Parameters
    ----------
    token_lifetime_s : float
        Life of a user token.
    most_tokens : int
        How many user tokens a person may have at a time.
    data_takes_bearer : bool
        Whether the data centre knows a user token; else it leads every request to the login.
    login_takes_bearer : bool
        Whether the login knows one, where a data centre leads there.
    shows_login_page : bool
        Whether who is not signed in gets the login page, with 200, instead of 401.
    tells_the_data_centre : bool
        Whether a person whom an application lacks the approval of is led back there to read so; else it is 401.
    approved : set of str
        The applications that everybody has approved.
    accepted_eula : bool
        Whether everybody has accepted the data centre's conditions.
    """

    token_lifetime_s: float = 60 * 86400
    most_tokens: int = 2
    data_takes_bearer: bool = True
    login_takes_bearer: bool = True
    shows_login_page: bool = False
    tells_the_data_centre: bool = True
    approved: set[str] = field(default_factory=lambda: {DAAC, TOOL})
    accepted_eula: bool = True
