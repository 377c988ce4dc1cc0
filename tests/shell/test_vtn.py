"""edge/shell/vtn.py, token.py and rest.py against a server of their own, which is strict, slow, or lies."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from edge.model.site import Token, Vtn
from edge.shell import rest
from edge.shell.rest import BadFiles, Client, Unreachable
from edge.shell.token import NoToken, Tokens
from edge.shell.vtn import TROUBLE, VtnClient, VtnRefused
from tests.fakes.openadr_schema import errors
from tests.fakes.vtn import FakeVtn, vtn
from tests.shell.test_mqtt import certificates

CLIENTS = {"ven_client": "s3cret"}
EXAMPLES = Path(__file__).parent.parent / "vectors" / "openadr" / "examples"

EVENT = {
    "programID": "p-1",
    "eventName": "peak",
    "intervalPeriod": {"start": "2026-07-01T16:00:00Z", "duration": "PT1H"},
    "intervals": [{"id": 0, "payloads": [{"type": "IMPORT_CAPACITY_LIMIT", "values": [40]}]}],
}


def report(event_id: str, usage: float = 1.5) -> bytes:
    interval = {"id": 0, "payloads": [{"type": "USAGE", "values": [usage]}]}
    resource = {"resourceName": "AGGREGATED_REPORT", "intervals": [interval]}
    return json.dumps({"eventID": event_id, "clientName": "depot-17", "resources": [resource]}).encode()


def client(server: FakeVtn, folder: Path | None = None, secret: str = "s3cret", **fields: Any) -> VtnClient:
    """A VEN; with a folder it has credentials."""
    web = Client("utility.vtn", **fields)
    without = VtnClient(Vtn(server.url), web, None)
    if not folder:
        return without
    (folder / "secret").write_text(secret + "\n")
    tokens = Tokens(web, Token("ven_client", str(folder / "secret")), without.token_url)
    return VtnClient(Vtn(server.url), web, tokens)


@pytest.fixture
def server() -> Iterator[FakeVtn]:
    with vtn() as made:
        yield made


def test_everything_is_read_however_small_the_pages(server: FakeVtn) -> None:
    for n in range(7):
        server.put("events", {**EVENT, "id": f"e-{n}", "programID": f"p-{n % 2}"})
    server.page_cap = 3
    found = client(server)
    assert [each.text("id") for each in found.events([])] == [f"e-{n}" for n in range(7)]
    assert [each.text("id") for each in found.events(["p-1"])] == ["e-1", "e-3", "e-5"]
    assert found.gone("e-9") and not found.gone("e-1")


def test_a_server_that_ignores_skip_does_not_make_us_ask_for_ever(server: FakeVtn) -> None:
    server.put("events", {**EVENT, "id": "e-1"})
    real = server.answer
    server.answer = lambda method, path, query, *more: real(method, path, {}, *more)  # type: ignore[method-assign]
    assert len(client(server).events([])) == 1
    assert len(server.asked) == 2


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*_programRequest.json")), ids=lambda p: p.name)
def test_every_program_of_the_user_guide_is_read(server: FakeVtn, path: Path) -> None:
    found = json.loads(path.read_text())
    server.put("programs", {**found, "id": "p-1"})
    (program,) = client(server).programs()
    assert (program.text("id"), program.text("programName")) == ("p-1", found["programName"])


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*_venRequest.json")), ids=lambda p: p.name)
def test_every_ven_of_the_user_guide_is_found_by_its_name(server: FakeVtn, path: Path) -> None:
    found = json.loads(path.read_text())
    server.put("vens", {**found, "id": "ven-9"})
    assert client(server).ven_id(found["venName"]) == "ven-9"
    assert client(server).ven_id("another") != "ven-9"
    assert server.wrong == [] and len(server.objects["vens"]) == 2


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*_reportRequest.json")), ids=lambda p: p.name)
def test_every_report_of_the_user_guide_that_is_strict_is_carried(server: FakeVtn, path: Path) -> None:
    """The carrier changes nothing but the name; the server's own judge says which of them are strict."""
    found = json.loads(path.read_text())
    server.put("events", {**EVENT, "id": found["eventID"]})
    for owned in ("id", "objectType", "createdDateTime"):  # the server's to say
        found.pop(owned, None)
    if errors("reportRequest", found, closed=True):
        with pytest.raises(VtnRefused, match="400: Bad Request"):
            client(server).report(path.read_bytes(), "key-1")
        return
    client(server).report(path.read_bytes(), "key-1")
    (report,) = server.reports
    assert {key: report[key] for key in found} == found | {"reportName": "key-1"}


def test_a_report_is_made_once_and_put_again_after_that(server: FakeVtn) -> None:
    server.put("events", {**EVENT, "id": "e-1"})
    found = client(server)
    found.report(report("e-1"), "key-1")
    found.report(report("e-1"), "key-2")
    found.report(report("e-1", 2.5), "key-1")
    assert [each["reportName"] for each in server.reports] == ["key-1", "key-2"]
    assert server.reports[0]["resources"][0]["intervals"][0]["payloads"][0]["values"] == [2.5]
    methods = [method for method, path in server.asked if path.startswith("/reports")]
    assert methods == ["GET", "POST", "POST", "PUT"]
    assert server.wrong == []


@pytest.mark.parametrize("unique", [True, False])
def test_a_report_whose_answer_was_lost_is_not_made_twice(server: FakeVtn, unique: bool) -> None:
    server.unique_names = unique
    server.put("events", {**EVENT, "id": "e-1"})
    server.after = lambda method, path: method != "POST"
    found = client(server)
    with pytest.raises(Unreachable):
        found.report(report("e-1"), "key-1")
    server.after = lambda method, path: True
    found.report(report("e-1"), "key-1")
    client(server).report(report("e-1"), "key-1")  # after a restart of ours
    assert len(server.reports) == 1


def test_a_conflict_is_somebody_who_was_quicker(server: FakeVtn) -> None:
    """The VTN has it, but does not list it at first, as after a lost answer at a slow server."""
    server.put("events", {**EVENT, "id": "e-1"})
    found = client(server)
    found.report(report("e-1"), "key-0")
    client(server).report(report("e-1"), "key-1")
    found.report(report("e-1", 9), "key-1")
    assert len(server.reports) == 2
    assert server.reports[1]["resources"][0]["intervals"][0]["payloads"][0]["values"] == [9]


@pytest.mark.parametrize(
    ("status", "passes"), [(400, False), (403, False), (404, False), (429, True), (500, True), (503, True)]
)
def test_a_refusal_says_what_and_by_whose_words(server: FakeVtn, status: int, passes: bool) -> None:
    server.faults = lambda method, path: status
    with pytest.raises(VtnRefused) as refused:
        client(server).programs()
    assert str(refused.value).startswith(f"GET {server.url}/programs")
    assert f"{status}: made to fail" in str(refused.value)
    assert refused.value.passes == passes


def test_a_redirect_is_not_followed(server: FakeVtn) -> None:
    server.faults = lambda method, path: 307
    with pytest.raises(VtnRefused, match="307: a redirect is not followed"):
        client(server).programs()
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("answer", "why"),
    [("no", "expected a list, got str"), ({}, "expected a list, got dict"), ([3], "expected an object")],
)
def test_what_is_no_list_is_refused(server: FakeVtn, answer: Any, why: str) -> None:
    server.answer = lambda *words: (200, answer)  # type: ignore[method-assign]
    with pytest.raises(TROUBLE, match=why):
        client(server).events([])


# --- tokens -------------------------------------------------------------------------------------------


def test_a_token_is_fetched_once_and_again_when_it_is_refused(tmp_path: Path) -> None:
    with vtn(clients=CLIENTS) as server:
        found = client(server, tmp_path)
        found.programs()
        found.events([])
        assert len(server.tokens) == 1
        server.expire_tokens()
        found.programs()
        assert len(server.tokens) == 2
        assert server.wrong == []


def test_a_wrong_secret_is_named_and_not_tried_without_pause(tmp_path: Path) -> None:
    with vtn(clients=CLIENTS) as server:
        found = client(server, tmp_path, secret="wrong")
        for _ in range(3):
            with pytest.raises(NoToken, match="401 invalid_client: client secret does not match") as refused:
                found.programs()
            assert "wrong" not in str(refused.value).replace("/wrong", "")
        assert [path for _, path in server.asked].count("/auth/token") == 2  # in the body, in a header


def test_a_server_that_wants_the_secret_in_a_header_gets_it_there(tmp_path: Path) -> None:
    with vtn(clients=CLIENTS) as server:
        server.basic_only = True
        assert client(server, tmp_path).programs() == []
        assert server.wrong == []


def test_a_token_is_renewed_before_it_runs_out(tmp_path: Path) -> None:
    now = [0.0]
    with vtn(clients=CLIENTS) as server:
        server.life_s = 100
        (tmp_path / "secret").write_text("s3cret")
        tokens = Tokens(
            Client("t"),
            Token("ven_client", str(tmp_path / "secret"), f"{server.url}/auth/token", "read_all"),
            lambda: f"{server.url}/auth/token",
            lambda: now[0],
        )
        first = tokens.get()
        assert tokens.renew_in_s() == 80
        now[0] = 79
        assert tokens.get() == first
        now[0] = 81
        assert tokens.renew_in_s() == 0
        assert tokens.get() != first
        assert server.wrong == []


def test_a_missing_secret_names_its_file() -> None:
    tokens = Tokens(Client("t"), Token("me", "/nowhere/secret"), lambda: "http://127.0.0.1:1/t")
    with pytest.raises(NoToken, match="token_secret_file /nowhere/secret: No such file"):
        tokens.get()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("no JSON", "access_token: expected a text"),
        ({"access_token": 3}, "access_token: expected a text"),
        ({"access_token": "a\nb"}, "access_token: expected a text"),
        ({"access_token": "x", "token_type": "mac"}, "token_type: expected Bearer"),
    ],
)
def test_what_is_no_token_is_refused(server: FakeVtn, tmp_path: Path, answer: Any, why: str) -> None:
    server.answer = lambda *words: (200, answer)  # type: ignore[method-assign]
    (tmp_path / "secret").write_text("s")
    tokens = Tokens(Client("t"), Token("me", str(tmp_path / "secret")), lambda: f"{server.url}/auth/token")
    with pytest.raises(NoToken, match=why):
        tokens.get()


@pytest.mark.parametrize("named", ["http://elsewhere.example/token", "ftp://127.0.0.1/t", [7]])
def test_a_token_endpoint_without_tls_is_not_believed(server: FakeVtn, named: Any) -> None:
    server.answer = lambda *words: (200, {"tokenURL": named})  # type: ignore[method-assign]
    with pytest.raises(Unreachable, match=r"tokenURL: expected|expected an address"):
        client(server).token_url()


def test_a_server_that_does_not_name_its_token_endpoint_has_the_standards(server: FakeVtn) -> None:
    server.faults = lambda method, path: 404
    assert client(server).token_url() == f"{server.url}/auth/token"


# --- the wire -----------------------------------------------------------------------------------------


def test_tls_checks_who_is_there(tmp_path: Path) -> None:
    certificates(tmp_path)
    with vtn(tls=str(tmp_path)) as server:
        server.put("programs", {"programName": "x"})
        assert len(client(server, ca_file=str(tmp_path / "ca.pem")).programs()) == 1
        for wrong in ({}, {"ca_file": str(tmp_path / "other.pem")}):
            with pytest.raises(Unreachable, match="certificate: "):
                client(server, **wrong).programs()


@pytest.mark.parametrize("name", ["", "ca.pem"])
def test_tls_is_1_2_at_least_and_checks_names(tmp_path: Path, name: str) -> None:
    certificates(tmp_path)
    context = rest.tls_context("utility.vtn", str(tmp_path / name) if name else "")
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.check_hostname and context.verify_mode == ssl.CERT_REQUIRED


def test_a_certificate_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("no")
    with pytest.raises(BadFiles, match=r"utility.vtn: ca_file .*x.pem: expected certificates in PEM"):
        Client("utility.vtn", ca_file=str(tmp_path / "x.pem"))


@contextmanager
def liar(speak: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server of one connection that says what it likes."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve() -> None:
            made, _ = listener.accept()
            with made:
                made.recv(65_536)
                with suppress(OSError):
                    speak(made)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        thread.join(5)


def drip(sock: socket.socket) -> None:
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(100):
        sock.sendall(b" ")
        time.sleep(0.05)


def test_a_server_that_drips_is_hung_up_on() -> None:
    with liar(drip) as url:
        began = time.monotonic()
        with pytest.raises(Unreachable, match=r"no whole answer within 0.5 s"):
            Client("t").ask("GET", url, within_s=0.5)
        assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    "words", [b"", b"\x00\xff\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", b"SSH-2.0-x\r\n"]
)
def test_what_is_not_http_is_unreachable(words: bytes) -> None:
    with liar(lambda sock: sock.sendall(words)) as url, pytest.raises(Unreachable, match=r"127\.0\.0\.1"):
        Client("t").ask("GET", url)


def test_an_endless_answer_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "MAX_BYTES", 1 << 20)

    def pour(sock: socket.socket) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(64):
            sock.sendall(b" " * 65_536)

    with liar(pour) as url, pytest.raises(Unreachable, match="an answer of more than 1 MiB"):
        Client("t").ask("GET", url)


def test_closing_breaks_what_is_going_on() -> None:
    with liar(drip) as url:
        found = Client("t")
        threading.Timer(0.3, found.close).start()
        began = time.monotonic()
        with pytest.raises(Unreachable):
            found.ask("GET", url)
        assert time.monotonic() - began < 3
        with pytest.raises(Unreachable, match="closing"):
            found.ask("GET", url)
