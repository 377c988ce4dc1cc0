"""Who looks: the account and role behind a request, for pages and routes.

    who()           the visitor of the request that is being answered
    who().csrf      what a page sends as the header X-CSRF-Token when it writes; "" without a session
    who().may(Role.FLEET)

The door (access.py) sets it before a route is run; background work has nobody.
"""

from contextvars import ContextVar

import msgspec

from edge.model.role import Role


class Visitor(msgspec.Struct, frozen=True):
    """Somebody at the page.

    name: of the account, or of the token; "" where nobody has signed in.  role: what they may do here.
    csrf, session: of their session, "" without one.  token: the token's id, "" of a person.
    address: where they come from; local: that is the gateway itself.  set_up: there is no account yet.
    """

    name: str = ""
    role: Role = Role.NOBODY
    csrf: str = ""
    session: str = ""
    token: str = ""
    address: str = ""
    local: bool = False
    set_up: bool = False

    @property
    def signed_in(self) -> bool:
        """Tell whether this is a person with a session, or a program with a token."""
        return bool(self.name)

    @property
    def signature(self) -> str:
        """Return who this is for the audit log."""
        return f"token {self.name}" if self.token else self.name or f"somebody at {self.address}"

    def may(self, role: Role) -> bool:
        """Tell whether they may do what takes a role."""
        return self.role >= role


NOBODY = Visitor()

_visitor: ContextVar[Visitor] = ContextVar("visitor", default=NOBODY)


def who() -> Visitor:
    """Return the visitor of the request that is being answered."""
    return _visitor.get()


def is_here(visitor: Visitor) -> None:
    """Say who it is, in this task."""
    _visitor.set(visitor)
