"""The door: who is there, in which language, and may they?  Runs before every route (a Litestar guard).

Which role a route takes stands in roles.py.
"""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from edge.model.role import Role
from edge.web import texts
from edge.web.problems import RefusedError
from edge.web.roles import ROLES
from edge.web.who import Visitor, is_here

LANGUAGE_COOKIE = "depot_language"

Connection = ASGIConnection[Any, Any, Any, Any]


async def admit(connection: Connection, _: BaseRouteHandler) -> None:
    """Let a visitor in, or raise RefusedError."""
    wish = connection.cookies.get(LANGUAGE_COOKIE, "")
    texts.speak(texts.chosen(wish, connection.headers.get("accept-language", "")))
    visitor = Visitor(role=Role.VIEWER)
    is_here(visitor)
    needed = needed_for(connection)
    if not visitor.may(needed):
        raise RefusedError(403, f"this takes the role {needed.word}")


def needed_for(connection: Connection) -> Role:
    """Return the role that a request takes.  Raises RefusedError for a route without a row (rule 1)."""
    method = str(connection.scope.get("method", "GET"))
    route = f"{'GET' if method == 'HEAD' else method} {connection.scope.get('path_template')}"
    needed = ROLES.get(route)
    if needed is None:
        raise RefusedError(404, f"{route} is not open to anybody")
    return needed
