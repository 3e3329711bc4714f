"""A data centre behind Earthdata Login: it leads who is not signed in to the login and back (sandbox)."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from urllib.parse import quote, urlencode

from .content import Content
from .earthdata_login import EarthdataLogin, cookie, cookies_of
from .earthdata_settings import Application, EarthdataSettings
from .files import StoredFile, etag_of, serve
from .identity import bearer_of
from .messages import Answer, ReceivedRequest, http_error, json_answer, redirect
from .pages import plain_page

PREFIX, _LOGIN = "/data/", "/login"
_SESSION = "daac_session"


class DataCentre:
    """The files at `url`, for who is signed in at `login` and has approved `application`."""

    def __init__(self, settings: EarthdataSettings, url: str, login: EarthdataLogin, application: Application) -> None:
        self._settings, self.url, self._login, self._application = settings, url, login, application
        self._files: dict[str, StoredFile] = {}
        self._sessions: dict[str, str] = {}

    def add(self, path: str, content: Content, media_type: str) -> str:
        """Serve `content` under `path` from now on, and return its address."""
        self._files[path] = StoredFile(content=content, media_type=media_type, etag=etag_of(path, content))
        return f"{self.url}{PREFIX}{quote(path)}"

    def answer(self, request: ReceivedRequest) -> Answer:
        """Answer a request to the data centre."""
        if request.path == _LOGIN:
            return self._led_back(request)
        if request.method not in ("GET", "HEAD"):
            return http_error(405)
        token = bearer_of(request.headers) if self._settings.data_takes_bearer else ""
        if token and not self._login.user_tokens.owner(token):
            return json_answer({"error": "invalid_token", "error_description": "Invalid token"}, 401)
        if not token and cookies_of(request).get(_SESSION) not in self._sessions:
            return self._lead_to_the_login(request)
        client_id = self._application.client_id
        if not self._settings.accepted_eula or client_id not in self._settings.approved:
            return self._refuse("EULA Acceptance Failure")
        file = self._files.get(request.path.removeprefix(PREFIX))
        return http_error(404) if file is None else serve(request, file)

    def _refuse(self, why: str) -> Answer:
        resolution = self._login.resolution(self._application.client_id)
        return json_answer({"status_code": 403, "error_description": why, "resolution_url": resolution}, 403)

    def _lead_to_the_login(self, request: ReceivedRequest) -> Answer:
        query = {
            "client_id": self._application.client_id,
            "redirect_uri": self._application.redirect_uri,
            "response_type": "code",
            "state": urlsafe_b64encode(request.path.encode()).decode(),
        }
        return redirect(f"{self._login.url}/oauth/authorize?{urlencode(query)}")

    def _led_back(self, request: ReceivedRequest) -> Answer:
        query = request.query
        if "error" in query:
            page = plain_page("Not signed in", query.get("error_msg", ""))
            return Answer(status=401, headers=page.headers, body=page.body)
        uid = self._login.redeem(query.get("code", ""), self._application.client_id)
        if not uid:
            return http_error(400)
        session = secrets.token_hex(16)
        self._sessions[session] = uid
        path = urlsafe_b64decode(query.get("state", "")).decode()
        answer = redirect(f"{self.url}{quote(path)}")
        return Answer(status=302, headers=(*answer.headers, cookie(_SESSION, session)))
