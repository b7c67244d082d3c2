"""Lets in who may come in: by the token in Authorization (RFC 6750), or by the cookie of a session that began with one."""

from __future__ import annotations

import os
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping

from anyio import to_thread
from starlette.requests import Request

from strangler.config.keyfile import ADMIN_TOKEN
from strangler.core.errors import UsageError
from strangler.core.model import Config, User
from strangler.web.actors import Actor, hash_of, holder_of, only_user
from strangler.web.answers import Turned
from strangler.web.attempts import Attempts
from strangler.web.origins import SAFE, from_elsewhere
from strangler.web.sessions import LASTS, Sessions

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="strangler"'}
_LONGEST = 1024  # characters of a token


class Doorkeeper:
    """One for all that is asked at the admin address.

    Args:
        config: what is served; None if that is not known yet.
        refusals: where it counts whom it has turned away, by reason.
        clock: seconds, that only go forward.
    """

    def __init__(
        self,
        config: Callable[[], Config | None],
        refusals: Counter[str],
        clock: Callable[[], float] = time.monotonic,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._config, self._refusals, self._clock, self._environ = config, refusals, clock, environ
        self._attempts, self._sessions = Attempts(), Sessions()

    async def admit(self, request: Request, role: str) -> Actor:
        """Who asks. Raises Turned if nobody knows, or if he may not."""
        self.refuse_other_pages(request)
        token = _token_of(request)
        session = request.cookies.get(cookie_name(request), "")
        if token:
            actor = await self._check(request, token)
        elif session:
            self._refuse_without_origin(request)
            actor = await self._resume(session)
        else:
            raise self._turned(401, "no_token", "send `Authorization: Bearer TOKEN`; the token is in admin.token beside the "
                               "configuration, or your user's", _CHALLENGE)  # fmt: skip
        if not actor.may(role):
            raise self._turned(403, "forbidden", f"{actor.name} is a {actor.role}: this needs an {role}")
        return actor

    async def begin(self, request: Request, token: str) -> tuple[Actor, str]:
        """A session for whoever has this token: who it is, and the cookie to set. Raises Turned."""
        actor, name = await self._check(request, token), secrets.token_urlsafe(32)
        self._sessions.begin(name, actor, self._clock())
        return actor, _cookie(request, name, round(LASTS))

    def end(self, request: Request) -> str:
        """No session any more; the cookie to set. Raises Turned."""
        self.refuse_other_pages(request)
        self._sessions.end(request.cookies.get(cookie_name(request), ""))
        return _cookie(request, "", 0)

    def refuse_other_pages(self, request: Request) -> None:
        """Raises Turned for what another site's page has sent to change something."""
        headers = request.headers
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if request.method not in SAFE and from_elsewhere(site, origin, headers.get("host", "")):
            raise self._turned(403, "cross_origin", "this came from a page of another site, and is refused for that")

    def _refuse_without_origin(self, request: Request) -> None:
        """A cookie is a browser's, and browsers say where a request that changes something comes from."""
        if request.method not in SAFE and not {"sec-fetch-site", "origin"}.intersection(request.headers.keys()):
            raise self._turned(403, "cross_origin", "a session can change something from its own pages only")

    async def _check(self, request: Request, token: str) -> Actor:
        address = request.client.host if request.client else "local"
        credential = hash_of(token)
        wait = self._attempts.wait(address, credential, self._clock())
        if wait:
            seconds = str(int(wait) + 1)
            message = f"too many wrong tokens came from {address}: try again in {seconds} s"
            raise self._turned(429, "limited", message, {"Retry-After": seconds})
        actor = holder_of(credential, await to_thread.run_sync(self._users)) if len(token) <= _LONGEST else None
        if actor is None:
            self._attempts.wrong(address, credential, self._clock())
            raise self._turned(401, "wrong_token", "this token is nobody's", _CHALLENGE)
        self._attempts.good(credential)
        return actor

    async def _resume(self, session: str) -> Actor:
        credential = self._sessions.credential(session, self._clock())
        actor = holder_of(credential, await to_thread.run_sync(self._users)) if credential else None
        if actor is None:
            raise self._turned(401, "no_session", "the session has ended: log in again", _CHALLENGE)
        return actor

    def _users(self) -> Mapping[str, User]:
        """As they are now: who is taken out of the file is out. Raises Turned."""
        config = self._config()
        if config is None:
            raise Turned(503, "starting", "strangler is just starting: ask again in a second", {"Retry-After": "1"})
        if config.admin.users:
            return config.admin.users
        try:
            return only_user(ADMIN_TOKEN.find(self._environ, config.folder).decode())
        except UsageError as error:
            raise Turned(503, "no_admin_token", str(error)) from None

    def _turned(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Turned:
        self._refusals[code] += 1
        return Turned(status, code, message, headers)


def cookie_name(request: Request) -> str:
    """With __Host- before it browsers refuse it unless it came over TLS, from us alone. They do not tell ports apart; we do."""
    return f"{'__Host-' if request.url.scheme == 'https' else ''}strangler-{request.url.port or 0}"


def _cookie(request: Request, value: str, seconds: int) -> str:
    secure = "; Secure" if request.url.scheme == "https" else ""
    return f"{cookie_name(request)}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"


def _token_of(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
