"""The I/O board in the depot: what its inputs ask, and when its relays may be closed."""

from typing import Any

from edge.model.flow import AnyEvent, Audit, Identified, Keep, Lost, Reading, SetCurrent, SetRelays, Written
from edge.model.records import PortInterval
from edge.model.site import Board, Relay, Site
from edge.report.uptime import Records, monthly
from tests.story.sites import NOWHERE, WALL_MS, depot, flows, tick
from tests.story.story import ANY, Nothing, Story

WELL: dict[str, Any] = {
    "board_state": "ALLOWED", "relays": 3, "faults": 0, "limit_input": 0, "tripped": 0,
    "supervision_time_ms": 10_000, "relays_safe": 0, "relays_fitted": 15, "selftest": "passed",
    "selftest_age_s": 7_200,
}  # fmt: skip


def guarded(blind: bool = False, other_max_ma: int = 0, **more: Any) -> Site:
    """Return the yard with relay 1 at bay-1 and relay 2 at bay-2."""
    one, two = ("bay-1",), ("bay-2",)
    relays = (Relay(1, one, blind=one if blind else ()), Relay(2, two))
    board = Board("io", "depot_io_board", NOWHERE, limit_node="main", limit_ma=20_000, relays=relays)
    site = depot(other_max_ma=other_max_ma, **more)
    return Site(**{f: getattr(site, f) for f in site.__struct_fields__} | {"boards": (board,)})


def board(at_ms: int, **said: Any) -> Reading:
    return Reading(at_ms, "io", WELL | said)


def bay(at_ms: int, number: int, drawn_ma: int = 0, setpoint_ma: int = 0) -> Reading:
    values: dict[str, int | str] = {"state": "C", "setpoint_ma": setpoint_ma}
    return Reading(at_ms, f"bay-{number}", values | {f"current_l{p}_ma": drawn_ma for p in (1, 2, 3)})


def told(story: Story, *events: AnyEvent) -> Story:
    for event in events:
        story = story >> event
    return story


def settled(site: Site) -> Story:
    """Both vehicles charge, the board is well; it is 1.5 s."""
    return told(
        Story(site),
        Identified(0, "io", {"serial": "1"}), Identified(0, "bay-1", {}), Identified(0, "bay-2", {}),
        board(100), bay(100, 1), bay(100, 2), flows(900, 0, 0, 0), tick(1_000), board(1_500),
    )  # fmt: skip


def relays(story: Story) -> int:
    return next(c.relays for c in story.last if isinstance(c, SetRelays))


def currents(story: Story) -> dict[str, tuple[int, str]]:
    return {c.charger: (c.current_ma, c.because) for c in story.last if isinstance(c, SetCurrent)}


def test_no_relay_is_asked_closed_of_a_board_that_has_not_told_its_settings() -> None:
    story = told(Story(guarded()), Identified(0, "io", {}), tick(1_000)) << SetRelays("io", 0, ANY)
    early = {k: v for k, v in WELL.items() if not k.startswith(("relays_", "supervision"))}
    story = story >> Reading(1_500, "io", early) >> tick(2_000) << SetRelays("io", 0, ANY)
    assert story >> board(2_500) >> tick(3_000) << SetRelays("io", 3, ANY)


def test_the_heartbeat_of_a_core_that_hangs_ends_before_its_setpoints_do() -> None:
    site = guarded()
    story = settled(site) >> tick(2_000)
    (command,) = [c for c in story.last if isinstance(c, SetRelays)]
    assert story and 1_000 < command.valid_for_ms < site.policy.setpoint_ms


def test_a_board_that_is_set_otherwise_than_the_site_file_says_guards_nothing() -> None:
    """I4 counts on it: what its silence opens, and when."""
    for wrong, because in (
        ({"supervision_time_ms": 60_000}, "io waits 60 s, the site file says 10 s"),
        ({"relays_safe": 1}, "relay 1 of io is set to stay closed without us"),
        ({"relays_fitted": 2}, "relay 1 of io is set as not fitted"),
        ({"faults": 1}, "relay 1 of io does not open"),
        ({"faults": 16}, "relay 1 of io does not close"),
        ({"selftest": "failed", "selftest_failed": 1}, "relay 1 of io has failed its self-test"),
    ):
        story = settled(guarded()) >> board(1_700, **wrong) >> tick(2_000)
        assert story and not relays(story) & 1, wrong
        assert currents(story)["bay-1"] == (0, because)


def test_an_emergency_stop_pauses_all_that_it_guards_with_its_reason() -> None:
    story = settled(guarded()) >> board(1_900, tripped=1, relays=0, board_state="TRIPPED")
    story = story << Audit("io", "state", "TRIPPED") << Audit("io", "emergency stop", "1")
    story = story >> tick(2_000) << SetRelays("io", 0, ANY)
    assert story
    assert currents(story) == dict.fromkeys(("bay-1", "bay-2"), (0, "emergency stop at io"))


def test_the_operators_relay_limits_its_node_with_its_reason() -> None:
    story = settled(guarded())
    before = told(story, bay(1_600, 1), bay(1_600, 2), flows(1_900, 0, 0, 0), tick(2_000))
    assert before and sum(ma for ma, _ in currents(before).values()) > 20_000
    story = told(settled(guarded()), board(1_800, limit_input=1), flows(1_900, 0, 0, 0), tick(2_000))
    assert story and sum(ma for ma, _ in currents(story).values()) <= 20_000
    assert "20 A by the grid operator's relay at io" in currents(story)["bay-1"][1]


def test_a_silent_board_counts_as_the_worst() -> None:
    """I3: the operator's relay as on, the guarded chargers paused before the relays open under load."""
    story = told(settled(guarded()), Lost(1_600, "io", "silent"), flows(1_900, 0, 0, 0), tick(2_000))
    assert story and relays(story) == 0
    assert currents(story) == dict.fromkeys(
        ("bay-1", "bay-2"), (0, "io does not answer, and its relays open")
    )


def test_an_open_relay_holds_back_its_charger_until_it_is_seen_closed() -> None:
    story = told(settled(guarded()), board(1_900, relays=2), flows(1_900, 0, 0, 0), tick(2_000))
    assert story and relays(story) == 3  # asked closed; the board's stagger has not let it yet
    assert currents(story)["bay-1"] == (0, "relay 1 of io is open (ALLOWED)")
    assert currents(story)["bay-2"][0] > 0


def test_the_relay_of_a_lost_charger_without_supervision_stays_closed_only_if_all_of_it_fits() -> None:
    """Nothing else could stop it: what it may draw is its maximum, 32 A."""
    lost = Lost(1_600, "bay-1", "silent")
    roomy = told(settled(guarded(blind=True)), lost, flows(1_900, 0, 0, 0), tick(2_000))
    assert roomy and relays(roomy) == 3
    tight = told(settled(guarded(blind=True)), lost, flows(1_900, 40, 40, 40), tick(2_000))
    assert tight and relays(tight) == 2
    supervised = told(settled(guarded()), lost, flows(1_900, 40, 40, 40), tick(2_000))
    assert supervised and relays(supervised) == 3  # it falls back by itself


def test_a_lost_charger_behind_an_open_relay_frees_its_room() -> None:
    site = guarded(blind=True, limit_ma=40_000, on_off_ms=0)
    story = told(settled(site), Lost(1_600, "bay-1", "silent"), board(1_700, relays=2))
    given = 0
    for second in range(2, 20):
        at = second * 1_000
        reads = (board(at - 300, relays=2), bay(at - 200, 2, given, given), flows(at - 100, 30, 30, 30))
        story = told(story, *reads, tick(at))
        asked = relays(story)
        given = currents(story)["bay-2"][0]
        story = story >> Written(at + 100, "bay-2", given)
    assert story and asked == 2
    assert given >= 6_000  # 40 A less 30 A; reserving bay-1's 32 A would have left nothing


def test_a_relay_that_has_opened_at_a_lost_charger_closes_only_if_all_that_it_may_start_with_fits() -> None:
    """It was told 20 A and was lost; behind an open relay it may restart, and nobody has told it then: 32 A.

    40 A less 15 A of other load leave 25 A: enough for the 20 A, so the relay stays closed while it is seen
    closed, but not for the 32 A, so it is not closed again.
    """
    story = settled(guarded(blind=True, limit_ma=40_000, on_off_ms=0)) >> Lost(1_600, "bay-1", "silent")
    closed = []
    for second in range(2, 12):
        at = second * 1_000
        pattern = 3 if second < 5 else 2  # then it is seen open: the board has restarted, say
        story = told(
            story, board(at - 300, relays=pattern), bay(at - 200, 2), flows(at - 100, 15, 15, 15), tick(at)
        )
        closed.append(relays(story) & 1)
    assert story
    assert closed[:3] == [1, 1, 1]
    assert closed[-4:] == [0] * 4


def test_what_the_board_says_is_on_the_audit_log_once() -> None:
    story = settled(guarded()) >> board(1_800, door=1) << Audit("io", "door", "1") << Nothing(Audit)
    assert story >> board(1_900, door=1) << Nothing(Audit)


def test_the_self_test_is_evidence_of_the_ports_state() -> None:
    story = told(settled(guarded()), bay(1_700, 1), bay(1_700, 2), tick(2_000))
    story = told(story, board(2_500, faults=1), bay(2_600, 1), bay(2_600, 2), tick(3_000))
    assert story
    rows = [c.row for c in story.last if isinstance(c, Keep) and isinstance(c.row, PortInterval)]
    (down,) = [row for row in rows if row.state == "down"]
    assert (down.port, down.cause) == ("bay-1", "unavailable")
    assert down.evidence == "relay 1 of io does not open; io relay 1 self-test passed 2 h before"


def test_a_failed_self_test_is_an_outage_in_the_uptime_and_a_running_one_is_not() -> None:
    """Relay 1 is opened by its test from 10 s to 40 s, and found failing from 40 s to 100 s."""

    def says(at_ms: int) -> dict[str, Any]:
        if 10_000 <= at_ms < 40_000:
            return {"selftest": "running", "relays": 2}
        if 40_000 <= at_ms < 100_000:
            return {"selftest": "failed", "selftest_failed": 1, "selftest_age_s": 0, "relays": 2}
        return {"selftest": "passed", "selftest_failed": 0}

    story = settled(guarded())
    kept: dict[tuple[str, int], PortInterval] = {}
    for at in range(2_000, 160_000, 1_000):
        here = (bay(at - 400, 1), bay(at - 300, 2), flows(at - 200, 0, 0, 0), tick(at))
        story = told(story, board(at - 500, **says(at - 500)), *here)
        assert story
        for command in story.last:
            if isinstance(command, Keep) and isinstance(command.row, PortInterval):
                kept[command.row.port, command.row.start_wall_ms] = command.row
    first = dict.fromkeys(("bay-1", "bay-2"), WALL_MS + 1_000)
    records = Records(list(kept.values()), first)
    one, two = monthly(records, "2026-11", "UTC", WALL_MS + 159_000)
    assert (one.port, one.evidence.outage_ms, one.outages) == ("bay-1", 60_000, 1)
    assert (two.port, two.evidence.outage_ms) == ("bay-2", 0)
    (down,) = [row for row in kept.values() if row.state == "down"]
    assert down.evidence == "relay 1 of io has failed its self-test; io relay 1 self-test failed 0 h before"
