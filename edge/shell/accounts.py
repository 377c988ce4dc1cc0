"""The accounts of the page and the tokens of programs: one file, readable by the daemon's user alone.

    accounts = Accounts(state / ACCOUNTS)           Accounts(None) keeps nothing on disk
    accounts.add("anna", Role.FLEET, hashed(password))
    accounts.token_add("grafana", Role.VIEWER) -> (status, secret)      the secret is told once

Rule 1: no password and no token stands in the file: hashes only (passwords.py; a token is 32 random bytes,
        so that a plain SHA-256 of it says nothing).
Rule 2: the file is replaced as a whole and flushed, mode 0600; power may fail at any moment.
Rule 3: a file that cannot be read closes the door: nobody signs in, nobody sets up, the depot runs on.
Rule 4: there is always an administrator, once there has been one.

Any thread may call; whoever calls waits for the disk.  Wall times are UTC ms.
"""

import hashlib
import os
import re
import secrets
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from edge.model.role import GIVEN, Role, role_of
from edge.model.units import HOUR_MS
from edge.shell.answers import DeskError, TokenStatus, UnknownError, UserStatus
from edge.shell.passwords import is_hash

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")

ACCOUNTS_MAX = 200
TOKENS_MAX = 200

# A token's last use is written this often at most: an SD card wears by every write.
USE_WRITTEN_MS = HOUR_MS

TOKEN_PREFIX = "depot_"


class Account(msgspec.Struct, frozen=True):
    """Somebody who may sign in.  password: its hash; "" is nobody's, then only a sign-in code lets in."""

    name: str
    role: str
    password: str = ""
    made_wall_ms: int = 0
    last_wall_ms: int = 0


class Token(msgspec.Struct, frozen=True):
    """A program that may ask.  digest: SHA-256 of its secret, hexadecimal."""

    id: str
    name: str
    role: str
    digest: str
    made_wall_ms: int = 0
    last_wall_ms: int = 0
    made_by: str = ""


class Kept(msgspec.Struct):
    """What the file holds."""

    version: int = 1
    accounts: dict[str, Account] = {}
    tokens: dict[str, Token] = {}


class Accounts:
    """The file, and what it holds.  trouble: why it cannot be read or written, "" if all is well."""

    def __init__(self, path: Path | None, wall_ms: Callable[[], int] = lambda: 0) -> None:
        self._path = path
        self._wall_ms = wall_ms
        self._lock = threading.RLock()
        self._kept = Kept()
        self.trouble = ""
        try:
            if path is not None and path.exists():
                self._kept = _checked(path.read_bytes())
        except (OSError, ValueError) as error:
            self.trouble = f"{path}: the accounts cannot be read: {error}; nobody can sign in"

    @property
    def empty(self) -> bool:
        """Tell whether nobody has been set up yet.  A file that cannot be read is not empty (rule 3)."""
        return not self._kept.accounts and not self.trouble

    # Accounts.

    def account(self, name: str) -> Account | None:
        """Return an account."""
        return self._kept.accounts.get(name)

    def known(self, name: str) -> UserStatus:
        """Return an account as it is shown.  Raises DeskError where there is none."""
        return _user(self._known(name))

    def role(self, name: str) -> Role:
        """Return an account's role as it is now; NOBODY where there is no such account."""
        account = self.account(name)
        return role_of(account.role) if account else Role.NOBODY

    def users(self) -> list[UserStatus]:
        """Return all accounts, by name."""
        return [_user(each) for _, each in sorted(self._kept.accounts.items())]

    def add(self, name: str, role: Role, password: str, *, first: bool = False) -> UserStatus:
        """Add an account.  password: its hash, "" for none; first: only if there is none yet.

        Raises DeskError.
        """
        if not NAME.fullmatch(name):
            raise DeskError(f"name: {name[:40]!r}: expected up to 32 letters, digits, dots and dashes")
        _hash(password)
        if role not in GIVEN:
            raise DeskError(f"role: expected one of {', '.join(each.word for each in GIVEN)}")
        with self._lock:
            self._readable()
            if first and not self.empty:
                raise DeskError("name: there are accounts already; an administrator adds more")
            if name in self._kept.accounts:
                raise DeskError(f"name: there is an account {name!r} already")
            if len(self._kept.accounts) >= ACCOUNTS_MAX:
                raise DeskError(f"name: {ACCOUNTS_MAX} accounts at most")
            account = Account(name, role.word, password, self._wall_ms())
            self._put(self._kept.accounts | {name: account}, self._kept.tokens)
        return _user(account)

    def remove(self, name: str) -> UserStatus:
        """Remove an account.  Raises DeskError where there is none, or it is the last administrator."""
        with self._lock:
            account = self._known(name)
            self._not_the_last(account)
            left = {key: each for key, each in self._kept.accounts.items() if key != name}
            self._put(left, self._kept.tokens)
        return _user(account)

    def set_password(self, name: str, password: str) -> UserStatus:
        """Give an account another password.  password: its hash.  Raises DeskError."""
        _hash(password)
        return self._change(name, password=password)

    def set_role(self, name: str, role: Role) -> UserStatus:
        """Give an account another role.  Raises DeskError where it is the last administrator."""
        with self._lock:
            if role is not Role.ADMINISTRATOR:
                self._not_the_last(self._known(name))
            return self._change(name, role=role.word)

    def seen(self, name: str) -> None:
        """Remember that somebody has signed in.  Nothing is said where the disk refuses."""
        with self._lock:
            if name in self._kept.accounts:
                self._quietly(lambda: self._change(name, last_wall_ms=self._wall_ms()))

    # Tokens.

    def tokens(self) -> list[TokenStatus]:
        """Return all tokens, the oldest first."""
        by_age = sorted(self._kept.tokens.values(), key=lambda each: (each.made_wall_ms, each.id))
        return [_token(each) for each in by_age]

    def token_add(self, name: str, role: Role, made_by: str) -> tuple[TokenStatus, str]:
        """Make a token, and return it with its secret, which nobody can look up later.  Raises DeskError."""
        if not NAME.fullmatch(name):
            raise DeskError(f"name: {name[:40]!r}: expected up to 32 letters, digits, dots and dashes")
        secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
        with self._lock:
            self._readable()
            if len(self._kept.tokens) >= TOKENS_MAX:
                raise DeskError(f"name: {TOKENS_MAX} tokens at most; revoke one")
            token = Token(
                secrets.token_hex(4), name, role.word, digest(secret), self._wall_ms(), made_by=made_by
            )
            self._put(self._kept.accounts, self._kept.tokens | {token.id: token})
        return _token(token), secret

    def token_revoke(self, token_id: str) -> TokenStatus:
        """Revoke a token.  Raises DeskError."""
        with self._lock:
            self._readable()
            token = self._kept.tokens.get(token_id)
            if token is None:
                ids = ", ".join(self._kept.tokens) or "(there are none)"
                raise UnknownError(f"id: there is no token {token_id[:40]!r}; expected one of {ids}")
            left = {key: each for key, each in self._kept.tokens.items() if key != token_id}
            self._put(self._kept.accounts, left)
        return _token(token)

    def token_of(self, secret: str) -> Token | None:
        """Return the token of a secret.  A look-up by digest tells nobody how near a guess was."""
        wanted = digest(secret)
        return next((each for each in self._kept.tokens.values() if each.digest == wanted), None)

    def has_token(self, token_id: str) -> bool:
        """Tell whether a token has not been revoked."""
        return token_id in self._kept.tokens

    def use_is_due(self, token_id: str) -> bool:
        """Tell whether a token's last use ought to be written."""
        token = self._kept.tokens.get(token_id)
        return token is not None and abs(self._wall_ms() - token.last_wall_ms) >= USE_WRITTEN_MS

    def token_used(self, token_id: str) -> None:
        """Remember that a token was used.  Nothing is said where the disk refuses."""
        with self._lock:
            token = self._kept.tokens.get(token_id)
            if token is not None:
                used = msgspec.structs.replace(token, last_wall_ms=self._wall_ms())
                self._quietly(lambda: self._put(self._kept.accounts, self._kept.tokens | {token_id: used}))

    # The file.

    def _readable(self) -> None:
        if self.trouble:
            raise DeskError(self.trouble)

    def _known(self, name: str) -> Account:
        self._readable()
        account = self._kept.accounts.get(name)
        if account is None:
            names = ", ".join(sorted(self._kept.accounts)) or "(there are none)"
            raise UnknownError(f"name: there is no account {name[:40]!r}; expected one of {names}")
        return account

    def _not_the_last(self, account: Account) -> None:
        others = (each for each in self._kept.accounts.values() if each.name != account.name)
        top = Role.ADMINISTRATOR.word
        if account.role == top and not any(each.role == top for each in others):
            raise DeskError(f"name: {account.name} is the last administrator; make another one first")

    def _change(self, name: str, **values: object) -> UserStatus:
        with self._lock:
            account = msgspec.structs.replace(self._known(name), **values)
            self._put(self._kept.accounts | {name: account}, self._kept.tokens)
        return _user(account)

    def _quietly(self, write: Callable[[], object]) -> None:
        try:
            write()
        except DeskError:
            return

    def _put(self, accounts: dict[str, Account], tokens: dict[str, Token]) -> None:
        """Write the file; only what is on disk holds.  Raises DeskError where the disk refuses."""
        kept = Kept(1, accounts, tokens)
        if self._path is not None:
            try:
                _replace(self._path, msgspec.json.format(msgspec.json.encode(kept), indent=1))
            except OSError as error:
                raise DeskError(f"{self._path}: cannot be written: {error.strerror or error}") from None
        self._kept = kept


def digest(secret: str) -> str:
    """Return what is kept of a token's secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _hash(password: str) -> None:
    if password and not is_hash(password):
        raise DeskError("password: expected the hash of one")


def _checked(content: bytes) -> Kept:
    """Return what a file holds.  Raises ValueError that says what is wrong."""
    kept = msgspec.json.decode(content, type=Kept)
    if kept.version != 1:
        raise ValueError(f"version {kept.version}: this release knows version 1")
    for role in [a.role for a in kept.accounts.values()] + [each.role for each in kept.tokens.values()]:
        role_of(role)
    return kept


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    number = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if os.geteuid() == 0:  # `sudo depot users` beside a daemon that runs as its own user
            owner = path.parent.stat()
            os.chown(beside, owner.st_uid, owner.st_gid)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _user(account: Account) -> UserStatus:
    return UserStatus(
        account.name, account.role, bool(account.password), account.made_wall_ms, account.last_wall_ms
    )


def _token(token: Token) -> TokenStatus:
    return TokenStatus(
        token.id, token.name, token.role, token.made_by, token.made_wall_ms, token.last_wall_ms
    )
