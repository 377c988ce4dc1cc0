"""A utility's REST server (VTN) for tests: strict, in memory, on loopback, in threads.

It shares nothing with the reader and the writer of the product: what comes in is held against
openadr3.yaml by jsonschema (closed: unknown keys are wrong), what goes out too.  `faults` makes it fail.
With a broker it notifies by mosquitto_pub, as somebody else's server would.
"""

import base64
import json
import re
import ssl
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.openadr_schema import errors

BASE = "/openadr3/3.1.1"
REQUESTS = {"programs": "programRequest", "events": "eventRequest", "reports": "reportRequest"}
KINDS = {"programs": "PROGRAM", "events": "EVENT", "reports": "REPORT", "vens": "VEN"}


class FakeVtn:
    """clients: client id -> secret; without any, everybody may ask.  page_cap: objects per answer at most.

    broker: port of an MQTT broker to notify by.  faults: called with method and path; a status in place of
    an answer, or None.  asked: every request, as (method, path).  life_s: of a token.
    basic_only: the token endpoint wants the secret in a header.  unique_names: two reports of one name are
    a conflict, as at some servers.  lenient: what breaks the schema is noted in `wrong` and taken.
    """

    def __init__(
        self, clients: dict[str, str] | None = None, broker: int | None = None, tls: str = ""
    ) -> None:
        self.clients = clients or {}
        self.broker = broker
        self.page_cap = 50
        self.life_s = 3600
        self.unique_names = True
        self.basic_only = False
        self.lenient = False
        self.notifiers: dict[str, Any] = {"WEBHOOK": True}
        self.topics_of = "programs/{programID}/events", "events"
        self.faults: Callable[[str, str], int | None] = lambda method, path: None
        self.after: Callable[[str, str], bool] = lambda method, path: True  # False: the answer is lost
        self.objects: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in KINDS}
        self.asked: list[tuple[str, str]] = []
        self.wrong: list[str] = []
        self.tokens: dict[str, float] = {}
        self.lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        scheme = "http"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(f"{tls}/server.pem", f"{tls}/server.key")
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            scheme = "https"
        self.root = f"{scheme}://127.0.0.1:{self._server.server_port}"
        self.url = self.root + BASE
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    # --- what the utility's people do ---------------------------------------------------------------

    def put(self, kind: str, value: dict[str, Any], notify: bool = True) -> dict[str, Any]:
        """Store an object, made or changed; tell the broker."""
        with self.lock:
            known = self.objects[kind].get(value.get("id", ""))
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            whole = {
                "id": uuid.uuid4().hex[:12],
                "createdDateTime": known["createdDateTime"] if known else now,
                "objectType": KINDS[kind],
                **value,
                "modificationDateTime": value.get("modificationDateTime", now),
            }
            self.objects[kind][whole["id"]] = whole
        if notify:
            self.notify(kind, "UPDATE" if known else "CREATE", whole)
        return whole

    def remove(self, kind: str, name: str, notify: bool = True) -> None:
        with self.lock:
            gone = self.objects[kind].pop(name)
        if notify:
            self.notify(kind, "DELETE", gone)

    def notify(self, kind: str, operation: str, value: dict[str, Any]) -> None:
        if self.broker is None or kind != "events":
            return
        topic = f"programs/{value['programID']}/events/{operation.lower()}"
        message = json.dumps({"objectType": "EVENT", "operation": operation, "object": value})
        words = ["mosquitto_pub", "-p", str(self.broker), "-q", "1", "-t", topic, "-s"]
        subprocess.run(words, input=message.encode(), check=False, timeout=10, capture_output=True)

    @property
    def reports(self) -> list[dict[str, Any]]:
        with self.lock:
            return list(self.objects["reports"].values())

    def expire_tokens(self) -> None:
        with self.lock:
            self.tokens = dict.fromkeys(self.tokens, 0.0)

    # --- what it answers ----------------------------------------------------------------------------

    def answer(
        self, method: str, path: str, query: dict[str, list[str]], body: bytes, login: str
    ) -> tuple[int, Any]:
        parts = path.removeprefix(BASE).strip("/").split("/")
        if parts == ["auth", "server"]:
            return 200, {"tokenURL": f"{self.url}/auth/token"}
        if parts == ["auth", "token"] and method == "POST":
            return self._token(parse_qs(body.decode()), login)
        if self.clients and not self._may(login):
            return 401, {"title": "Unauthorized", "status": 401}
        if parts == ["notifiers"]:
            return 200, self.notifiers
        if parts[:3] == ["notifiers", "mqtt", "topics"]:
            return self._topics("/".join(parts[3:]))
        kind, name = parts[0], parts[1] if len(parts) > 1 else ""
        if kind not in self.objects:
            return 404, {"title": "Not Found", "status": 404}
        with self.lock:
            return self._crud(method, kind, name, query, body)

    def _token(self, words: dict[str, list[str]], login: str) -> tuple[int, Any]:
        """With the secret in the body, as openadr3.yaml has it, or by HTTP Basic (RFC 6749, 2.3.1)."""
        found = {key: value[0] for key, value in words.items()}
        if login.startswith("Basic "):
            name, _, secret = base64.b64decode(login.removeprefix("Basic ")).decode().partition(":")
            found |= {"client_id": name, "client_secret": secret}
        elif self.basic_only:
            return 401, {"error": "invalid_client", "error_description": "not in the body"}
        self.wrong += errors("clientCredentialRequest", found, closed=True)
        if self.clients.get(found.get("client_id", "")) != found.get("client_secret", "-"):
            return 401, {"error": "invalid_client", "error_description": "client secret does not match"}
        token = f"{found['client_id']}.{uuid.uuid4().hex}"
        self.tokens[token] = time.monotonic() + self.life_s
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": self.life_s}

    def _may(self, login: str) -> bool:
        return self.tokens.get(login.removeprefix("Bearer "), 0.0) > time.monotonic()

    def _topics(self, of: str) -> tuple[int, Any]:
        found = re.fullmatch(r"programs/([^/]+)/events", of)
        if found:
            root = f"programs/{found[1]}/events"
        elif of == "events":
            root = "programs/+/events"
        else:
            return 404, {"title": "Not Found", "status": 404}
        named = {name: f"{root}/{name.lower()}" for name in ("CREATE", "UPDATE", "DELETE")}
        return 200, {"topics": named | ({"ALL": f"{root}/+"} if of == "events" else {})}

    def _crud(
        self, method: str, kind: str, name: str, query: dict[str, list[str]], body: bytes
    ) -> tuple[int, Any]:
        objects = self.objects[kind]
        if method == "GET" and not name:
            found = [each for each in objects.values() if _matches(each, query)]
            skip, limit = (
                int(query.get(key, [str(default)])[0]) for key, default in (("skip", 0), ("limit", 50))
            )
            return 200, found[skip : skip + min(limit, self.page_cap)]
        if name and name not in objects:
            return 404, {"title": "Not Found", "status": 404, "detail": f"no {kind} {name}"}
        if method == "GET":
            return 200, objects[name]
        if method == "DELETE":
            gone = objects[name]
            self.remove(kind, name)
            return 200, gone
        value = json.loads(body)
        wrong = errors(_request(kind, value), _without_metadata(value), closed=True)
        if wrong:
            self.wrong += wrong
        if wrong and not self.lenient:
            return 400, {"title": "Bad Request", "status": 400, "detail": wrong[0]}
        if kind == "reports" and value["eventID"] not in self.objects["events"]:
            return 400, {"title": "Bad Request", "status": 400, "detail": f"no event {value['eventID']}"}
        if method == "POST":
            if kind == "reports" and self.unique_names and _named(objects, value):
                return 409, {"title": "Conflict", "status": 409, "detail": "reportName is taken"}
            return 201, self.put(kind, {**value, **_OWNED.get(kind, {})})
        return 200, self.put(kind, {**value, "id": name, **_OWNED.get(kind, {})})


_OWNED = {"reports": {"clientID": "ven_client"}, "vens": {"clientID": "ven_client"}}


def _request(kind: str, value: dict[str, Any]) -> str:
    if kind == "vens":
        return "BlVenRequest" if value.get("objectType") == "BL_VEN_REQUEST" else "VenVenRequest"
    return REQUESTS[kind]


def _without_metadata(value: dict[str, Any]) -> dict[str, Any]:
    """A client may send an object back as it got it."""
    owned = ("id", "createdDateTime", "modificationDateTime", "clientID")
    drop = (*owned, "objectType") if value.get("objectType") in KINDS.values() else owned
    return {key: each for key, each in value.items() if key not in drop}


def _named(objects: dict[str, dict[str, Any]], value: dict[str, Any]) -> bool:
    names = (value.get("reportName"), value.get("clientName"))
    return any((each.get("reportName"), each.get("clientName")) == names for each in objects.values())


def _matches(value: dict[str, Any], query: dict[str, list[str]]) -> bool:
    keys = ("programID", "eventID", "clientName", "venName")
    return all(value.get(key) == query[key][0] for key in keys if key in query)


def _handler(vtn: FakeVtn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            vtn.asked.append((self.command, self.path.removeprefix(BASE)))
            status = vtn.faults(self.command, parts.path)
            value: Any = {"title": "made to fail", "status": status}
            if status is None:
                login = self.headers.get("Authorization", "")
                status, value = vtn.answer(self.command, parts.path, parse_qs(parts.query), body, login)
            if not vtn.after(self.command, parts.path):
                self.connection.close()
                return
            found = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(found)))
            self.end_headers()
            self.wfile.write(found)

        do_GET = do_POST = do_PUT = do_DELETE = _do

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def vtn(**fields: Any) -> Iterator[FakeVtn]:
    """A VTN for the length of a test."""
    made = FakeVtn(**fields)
    try:
        yield made
    finally:
        made.close()
