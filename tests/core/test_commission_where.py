"""Edges by hand, and who is blamed: tables of how meters follow, against a drawing of two panels.

main (M) ── panel-a (A) ── a1 on L1, a2 on L2          L1, L2, L3 of the site are 0, 1, 2
        └── panel-b (B) ── b1 on L3
"""

import msgspec
import pytest

from edge.core import commission_where
from edge.core.commission_follow import Edge, change, edges, estimate, follows
from edge.core.commission_trace import Drawn
from edge.model.commission import Follow, Sample, Trace
from edge.model.site import Address, Charger, Meter, Node, Site

AT = Address(1, tcp="192.0.2.1:502")


def drawing() -> Site:
    nodes = (
        Node("main", None, (100_000,) * 3, meter="M"),
        Node("panel-a", "main", (63_000,) * 3, meter="A"),
        Node("panel-b", "main", (63_000,) * 3, meter="B"),
    )
    meters = tuple(Meter(m, "x", AT) for m in "MAB")
    chargers = (
        Charger("a1", "panel-a", "x", AT, phases=(0, 1, 2)),
        Charger("a2", "panel-a", "x", AT, phases=(1, 2, 0)),
        Charger("b1", "panel-b", "x", AT, phases=(2, 0, 1)),
    )
    return Site("s", "s", "UTC", nodes, meters, chargers)


ONE_PHASE = {"a1": (0,), "a2": (0,), "b1": (0,)}


def shown(**moves: dict[tuple[str, str], dict[int, int]]) -> list[Follow]:
    """Return follows; what is not named does not move.  moves: (charger, meter) -> phase -> pm."""
    table = moves["table"]
    return [
        Follow(c, m, p, abs(pm := table.get((c, m), {}).get(p, 0)), pm, 900, 10)
        for c in ONE_PHASE
        for m in "MAB"
        for p in range(3)
    ]


def as_drawn() -> dict[tuple[str, str], dict[int, int]]:
    return {
        ("a1", "M"): {0: 1000}, ("a1", "A"): {0: 1000},
        ("a2", "M"): {1: 1000}, ("a2", "A"): {1: 1000},
        ("b1", "M"): {2: 1000}, ("b1", "B"): {2: 1000},
    }  # fmt: skip


def judged(table: dict[tuple[str, str], dict[int, int]]) -> list[tuple[str, str, str]]:
    found = commission_where.judge(drawing(), shown(table=table), ONE_PHASE)
    return [(f.kind, f.device, f.code) for f in found]


def test_a_depot_as_drawn_has_no_findings():
    assert judged(as_drawn()) == []
    follows_ = shown(table=as_drawn())
    assert commission_where.located(drawing(), follows_, []) == {"a1", "a2", "b1"}
    assert commission_where.verified(drawing(), follows_, []) == {"M", "A", "B"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        # A charger on the other panel, and one that hangs at the main directly.
        ({("a1", "A"): {}, ("a1", "B"): {0: 1000}}, ("a1", "wrong parent")),
        ({("b1", "B"): {}, ("b1", "M"): {2: 1000}, ("a1", "B"): {}}, ("B", "meter does not follow")),
        # L1 of the charger on L2: both of its meters say so.
        ({("a1", "M"): {1: 1000}, ("a1", "A"): {1: 1000}}, ("a1", "charger phases swapped")),
        # One meter has L1 and L2 swapped: the other one takes the chargers' side.
        ({("a1", "A"): {1: 1000}, ("a2", "A"): {0: 1000}}, ("A", "meter phases swapped")),
        ({("a1", "M"): {1: 1000}, ("a2", "M"): {0: 1000}}, ("M", "meter phases swapped")),
        # Watts against the charger's: the CT is the wrong way round (amps know no direction).
        ({("a1", "A"): {0: -1000}}, ("A", "reversed CT")),
        ({("b1", "M"): {2: -1000}}, ("M", "reversed CT")),
        # All chargers agree that a meter shows too little; all meters agree that a charger does.
        ({("a1", "A"): {0: 800}, ("a2", "A"): {1: 800}}, ("A", "wrong ratio")),
        ({("a1", "M"): {0: 2000}, ("a2", "M"): {1: 2000}, ("b1", "M"): {2: 2000}}, ("M", "wrong ratio")),
        ({("a1", "A"): {0: 1300}, ("a1", "M"): {0: 1300}}, ("a1", "charger's own meter")),
        # Nobody moves it: the meter is in doubt, not two chargers.
        ({("a1", "A"): {}, ("a2", "A"): {}}, ("A", "meter does not follow")),
    ],
)
def test_the_right_one_is_blamed_alone(changes, expected):
    faults = [(device, code) for kind, device, code in judged({**as_drawn(), **changes}) if kind == "fault"]
    assert faults == [expected]


def test_a_charger_that_moves_only_the_main_is_not_below_its_panel():
    table = {**as_drawn(), ("a1", "A"): {}}  # a2 still moves A
    assert ("fault", "a1", "wrong parent") in judged(table)


def test_a_meter_that_was_not_listened_to_is_not_judged():
    heard = [f for f in shown(table=as_drawn()) if f.meter != "A"]
    assert commission_where.judge(drawing(), heard, ONE_PHASE) == []


def test_a_meter_that_follows_faintly_has_a_wrong_ratio():
    table = {**as_drawn(), ("a1", "A"): {}, ("a2", "A"): {}}
    faint = {("a1", 0): 25, ("a2", 1): 25}
    given = [
        msgspec.structs.replace(f, faint_pm=faint.get((f.charger, f.phase), 0)) if f.meter == "A" else f
        for f in shown(table=table)
    ]
    (finding,) = commission_where.judge(drawing(), given, ONE_PHASE)
    assert (finding.device, finding.code) == ("A", "wrong ratio")
    assert "would have to be 40" in finding.says


def test_three_phases_alike_leave_the_rotation_open():
    alike = dict.fromkeys(range(3), 1000)
    table = {**as_drawn(), ("a1", "M"): alike, ("a1", "A"): alike}
    found = commission_where.judge(drawing(), shown(table=table), {**ONE_PHASE, "a1": (0, 1, 2)})
    assert [(f.kind, f.device, f.code) for f in found] == [("open", "a1", "rotation not shown")]


def test_what_is_undecided_is_never_a_fault():
    doubtful = [replace_share(f, 300) if f.meter == "A" else f for f in shown(table={})]
    found = commission_where.judge(drawing(), doubtful, ONE_PHASE)
    assert not [f for f in found if f.kind == "fault" and f.device in ("A", "a1", "a2")]


def replace_share(follow: Follow, share_pm: int) -> Follow:
    return Follow(follow.charger, follow.meter, follow.phase, follow.pm, follow.power_pm, share_pm, 10)


# Edges -------------------------------------------------------------------------------------------------


def seen(*amps: float) -> list[Drawn]:
    return [Drawn(n * 1000, (round(a * 1000), 0, 0)) for n, a in enumerate(amps)]


def test_edges_go_from_plateau_to_plateau():
    assert edges(seen(6, 6, 6, 10, 10, 10)) == [Edge(2000, 3000, 4000)]
    assert edges(seen(6, 6, 8, 10, 10)) == [Edge(1000, 3000, 4000)]  # a ramp between two readings
    assert edges(seen(0, 0, 2, 4, 6, 8, 10, 12, 14, 16)) == []  # it has not come to rest
    assert edges(seen(6, 6, 7, 7)) == []  # too small
    assert edges(seen(6, 6, 10)) == []  # nobody knows whether it stays


def test_a_change_is_taken_beside_the_edge_and_without_drift():
    edge = Edge(10_000, 11_000, 4000)
    step = [(t, 20_000 if t < 10_500 else 24_000) for t in range(5_000, 17_000, 1000)]
    assert change(step, edge) == 4000
    # 100 mA/s of drift over the 3 s between the readings beside the edge
    drifting = [(t, v + t // 10) for t, v in step]
    assert change(drifting, edge) == 4000
    assert change([(t, v) for t, v in step if t < 10_500], edge) is None


def test_the_value_on_which_most_of_the_edges_agree_wins():
    clean = [(4000, 4000), (-10_000, -9900), (6000, 6100), (4000, 3950)]
    spoiled = [(4000, 9000), (-10_000, 2000), (6000, -500)]
    found = estimate(clean + spoiled)
    assert abs(found.pm - 1000) <= 20
    assert found.share_pm == 24_000 * 1000 // 44_000
    assert found.edges == 7
    assert estimate([]) == (0, 0, 0, 0)


def test_a_feeder_is_seen_without_a_branch_that_stays_still():
    """Another branch switches 20 A beside every third edge: the feeder without it is clearer."""
    charging = ([6] * 8 + [10] * 8) * 6
    noise = [20 if (n // 24) % 2 else 0 for n in range(len(charging))]
    samples = []
    for n, (mine, theirs) in enumerate(zip(charging, noise, strict=True)):
        samples.append(Sample(n * 1000, "a1", {"current_l1_ma": mine * 1000}))
        samples.append(Sample(n * 1000, "B", {"current_l1_ma": theirs * 1000}))
        samples.append(Sample(n * 1000, "M", {"current_l1_ma": (mine + theirs) * 1000}))
    meters = [Meter("M", "x", AT, phases=(0,)), Meter("B", "x", AT, phases=(0,))]
    trace = Trace(0, len(charging) * 1000, samples)
    alone = {f.meter: f for f in follows([trace], "a1", meters, {}, 230)}
    beside = {f.meter: f for f in follows([trace], "a1", meters, {"M": ["B"]}, 230)}
    assert alone["M"].share_pm < 800
    assert (alone["B"].pm, beside["B"].pm) == (0, 0)
    assert (beside["M"].pm, beside["M"].share_pm) == (1000, 1000)
