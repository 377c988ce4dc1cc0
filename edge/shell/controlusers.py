"""Requests of the console about accounts, tokens and sign-in codes.

Each also works on the accounts alone (`by`), for a console beside a daemon that does not run.
"""

from typing import ClassVar

from edge.shell.controlask import Ask
from edge.shell.desk import Desk
from edge.shell.reception import Reception


class AskReception(Ask, frozen=True):
    """A request that the reception answers."""

    slow: ClassVar[bool] = True

    def of(self, desk: Desk, who: str) -> object:
        return self.by(desk.reception, who)

    def by(self, reception: Reception, who: str) -> object:
        """Return the reception's answer.  Raises DeskError."""
        raise NotImplementedError


class AskUsers(AskReception, frozen=True, tag="users"):
    """All accounts."""

    def by(self, reception: Reception, who: str) -> object:
        return reception.accounts.users()


class AskUserAdd(AskReception, frozen=True, tag="user_add"):
    """Add an account.  password: its hash (passwords.py), "" for none."""

    name: str
    role: str
    password: str = ""

    def by(self, reception: Reception, who: str) -> object:
        return reception.user_add(self.name, self.role, self.password, who)


class AskUserRemove(AskReception, frozen=True, tag="user_remove"):
    """Remove an account."""

    name: str

    def by(self, reception: Reception, who: str) -> object:
        return reception.user_remove(self.name, who)


class AskUserPassword(AskReception, frozen=True, tag="user_password"):
    """Set an account's password.  password: its hash."""

    name: str
    password: str

    def by(self, reception: Reception, who: str) -> object:
        return reception.user_password(self.name, self.password, who)


class AskUserRole(AskReception, frozen=True, tag="user_role"):
    """Set an account's role."""

    name: str
    role: str

    def by(self, reception: Reception, who: str) -> object:
        return reception.user_role(self.name, self.role, who)


class AskTokens(AskReception, frozen=True, tag="tokens"):
    """All tokens of programs."""

    def by(self, reception: Reception, who: str) -> object:
        return reception.accounts.tokens()


class AskTokenAdd(AskReception, frozen=True, tag="token_add"):
    """Make a token.  The answer is its status and its secret."""

    name: str
    role: str

    def by(self, reception: Reception, who: str) -> object:
        return reception.token_add(self.name, self.role, who)


class AskTokenRevoke(AskReception, frozen=True, tag="token_revoke"):
    """Revoke a token."""

    id: str

    def by(self, reception: Reception, who: str) -> object:
        return reception.token_revoke(self.id, who)


class AskSignInCode(AskReception, frozen=True, tag="sign_in_code"):
    """Make a code that signs an account in once, within ten minutes."""

    name: str

    def by(self, reception: Reception, who: str) -> object:
        return reception.code_for(self.name, who)


AnyAskReception = (
    AskUsers
    | AskUserAdd
    | AskUserRemove
    | AskUserPassword
    | AskUserRole
    | AskTokens
    | AskTokenAdd
    | AskTokenRevoke
    | AskSignInCode
)
