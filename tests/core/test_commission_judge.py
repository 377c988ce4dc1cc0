"""Answers to setpoints and to silence, by hand: one reading a second."""

from edge.core import commission_judge as judge
from edge.core.commission_trace import answer
from edge.model.commission import Sample, Supervises, Told, Trace
from edge.model.site import Address, Charger, Node, Site

CHARGER = Charger("bay", "main", "x", Address(1, tcp="192.0.2.1:502"), max_ma=16_000, fallback_ma=6_000)
SITE = Site("s", "s", "UTC", (Node("main", None, (30_000,) * 3, other_max_ma=(20_000,) * 3),), (), (CHARGER,))


def trace(amps: list[float], told: list[tuple[int, float]] = [], begin_s: int = 0) -> Trace:  # noqa: B006
    """Return a trace of a reading a second, and of setpoints accepted so many ms after its begin."""
    begin = begin_s * 1000
    samples = [
        Sample(begin + n * 1000, "bay", {"current_l1_ma": round(a * 1000), "state": "C"})
        for n, a in enumerate(amps)
    ]
    written = [Told(begin + at, "bay", round(a * 1000)) for at, a in told]
    return Trace(begin, begin + len(amps) * 1000, samples, written)


def obedience(**steps: Trace) -> list[tuple[str, str]]:
    told = judge.answers("bay", list(steps.items()))
    return [(f.kind, f.code) for f in judge.obedience(CHARGER, told, "C")[0]]


LEAST = trace([0, 0, 3, 5.9, 5.9, 5.9, 5.9], [(100, 6)])
UP = trace([5.9, 5.9, 12, 15.8, 15.8, 15.8], [(100, 16)])
DOWN = trace([15.8, 15.8, 15.8, 5.9, 5.9, 5.9], [(100, 6)])
PAUSE = trace([5.9, 5.9, 0, 0, 0, 0], [(100, 0)])
RESUME = trace([0, 0, 0, 4, 5.9, 5.9, 5.9], [(100, 6)])
ALL = {"least": LEAST, "up": UP, "down": DOWN, "pause": PAUSE, "resume": RESUME}


def test_times_run_from_the_write_to_the_reading_from_which_on_it_holds():
    assert answer(DOWN, "bay").after_ms == 2_900
    assert answer(UP, "bay").after_ms == 2_900
    dips = trace([15.8, 15.8, 5.9, 15.8, 15.8, 5.9, 5.9, 5.9], [(100, 6)])
    assert answer(dips, "bay").after_ms == 4_900  # it came back once
    never = trace([15.8] * 8, [(100, 6)])
    assert answer(never, "bay").after_ms is None
    assert answer(never, "bay").over_ma == 15_800 - 6_000 - 620


def test_one_that_obeys_and_ways_not_to():
    assert obedience(**ALL) == []
    wild = trace([16] * 8, [(100, 6)])
    assert obedience(**{**ALL, "down": wild}) == [("fault", "ignores limits")]
    slow = trace([15.8] * 13 + [5.9] * 5, [(100, 6)])
    assert obedience(**{**ALL, "down": slow}) == [("fault", "slow")]
    on = trace([5.9] * 8, [(100, 0)])
    assert obedience(**{**ALL, "pause": on}) == [("fault", "ignores limits")]
    stays_off = trace([0] * 8, [(100, 6)])
    assert obedience(**{**ALL, "resume": stays_off}) == [("open", "does not resume")]
    assert obedience(**{**ALL, "least": stays_off}) == [("open", "minimum")]
    held_back = trace([5.9, 8, 9.9, 9.9, 9.9, 9.9], [(100, 10)])
    assert obedience(**{**ALL, "up": held_back}) == [("note", "not to its maximum")]
    idle = dict.fromkeys(ALL, trace([0] * 8, [(100, 6)]))
    assert obedience(**idle) == [("open", "nothing drawn")]


def fell(before: list[float], after: list[float]) -> tuple[list[tuple[str, str]], dict[str, int]]:
    how = Supervises("validity", 20_000)
    nothing = Trace(10_000, 40_000)
    result = judge.fallback_result(CHARGER, how, 33_200, trace(before), nothing, trace(after, begin_s=40))
    return [(f.kind, f.code) for f in result.findings], result.falls_to_ma


def test_silence_by_the_first_reading_after_it():
    assert fell([9.9] * 5, [5.9, 2, 0]) == ([], {"bay": 6_000})
    assert fell([9.9] * 5, [0, 0, 0]) == ([], {"bay": 6_000})
    # not armed: what it may draw is all that it has
    assert fell([9.9] * 5, [9.9, 5, 0]) == ([("fault", "fallback not armed")], {"bay": 16_000})
    assert fell([0] * 5, [0]) == ([("open", "nothing drawn")], {"bay": 6_000})
    assert fell([4] * 5, [4]) == ([("open", "too small a vehicle")], {"bay": 6_000})
    assert fell([9.9] * 5, []) == ([("open", "not measured")], {"bay": 6_000})


def test_measured_fallbacks_are_added_up_against_the_limits():
    assert not judge.sums(SITE, {}).findings  # 20 + 6 of 30 A
    (finding,) = judge.sums(SITE, {"bay": 16_000}).findings
    assert (finding.device, finding.code) == ("main", "fallbacks do not fit")
    assert "6 A more" in finding.says
