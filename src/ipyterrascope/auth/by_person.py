"""How a person signs in, each way started by a call of its own (floor 3)."""

from __future__ import annotations

from typing import Literal

from ..protocol.code import CodeRequest, request_code
from ..protocol.oauth import OAuthClient
from ..values.secret import Secret
from .attempts import Attempt
from .credentials import Login
from .signing_in import SigningIn
from .ways import by_client, by_code, by_device, by_password, by_refresh_token, by_token


class ByPerson(SigningIn):
    """The part of an account that a person starts: by a code, a password, a token or a client's secret."""

    def start_device_login(self, *, remember: bool = False, is_switch: bool = False) -> None:
        """Start a device login (RFC 8628) and return at once; `state` tells how it goes.

        With `remember` it is kept in the store, for other kernels and later days; a notice tells where it cannot be.
        With `is_switch` it takes the place of the login that is there, which serves until then, is ended in the end
        even if it was kept, and goes on as it was where none comes.
        Where the login of a client that has a secret waits for an approval, that one is started anew.
        """
        waiting = self._attempts.newest
        if waiting is not None and waiting.client_secret is not None:
            self.start_client_login(waiting.client_secret, remember=remember, is_switch=is_switch)
        else:
            self._start(lambda attempt: self._by_device(self._client, attempt), "device", remember, is_switch=is_switch)

    def _by_device(self, client: OAuthClient, attempt: Attempt) -> Login:
        return by_device(
            client,
            attempt,
            on_code=lambda code: self._attempts.show_code(attempt, code),
            on_trouble=lambda trouble: self._attempts.show(attempt, error=trouble),
        )

    def start_client_login(self, client_secret: Secret, *, remember: bool = False, is_switch: bool = False) -> None:
        """Start a login as a client that has a secret, and return at once; `state` tells how it goes.

        A client that may signs in for itself (RFC 6749 section 4.4); with another one a person approves a code. The
        secret is sent wherever the client is named, and kept in the store with the login, if that is to be kept.
        `is_switch` is as for `start_device_login`.
        """

        own = OAuthClient(self.provider, self.connection)
        own.client_secret = client_secret

        def work(attempt: Attempt) -> Login:
            login = by_client(self._client, attempt, client_secret, lambda: self._by_device(own, attempt))
            if not attempt.is_cancelled:
                # for its renewals, until the logout
                self._client.client_secret = client_secret
            return login

        self._start(work, "oidc", remember, client_secret, is_switch=is_switch)

    def lend_client_secret(self, client_secret: Secret | None) -> None:
        """Send a secret of the client that is written down elsewhere, from now on and after each logout."""
        self._lent_secret = client_secret
        if self._client.client_secret is None:
            self._client.client_secret = client_secret

    def start_password_login(
        self,
        username: str,
        password: Secret,
        *,
        one_time_code: Secret | None = None,
        method: Literal["password", "basic"] = "password",
        remember: bool = False,
        is_switch: bool = False,
    ) -> None:
        """Start a login by user name and password and return at once; `state` tells how it goes.

        With method "basic" the two are kept in memory and sent to the data service as they are (RFC 7617). `remember`
        and `is_switch` are as for `start_device_login`.
        """

        def work(attempt: Attempt) -> Login:
            return by_password(self._client, attempt, username, password, one_time_code, method, remember=remember)

        self._start(work, method, remember, is_switch=is_switch)

    def another_client(self) -> OAuthClient:
        """Return a client of the same provider for a login that shall not be this account's."""
        another = OAuthClient(self.provider, self.connection)
        another.client_secret = self._client.client_secret
        return another

    def request_code(self, *, remember: bool = False) -> CodeRequest:
        """Return the page at which a person signs in by authorization code (RFC 6749 section 4.1).

        Raises
        ------
        FlowUnavailable, ProviderError
            There is no such page, or the provider did not answer.
        """
        return request_code(self._client, remember=remember)

    def start_code_login(
        self, request: CodeRequest, redirected: Secret, *, client_secret: Secret | None = None, remember: bool = False
    ) -> None:
        """Start a login by the address that a browser was led to from `request_code`, and return at once.

        `client_secret` is that of a client which has one; it goes along with each renewal too, until the logout.
        """

        def work(attempt: Attempt) -> Login:
            self._client.client_secret = client_secret or self._client.client_secret
            return by_code(self._client, attempt, request, redirected)

        self._start(work, "code", remember)

    def start_token_login(self, access_token: Secret, *, remember: bool = False, is_switch: bool = False) -> None:
        """Start a login by an access token that somebody has, and return at once.

        An openEO back-end and Earthdata Login are asked whether it is good; nothing renews it, and so with `remember` a
        notice says that it is not kept. `is_switch` is as for `start_device_login`.
        """
        self._start(
            lambda attempt: by_token(self._client, attempt, access_token), "token", remember, is_switch=is_switch
        )

    def start_renewal_login(self, refresh_token: Secret, *, remember: bool = False) -> None:
        """Start a login by a refresh token that somebody gave up for it (RFC 6749 section 6) and return at once.

        `remember` is as for `start_device_login`.
        """

        def work(attempt: Attempt) -> Login:
            return by_refresh_token(self._client, refresh_token)

        self._start(work, "device", remember)
