"""Who may come in: signing in and out, sessions, one-time codes, tokens, and what the console may change.

    session, cookie = await reception.sign_in("anna", password, address, local=False)
    reception.session(cookie)       -> the session, while it lasts
    reception.bearer(secret)        -> (name, role) of a token

Rule 1: there is no default password.  Until there is an account, somebody at the gateway itself, or with
        the code that is printed on its console, makes the first one, an administrator.
Rule 2: who fails waits (tries.py): by account and by address; whoever sits at the gateway is counted apart,
        so that nobody on the network can lock them out.
Rule 3: a session has a new random name at every sign-in, lives in memory only, and ends when it is idle,
        when it is old, and when the account's password or role changes.
Rule 4: everything is on the audit log, but for a name that nobody has: it may be a password in the wrong
        field.

Times are monotonic (`_ms`) or UTC (`_wall_ms`).
"""

import asyncio
import hashlib
import hmac
import ipaddress
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from edge.model.role import Role, role_of
from edge.model.units import DAY_MS, HOUR_MS, MINUTE_MS
from edge.shell.accounts import Accounts, Token, digest
from edge.shell.answers import DeskError, TokenStatus, UserStatus
from edge.shell.passwords import good, hashed, matches
from edge.shell.tries import Tries

# A shift, and a week.
IDLE_MS = 8 * HOUR_MS
ABSOLUTE_MS = 7 * DAY_MS
SESSIONS_MAX = 500

# A code that signs somebody in once.
CODE_MS = 10 * MINUTE_MS
CODES_MAX = 20

# Letters and digits that nobody mistakes for one another (Crockford's Base32): 50 bits in ten of them.
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

# One password is hashed at a time (16 MiB, most of a second on a gateway); so many may wait for it.
WAITING_MAX = 8
BUSY_MS = 5_000

T = TypeVar("T")


class NotSignedInError(DeskError):
    """The name, the password or the code is wrong; which of them is not said."""


class NotAllowedError(DeskError):
    """It is right, but not for whoever asks."""


class TooManyTriesError(DeskError):
    """Somebody must wait."""

    def __init__(self, wait_ms: int) -> None:
        self.wait_s = -(-wait_ms // 1000)
        super().__init__(f"too many tries: expected the next one in {self.wait_s} s")


class Session(msgspec.Struct):
    """Somebody who has signed in.  id: tells it from others, and is no secret.  csrf: what its pages send."""

    id: str
    name: str
    csrf: str
    made_ms: int
    used_ms: int


class Reception:
    """Sessions and codes of a running daemon, over the accounts of a file.

    audit: writes a line of the audit log (UTC ms, who, what, outcome).
    """

    def __init__(
        self,
        path: Path | None,
        audit: Callable[[int, str, str, str], None],
        now_ms: Callable[[], int],
        wall_ms: Callable[[], int],
    ) -> None:
        self.accounts = Accounts(path, wall_ms)
        self._audit = audit
        self._now_ms = now_ms
        self._wall_ms = wall_ms
        self._tries = Tries()
        self._sessions: dict[str, Session] = {}
        self._codes: dict[str, tuple[str, int]] = {}
        self._lock = threading.RLock()
        self._hashing = asyncio.Semaphore(1)
        self._waiting = 0
        letters = "".join(secrets.choice(LETTERS) for _ in range(10))
        self._first_code = f"{letters[:5]}-{letters[5:]}"

    # Before there is an account.

    @property
    def set_up(self) -> bool:
        """Tell whether the first account is still to be made."""
        return self.accounts.empty

    @property
    def first_code(self) -> str:
        """Return the code for the console that allows to make the first account; "" once there is one."""
        return self._first_code if self.set_up else ""

    async def first(
        self, name: str, password: str, code: str, address: str, local: bool
    ) -> tuple[Session, str]:
        """Make the first account, an administrator, and sign it in.  Raises DeskError."""
        keys = [f"address {_net(address)}"]
        self._may_try(keys)
        if not self.set_up:
            raise NotAllowedError(
                self.accounts.trouble or "name: there are accounts already; an administrator adds more"
            )
        if not local and not hmac.compare_digest(_plain(code), _plain(self._first_code)):
            self._failed(keys, "set up with a wrong code", address)
            raise NotSignedInError("code: expected the one on the gateway's console")
        good(password, name)
        kept = await self._hash(lambda: hashed(password))
        with self._audited(name, f"first account {name} made from {address}"):
            await asyncio.to_thread(self.accounts.add, name, Role.ADMINISTRATOR, kept, first=True)
        return self._begin(name)

    # Signing in and out.

    async def sign_in(self, name: str, password: str, address: str, local: bool) -> tuple[Session, str]:
        """Begin a session, and return it with its cookie.  Raises NotSignedInError, TooManyTriesError."""
        keys = [f"account {name[:64]}{' here' if local else ''}", f"address {_net(address)}"]
        self._may_try(keys)
        account = self.accounts.account(name)
        kept = account.password if account else ""
        right = await self._hash(lambda: matches(password, kept), keys)
        if account is None or not right:
            self._failed(keys, f"sign in as {account.name if account else 'a name that nobody has'}", address)
            raise NotSignedInError("name or password: wrong")
        for key in keys:
            self._tries.passed(key)
        await asyncio.to_thread(self.accounts.seen, name)
        self._audit(self._wall_ms(), name, f"signed in from {address}", "done")
        return self._begin(name)

    async def sign_in_by_code(self, code: str, address: str) -> tuple[Session, str]:
        """Begin a session by a one-time code.  Raises NotSignedInError, TooManyTriesError."""
        keys = [f"address {_net(address)}"]
        self._may_try(keys)
        with self._lock:
            name, until_ms = self._codes.pop(digest(code), ("", 0))
        if not name or self._now_ms() > until_ms or self.accounts.account(name) is None:
            self._failed(keys, "sign in by a code", address)
            raise NotSignedInError(
                "code: unknown, used already, or too old; `depot users link` makes another"
            )
        await asyncio.to_thread(self.accounts.seen, name)
        self._audit(self._wall_ms(), name, f"signed in by a code from {address}", "done")
        return self._begin(name)

    def sign_out(self, cookie: str) -> None:
        """End a session."""
        with self._lock:
            session = self._sessions.pop(_id(cookie), None)
        if session is not None:
            self._audit(self._wall_ms(), session.name, "signed out", "done")

    def session(self, cookie: str) -> Session | None:
        """Return a session by its cookie, and count this as its use."""
        session = self._alive(_id(cookie)) if cookie else None
        if session is not None:
            session.used_ms = self._now_ms()
        return session

    def holds(self, session_id: str) -> bool:
        """Tell whether a session still lasts; this is no use of it."""
        return self._alive(session_id) is not None

    async def own_password(self, name: str, old: str, new: str, address: str, local: bool) -> None:
        """Let somebody change their own password; all their sessions end.  Raises DeskError."""
        keys = [f"account {name[:64]}{' here' if local else ''}", f"address {_net(address)}"]
        self._may_try(keys)
        account = self.accounts.account(name)
        kept = account.password if account else ""
        if not await self._hash(lambda: matches(old, kept), keys):
            self._failed(keys, f"password of {name}", address)
            raise NotSignedInError("old: wrong")
        good(new, name)
        hash_ = await self._hash(lambda: hashed(new))
        await asyncio.to_thread(self.user_password, name, hash_, name)

    async def hashed(self, password: str, name: str) -> str:
        """Return the hash of a new password for an account.  Raises DeskError where it will not do."""
        good(password, name)
        return await self._hash(lambda: hashed(password))

    # Tokens.

    def bearer(self, secret: str, address: str) -> Token:
        """Return the token of a secret.  Raises NotSignedInError, TooManyTriesError."""
        token = self.accounts.token_of(secret)
        if (
            token is None
        ):  # one that is right need not wait for others at its address: nobody guesses 32 bytes
            keys = [f"address {_net(address)}"]
            self._may_try(keys)
            self._failed(keys, "use of a token that nobody has", address)
            raise NotSignedInError("token: unknown, or revoked")
        return token

    # What administrators and the console change.  who: for the audit log.

    def user_add(self, name: str, role: str, password: str, who: str) -> UserStatus:
        """Add an account.  password: its hash, "" for none.  Raises DeskError."""
        with self._audited(who, f"account {name[:40]} added as {role[:20]}"):
            return self.accounts.add(name, _role(role), password)

    def user_remove(self, name: str, who: str) -> UserStatus:
        """Remove an account and end its sessions.  Raises DeskError."""
        with self._audited(who, f"account {name[:40]} removed"):
            gone = self.accounts.remove(name)
        self._end_all(name)
        return gone

    def user_password(self, name: str, password: str, who: str) -> UserStatus:
        """Set an account's password and end its sessions.  password: its hash.  Raises DeskError."""
        with self._audited(who, f"password of {name[:40]} set"):
            changed = self.accounts.set_password(name, password)
        self._end_all(name)
        return changed

    def user_role(self, name: str, role: str, who: str) -> UserStatus:
        """Set an account's role and end its sessions.  Raises DeskError."""
        with self._audited(who, f"role of {name[:40]} set to {role[:20]}"):
            changed = self.accounts.set_role(name, _role(role))
        self._end_all(name)
        return changed

    def token_add(self, name: str, role: str, who: str) -> tuple[TokenStatus, str]:
        """Make a token; its secret is told this once.  Raises DeskError."""
        with self._audited(who, f"token {name[:40]} made as {role[:20]}"):
            return self.accounts.token_add(name, _role(role), who)

    def token_revoke(self, token_id: str, who: str) -> TokenStatus:
        """Revoke a token.  Raises DeskError."""
        with self._audited(who, f"token {token_id[:40]} revoked"):
            return self.accounts.token_revoke(token_id)

    def code_for(self, name: str, who: str) -> str:
        """Return a code that signs an account in once, within ten minutes.  Raises DeskError."""
        with self._audited(who, f"sign-in code for {name[:40]} made"):
            if self.accounts.account(name) is None:
                raise DeskError(f"name: there is no account {name[:40]!r}")
        code = secrets.token_urlsafe(24)
        with self._lock:
            self._codes[digest(code)] = (name, self._now_ms() + CODE_MS)
            while len(self._codes) > CODES_MAX:
                del self._codes[next(iter(self._codes))]
        return code

    # Within.

    def _begin(self, name: str) -> tuple[Session, str]:
        cookie, now_ms = secrets.token_urlsafe(32), self._now_ms()
        session = Session(_id(cookie), name, secrets.token_urlsafe(24), now_ms, now_ms)
        with self._lock:
            self._sessions[session.id] = session
            if len(self._sessions) > SESSIONS_MAX:
                oldest = min(self._sessions.values(), key=lambda each: each.used_ms)
                del self._sessions[oldest.id]
        return session, cookie

    def _alive(self, session_id: str) -> Session | None:
        with self._lock:
            session = self._sessions.get(session_id)
            if session is None:
                return None
            now_ms = self._now_ms()
            idle, old = now_ms - session.used_ms >= IDLE_MS, now_ms - session.made_ms >= ABSOLUTE_MS
            if idle or old or self.accounts.account(session.name) is None:
                del self._sessions[session_id]
                return None
            return session

    def _end_all(self, name: str) -> None:
        with self._lock:
            self._sessions = {key: each for key, each in self._sessions.items() if each.name != name}
            self._codes = {key: each for key, each in self._codes.items() if each[0] != name}

    def _may_try(self, keys: list[str]) -> None:
        wait_ms = max(self._tries.wait_ms(key, self._now_ms()) for key in keys)
        if wait_ms:
            raise TooManyTriesError(wait_ms)

    def _failed(self, keys: list[str], what: str, address: str) -> None:
        count = max(self._tries.failed(key, self._now_ms()) for key in keys)
        self._audit(self._wall_ms(), f"somebody at {address}", what, f"refused: failure {count} in a row")

    async def _hash(self, work: Callable[[], T], keys: list[str] | None = None) -> T:
        """Hash in a thread, one at a time; tries that have failed meanwhile count.

        Raises TooManyTriesError.
        """
        if self._waiting >= WAITING_MAX:
            raise TooManyTriesError(BUSY_MS)
        self._waiting += 1
        try:
            async with self._hashing:
                if keys:
                    self._may_try(keys)
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1

    @contextmanager
    def _audited(self, who: str, what: str) -> Iterator[None]:
        try:
            yield
        except DeskError as error:
            self._audit(self._wall_ms(), who, what, f"refused: {error}")
            raise
        self._audit(self._wall_ms(), who, what, "done")


def _id(cookie: str) -> str:
    return hashlib.sha256(cookie.encode("utf-8", "surrogatepass")).hexdigest()


def _plain(code: str) -> bytes:
    """Return a code as somebody may have typed it."""
    letters = code.upper().replace("O", "0").replace("I", "1").replace("L", "1")
    return "".join(c for c in letters if c in LETTERS).encode()


def _net(address: str) -> str:
    """Return who counts as one: an IPv4 address, the /64 of an IPv6 address."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if found.version == 6 and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
    return str(getattr(found, "ipv4_mapped", None) or found)


def _role(word: str) -> Role:
    try:
        return role_of(word)
    except ValueError as error:
        raise DeskError(str(error)) from None
