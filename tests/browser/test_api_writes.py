"""What a fleet manager does over HTTP: windows, what they would change, files; opting out of events."""

import http.client
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from typing import Any

import pytest

from edge.model.flow import OptOut, WindowRemoved, WindowSet
from edge.shell.ahead import WAITING_MAX
from tests.fakes.served import Served


@pytest.fixture
def served() -> Iterator[Served]:
    depot = Served()
    depot.tick(0)
    yield depot
    depot.close()


class Manager:
    """A program with a fleet manager's token."""

    def __init__(self, depot: Served) -> None:
        self._depot = depot
        self._secret = depot.rig.desk.reception.token_add("planner", "fleet", "test")[1]

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        wire = http.client.HTTPConnection("127.0.0.1", self._depot.port, timeout=30)
        headers = {"Authorization": f"Bearer {self._secret}", "Content-Type": "application/json"}
        wire.request(method, path, None if body is None else json.dumps(body), headers)
        answer = wire.getresponse()
        found = json.loads(answer.read())
        wire.close()
        return answer.status, found


WISH = {"charger": "bay-5", "from_time": "18:00", "ready_by": "06:00", "need_kwh": 40, "vehicle": "van 12"}


def test_a_window_is_added_excepted_and_removed(served: Served) -> None:
    manager, rig = Manager(served), served.rig
    status, made = manager.ask("POST", "/api/windows", WISH)
    assert (status, made["id"], made["need_wh"], made["source"]) == (201, "bay-5-1", 40_000, "operator")
    status, made = manager.ask("POST", "/api/windows/bay-5-1/exceptions", {"dates": ["2026-12-24"]})
    assert (status, made["not_on"]) == (200, ["2026-12-24"])
    dates = {"dates": ["2026-12-24"], "back": True}
    assert manager.ask("POST", "/api/windows/bay-5-1/exceptions", dates)[1]["not_on"] == []
    assert manager.ask("DELETE", "/api/windows/bay-5-1")[0] == 200
    assert [type(e) for e in rig.said] == [WindowSet, WindowSet, WindowSet, WindowRemoved]
    assert all(who == "token planner" for who, _, _ in rig.store.audited[1:])
    assert manager.ask("DELETE", "/api/windows/bay-5-1")[0] == 404


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"charger": "bay-99"}, "charger"),
        ({"from_time": "25:00"}, "from"),
        ({"need_kwh": "much"}, "need"),
        ({"need_kwh": None}, "need_kwh"),
        ({"priority": "x"}, "priority"),
        ({"surprise": 1}, "surprise"),
        ({"days": "someday"}, "days"),
        ({"not_on": "tomorrow"}, "not-on"),
    ],
)
def test_a_wrong_wish_is_refused_by_its_field(served: Served, change: dict[str, Any], names: str) -> None:
    status, found = Manager(served).ask("POST", "/api/windows", {**WISH, **change})
    assert status in (400, 404) and names in found["detail"]
    assert served.rig.said == []


def test_what_a_window_would_change_is_said_and_nothing_is_saved(served: Served) -> None:
    manager = Manager(served)
    status, found = manager.ask("POST", "/api/windows/preview", WISH)
    assert (status, found["planned"], found["missing_wh"], found["need_wh"]) == (200, True, 0, 40_000)
    # 40 kWh at no less than the lowest price of the story's tariff, and a fiftieth in reserve at most.
    prices = [p["price_micro"] for p in manager.ask("GET", "/api/status")[1]["prices"]]
    assert 40 * min(prices) * 0.99 <= found["cost_micro"] <= 40 * max(prices) * 1.05
    bay = next(c for c in served.site.chargers if c.id == "bay-5")
    hour_wh = bay.max_ma * len(bay.phases) * served.site.voltage_v // 1000
    short = {**WISH, "from_time": "18:00", "ready_by": "19:00"}
    status, found = manager.ask("POST", "/api/windows/preview", short)
    assert found["planned"] and 40_000 - hour_wh <= found["missing_wh"] <= 40_000 - 0.75 * hour_wh
    assert "cannot be had" in found["summary"] and "cannot be had" in found["note"]
    assert (served.rig.said, served.rig.store.kept) == ([], {})
    assert manager.ask("POST", "/api/windows/preview", {**WISH, "charger": "bay-99"})[0] == 404


def test_a_file_is_shown_first_and_applied_as_a_whole(served: Served) -> None:
    manager = Manager(served)
    text = "charger,from,ready_by,need_kwh\nbay-5,18:00,06:00,40\nbay-6,18:00,06:00,30\n"
    status, shown = manager.ask("POST", "/api/windows/import", {"name": "vans.csv", "text": text})
    assert (status, [line["what"] for line in shown], served.rig.said) == (200, ["added", "added"], [])
    wrong = text + "bay-99,18:00,06:00,30\n"
    body = {"name": "vans.csv", "text": wrong, "apply": True}
    assert manager.ask("POST", "/api/windows/import", body)[1][2]["what"] == "refused"
    assert served.rig.said == []
    manager.ask("POST", "/api/windows/import", {"name": "vans.csv", "text": text, "apply": True})
    assert len(served.rig.said) == 2
    status, found = manager.ask("POST", "/api/windows/import", {"name": "x.csv", "text": "a,b\n1,2\n"})
    assert status == 400 and found["detail"].startswith("x.csv: line 1: column 'a'")


def test_an_event_is_opted_out_of_and_into(served: Served) -> None:
    manager, rig = Manager(served), served.rig
    event_id = manager.ask("GET", "/api/events")[1][0]["id"]
    status, found = manager.ask("POST", f"/api/events/{event_id}/opt-out", {"reason": ""})
    assert status == 400 and found["detail"].startswith("reason:")
    status, found = manager.ask("POST", f"/api/events/{event_id}/opt-out", {"reason": "ambulances"})
    assert (status, found["opted_out"]) == (200, "ambulances")
    status, found = manager.ask("POST", f"/api/events/{event_id}/opt-in")
    assert (status, found["opted_out"]) == (200, "")
    assert manager.ask("POST", "/api/opt-outs", {"reason": "we move"})[0] == 200
    assert [type(e) for e in rig.said] == [OptOut, OptOut, OptOut]
    assert manager.ask("POST", "/api/events/none/opt-out", {"reason": "x"})[0] == 404


def test_few_wait_for_a_consequence_so_that_the_store_gets_its_thread(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager, ahead, go_on, at_once = Manager(served), served.rig.desk.ahead, threading.Event(), []
    compared = ahead._compared

    def slowly(*words: Any) -> Any:
        at_once.append(1)
        assert go_on.wait(60) and len(at_once) == 1
        found = compared(*words)
        at_once.pop()
        return found

    monkeypatch.setattr(ahead, "_compared", slowly)
    with ThreadPoolExecutor(9) as pool:
        asked = [pool.submit(manager.ask, "POST", "/api/windows/preview", WISH) for _ in range(9)]
        refused = list(islice(as_completed(asked), 9 - WAITING_MAX))
        assert [each.result()[0] for each in refused] == [503] * len(refused)
        go_on.set()
        assert sorted(each.result()[0] for each in asked) == [200] * WAITING_MAX + [503] * len(refused)
