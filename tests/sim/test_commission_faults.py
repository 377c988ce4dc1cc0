"""Each hidden fault is found, by name and device, and nothing else; a sound depot has none.

One seed each, and only the steps that find it; 20 seeds each are `depot bench commission`.  The judge of the
simulator looks on: no limit is broken while it is tested (I1, I2, I5).
"""

import asyncio

import pytest

from edge.model.commission import STEPS, Protocol, StepName
from edge.shell.commission import Commission, Question
from edge.sim.commissioned import VirtualBench, depot, faulty
from edge.sim.faults import FOUND_AS, BadFault, Fault, put

# A whole depot takes five seconds of a quiet core.
pytestmark = pytest.mark.timeout(400)

BEFORE: tuple[StepName, ...] = ("find", "meters", "where")


def commissioned(bench: VirtualBench, steps: tuple[StepName, ...] = STEPS) -> Protocol:
    async def yes(question: Question) -> bool:
        return True

    protocol = Protocol("test", bench.site.id, bench.site.name, "", "somebody", 0, "", asked=steps)
    return asyncio.run(Commission(bench, protocol, lambda kept: None, yes).run())


def faults(protocol: Protocol) -> list[tuple[str, str]]:
    return [(f.device, f.code) for f in protocol.findings if f.kind == "fault"]


def broken(bench: VirtualBench) -> list[str]:
    """Return what the judge saw, but hunger: vehicles wait while others are tested."""
    return [v for v in bench.judge.report()["violations"] if not v.startswith("I12")]


@pytest.mark.parametrize(
    ("kind", "steps"),
    [
        ("swapped_meter", BEFORE),
        ("swapped_charger", BEFORE),
        ("reversed_ct", BEFORE),
        ("wrong_ratio", BEFORE),
        ("wrong_parent", BEFORE),
        ("doubled_unit", ("find",)),
        ("ignores_limits", ("obeys",)),
        ("unarmed_fallback", ("fallback",)),
    ],
)
def test_a_hidden_fault_is_found_and_nothing_else(kind, steps):
    bench, fault = faulty(kind, 1)
    protocol = commissioned(bench, steps)
    assert (fault.device, FOUND_AS[kind]) in faults(protocol), protocol.findings
    assert {device for device, _ in faults(protocol)} <= {fault.device, "main", "panel-a", "panel-b"}
    assert broken(bench) == []


def test_a_sound_depot_has_no_fault_and_every_step_is_measured():
    bench = depot(1)
    protocol = commissioned(bench)
    assert faults(protocol) == []
    assert broken(bench) == []
    assert {r.step for r in protocol.results} == set(STEPS)
    figures = [f for r in protocol.results for f in r.figures]
    assert all(f.good is not False for f in figures)
    names = {f.name for f in figures}
    expected = {
        "down: write to current",
        "pause: write to current",
        "draws after silence",
        "event to first reduction written",
        "silent until chargers were told their fallback",
    }
    assert expected <= names
    assert protocol.ended_wall_ms is not None


def test_faults_are_refused_where_they_make_no_sense():
    bench = depot(1)
    for fault in (
        Fault("reversed_ct", "bay-1", phases=(0,)),
        Fault("ignores_limits", "main-meter"),
        Fault("wrong_parent", "bay-1", node="nowhere"),
        Fault("swapped_meter", "main-meter", phases=(1,)),
        Fault("wrong_ratio", "nobody", factor=2.0),
    ):
        with pytest.raises(BadFault):
            put(bench.depot, fault)


def test_a_depot_that_is_not_as_drawn_is_never_charged_whole():
    """With a charger at another panel than drawn, holding the drawing's limits overloaded the real panel."""
    bench, fault = faulty("wrong_parent", 12)
    protocol = commissioned(bench)
    assert (fault.device, "wrong parent") in faults(protocol)
    left_out = {(f.step, f.code) for f in protocol.findings if f.kind == "open" and fault.device in f.says}
    assert {("fallback", "not the whole depot"), ("holds", "not tested")} <= left_out
    assert broken(bench) == []
