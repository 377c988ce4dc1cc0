"""A run of commissioning over the simulator's bench: confirmed or not, broken off and resumed, written down.

What its tests find is in tests/sim/test_commission_faults.py; here it is about the order of things.
"""

import asyncio
from pathlib import Path

import msgspec
import pytest

from edge.core.commission_compare import differences
from edge.model.commission import Figure, Finding, Hold, Protocol, Result, StepName, Trace
from edge.shell import commissionfiles
from edge.shell.commission import Commission, Question
from edge.shell.lock import Held, Lock
from edge.sim.commissioned import VirtualBench, depot


class Died(Exception):
    """The power went."""


class Counting(VirtualBench):
    """A bench that says what was done on it, and fails at a Hold when it is told to."""

    def __init__(self, like: VirtualBench, dies_at: str = "") -> None:
        super().__init__(like.site, like.seed)
        for name, charger in like.depot.chargers.items():
            self.depot.chargers[name].vehicle = charger.vehicle
        self.held: list[Hold] = []
        self.dies_at = dies_at

    async def hold(self, hold: Hold) -> Trace:
        if self.dies_at and self.dies_at in hold.why:
            raise Died
        self.held.append(hold)
        return await super().hold(hold)

    def moved(self) -> set[str]:
        return {name for hold in self.held for name, ma in hold.wish_ma.items() if ma}


def fresh(bench: VirtualBench, *steps: StepName) -> Protocol:
    site = bench.site
    return Protocol("p-1", site.id, site.name, "hash", "A. Ohm", 1_000, "0", asked=steps)


def run(bench, protocol, says=lambda question: True, save=lambda kept: None) -> Protocol:
    asked: list[Question] = []

    async def confirm(question: Question) -> bool:
        asked.append(question)
        return says(question)

    done = asyncio.run(Commission(bench, protocol, save, confirm).run())
    done_asked.clear()
    done_asked.extend(asked)
    return done


done_asked: list[Question] = []


def test_nothing_moves_without_a_yes_and_that_is_an_open_point():
    bench = Counting(depot(1))
    protocol = run(bench, fresh(bench, "where", "obeys", "holds"), says=lambda question: False)
    assert bench.moved() == set()
    assert not any(hold.core for hold in bench.held)
    assert [q.step for q in done_asked if q.moves] == ["where", "obeys", "holds"]
    codes = [(f.step, f.kind, f.code) for f in protocol.findings if f.code == "not confirmed"]
    assert codes == [(step, "open", "not confirmed") for step in ("where", "obeys", "holds")]


def test_a_bay_without_a_vehicle_is_asked_for_and_left_open():
    bench = Counting(depot(1))
    bench.depot.chargers["bay-2"].unplug()
    protocol = run(bench, fresh(bench, "meters", "obeys"), says=lambda question: question.moves)
    assert [q.about for q in done_asked if not q.moves] == ["bay-2"]
    assert ("bay-2", "open", "no vehicle") in [(f.device, f.kind, f.code) for f in protocol.findings]
    assert "bay-2" not in bench.moved()


def test_a_run_that_was_broken_off_goes_on_behind_what_is_done(tmp_path):
    saved: list[Protocol] = []
    first = Counting(depot(2), dies_at="bay-3: 6 A (down)")
    with pytest.raises(Died):
        run(first, fresh(first, "find", "meters", "obeys"), save=saved.append)
    kept = msgspec.json.decode(msgspec.json.encode(saved[-1]), type=Protocol)
    assert [(r.step, r.about) for r in kept.results] == [
        ("find", ""), ("meters", ""), ("obeys", "bay-1"), ("obeys", "bay-2"),
    ]  # fmt: skip
    assert kept.ended_wall_ms is None
    second = Counting(depot(2))
    done = run(second, kept)
    assert [r.about for r in done.results if r.step == "obeys"] == ["bay-1", "bay-2", "bay-3", "bay-4"]
    assert second.moved() == {"bay-3", "bay-4"}
    assert done.ended_wall_ms is not None


def test_the_depot_is_paused_at_the_end_whatever_happens():
    bench = Counting(depot(1), dies_at="(up)")
    with pytest.raises(Died):
        run(bench, fresh(bench, "obeys"))
    assert bench.held[-1].wish_ma == {}
    assert bench.held[-1].why == "pause"


def test_what_could_overload_is_not_tested():
    """The fallback of a charger is tried only where its maximum would fit."""
    bench = depot(1)
    nodes = tuple(
        msgspec.structs.replace(n, limit_ma=(26_000,) * 3) if n.parent else n for n in bench.site.nodes
    )
    tight = Counting(depot(1))
    tight = Counting(_with(tight, msgspec.structs.replace(bench.site, nodes=nodes)))
    protocol = run(tight, fresh(tight, "fallback"))
    large = [c.id for c in tight.site.chargers if c.max_ma == 32_000]
    untested = [f.device for f in protocol.findings if f.code == "no room to test"]
    assert large and set(large) <= set(untested)
    assert not [v for v in tight.judge.report()["violations"] if not v.startswith("I12")]


def _with(bench: VirtualBench, site) -> VirtualBench:
    other = VirtualBench(site, bench.seed)
    for name, charger in bench.depot.chargers.items():
        other.depot.chargers[name].vehicle = charger.vehicle
    return other


# Files -------------------------------------------------------------------------------------------------


def site_file(folder: Path) -> Path:
    path = folder / "site.toml"
    path.write_text("a site", encoding="utf-8")
    return path


def test_a_protocol_is_kept_whole_and_resumed_only_for_the_same_site_file(tmp_path):
    site, path = depot(1).site, site_file(tmp_path)
    protocol = commissionfiles.new(site, path, "A. Ohm", 5_000_000, ("find",))
    assert commissionfiles.save(tmp_path, protocol).is_file()
    assert commissionfiles.to_resume(tmp_path, site, path) == protocol
    path.write_text("another site", encoding="utf-8")
    with pytest.raises(commissionfiles.NoProtocol, match="has changed"):
        commissionfiles.to_resume(tmp_path, site, path)
    ended = msgspec.structs.replace(protocol, ended_wall_ms=5_600_000)
    commissionfiles.save(tmp_path, ended)
    with pytest.raises(commissionfiles.NoProtocol, match="was broken off"):
        commissionfiles.to_resume(tmp_path, site, path)
    (tmp_path / "commissioning" / "torn.json").write_text('{"id": "x"', encoding="utf-8")
    assert commissionfiles.all_of(tmp_path, site.id) == [ended]
    later = commissionfiles.new(site, path, "B", 9_000_000)
    assert commissionfiles.before(tmp_path, later) == ended
    assert commissionfiles.before(tmp_path, ended) is None


def test_one_program_at_a_time(tmp_path):
    lock = Lock(tmp_path, "the daemon")
    with pytest.raises(Held, match="the daemon, process"):
        Lock(tmp_path, "depot commission")
    lock.close()
    Lock(tmp_path, "depot commission").close()


# Differences -------------------------------------------------------------------------------------------


def test_differences_to_last_time():
    site = depot(1).site
    last = fresh(VirtualBench(site), "find", "obeys")

    def result(value: int, *findings: Finding) -> Result:
        figure = Figure("obeys", "bay-1", "down: write to current", value, "ms")
        return Result("obeys", "bay-1", findings=list(findings), figures=[figure])

    gone = Finding("obeys", "bay-1", "open", "minimum", "…")
    came = Finding("obeys", "bay-1", "fault", "slow", "…")
    before = msgspec.structs.replace(last, results=[result(3_000, gone)])
    now = msgspec.structs.replace(last, site_hash="other", results=[result(12_000, came)])
    assert differences(before, now) == [
        ("bay-1", "slow", "not there", "fault"),
        ("bay-1", "minimum", "open", "gone"),
        ("", "site file", "hash", "other"),
        ("bay-1", "down: write to current", "3.0 s", "12.0 s"),
    ]
    assert differences(now, now) == []
