"""With PyPI's `openadr3` (grid-coordination/python-oa3): its client as the utility, its reader as a judge.

What the two disagree about is in docs/utility.md and in DISAGREE; the tests fail when that changes.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from edge.cli.utility import Said, _payload
from edge.cli.utilityexamples import EXAMPLES
from edge.shell.openadr import write_report
from tests.fakes.vtn import FakeVtn, vtn
from tests.interop.others import CLIENTS, credentials, events, limit_event, our_spans, plays, row
from tests.shell.test_mqtt import run
from tests.shell.test_utility_line import depot, polled

openadr3 = pytest.importorskip("openadr3", reason="not installed: pip install openadr3")

CANNOT = "P9999Y: the year is out of its range"
SENTINEL = "0001-01-01 is the year 1 to it; now to us (User Guide, 7.3)"
FOLLOWS = "an interval without a start after one with its own: unknown to it; right after it to us (7.4)"

# Event (line of the User Guide, or example) -> what it makes of it that we do not.
DISAGREE = {
    "L1974": CANNOT, "L2008": CANNOT, "L2042": CANNOT, "L2313": CANNOT,
    "subscription": CANNOT, "emergency": CANNOT,
    "L2413": SENTINEL, "limit-now": SENTINEL, "limit-stop": SENTINEL, "prices": SENTINEL,
    "L2585": FOLLOWS,
}  # fmt: skip


def their_spans(event: dict[str, Any]) -> dict[int, Any]:
    """Interval id -> (start, end) by their reading; None where they cannot tell."""
    found = openadr3.coerce(event).resolved_intervals()
    return {
        each.id: each.interval_period.period if each.interval_period else None
        for each in found
        if each.payloads
    }


@pytest.mark.parametrize("name", events())
def test_the_same_intervals_at_the_same_times(name: str) -> None:
    event = events()[name]
    ours = our_spans(event)
    try:
        theirs = their_spans(event)
    except ValueError as error:
        assert "is out of range" in str(error) and DISAGREE.get(name) == CANNOT
        return
    agreed = {key: value for key, value in theirs.items() if value is not None} == ours
    assert agreed == (name not in DISAGREE), (name, theirs, ours)


@pytest.mark.parametrize("name", [name for name in EXAMPLES if DISAGREE.get(name) != CANNOT])
def test_it_reads_what_depot_utility_sends(name: str) -> None:
    message = json.loads(_payload(Said("create", events()[name]), bare=False))
    found = openadr3.coerce_notification(message)
    assert (found.operation, found.object.event_name) == ("CREATE", events()[name]["eventName"])


def test_its_client_is_obeyed_and_reads_our_report(tmp_path: Path) -> None:
    ours = credentials(tmp_path)

    async def story(server: FakeVtn) -> None:
        token = openadr3.fetch_token(server.url, "bl_client", "s3cret")
        utility = openadr3.create_bl_client(base_url=server.url, token=token)
        program = utility.create_program({"programName": "evening-peak"}).json()["id"]

        def create(kw: float) -> str:
            made = utility.create_event(limit_event(program, kw))
            assert openadr3.success(made), made.text
            return str(made.json()["id"])

        def change(event_id: str, kw: float) -> None:
            assert openadr3.success(utility.update_event(event_id, limit_event(program, kw)))

        def delete(event_id: str) -> None:
            assert openadr3.success(utility.delete_event(event_id))

        async with depot(tmp_path, vtn=polled(server), programs=("evening-peak",), token=ours) as found:
            event_id = await plays(found, server, create, change, delete)
        (report,) = [openadr3.coerce(each) for each in utility.get_reports().json()]
        assert (report.event_id, report.client_name) == (event_id, "depot-17")
        told = {each.type: each.values for each in report.resources[0].intervals[0].payloads}
        assert [float(told[name][0]) for name in ("USAGE", "SETPOINT")] == [5.833, 40.0]
        assert report.resources[0].interval_period.period[0].isoformat().startswith("2026-07-01T16:20:00")

    with vtn(clients=CLIENTS) as server:
        run(story(server))


def test_it_reads_our_report() -> None:
    report = openadr3.coerce(
        {"objectType": "REPORT", **json.loads(write_report(row("e-1", "p-1"), "depot-17"))}
    )
    assert [each.payload_type for each in report.payload_descriptors][:2] == ["USAGE", "DEMAND"]
