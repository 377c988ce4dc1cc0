"""Signing in and out, who I am, accounts, tokens."""

import asyncio
from typing import Any

import msgspec
from litestar import Request, Response, delete, get, patch, post
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from edge.shell.answers import TokenStatus, UserStatus
from edge.shell.reception import NotAllowedError, Session
from edge.web import texts
from edge.web.access import cookie_name
from edge.web.entry import begin, end
from edge.web.house import House
from edge.web.who import who

AnyRequest = Request[Any, Any, Any]


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a request; a field that it does not know is refused."""


class SignIn(Asked, frozen=True):
    """By name and password; or by a one-time code of `depot users link`."""

    name: str = ""
    password: str = ""
    code: str = ""


class FirstAccount(Asked, frozen=True):
    """The first administrator.  code: the one on the gateway's console; from the gateway itself, none."""

    name: str
    password: str
    code: str = ""


class OwnPassword(Asked, frozen=True):
    """Another password for myself."""

    old: str
    new: str


class NewUser(Asked, frozen=True):
    """Another account.  role: viewer, fleet, electrician or administrator."""

    name: str
    role: str
    password: str


class UserChange(Asked, frozen=True):
    """What changes of an account; what is left out stays."""

    role: str | None = None
    password: str | None = None


class NewToken(Asked, frozen=True):
    """A token for a program."""

    name: str
    role: str


class MadeToken(msgspec.Struct, frozen=True):
    """A token that has been made.  secret: told this once; send it as Authorization: Bearer <secret>."""

    token: TokenStatus
    secret: str


class Me(msgspec.Struct, frozen=True):
    """Who I am here.  csrf: what my page sends as the header X-CSRF-Token when it writes.

    local: I sit at the gateway itself.  set_up: there is no account yet: POST /api/set-up makes the first.
    """

    name: str
    role: str
    csrf: str
    local: bool
    set_up: bool
    language: str


def routes(house: House) -> list[ControllerRouterHandler]:
    """Return the routes of this file."""
    return [*_entry(house), *_users(house), *_tokens(house)]


def _entry(house: House) -> list[ControllerRouterHandler]:
    reception = house.desk.reception

    def entered(request: AnyRequest, session: Session, cookie: str) -> Response[Me]:
        role = reception.accounts.role(session.name)
        me = Me(session.name, role.word, session.csrf, who().local, False, texts.language())
        answer = Response(me)
        begin(answer, request, cookie)
        return answer

    @get("/api/me", operation_id="me", tags=["accounts"])
    async def me() -> Me:
        """Who I am, what I may, and the CSRF token of my session."""
        v = who()
        return Me(v.name, v.role.word, v.csrf, v.local, v.set_up, texts.language())

    @post("/api/sign-in", operation_id="sign_in", tags=["accounts"], status_code=200)
    async def sign_in(data: JSONBody[SignIn], request: AnyRequest) -> Response[Me]:
        """Begin a session, whose cookie comes with the answer."""
        v = who()
        if data.code:
            session, cookie = await reception.sign_in_by_code(data.code, v.address)
        else:
            session, cookie = await reception.sign_in(data.name, data.password, v.address, v.local)
        reception.sign_out(request.cookies.get(cookie_name(request), ""))  # the one before ends
        return entered(request, session, cookie)

    @post("/api/set-up", operation_id="set_up", tags=["accounts"], status_code=200)
    async def set_up(data: JSONBody[FirstAccount], request: AnyRequest) -> Response[Me]:
        """Make the first account, an administrator, and begin a session."""
        v = who()
        session, cookie = await reception.first(data.name, data.password, data.code, v.address, v.local)
        return entered(request, session, cookie)

    @post("/api/sign-out", operation_id="sign_out", tags=["accounts"], status_code=204)
    async def sign_out(request: AnyRequest) -> Response[None]:
        """End my session."""
        reception.sign_out(request.cookies.get(cookie_name(request), ""))
        answer: Response[None] = Response(None, status_code=204)
        end(answer, request)
        return answer

    @post("/api/me/password", operation_id="own_password", tags=["accounts"], status_code=204)
    async def own_password(data: JSONBody[OwnPassword]) -> None:
        """Change my password; all my sessions end."""
        v = who()
        if v.token:
            raise NotAllowedError("Authorization: a token has no password; expected a session")
        await reception.own_password(v.name, data.old, data.new, v.address, v.local)

    return [me, sign_in, set_up, sign_out, own_password]


def _users(house: House) -> list[ControllerRouterHandler]:
    reception = house.desk.reception

    @get("/api/users", operation_id="users", tags=["accounts"])
    async def users() -> list[UserStatus]:
        """All accounts."""
        return reception.accounts.users()

    @post("/api/users", operation_id="user_add", tags=["accounts"])
    async def user_add(data: JSONBody[NewUser]) -> UserStatus:
        """Add an account."""
        kept = await reception.hashed(data.password, data.name)
        return await asyncio.to_thread(reception.user_add, data.name, data.role, kept, who().signature)

    @patch("/api/users/{name:str}", operation_id="user_change", tags=["accounts"])
    async def user_change(name: FromPath[str], data: JSONBody[UserChange]) -> UserStatus:
        """Change an account's role or password; its sessions end."""
        by = who().signature
        found = reception.accounts.known(name)
        if data.role is not None:
            found = await asyncio.to_thread(reception.user_role, name, data.role, by)
        if data.password is not None:
            kept = await reception.hashed(data.password, name)
            found = await asyncio.to_thread(reception.user_password, name, kept, by)
        return found

    @delete("/api/users/{name:str}", operation_id="user_remove", tags=["accounts"], status_code=200)
    async def user_remove(name: FromPath[str]) -> UserStatus:
        """Remove an account; its sessions end."""
        return await asyncio.to_thread(reception.user_remove, name, who().signature)

    return [users, user_add, user_change, user_remove]


def _tokens(house: House) -> list[ControllerRouterHandler]:
    reception = house.desk.reception

    @get("/api/tokens", operation_id="tokens", tags=["accounts"])
    async def tokens() -> list[TokenStatus]:
        """All tokens of programs."""
        return reception.accounts.tokens()

    @post("/api/tokens", operation_id="token_add", tags=["accounts"])
    async def token_add(data: JSONBody[NewToken]) -> MadeToken:
        """Make a token; its secret is told this once."""
        made = await asyncio.to_thread(reception.token_add, data.name, data.role, who().signature)
        return MadeToken(*made)

    @delete("/api/tokens/{token_id:str}", operation_id="token_revoke", tags=["accounts"], status_code=200)
    async def token_revoke(token_id: FromPath[str]) -> TokenStatus:
        """Revoke a token."""
        return await asyncio.to_thread(reception.token_revoke, token_id, who().signature)

    return [tokens, token_add, token_revoke]
