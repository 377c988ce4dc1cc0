"""The door: who is there, in which language, and may they?  Runs before every route (a Litestar guard).

Which role a route takes stands in roles.py.  Who somebody is, is said by a session's cookie, or by a token
(`Authorization: Bearer …`); whoever shows neither may look as far as [page] open_view of the site file says:
if they sit at the gateway itself, where it says nothing.

Rule 1: what writes takes somebody who has signed in, but for signing in itself (NOBODY in roles.py).
Rule 2: a session writes only with its CSRF token, which no other site can read; a token needs none, because
        no browser sends it by itself.  Nothing is written that another site's page has asked for.
Rule 3: "local" is a connection from this machine, to a name of this machine, through no proxy.  The name
        matters: a page elsewhere can make its own name point here (DNS rebinding).

Source: OWASP Cheat Sheets, Cross-Site Request Forgery Prevention, Session Management; Fetch, Sec-Fetch-Site.
"""

import asyncio
import hmac
import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from edge.model.role import Role, role_of
from edge.shell.desk import Desk
from edge.web import look, texts
from edge.web.problems import RefusedError
from edge.web.roles import ROLES
from edge.web.who import Visitor, is_here

LANGUAGE_COOKIE = "depot_language"
SESSION_COOKIE = "depot_session"

# The browser holds a cookie of this name to https and to this host alone.  Source: RFC 6265bis, 4.1.3.2.
SECURE_COOKIE = "__Host-depot_session"

CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf"
FORM = "application/x-www-form-urlencoded"

READS = ("GET", "HEAD", "OPTIONS")
PROXIED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")

Connection = ASGIConnection[Any, Any, Any, Any]


async def admit(connection: Connection, _: BaseRouteHandler) -> None:
    """Let a visitor in, or raise RefusedError."""
    wish = connection.cookies.get(LANGUAGE_COOKIE, "")
    texts.speak(texts.chosen(wish, connection.headers.get("accept-language", "")))
    look.wear(connection.cookies.get(look.THEME_COOKIE, ""))
    desk: Desk = connection.app.state.desk
    visitor = visitor_of(connection, desk)
    is_here(visitor)
    if visitor.token and desk.reception.accounts.use_is_due(visitor.token):
        await asyncio.to_thread(desk.reception.accounts.token_used, visitor.token)
    needed = needed_for(connection)
    if method_of(connection) not in READS:
        await _may_write(connection, visitor, needed)
    if not visitor.may(needed):
        raise _refusal(connection, visitor, needed)


def visitor_of(connection: Connection, desk: Desk) -> Visitor:
    """Return who is there.  Raises TooManyTriesError, NotSignedInError for a token that is not one."""
    address, local = address_of(connection), is_local(connection)
    plain = Visitor(address=address, local=local, set_up=desk.reception.set_up)
    scheme, _, secret = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        token = desk.reception.bearer(secret.strip(), address)
        return _with(plain, name=token.name, role=role_of(token.role), token=token.id)
    session = desk.reception.session(connection.cookies.get(cookie_name(connection), ""))
    if session is not None:
        role = desk.reception.accounts.role(session.name)
        return _with(plain, name=session.name, role=role, csrf=session.csrf, session=session.id)
    looks = desk.site.page.open_view
    return _with(plain, role=Role.VIEWER) if looks == "everybody" or (looks == "local" and local) else plain


def _with(visitor: Visitor, **values: Any) -> Visitor:
    return Visitor(**{"address": visitor.address, "local": visitor.local, "set_up": visitor.set_up, **values})


def address_of(connection: Connection) -> str:
    """Return where a connection comes from; never what a header says of it."""
    return connection.client.host if connection.client else ""


def is_local(connection: Connection) -> bool:
    """Tell whether somebody is at the gateway itself (rule 3)."""
    try:
        from_here = ipaddress.ip_address(address_of(connection)).is_loopback
    except ValueError:
        return False
    return from_here and _host(connection.headers) in LOCAL_NAMES and not _proxied(connection.headers)


def cookie_name(connection: Connection) -> str:
    """Return the name of the session's cookie on this kind of connection."""
    return SECURE_COOKIE if is_secure(connection) else SESSION_COOKIE


def is_secure(connection: Connection) -> bool:
    """Tell whether a connection is HTTPS."""
    return connection.scope["scheme"] == "https"


def method_of(connection: Connection) -> str:
    """Return the method of a request."""
    return str(connection.scope.get("method", "GET"))


def needed_for(connection: Connection) -> Role:
    """Return the role that a request takes.  Raises RefusedError for a route without a row."""
    method = method_of(connection)
    route = f"{'GET' if method == 'HEAD' else method} {connection.scope.get('path_template')}"
    needed = ROLES.get(route)
    if needed is None:
        raise RefusedError(404, f"{route} is not open to anybody")
    return needed


async def _may_write(connection: Connection, visitor: Visitor, needed: Role) -> None:
    """Raise RefusedError where a request that writes may come from another site's page (rules 1 and 2)."""
    if visitor.token:
        return
    site = connection.headers.get("sec-fetch-site", "same-origin")
    origin = connection.headers.get("origin", "")
    if site not in ("same-origin", "none") or (origin and not _same(origin, connection)):
        raise RefusedError(403, "Origin: this request comes from another site's page; expected our own")
    if needed is Role.NOBODY:
        return
    if not visitor.signed_in:
        raise _refusal(connection, visitor, needed)
    given = connection.headers.get(CSRF_HEADER) or await _form_field(connection, CSRF_FIELD)
    if not hmac.compare_digest(given.encode(), visitor.csrf.encode()):
        raise RefusedError(
            403, f"{CSRF_HEADER}: wrong or missing; expected the one of your session (/api/me)"
        )


async def _form_field(connection: Connection, name: str) -> str:
    """Return a field of a form; "" where the body is none."""
    kind = connection.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != FORM or not isinstance(connection, Request):
        return ""
    body = await connection.body()
    return parse_qs(body.decode("latin-1")).get(name, [""])[0]


def _refusal(connection: Connection, visitor: Visitor, needed: Role) -> RefusedError:
    """Return how to say no: to the sign-in page where a person looks at pages, else in words."""
    if visitor.signed_in:
        return RefusedError(403, f"role: this takes {needed.word}; {visitor.name} is {visitor.role.word}")
    path = connection.url.path
    asks_for_page = "text/html" in connection.headers.get("accept", "")
    if method_of(connection) in READS and asks_for_page and not path.startswith("/api/"):
        return RefusedError(303, "sign in first", {"Location": f"/sign-in?to={quote(path, safe='/')}"})
    return RefusedError(401, "nobody is signed in: expected a session, or Authorization: Bearer <token>",
                        {"WWW-Authenticate": 'Bearer realm="depot"'})  # fmt: skip


def _host(headers: Mapping[str, str]) -> str:
    """Return the host that was asked for, without its port and brackets."""
    try:
        return urlsplit(f"//{headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


def _proxied(headers: Mapping[str, str]) -> bool:
    return any(name in headers for name in PROXIED)


def _same(origin: str, connection: Connection) -> bool:
    """Tell whether an Origin header names this server as it was asked for."""
    try:
        return urlsplit(origin).netloc.lower() == connection.headers.get("host", "").lower()
    except ValueError:
        return False
