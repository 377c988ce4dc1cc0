"""The door over HTTP: first account, sessions, CSRF, lock-out, tokens, and every route for every role.

Sessions are driven by plain http.client, as an attacker would; the roles that routes take are written down
here by hand (MAY), not read from the table that is tested.
"""

import http.client
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from edge.model.role import GIVEN, Role
from edge.shell import passwords
from edge.shell.reception import ABSOLUTE_MS, IDLE_MS
from edge.web.roles import ROLES
from tests.fakes.served import Served

PASSWORD = "seven yellow vans"


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A depot whose passwords are hashed cheaply: what is tested here is not scrypt."""
    monkeypatch.setattr(passwords, "COST", 16)
    monkeypatch.setattr(passwords, "TIMES", 1)
    depot = Served()
    depot.tick(0)
    yield depot
    depot.close()


class Got:
    """One answer.  json: decoded; cookie: the session's, "" where none was set."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status = answer.status
        self.headers = {k.lower(): v for k, v in answer.getheaders()}
        self.body = answer.read()
        self.set_cookie = self.headers.get("set-cookie", "")
        found = re.match(r"depot_session=([^;]*);", self.set_cookie)
        self.cookie = found[1] if found else ""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(depot: Served, method: str, path: str, body: Any = None, **headers: str) -> Got:
    wire = http.client.HTTPConnection("127.0.0.1", depot.port, timeout=10)
    sent = {k.replace("_", "-"): v for k, v in headers.items()}
    raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    if raw is not None:
        sent.setdefault("Content-Type", "application/json")
    wire.request(method, path, raw, sent)
    got = Got(wire.getresponse())
    wire.close()
    return got


def with_users(depot: Served) -> None:
    """Make an account of every role, called as its role; all with the same password."""
    for role in GIVEN:
        depot.rig.desk.reception.user_add(role.word, role.word, passwords.hashed(PASSWORD), "test")


def sign_in(depot: Served, name: str) -> dict[str, str]:
    """Return the headers of a session."""
    got = ask(depot, "POST", "/api/sign-in", {"name": name, "password": PASSWORD})
    assert got.status == 200, got.body
    return {"Cookie": f"depot_session={got.cookie}", "X-CSRF-Token": got.json["csrf"]}


# The first account.


def test_the_first_account_is_made_at_the_gateway_and_only_once(served: Served) -> None:
    assert ask(served, "GET", "/api/me").json["set_up"] is True
    short = ask(served, "POST", "/api/set-up", {"name": "anna", "password": "short"})
    assert (short.status, short.json["detail"][:9]) == (400, "password:")
    made = ask(served, "POST", "/api/set-up", {"name": "anna", "password": PASSWORD})
    assert (made.status, made.json["role"]) == (200, "administrator")
    again = ask(served, "POST", "/api/set-up", {"name": "mallory", "password": PASSWORD})
    assert again.status == 403
    assert ask(served, "GET", "/api/me").json["set_up"] is False
    me = ask(served, "GET", "/api/me", Cookie=f"depot_session={made.cookie}").json
    assert (me["name"], me["role"]) == ("anna", "administrator")


def test_elsewhere_the_first_account_takes_the_code_of_the_console(served: Served) -> None:
    away = {"X-Forwarded-For": "198.51.100.7"}  # a proxy says so: then nobody is at the gateway itself
    wish = {"name": "anna", "password": PASSWORD}
    assert ask(served, "POST", "/api/set-up", wish, **away).status == 401
    assert ask(served, "POST", "/api/set-up", {**wish, "code": "AAAAA-AAAAA"}, **away).status == 401
    code = served.rig.desk.reception.first_code
    assert re.fullmatch(r"[0-9A-Z]{5}-[0-9A-Z]{5}", code)
    typed = code.lower().replace("0", "o").replace("-", " ")
    assert ask(served, "POST", "/api/set-up", {**wish, "code": typed}, **away).status == 200
    assert served.rig.desk.reception.first_code == ""


# Who may look.


AWAY = (
    {"Host": "depot.example"},
    {"Host": "rebound.attacker.example:8080"},
    {"X-Forwarded-For": "127.0.0.1"},
    {"Forwarded": "for=127.0.0.1"},
    {"Via": "1.1 proxy"},
)


def test_who_is_not_at_the_gateway_signs_in_to_look(served: Served) -> None:
    assert ask(served, "GET", "/api/status").status == 200
    for headers in AWAY:
        refused = ask(served, "GET", "/api/status", **headers)
        assert refused.status == 401 and "www-authenticate" in refused.headers
        assert ask(served, "GET", "/metrics", **headers).status == 401
        page = ask(served, "GET", "/", Accept="text/html", **headers)
        assert (page.status, page.headers["location"]) == (303, "/sign-in?to=/")
        assert ask(served, "GET", "/sign-in", Accept="text/html", **headers).status == 200


# Every route, every role.

# What takes more than looking, by hand.  Everything else that is read is a viewer's.
ADMINISTRATORS = {"/api/users", "/api/users/{name}", "/api/tokens", "/api/tokens/{token_id}"}
EVERYBODY = {
    "GET /static/{name}", "GET /language/{code}", "GET /sign-in", "POST /sign-in", "POST /set-up",
    "GET /api/me", "POST /api/sign-in", "POST /api/set-up",
}  # fmt: skip
FLEET_MANAGERS = {
    "/api/windows",
    "/api/windows/preview",
    "/api/windows/import",
    "/api/windows/{window_id}/exceptions",
    "/api/windows/{window_id}",
    "/api/events/{event_id}/opt-out",
    "/api/events/{event_id}/opt-in",
    "/api/opt-outs",
    "/windows/preview",
    "/windows/import",
}
ELECTRICIANS = {
    "/api/devices/{device}/trace", "/api/site/file", "/api/site/check", "/devices/trace", "/settings/check",
}  # fmt: skip
OWN = {"POST /sign-out", "POST /api/sign-out", "POST /api/me/password"}


def takes(route: str) -> Role:
    """Return the role that a route ought to take."""
    method, path = route.split(" ")
    if route in EVERYBODY:
        return Role.NOBODY
    if path in ADMINISTRATORS:
        return Role.ADMINISTRATOR
    if path in ELECTRICIANS:
        return Role.ELECTRICIAN
    if path in ("/api/audit", "/log"):  # names who did what
        return Role.FLEET
    if method == "GET" or route in OWN:
        return Role.VIEWER
    if path in FLEET_MANAGERS:
        return Role.FLEET
    raise AssertionError(f"{route}: say here what it ought to take")


def test_no_role_crosses_into_anothers_routes(served: Served) -> None:
    with_users(served)
    sessions = {role: sign_in(served, role.word) for role in GIVEN}
    crossed = []
    for route in sorted(ROLES):
        if route == "GET /api/stream" or route in OWN:  # endless; ends the session
            continue
        method, path = route.split(" ")
        path = re.sub(r"\{\w+\}", "nothing", path)
        body = b"" if method != "GET" else None
        for role in (Role.NOBODY, *GIVEN):
            away = {"Host": "depot.example", **sessions.get(role, {})}
            got = ask(served, method, path, body, **away)
            let_in = got.status not in (401, 403) or route in EVERYBODY
            if let_in != (role >= takes(route)):
                crossed.append(f"{role.word}: {route}: {got.status}")
    assert crossed == []


# Sessions.


def test_a_session_writes_only_with_its_csrf_token(served: Served) -> None:
    with_users(served)
    session = sign_in(served, "administrator")
    other = sign_in(served, "administrator")
    wish = {"name": "grafana", "role": "viewer"}
    for csrf in ("", "x", other["X-CSRF-Token"], session["X-CSRF-Token"][:-1]):
        got = ask(served, "POST", "/api/tokens", wish, Cookie=session["Cookie"], X_CSRF_Token=csrf)
        assert (got.status, "x-csrf-token" in got.json["detail"]) == (403, True)
    assert ask(served, "POST", "/api/tokens", wish, **session).status == 201
    assert ask(served, "POST", "/api/tokens", wish).status == 401  # who only looks writes nothing
    form = urlencode({"csrf": session["X-CSRF-Token"]}).encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert ask(served, "POST", "/sign-out", b"csrf=x", Cookie=session["Cookie"], **kind).status == 403
    assert ask(served, "POST", "/sign-out", form, Cookie=session["Cookie"], **kind).status == 303
    assert ask(served, "POST", "/api/tokens", wish, **session).status == 401


FOREIGN = (
    {"Origin": "https://attacker.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "http://["},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
)


def test_another_sites_page_cannot_write(served: Served) -> None:
    with_users(served)
    session = sign_in(served, "administrator")
    for path in ("/api/sign-in", "/api/set-up", "/api/tokens", "/sign-in", "/set-up"):
        for headers in FOREIGN:
            got = ask(served, "POST", path, {"name": "x", "password": PASSWORD}, **session, **headers)
            assert (got.status, got.json["detail"][:7]) == (403, "Origin:"), (path, headers)


def test_the_cookie_of_a_session_is_out_of_reach(served: Served) -> None:
    with_users(served)
    got = ask(served, "POST", "/api/sign-in", {"name": "viewer", "password": PASSWORD})
    attributes = {part.strip().lower() for part in got.set_cookie.split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/"} <= attributes
    assert not any(part.startswith("domain") for part in attributes)
    assert len(got.cookie) >= 40 and got.cookie not in got.body.decode()


def test_a_session_that_was_planted_is_not_taken(served: Served) -> None:
    with_users(served)
    planted = {"Cookie": "depot_session=planted-by-an-attacker"}
    assert ask(served, "GET", "/api/me", **planted).json["name"] == ""
    got = ask(served, "POST", "/api/sign-in", {"name": "viewer", "password": PASSWORD}, **planted)
    assert got.cookie not in ("", "planted-by-an-attacker")
    assert ask(served, "GET", "/api/me", **planted).json["name"] == ""
    first = {"Cookie": f"depot_session={got.cookie}"}
    again = ask(served, "POST", "/api/sign-in", {"name": "fleet", "password": PASSWORD}, **first)
    assert again.cookie != got.cookie
    assert ask(served, "GET", "/api/me", **first).json["name"] == ""  # the one before has ended


def test_sessions_end_when_idle_when_old_and_when_the_account_changes(served: Served) -> None:
    with_users(served)
    rig = served.rig

    def name(session: dict[str, str]) -> str:
        return str(ask(served, "GET", "/api/me", **session).json["name"])

    session = sign_in(served, "viewer")
    rig.at_ms += IDLE_MS - 1
    assert name(session) == "viewer"
    rig.at_ms += IDLE_MS
    assert name(session) == ""
    session = sign_in(served, "viewer")
    for _ in range(ABSOLUTE_MS // (IDLE_MS - 1)):
        rig.at_ms += IDLE_MS - 1
        assert name(session) == "viewer"
    rig.at_ms += IDLE_MS - 1
    assert name(session) == ""
    administrator, session = sign_in(served, "administrator"), sign_in(served, "fleet")
    change = {"role": "viewer"}
    assert ask(served, "PATCH", "/api/users/fleet", change, **administrator).json["role"] == "viewer"
    assert name(session) == ""
    session = sign_in(served, "fleet")
    assert ask(served, "DELETE", "/api/users/fleet", **administrator).status == 200
    assert name(session) == ""
    last = ask(served, "DELETE", "/api/users/administrator", **administrator)
    assert (last.status, "last administrator" in last.json["detail"]) == (400, True)


def test_somebody_changes_their_password(served: Served) -> None:
    with_users(served)
    session = sign_in(served, "viewer")
    wrong = ask(served, "POST", "/api/me/password", {"old": "x", "new": "eight green buses"}, **session)
    assert wrong.status == 401
    right = {"old": PASSWORD, "new": "eight green buses"}
    assert ask(served, "POST", "/api/me/password", right, **session).status == 204
    assert ask(served, "GET", "/api/me", **session).json["name"] == ""
    old, new = ({"name": "viewer", "password": p} for p in (PASSWORD, "eight green buses"))
    assert ask(served, "POST", "/api/sign-in", old).status == 401
    assert ask(served, "POST", "/api/sign-in", new).status == 200


# Lock-out.


def test_who_fails_waits_longer_and_longer_and_is_not_told_what_was_wrong(served: Served) -> None:
    with_users(served)
    rig, wrong, right = served.rig, {"name": "viewer", "password": "x" * 12}, {"name": "viewer"}
    right["password"] = PASSWORD
    texts = {ask(served, "POST", "/api/sign-in", {**wrong, "name": n}).body for n in ("viewer", "nobody")}
    assert len(texts) == 1
    for _ in range(3):
        assert ask(served, "POST", "/api/sign-in", wrong).status == 401
    waits = []
    for _ in range(4):
        locked = ask(served, "POST", "/api/sign-in", right)  # also the right password must wait
        assert locked.status == 429
        waits.append(int(locked.headers["retry-after"]))
        rig.at_ms += 1000 * waits[-1]
        assert ask(served, "POST", "/api/sign-in", wrong).status == 401
    assert waits == [1, 2, 4, 8]
    rig.at_ms += 16_000
    assert ask(served, "POST", "/api/sign-in", right).status == 200
    assert ask(served, "POST", "/api/sign-in", wrong).status == 401  # forgotten: it counts from one again
    assert ask(served, "POST", "/api/sign-in", right).status == 200
    said = [line for line in rig.store.audited if "failure 5 in a row" in line[2]]
    assert said and said[0][1] == "sign in as viewer"
    assert not any("nobody" in line[1] and "that nobody has" not in line[1] for line in rig.store.audited)


def test_who_is_locked_out_elsewhere_is_let_in_at_the_gateway(served: Served) -> None:
    with_users(served)
    away, wrong = {"Host": "depot.example"}, {"name": "administrator", "password": "x" * 12}
    # All come from one address here; the address is locked as well, so it must be forgotten for this.
    for _ in range(6):
        ask(served, "POST", "/api/sign-in", wrong, **away)
    served.rig.desk.reception._tries.passed("address 127.0.0.1")
    right = {"name": "administrator", "password": PASSWORD}
    assert ask(served, "POST", "/api/sign-in", right, **away).status == 429
    assert ask(served, "POST", "/api/sign-in", right).status == 200


# Tokens.


def test_a_token_asks_until_it_is_revoked(served: Served) -> None:
    with_users(served)
    administrator = sign_in(served, "administrator")
    made = ask(served, "POST", "/api/tokens", {"name": "planner", "role": "administrator"}, **administrator)
    secret, token_id = made.json["secret"], made.json["token"]["id"]
    token = {"Authorization": f"Bearer {secret}", "Host": "depot.example"}
    assert ask(served, "GET", "/api/status", **token).status == 200
    listed = ask(served, "GET", "/api/tokens", **administrator)
    assert secret not in listed.body.decode() and listed.json[0]["last_wall_ms"] > 0
    assert ask(served, "POST", "/api/tokens", {"name": "x", "role": "viewer"}, **token).status == 201
    assert ask(served, "POST", "/api/me/password", {"old": "x", "new": "y"}, **token).status == 403
    assert ask(served, "DELETE", f"/api/tokens/{token_id}", **administrator).status == 200
    assert ask(served, "GET", "/api/status", **token).status == 401
    assert ask(served, "DELETE", f"/api/tokens/{token_id}", **administrator).status == 404


def test_a_token_of_a_viewer_writes_nothing(served: Served) -> None:
    secret = served.rig.desk.reception.token_add("grafana", "viewer", "test")[1]
    token = {"Authorization": f"Bearer {secret}"}
    assert ask(served, "GET", "/api/status", **token).status == 200
    assert ask(served, "POST", "/api/tokens", {"name": "x", "role": "viewer"}, **token).status == 403


# The pages before all others, without scripts.


def test_signing_in_by_forms(served: Served) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    first = ask(served, "GET", "/sign-in?to=/day", Accept_Language="de")
    assert (
        b'action="/set-up"' in first.body and b'lang="de"' in first.body and "Passwort" in first.body.decode()
    )
    form = urlencode({"name": "anna", "password": PASSWORD, "to": "/day"}).encode()
    made = ask(served, "POST", "/set-up", form, **kind)
    assert (made.status, made.headers["location"], len(made.cookie)) == (303, "/day", 43)
    assert b'action="/sign-in"' in ask(served, "GET", "/sign-in").body
    wrong = ask(served, "POST", "/sign-in", form.replace(b"yellow", b"purple"), **kind)
    assert wrong.status == 401 and b'role="alert"' in wrong.body and b'value="anna"' in wrong.body
    right = ask(served, "POST", "/sign-in", form, **kind)
    assert (right.status, right.headers["location"]) == (303, "/day")


AWAY_FROM_HERE = (
    "https://attacker.example",
    "//attacker.example",
    "/\\attacker.example",
    "javascript:alert(1)",
    "/\r\nX: y",
    "/\tx",
    "",
)


def test_nobody_is_sent_to_another_site(served: Served) -> None:
    with_users(served)
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    for to in AWAY_FROM_HERE:
        form = urlencode({"name": "viewer", "password": PASSWORD, "to": to}).encode()
        assert ask(served, "POST", "/sign-in", form, **kind).headers["location"] == "/"
        assert ask(served, "GET", "/language/de?" + urlencode({"to": to})).headers["location"] == "/"


def test_a_code_signs_in_once(served: Served) -> None:
    with_users(served)
    code = served.rig.desk.reception.code_for("fleet", "console")
    got = ask(served, "POST", "/api/sign-in", {"code": code})
    assert got.json["name"] == "fleet"
    assert ask(served, "POST", "/api/sign-in", {"code": code}).status == 401
    late = served.rig.desk.reception.code_for("fleet", "console")
    served.rig.at_ms += 10 * 60 * 1000 + 1
    assert ask(served, "POST", "/api/sign-in", {"code": late}).status == 401
    assert ask(served, "GET", "/sign-in?code=%3Cscript%3E").body.count(b"<script>") == 0


# What a browser is told of every answer.


def test_every_answer_forbids_framing_sniffing_scripts_and_keeping(served: Served) -> None:
    with_users(served)
    session = sign_in(served, "administrator")
    paths = [
        "/",
        "/sign-in",
        "/api/me",
        "/api/users",
        "/api/nothing",
        "/nothing",
        "/static/nothing",
        "/api/why/x",
    ]
    answers = [ask(served, "GET", path, **session) for path in paths]
    answers += [ask(served, "GET", "/api/status", Host="depot.example"), ask(served, "POST", "/api/users")]
    answers += [
        ask(served, "POST", "/api/users", b"{", **session),
        ask(served, "PUT", "/api/users", **session),
    ]
    for got in answers:
        policy = got.headers["content-security-policy"]
        assert (
            "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        )
        assert got.headers["x-frame-options"] == "DENY"
        assert got.headers["x-content-type-options"] == "nosniff"
        assert got.headers["referrer-policy"] == "same-origin"
        assert got.headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in got.headers


def test_no_path_leads_out(served: Served) -> None:
    with_users(served)
    session = sign_in(served, "administrator")
    for path in (
        "/static/../access.py", "/static/..%2faccess.py", "/static/%2e%2e/access.py", "/static//etc/passwd",
        "/static/%00", "/api/reports/..%2f..%2fetc/uptime.csv", "/api/site/file/../../etc/passwd",
        "/events/..%2f..%2fetc%2fpasswd", "/language/..%2f..%2fen", "/schema/../../etc/passwd",
    ):  # fmt: skip
        got = ask(served, "GET", path, **session)
        assert got.status in (400, 404), path
        assert b"root:" not in got.body and b"import " not in got.body


def test_an_open_stream_ends_with_its_session(served: Served) -> None:
    with_users(served)
    session = sign_in(served, "viewer")
    wire = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    wire.request("GET", "/api/stream", headers={"Cookie": session["Cookie"], "Host": "depot.example"})
    stream = wire.getresponse()
    assert stream.status == 200

    def next_data() -> bytes:
        while line := stream.readline():
            if line.startswith(b"data: "):
                return line
        return b""

    assert next_data()
    served.tick(1)
    assert next_data()
    assert ask(served, "POST", "/api/sign-out", **session).status == 204
    served.tick(2)
    assert next_data() == b""  # the server has ended it
    wire.close()
