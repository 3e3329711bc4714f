"""Which path is answered by which service, and what the timeline changes about it (sandbox)."""

from __future__ import annotations

from collections.abc import Callable

from . import catalogue, device_page, files
from .catalogue import Catalogue
from .device_page import DevicePage
from .files import FileService
from .identity import OIDC, REALM, IdentityProvider
from .messages import Answer, ReceivedRequest, http_error
from .pages import landing_page, login_page, passwords_page, plain_page
from .settings import Settings
from .steps import Manner, login_url
from .timeline import Timeline

_Service = Callable[[ReceivedRequest], Answer]


class Services:
    """All services of one sandbox at `url`; `clock` tells POSIX seconds. For one thread at a time."""

    def __init__(self, settings: Settings, url: str, clock: Callable[[], float]) -> None:
        self.url = url
        self.identity = IdentityProvider(settings, url, clock)
        issuer, user_of = self.identity.issuer, self.identity.user_of
        self.files = FileService(settings, url, login_url(issuer), user_of)
        self._catalogue = Catalogue(settings, url, issuer, self.files.url_of, user_of)
        self._device_page = DevicePage(self.identity)
        post, read, both = ("POST",), ("GET", "HEAD"), ("GET", "HEAD", "POST")
        # path: (name on the timeline, methods, who answers)
        self._exact: dict[str, tuple[str, tuple[str, ...], _Service]] = {
            "/": ("", read, self._landing),
            "/en/sign-up": ("", read, _said("Registration", "In the sandbox there is nothing to register.")),
            f"{REALM}/.well-known/openid-configuration": ("discovery", read, self.identity.discovery),
            f"{REALM}/account/": ("", read, _said("Your account", "In the sandbox accounts cannot be changed.")),
            f"{REALM}/login-actions/reset-credentials": ("", read, self._passwords),
            f"{OIDC}/auth": ("", read, lambda request: login_page(issuer)),
            f"{OIDC}/token": ("token", post, self.identity.token),
            f"{OIDC}/auth/device": ("device", post, self.identity.device),
            f"{OIDC}/revoke": ("revoke", post, self.identity.revoke),
            f"{OIDC}/logout": ("logout", both, self._logout),
            f"{OIDC}/userinfo": ("userinfo", both, self.identity.userinfo),
            f"{OIDC}/certs": ("certs", read, self.identity.certs),
            device_page.PATH: ("", both, self._device_page.answer),
        }

    def answer(self, request: ReceivedRequest, timeline: Timeline) -> tuple[Answer, Manner]:
        """Return the answer to a request and how to send it."""
        endpoint, methods, service = self._route(request.path)
        step = timeline.take(endpoint, request.path)
        if step.instead is not None:
            return step.instead(self.identity.issuer), step.manner
        if methods and request.method not in methods:
            return http_error(405), step.manner
        if step.approves:
            self.identity.device_logins.approve_by_script(request.form.get("device_code", ""), "dora")
        return step.alter(service(step.rewrite(request))), step.manner

    def _route(self, path: str) -> tuple[str, tuple[str, ...], _Service]:
        if path in self._exact:
            return self._exact[path]
        if path.startswith(files.PREFIX):
            return "files", (), self.files.answer
        if path == catalogue.PREFIX or path.startswith(f"{catalogue.PREFIX}/"):
            return "stac", ("GET", "HEAD", "POST"), self._catalogue.answer
        return "", (), lambda request: http_error(404)

    def _landing(self, request: ReceivedRequest) -> Answer:
        people = self.identity.people.values()
        return landing_page(self.identity.issuer, f"{self.url}{catalogue.PREFIX}", people, self.files.sizes)

    def _passwords(self, request: ReceivedRequest) -> Answer:
        return passwords_page(self.identity.people.values())

    def _logout(self, request: ReceivedRequest) -> Answer:
        if "refresh_token" in request.form:
            return self.identity.logout(request)
        return plain_page("You are logged out", "There was nothing to end: the sandbox keeps no login in the browser.")


def _said(title: str, text: str) -> _Service:
    return lambda request: plain_page(title, text)
