"""Where requests get their credential, without holding up those that have one (floor 4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from ...errors import TerrascopeError
from ...values.authorizer import Authorizer, PromptAuthorizer
from .aside import Aside
from .job import Job
from .plain import AnyRequest
from .request import Request

_T = TypeVar("_T")


class Signing:
    """Asks the authorizer, aside where it might renew a token; a request keeps a line and its turn meanwhile.

    Parameters
    ----------
    authorizer : Authorizer
    wake : callable
        Ends the wait of who calls `collect`.
    failed : callable
        Told of a request for which the authorizer had an error of our tree.
    """

    def __init__(
        self,
        authorizer: Authorizer,
        wake: Callable[[], object],
        failed: Callable[[AnyRequest, TerrascopeError], None],
    ) -> None:
        self._authorizer, self._failed = authorizer, failed
        self._at_once = authorizer.headers_at_once if isinstance(authorizer, PromptAuthorizer) else _unknown
        self._aside = Aside(wake)
        self._waiting: dict[AnyRequest, None] = {}

    def __len__(self) -> int:
        """How many requests wait."""
        return len(self._waiting)

    def sign(self, request: AnyRequest, then: Callable[[AnyRequest, Mapping[str, str]], None]) -> None:
        """Let `then` have a request and the credential for it."""
        url = request.url
        credential = self._at_once(url)
        if credential is not None:
            then(request, credential)
        else:
            headers = self._authorizer.headers
            self._wait_for(request, lambda: headers(url), partial(then, request))

    def refused(self, request: Request, credential: Mapping[str, str], then: Callable[[bool], None]) -> None:
        """Say that a credential was refused; `then` is told whether a second try can help."""
        refused, url = self._authorizer.refused, request.url
        self._wait_for(request, lambda: refused(url, credential), then)

    def _wait_for(self, request: AnyRequest, work: Callable[[], _T], then: Callable[[_T], None]) -> None:
        self._waiting[request] = None
        request.host.busy += 1
        self._aside.begin(work, partial(self._answered, request, then))

    def _answered(self, request: AnyRequest, then: Callable[[_T], None], answer: _T | BaseException) -> None:
        if request not in self._waiting:
            return  # its file was given up meanwhile
        self._let_go(request)
        if isinstance(answer, TerrascopeError):
            self._failed(request, answer)
        elif isinstance(answer, BaseException):
            raise answer
        else:
            then(answer)

    def collect(self) -> None:
        """Go on with requests about which the authorizer has answered."""
        self._aside.collect()

    def drop(self, job: Job) -> None:
        """Give up the requests for a file."""
        for request in [each for each in self._waiting if isinstance(each, Request) and each.job is job]:
            self._let_go(request)
            job.give_back(request.piece)

    def close(self) -> None:
        """Give up all that wait."""
        for request in tuple(self._waiting):
            self._let_go(request)
            request.end()

    def _let_go(self, request: AnyRequest) -> None:
        del self._waiting[request]
        request.host.busy -= 1


def _unknown(url: str) -> None:
    """Return None: nobody knows whether it would block."""
