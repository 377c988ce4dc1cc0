"""The table of roles: no route without a row, no row without a route."""

from edge.model.role import GIVEN, Role, role_of
from edge.web.app import app
from edge.web.roles import ROLES
from tests.fakes.desk import Rig


def served_routes() -> set[str]:
    found = set()
    for route in app(Rig().desk).routes:
        for method in route.methods - {"OPTIONS", "HEAD"}:  # type: ignore[union-attr]
            found.add(f"{method} {route.path_format}")
    return found


def test_every_route_has_a_role_and_every_row_a_route() -> None:
    served = served_routes()
    assert served - set(ROLES) == set(), "these have no row in edge/web/roles.py: nobody may use them"
    assert set(ROLES) - served == set(), "these rows of edge/web/roles.py have no route"


# Signing in, and what everybody may do about themselves.
OWN = {"/sign-in", "/set-up", "/sign-out", "/api/sign-in", "/api/set-up", "/api/sign-out", "/api/me/password"}


def test_who_only_looks_writes_nothing_but_their_own() -> None:
    writing = [
        route.split(" ")[1] for route, role in ROLES.items() if route[:4] != "GET " and role < Role.FLEET
    ]
    assert set(writing) <= OWN


def test_a_role_by_its_word() -> None:
    assert [role_of(role.word) for role in GIVEN] == list(GIVEN)
    for wrong in ("nobody", "admin", "Viewer", ""):
        try:
            role_of(wrong)
        except ValueError as error:
            assert "expected one of viewer, fleet, electrician, administrator" in str(error)
        else:
            raise AssertionError(wrong)
