"""The HTTP API without a browser: answers, headers, caching, odd input, size, cost."""

import base64
import gzip
import hashlib
import http.client
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from edge.model.records import Compliance, LoadSlot
from edge.report.baseline import Baseline
from edge.report.performance import performance
from edge.web.markup import Markup, h
from edge.web.page import PAGES
from edge.web.serve import listening
from tests.fakes.depot_records import START_WALL_MS, site
from tests.fakes.served import Served


@pytest.fixture
def served() -> Iterator[Served]:
    depot = Served()
    yield depot
    depot.close()


class Got:
    """One answer."""

    def __init__(self, depot: Served, path: str, method: str = "GET", **headers: str) -> None:
        wire = http.client.HTTPConnection("127.0.0.1", depot.port, timeout=10)
        wire.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        answer = wire.getresponse()
        self.status = answer.status
        self.headers = {k.lower(): v for k, v in answer.getheaders()}
        self.body = answer.read()
        wire.close()

    def json(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.body)
        return found


def test_before_the_first_tick_the_page_waits_and_the_api_says_so(served: Served) -> None:
    page = Got(served, "/")
    assert page.status == 200 and b'http-equiv="refresh"' in page.body
    api = Got(served, "/api/status")
    assert api.status == 503 and "first tick" in str(api.json()["error"])


def test_the_api_answers_what_its_own_description_says(served: Served) -> None:
    served.tick(25)
    described = Got(served, "/schema/openapi.json").json()
    assert str(described["openapi"]).startswith("3.1")
    schemas = described["components"]["schemas"]  # type: ignore[index]
    paths = described["paths"]
    assert set(paths) >= {"/api/status", "/api/why/{charger}", "/api/windows", "/api/events",
                          "/api/events/{event_id}/report", "/api/stream"}  # type: ignore[call-overload]  # fmt: skip
    for path in ("/api/status", "/api/why/bay-3", "/api/windows", "/api/events"):
        template = path.replace("bay-3", "{charger}")
        schema = paths[template]["get"]["responses"]["200"]["content"]["application/json"]["schema"]  # type: ignore[index]
        whole = {**schema, "components": {"schemas": schemas}}
        jsonschema.Draft202012Validator(whole).validate(Got(served, path).json())


def test_the_report_of_an_event_as_page_and_as_json(served: Served) -> None:
    served.tick(25)
    rows = [
        Compliance("ev/1", "p", "<peak>", 0, START_WALL_MS, START_WALL_MS + 60_000, "SIMPLE", 9, 8, 8, 1, 0)
    ]
    slots = [LoadSlot(START_WALL_MS, 60_000, 60_000, 480)]
    none = Baseline("10 of 10", note="no baseline")
    served.rig.reports["ev/1"] = performance(rows, [], slots, [], lambda a, b: none, lambda a, b: none)
    page = Got(served, "/events/ev%2F1")
    assert page.status == 404  # an id of a utility has no slash: openadr.py refuses it
    served.rig.reports["ev-1"] = served.rig.reports["ev/1"]
    page = Got(served, "/events/ev-1")
    assert page.status == 200 and b"<svg" in page.body and b"&lt;peak&gt;" in page.body
    style = re.search(rb"<style>(.*?)</style>", page.body, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1]).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page.headers["content-security-policy"]
    assert Got(served, "/api/events/ev-1/report").json()["intervals_complied"] == 1
    unknown = Got(served, "/api/events/none/report")
    assert unknown.status == 404 and "nothing was measured" in str(unknown.json()["error"])


def test_why_then(served: Served) -> None:
    for second in range(30):
        served.tick(second)
    then = Got(served, f"/api/why/bay-3?at_wall_ms={START_WALL_MS + 5_000}").json()
    assert (then["source"], then["granted_ma"]) == ("memory", 12_000)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/why/bay-99", 404),
        ("/api/why/%00", 404),
        ("/api/why/%ff%fe", 404),
        ("/api/why/" + "x" * 5000, 404),
        ("/api/why/..%2f..%2fetc%2fpasswd", 404),
        ("/api/why/bay-3?at_wall_ms=", 400),
        ("/api/why/bay-3?at_wall_ms=soon", 400),
        ("/api/why/bay-3?at_wall_ms=-1", 400),
        ("/api/why/bay-3?at_wall_ms=1e400", 400),
        ("/api/why/bay-3?at_wall_ms=" + "9" * 400, 400),
        ("/api/why/bay-3?at_wall_ms=0", 404),
        ("/api/why/bay-3?at_wall_ms=253402214400000", 404),
        ("/api/why/bay-3?at_wall_ms=1&at_wall_ms=2", 404),
        ("/api", 404),
        ("/static/../page.py", 404),
        ("/static/%2e%2e%2fpage.py", 404),
        ("/static/page.py", 404),
        ("/api/status?x=" + "y" * 2000, 200),
    ],
)
def test_odd_input_is_answered_in_json_and_is_never_our_fault(served: Served, path: str, status: int) -> None:
    served.tick(0)
    got = Got(served, path)
    assert got.status == status
    if status != 200:
        assert isinstance(got.json()["error"], str)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/", "/api/status", "/api/why/bay-3", "/api/stream"])
def test_nothing_can_be_written(served: Served, method: str, path: str) -> None:
    served.tick(0)
    assert Got(served, path, method).status == 405


@pytest.mark.parametrize(
    "path", ["/", "/day", "/api/status", "/api/why/bay-99", "/static/page.css", "/nothing"]
)
def test_every_answer_carries_the_strict_headers(served: Served, path: str) -> None:
    served.tick(0)
    headers = Got(served, path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "script-src 'self'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers


def test_the_page_holds_no_inline_script_or_style(served: Served) -> None:
    served.tick(25)
    page = Got(served, "/").body.decode()
    assert re.findall(r"<script[^>]*>", page) == re.findall(
        r'<script type="module" src="/static/[^"]*">', page
    )
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|https?://(?!127)", page)


def test_files_are_kept_by_the_browser_until_they_change(served: Served) -> None:
    served.tick(0)
    address = re.findall(r"/static/page\.css\?v=\w+", Got(served, "/").body.decode())[0]
    first = Got(served, address)
    assert first.status == 200 and "immutable" in first.headers["cache-control"]
    assert Got(served, "/static/page.css").headers["cache-control"] == "no-cache"
    again = Got(served, "/static/page.css", If_None_Match=f'"other", W/{first.headers["etag"]}')
    assert (again.status, again.body) == (304, b"")
    assert Got(served, "/static/page.css", If_None_Match='"other"').status == 200
    assert Got(served, "/").headers["cache-control"] == "no-store"


# What a page and its files may weigh without a cache, as they are, and as they are sent (gzip).
WEIGHT_MAX, SENT_MAX = 300_000, 45_000


@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_every_page_of_sixty_bays_is_light(path: str) -> None:
    depot = Served(site(60))
    try:
        depot.tick(25)
        secret = depot.rig.desk.reception.token_add("e", "electrician", "test")[1]
        page = Got(depot, path, Authorization=f"Bearer {secret}")
        assert page.status == 200
        files = set(re.findall(r"/static/[\w.-]+\?v=\w+", page.body.decode()))
        assert len(files) >= 3
        plain = len(page.body) + sum(len(Got(depot, file).body) for file in files)
        headers = {"Accept_Encoding": "gzip", "Authorization": f"Bearer {secret}"}
        packed = [Got(depot, address, **headers) for address in (path, *files)]
        assert gzip.decompress(packed[0].body)[:15] == b"<!doctype html>"
        sent = sum(len(got.body) for got in packed)
        print(f"{path}: {plain} bytes, {sent} sent")
        assert plain < WEIGHT_MAX and sent < SENT_MAX
    finally:
        depot.close()


def messages(wire: http.client.HTTPResponse, count: int) -> list[dict[str, object]]:
    """Read server-sent events until `count` of them carried data."""
    found: list[dict[str, object]] = []
    while len(found) < count:
        line = wire.readline()
        assert line, "the stream ended"
        if line.startswith(b"data: "):
            found.append(json.loads(line[6:]))
    return found


def stream(depot: Served) -> http.client.HTTPResponse:
    wire = http.client.HTTPConnection("127.0.0.1", depot.port, timeout=10)
    wire.request("GET", "/api/stream", headers={"Accept-Encoding": "gzip"})
    answer = wire.getresponse()
    assert answer.status == 200
    assert answer.getheader("content-type", "").startswith("text/event-stream")
    assert answer.getheader("content-encoding") is None
    return answer


def test_a_reader_gets_everything_and_then_only_what_changed(served: Served) -> None:
    served.tick(0)
    wire = stream(served)
    everything = messages(wire, 1)[0]["set"]
    assert isinstance(everything, dict) and everything["c.bay-3.amps"] == "12 A"
    served.tick(1)
    changes = messages(wire, 1)[0]["set"]
    assert isinstance(changes, dict) and 0 < len(changes) < len(everything) / 4
    assert changes["time"] == "14:03:13" and "c.bay-5.amps" not in changes
    late = stream(served)
    assert messages(late, 1)[0]["set"] == {**everything, **changes}


def test_open_pages_do_not_hold_up_the_end(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    served.tick(0)
    wires = [stream(served) for _ in range(3)]
    for wire in wires:
        messages(wire, 1)
    before = time.monotonic()
    served.cut()
    assert time.monotonic() - before < 0.8  # the server's own patience would be 1 s
    assert [wire.read() for wire in wires] == [b"\n"] * 3
    assert [r for r in caplog.records if r.levelname in ("ERROR", "CRITICAL")] == []


def test_a_port_that_is_taken_is_said_in_words(served: Served) -> None:
    with pytest.raises(
        OSError, match=rf"the page cannot be served at 127.0.0.1 port {served.port}: .*in use"
    ):
        listening("127.0.0.1", served.port)


def test_twenty_pages_of_sixty_bays_cost_little() -> None:
    """Measured, with room for a busy machine: 20 open pages at one tick a second."""
    depot = Served(site(60))
    try:
        depot.tick(0)
        wires = [stream(depot) for _ in range(20)]
        for wire in wires:
            messages(wire, 1)
        ticks = 20
        used = _loop_seconds(depot)
        for second in range(1, ticks + 1):
            depot.tick(second)
            for wire in wires:
                messages(wire, 1)
        used = _loop_seconds(depot) - used
        print(f"{1000 * used / ticks:.1f} ms of the daemon's loop per tick")
        assert used / ticks < 0.05  # 5 % of a core
    finally:
        depot.close()


def _loop_seconds(depot: Served) -> float:
    found: list[float] = []
    depot._do(lambda: found.append(time.thread_time()))
    return found[0]


def test_only_text_made_here_is_markup() -> None:
    assert h("p", {"title": 'a"b<'}, "<b>&", Markup("<i>x</i>"), ["y", None]) == (
        '<p title="a&quot;b&lt;">&lt;b&gt;&amp;<i>x</i>y</p>'
    )
    assert h("meta", {"charset": "utf-8"}) == '<meta charset="utf-8">'
    assert h("p", {"hidden": "", "class": None}) == "<p hidden></p>"


def test_the_description_in_docs_is_the_one_that_is_served(served: Served) -> None:
    written = json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_text())
    again = "python -m edge.web > docs/openapi.json"
    assert written == Got(served, "/schema/openapi.json").json(), f"describe it again: {again}"
