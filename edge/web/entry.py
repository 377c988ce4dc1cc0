"""What signing in leaves in a browser: the session's cookie, set and taken away."""

from typing import Any

from litestar import Response
from litestar.datastructures import Cookie

from edge.shell.reception import ABSOLUTE_MS
from edge.web.access import Connection, cookie_name, is_secure


def begin(answer: Response[Any], connection: Connection, cookie: str) -> None:
    """Hand the cookie of a session to a browser: no script reads it, and no other site sends it."""
    answer.set_cookie(_cookie(connection, cookie, ABSOLUTE_MS // 1000))


def end(answer: Response[Any], connection: Connection) -> None:
    """Take the cookie away again."""
    answer.set_cookie(_cookie(connection, "", 0))


def _cookie(connection: Connection, value: str, max_age: int) -> Cookie:
    return Cookie(
        key=cookie_name(connection), value=value, max_age=max_age, path="/",
        httponly=True, samesite="strict", secure=is_secure(connection),
    )  # fmt: skip


def way(to: str) -> str:
    """Return where to go next: a path of ours, never another site."""
    ours = to.startswith("/") and not to.startswith(("//", "/\\")) and to.isascii() and to.isprintable()
    return to if ours and len(to) < 500 else "/"
