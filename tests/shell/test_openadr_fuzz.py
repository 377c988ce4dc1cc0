"""A short run of the campaign of tests/fuzz_openadr.py, and proofs that its judge can say no."""

import json
from typing import Any

import pytest

from tests import fuzz_openadr
from tests.fakes.openadr_schema import errors
from tests.fakes.openadr_tolerances import explained
from tests.fuzz_openadr import Unexplained, fuzz, judge, seeds


def test_a_thousand_mutants_are_refused_or_explained() -> None:
    found = fuzz(1_000, 7)
    assert found["obeyed"] > 100 and found["refused by the reader"] > 100, found


def test_the_seeds_are_obeyed_or_kept() -> None:
    found = {judge(json.dumps(each).encode()) for each in seeds()}
    assert found == {"obeyed", "kept, not acted on"}


def message(**changes: Any) -> bytes:
    return json.dumps(
        {
            "id": "e-1",
            "programID": "p",
            "intervalPeriod": {"start": "0001-01-01", "duration": "PT1H"},
            "intervals": [{"id": 0, "payloads": [{"type": "IMPORT_CAPACITY_LIMIT", "values": [40]}]}],
        }
        | changes
    ).encode()


def test_the_judge_objects_to_a_reader_that_takes_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    real = fuzz_openadr.read
    good = message()
    assert judge(good) == "obeyed"
    monkeypatch.setattr(fuzz_openadr, "read", lambda payload, *more: real(good, *more))
    for bad in (message(id="e/1"), message(intervalPeriod={"start": "soon"}), message(intervals=3)):
        with pytest.raises(Unexplained, match="rule 1"):
            judge(bad)


def test_the_judge_objects_to_a_value_that_the_enumeration_does_not_have() -> None:
    fuzz_openadr._in_the_enumeration([("SIMPLE", 3), ("PRICE", -0.1)])
    with pytest.raises(Unexplained, match="rule 2: SIMPLE: 5 is greater than the maximum of 3"):
        fuzz_openadr._in_the_enumeration([("SIMPLE", 5)])


def test_the_judge_objects_to_a_limit_that_nobody_said(monkeypatch: pytest.MonkeyPatch) -> None:
    real = fuzz_openadr.demand_response.limit

    def wrong(*words: Any) -> Any:
        found = real(*words)
        return found and found._replace(limit_w=39_999)

    monkeypatch.setattr(fuzz_openadr.demand_response, "limit", wrong)
    with pytest.raises(Unexplained, match="rule 3: 39999 W is held"):
        judge(message())


# Each tolerance that docs/utility.md promises: what it looks like, and that it is obeyed and explained.
LIMIT = "IMPORT_CAPACITY_LIMIT"
TOLERATED: dict[str, dict[str, Any]] = {
    "a descriptor without objectType": {"payloadDescriptors": [{"payloadType": LIMIT, "units": "KW"}]},
    "payLoadType": {"payloadDescriptors": [{"payLoadType": LIMIT, "units": "KW"}]},
    "units in another case": {"payloadDescriptors": [{"payloadType": LIMIT, "units": "kW"}]},
    "null for absent": {"targets": None, "priority": None, "reportDescriptors": None},
    "snake_case": {"interval_period": {"start": "0001-01-01", "duration": "PT1H"}},
    "targets of 3.0": {"targets": [{"type": "VEN_NAME", "values": ["ven-1"]}]},
    "a space for the T": {"intervalPeriod": {"start": "2026-07-13 03:00:00.000Z", "duration": "P9D"}},
    "no zone": {"intervalPeriod": {"start": "2026-07-13T03:00:00", "duration": "P9D"}},
    "no seconds, no colon": {"intervalPeriod": {"start": "2026-07-13T03:00+0200", "duration": "P9D"}},
    "the sentinel of 3.0": {"intervalPeriod": {"start": "0000-00-00", "duration": "PT1H"}},
    "a time of day as stamp": {"createdDateTime": "17:15:16"},
    "weeks with days": {"intervalPeriod": {"start": "0001-01-01", "duration": "P1W2DT1.5H"}},
    "PT0H": {"duration": "PT0H"},
    "a negative randomizeStart": {
        "intervalPeriod": {"start": "0001-01-01", "duration": "PT1H", "randomizeStart": "-PT5M"}
    },
    "CAPACITY_SUBSCRIPTION": {
        "intervals": [{"id": 0, "payloads": [{"type": "CAPACITY_SUBSCRIPTION", "values": [40]}]}]
    },
    "a number for an id": {"id": 17, "programID": 4},
    "a negative CONTROL_SETPOINT": {
        "intervals": [{"id": 0, "payloads": [{"type": "CONTROL_SETPOINT", "values": [-0.15]}]}],
        "payloadDescriptors": [{"payloadType": "CONTROL_SETPOINT", "units": "KW"}],
    },
}  # fmt: skip


@pytest.mark.parametrize("name", TOLERATED)
def test_a_tolerance_is_obeyed_and_explained(name: str) -> None:
    payload = message(**TOLERATED[name])
    if name == "snake_case":
        payload = payload.replace(
            b'"intervalPeriod": {"start": "0001-01-01", "duration": "PT1H"}, "intervals"', b'"intervals"'
        )
    assert judge(payload) == "obeyed"
    strict, _ = explained(payload)
    assert errors("eventRequest", {key: each for key, each in strict.items() if key != "id"}) == []


@pytest.mark.parametrize("wrap", ["double", "list", "POST", "no objectType"])
def test_a_tolerated_envelope_is_obeyed(wrap: str) -> None:
    event = json.loads(message())
    around = {
        "double": json.dumps(event),
        "list": [event],
        "POST": {"objectType": "EVENT", "operation": "POST", "object": event},
        "no objectType": {"operation": "CREATE", "object": event},
    }
    assert judge(json.dumps(around[wrap]).encode()) == "obeyed"
