"""What an openEO back-end answers about itself and about signing in (floor 2; openEO API 1.2).

A back-end chooses the provider that people sign in at, and may be hostile: every answer is narrowed to what the API
allows, an entry that is odd is passed over, and no address leads to what is not encrypted or into this machine.
"""

from __future__ import annotations

import re
from typing import cast

from ..errors import LoginRefused, ProviderAnswerInvalid, TerrascopeError, UsageError, is_showable, quoted
from ..threads.abort import AbortSignal
from ..values.hosts import is_address, leads_inward, origin_of
from ..values.openeo import BASIC_ID, Backend, DefaultClient, OidcProvider, PageLink, is_free_parameter
from ..values.providers import Provider
from ..values.secret import Secret, sealed
from ..values.tokens import TokenSet
from .http import Answer, HttpClient, JsonObject, not_as_expected
from .token_answers import tokens_of

_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?(-[0-9A-Za-z.-]{1,40})?", re.ASCII)
# it becomes a part of a provider's name
_ADDRESS = re.compile(r"https?://[A-Za-z0-9_./:\[\]~-]{1,500}", re.IGNORECASE)
_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
# RFC 6749 appendix A.1 and A.4, without the space that no client_id needs
_WORD = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,300}")
_MOST = 50


def address_of(text: str) -> str:
    """Return the address of a back-end as a person writes it: https unless said, no slash at its end.

    Raises
    ------
    UsageError
        It is no secure address, or has a query or a fragment.
    """
    url = (text if "://" in text else f"https://{text}").rstrip("/")
    if not _is_address(url):
        # not repeated: it may be a password that went astray
        raise UsageError(
            "That is no address of an openEO back-end.",
            "It has to be https (http only on loopback), without a query.",
            "Write openeo: and the host, for example openeo:openeo.terrascope.be.",
        )
    return url


def _is_address(url: str) -> bool:
    return is_address(url) and _ADDRESS.fullmatch(url) is not None


def host_of(url: str) -> str:
    """Return the host of an address as people are shown it, with its port where that is not the usual one."""
    origin = origin_of(url)
    if origin is None:
        return "the back-end"
    scheme, host, port = origin
    return host if port == {"https": 443, "http": 80}[scheme] else f"{host}:{port}"


def discover_backend(address: str, http: HttpClient) -> Backend:
    """Ask a back-end where its API is, and which ways to sign in it offers.

    Parameters
    ----------
    address : str
        As `address_of` returns it.
    http : HttpClient

    Raises
    ------
    ProviderUnreachable
        It does not answer, or says "later".
    ProviderAnswerInvalid
        What is there is no openEO back-end, or leads where no back-end leads.
    """
    url = _api_of(address, http.get(f"{address}/.well-known/openeo"))
    endpoints = _endpoints_of(url, http.get(f"{url}/"))
    providers = _providers_of(url, http.get(f"{url}/credentials/oidc")) if "/credentials/oidc" in endpoints else ()
    return Backend(url=url, host=host_of(url), providers=providers, offers_basic="/credentials/basic" in endpoints)


def _api_of(address: str, answer: Answer) -> str:
    """Return the root of the newest API version, those for production first; the address itself where none is told."""
    if answer.is_passing:
        raise not_as_expected(answer, host_of(address), "openEO version")
    best: tuple[tuple[object, ...], str] | None = None
    for version in _list(answer.body, "versions") if answer.status == 200 else ():
        fields = _object(version)
        number = _VERSION.fullmatch(_text(fields, "api_version"))
        url = fields.get("url")
        if number is None or int(number[1]) < 1 or not isinstance(url, str):
            continue
        rank = (
            fields.get("production") is not False,
            *(int(part or 0) for part in number.groups()[:3]),
            number[4] is None,
        )
        if best is None or rank > best[0]:
            best = rank, url.rstrip("/")
    if best is None:
        return address
    if not _is_address(best[1]) or leads_inward(best[1], address):
        raise ProviderAnswerInvalid(
            f"{host_of(address)} leads to an address that is not safe to ask.",
            "It is not encrypted, or leads into this machine.",
            "Tell who runs the back-end.",
        )
    return best[1]


def _endpoints_of(url: str, answer: Answer) -> set[str]:
    if answer.status != 200 or answer.body is None or not _text(answer.body, "api_version"):
        if answer.is_passing:
            raise not_as_expected(answer, host_of(url), "openEO capabilities")
        raise ProviderAnswerInvalid(
            f"{host_of(url)} is no openEO back-end.",
            f"It answered {answer.status} instead of its capabilities.",
            "Check the address.",
            status=answer.status,
        )
    endpoints = [_object(entry) for entry in _list(answer.body, "endpoints", 1000)]
    return {_text(entry, "path").rstrip("/") for entry in endpoints if "GET" in _list(entry, "methods")}


def _providers_of(url: str, answer: Answer) -> tuple[OidcProvider, ...]:
    if answer.status != 200 or answer.body is None or not isinstance(answer.body.get("providers"), list):
        raise not_as_expected(answer, host_of(url), "list of providers")
    entries = _list(answer.body, "providers")
    found: dict[str, OidcProvider] = {}
    for provider in (_provider(_object(entry), url) for entry in entries):
        if provider is not None:
            found.setdefault(provider.id, provider)
    if entries and not found:
        raise ProviderAnswerInvalid(
            f"{host_of(url)} lists no provider that can be used.",
            "Each lacks an id, or an issuer that is safe to ask.",
            "Tell who runs the back-end.",
        )
    return tuple(found.values())


def _provider(fields: JsonObject, url: str) -> OidcProvider | None:
    issuer, provider_id = fields.get("issuer"), _text(fields, "id")
    # the id stands in a header, and both are shown
    if (
        not _ID.fullmatch(provider_id)
        or provider_id == BASIC_ID
        or not is_address(issuer)
        or "?" in issuer
        or "#" in issuer
    ):
        return None
    if leads_inward(issuer, url):
        return None
    clients = (_client(_object(entry)) for entry in _list(fields, "default_clients"))
    links = (_link(_object(entry)) for entry in _list(fields, "links"))
    return OidcProvider(
        id=provider_id,
        issuer=issuer.rstrip("/"),
        title=_text(fields, "title"),
        scopes=_words(fields, "scopes"),
        default_clients=tuple(client for client in clients if client is not None),
        authorization_parameters=_parameters(_object(fields.get("authorization_parameters"))),
        links=tuple(link for link in links if link is not None),
    )


def _client(fields: JsonObject) -> DefaultClient | None:
    client_id = _text(fields, "id")
    if not _WORD.fullmatch(client_id):
        return None
    redirects = tuple(url for url in _list(fields, "redirect_urls") if is_address(url))
    return DefaultClient(client_id=client_id, grant_types=_words(fields, "grant_types"), redirect_urls=redirects)


def _link(fields: JsonObject) -> PageLink | None:
    href, rel = fields.get("href"), _text(fields, "rel")
    if not is_address(href) or not rel:
        return None
    return PageLink(rel=rel, url=href, title=_text(fields, "title") or rel)


def _parameters(fields: JsonObject) -> tuple[tuple[str, str], ...]:
    """Return the parameters that are text or numbers, and override no field of the protocol."""
    pairs: list[tuple[str, str]] = []
    for name, value in list(fields.items())[:_MOST]:
        text = str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value
        if isinstance(text, str) and len(text) <= 500 and is_showable(text) and is_free_parameter(name):
            pairs.append((name, text))
    return tuple(sorted(pairs))


def _object(value: object) -> JsonObject:
    return cast("JsonObject", value) if isinstance(value, dict) else {}


def _list(fields: JsonObject | None, name: str, most: int = _MOST) -> list[object]:
    value = (fields or {}).get(name)
    return cast("list[object]", value)[:most] if isinstance(value, list) else []


def _text(fields: JsonObject, name: str) -> str:
    """Return a text that can be shown, or nothing."""
    value = fields.get(name)
    return value if isinstance(value, str) and len(value) <= 300 and is_showable(value) else ""


def _words(fields: JsonObject, name: str) -> tuple[str, ...]:
    return tuple(word for word in _list(fields, name) if isinstance(word, str) and _WORD.fullmatch(word))


def basic_tokens(
    http: HttpClient, provider: Provider, credentials: Secret, now: float, *, signal: AbortSignal | None = None
) -> TokenSet:
    """Exchange a user name and password for a token of the back-end itself (``/credentials/basic``).

    Parameters
    ----------
    http : HttpClient
    provider : Provider
        One of a back-end.
    credentials : Secret
        Both as RFC 7617 encodes them.
    now : float
        POSIX seconds.
    signal : AbortSignal, optional
        Ends the call when it is aborted.

    Raises
    ------
    LoginRefused
        The back-end does not accept them.
    ProviderError
        It did not answer as it should.
    """

    def answered() -> TokenSet:
        authorization = Secret(f"Basic {credentials.reveal()}")
        answer = http.get(f"{provider.backend_url}/credentials/basic", authorization=authorization, signal=signal)
        if answer.status in (401, 403):
            raise LoginRefused(
                f"{provider.label} did not accept the user name and password.", "", "Try again.", status=answer.status
            )
        return tokens_of(answer, host_of(provider.backend_url), now)

    return sealed(answered)


def describe_me(
    http: HttpClient, provider: Provider, authorization: Secret, *, signal: AbortSignal | None = None
) -> dict[str, str]:
    """Return what a back-end says of who is signed in (``/me``): text that can be shown, by its name there.

    Raises
    ------
    LoginRefused
        It does not accept the token, which says nothing about the provider's session.
    ProviderError
        It did not answer as it should.
    """
    answer = sealed(lambda: http.get(f"{provider.backend_url}/me", authorization=authorization, signal=signal))
    if answer.status in (401, 403):
        raise _me_refused(provider, answer)
    if answer.status != 200 or answer.body is None:
        raise not_as_expected(answer, host_of(provider.backend_url), "account")
    told = {name: answer.body.get(name) for name in ("user_id", "name", "default_plan", "budget")}
    facts = {
        name: quoted(value, 100)
        for name, value in told.items()
        if isinstance(value, (str, int, float)) and not isinstance(value, bool) and value != ""
    }
    roles = [quoted(role, 60) for role in _list(answer.body, "roles") if isinstance(role, str)]
    return {**facts, "roles": ", ".join(roles)} if roles else facts


def _me_refused(provider: Provider, answer: Answer) -> TerrascopeError:
    code = quoted(answer.body.get("code", ""), 60) if answer.body else ""
    return LoginRefused(
        f"{host_of(provider.backend_url)} does not accept this login.",
        f"It answered {answer.status}{f' ({code})' if code else ''}, although {provider.issuer_host} gave the token.",
        provider.advice or "You may have to register there, or to join a project.",
        status=answer.status,
    )
