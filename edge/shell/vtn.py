"""The utility's REST server (OpenADR 3.1.1: VTN), as a VEN speaks to it.  Blocking: for a thread.

    vtn = VtnClient(vtn, tokens)
    vtn.programs(), vtn.events(), vtn.gone(event_id)     what there is to read
    vtn.notifiers(), vtn.topics("events")                where its broker is, and what to subscribe to
    vtn.ven_id("depot-17")                               our ven there; made if there is none
    vtn.report(body, key)                                POST, or PUT where the VTN has it already

Rule 1: tolerant in: a page may be shorter than asked for, `skip` may be ignored, keys may be in snake_case.
    What is no list or no object where one belongs is VtnRefused, with address and expectation.
Rule 2: whatever the VTN answers but 2xx is VtnRefused with its own words (problem: title, detail).  Of these
    401 is tried again once with a new token; 408, 429 and 5xx may pass by themselves (VtnRefused.passes).
Rule 3: a report is sent once.  Its name is its key; before a report of an event is sent for the first time
    in this run, or after an answer was lost, the VTN is asked what it has of it.

What an event means is not here: see openadr.py.

Source: OpenADR 3.1.1, openadr3.yaml: paths.
"""

import contextlib
from typing import Any
from urllib.parse import quote, urlencode, urljoin

import msgspec

from edge.model.site import Vtn
from edge.shell.openadr_fields import BadMessage, Fields
from edge.shell.rest import Answer, Client, Unreachable
from edge.shell.sitekinds import URL, Wrong
from edge.shell.token import NoToken, Tokens

__all__ = ["TROUBLE", "VtnClient", "VtnRefused"]

PAGE = 50  # the schema's maximum
PAGES_MAX = 2_000
LIST_BYTES = 64 << 20
NAMES_MAX = 1_000  # events of which it is known what the VTN has

# They say nothing about what was asked.  RFC 9110, 15.5.9, 15.6; RFC 6585, 4.
PASSING = {408, 425, 429, 500, 502, 503, 504}


class VtnRefused(Exception):
    """The VTN has answered, and it is not what was asked for.  Says method, address, status and its reason.

    passes: it may be otherwise in a while, without anybody doing anything.
    """

    def __init__(self, what: str, status: int = 0) -> None:
        super().__init__(what)
        self.status = status
        self.passes = status in PASSING or status == 0


# All that asking a VTN may raise.
TROUBLE = (Unreachable, NoToken, VtnRefused, BadMessage)


class VtnClient:
    """One utility's server.  tokens: None for a server that wants none (public prices).

    Everything here raises what TROUBLE has, and nothing else.
    """

    def __init__(self, vtn: Vtn, client: Client, tokens: Tokens | None) -> None:
        self.base = vtn.url
        self._client = client
        self._tokens = tokens
        self._names: dict[str, dict[str, str]] = {}  # event id -> report's name -> its id

    # --- reading ------------------------------------------------------------------------------------

    def programs(self) -> list[Fields]:
        """Return all programs that we may see."""
        return self._list("/programs", {})

    def events(self, program_ids: list[str]) -> list[Fields]:
        """Return all events of some programs, of all where none are named."""
        if not program_ids:
            return self._list("/events", {})
        return [each for one in program_ids for each in self._list("/events", {"programID": one})]

    def gone(self, event_id: str) -> bool:
        """Tell whether the VTN says that there is no such event."""
        try:
            self._ask("GET", f"/events/{quote(event_id, safe='')}")
        except VtnRefused as refused:
            if refused.status in (404, 410):
                return True
            raise
        return False

    def notifiers(self) -> Fields:
        """Return how the VTN notifies."""
        return self._fields("/notifiers", self._ask("GET", "/notifiers"))

    def topics(self, of: str) -> tuple[str, ...]:
        """Return the broker's topics for "events", "programs/p-1/events" …"""
        path = f"/notifiers/mqtt/topics/{of}"
        found = self._fields(path, self._ask("GET", path)).object("topics")
        told = (
            {}
            if found is None
            else {name: found.text(name) for name in ("ALL", "CREATE", "UPDATE", "DELETE")}
        )
        names = [told["ALL"]] if told.get("ALL") else [topic for topic in told.values() if topic]
        if not names:
            raise VtnRefused(f"GET {self.base}{path}: topics: expected the names of topics")
        return tuple(dict.fromkeys(names))

    def ven_id(self, name: str) -> str:
        """Return the id of our ven object, which is made if there is none."""
        for each in self._list("/vens", {"venName": name}):
            if each.text("venName") == name and each.text("id"):
                return each.text("id")
        body = msgspec.json.encode({"objectType": "VEN_VEN_REQUEST", "venName": name})
        return self._fields("/vens", self._ask("POST", "/vens", body)).text("id")

    def token_url(self) -> str:
        """Return where tokens are, by GET /auth/server; /auth/token of the VTN where it does not say.

        Raises Unreachable.
        """
        answer = self._client.ask("GET", f"{self.base}/auth/server")
        if answer.status != 200:
            return f"{self.base}/auth/token"
        try:
            found = self._fields("/auth/server", answer).text("tokenURL")
            return str(URL.read(urljoin(f"{self.base}/", found)))
        except (VtnRefused, BadMessage) as error:
            raise Unreachable(str(error)) from None
        except Wrong as wrong:
            raise Unreachable(f"{self.base}/auth/server: tokenURL: expected {wrong}") from None

    def _list(self, path: str, query: dict[str, str]) -> list[Fields]:
        """Return the objects of all pages, each once."""
        found: list[Fields] = []
        seen: set[str] = set()
        size = 0
        for _ in range(PAGES_MAX):
            words = urlencode(query | {"skip": str(len(found)), "limit": str(PAGE)})
            where = f"GET {self.base}{path}"
            answer = self._ask("GET", f"{path}?{words}")
            size += len(answer.body)
            if size > LIST_BYTES:
                raise VtnRefused(f"{where}: more than {LIST_BYTES >> 20} MiB in all")
            page = _json(answer, where)
            if not isinstance(page, list):
                raise VtnRefused(f"{where}: expected a list, got {type(page).__name__}")
            fields = [_object(each, f"{where}[{n}]") for n, each in enumerate(page, len(found))]
            new = [each for each in fields if _id(each) not in seen]
            seen.update(map(_id, new))
            found += new
            if not new:
                return found
        raise VtnRefused(f"GET {self.base}{path}: more than {PAGES_MAX} pages")

    # --- reports ------------------------------------------------------------------------------------

    def report(self, body: bytes, key: str) -> None:
        """Send a report; the same key is the same report.

        For one thread: what the VTN has must be known before the next report is sent.
        """
        report = msgspec.json.decode(body)
        event_id, name = str(report["eventID"]), key
        report["reportName"] = name
        whole = msgspec.json.encode(report)
        names = self._names.get(event_id)
        if names is None:
            names = self._has(event_id, str(report["clientName"]))
        self._names.pop(event_id, None)  # known again when the answer is there
        if names.get(name):
            self._put(names[name], whole)
        elif name not in names:
            names[name] = self._post(whole, event_id, str(report["clientName"]), name)
        self._names[event_id] = names
        for forgotten in list(self._names)[:-NAMES_MAX]:
            del self._names[forgotten]

    def _has(self, event_id: str, client_name: str) -> dict[str, str]:
        """Return the reports that the VTN has of an event from us: name -> id.

        A VTN that does not let us read reports is believed to have none.
        """
        try:
            listed = self._list("/reports", {"eventID": event_id, "clientName": client_name})
        except VtnRefused as refused:
            if refused.passes or refused.status not in (400, 403, 404, 405, 501):
                raise
            return {}
        ours = [each for each in listed if each.text("eventID") == event_id]
        return {each.text("reportName"): each.text("id") for each in ours}

    def _post(self, body: bytes, event_id: str, client_name: str, name: str) -> str:
        """Return the id of a report that was made or turns out to be there; "" if the VTN does not say."""
        try:
            answer = self._ask("POST", "/reports", body)
        except VtnRefused as refused:
            if refused.status != 409:
                raise
            there = self._has(event_id, client_name).get(name, "")
            if not there:  # it conflicts with something else
                raise
            self._put(there, body)
            return there
        with contextlib.suppress(VtnRefused, BadMessage):
            return self._fields("/reports", answer).text("id")
        return ""

    def _put(self, report_id: str, body: bytes) -> None:
        self._ask("PUT", f"/reports/{quote(report_id, safe='')}", body)

    # --- asking -------------------------------------------------------------------------------------

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Answer:
        """Return the VTN's answer where it is a yes."""
        url = f"{self.base}{path}"
        headers = {"Content-Type": "application/json"} if body is not None else {}
        for attempt in (1, 2):
            token = self._tokens.get() if self._tokens else ""
            if token:
                headers["Authorization"] = f"Bearer {token}"
            answer = self._client.ask(method, url, headers, body)
            if answer.status != 401 or not self._tokens or attempt == 2:
                break
            self._tokens.refused(token)
        if 200 <= answer.status < 300:
            return answer
        raise VtnRefused(f"{method} {url}: {answer.status}{_problem(answer)}", answer.status)

    def _fields(self, path: str, answer: Answer) -> Fields:
        where = f"{self.base}{path}"
        return _object(_json(answer, where), where)


def _json(answer: Answer, where: str) -> Any:
    try:
        return answer.json()
    except ValueError:
        raise VtnRefused(f"{where}: expected JSON") from None


def _object(value: Any, where: str) -> Fields:
    try:
        return Fields(value, where)
    except BadMessage as error:
        raise VtnRefused(str(error)) from None


def _id(fields: Fields) -> str:
    """Return what tells an object of a list from the others."""
    names = ("id", "programID", "programName", "eventName", "reportName", "venName")
    return fields.text("id") or repr([fields.get(name) for name in names])


def _problem(answer: Answer) -> str:
    """Return the reason that stands in an answer.  Source: openadr3.yaml, problem (RFC 7807)."""
    if 300 <= answer.status < 400:
        return ": a redirect is not followed; name the address itself"
    try:
        found = answer.json()
    except ValueError:
        return ""
    words = [found.get(key) for key in ("title", "detail", "error")] if isinstance(found, dict) else []
    return "".join(f": {word[:200]}" for word in words if isinstance(word, str) and word)
