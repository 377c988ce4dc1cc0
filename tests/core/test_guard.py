"""The order of writing, and increases only into room that is seen to be free (I1); figures by hand, in A."""

from dataclasses import replace

from edge.core.guard import Held, Verdict, decide
from edge.core.limits import Room
from edge.model.sharing import Ask, Shares

PATHS = {"main": ("main",), "panel": ("panel", "main")}


def room(now_a: int, raise_a: int | None = None, node: str = "main", parent: str | None = None) -> Room:
    now = now_a * 1000
    high = now if raise_a is None else raise_a * 1000
    return Room(node, parent, (now,) * 3, (high,) * 3, (now,) * 3, ("breaker",) * 3)


def ask(charger: str, max_a: int = 32, node: str = "main", **more: int) -> Ask:
    return Ask(charger, node, (1, 2, 3), 6_000, max_a * 1000, step_ma=100, **more)


def held(charger: str, told_a: int | None, may_a: int | None = None, **more: bool) -> Held:
    may = told_a if may_a is None else may_a
    return Held(
        charger=charger,
        node="main",
        phases=(0, 1, 2),
        told_ma=None if told_a is None else told_a * 1000,
        may_ma=(may or 0) * 1000,
        fallback_ma=6_000,
        silent=more.get("silent", False),
        hold_raise=more.get("hold_raise", False),
    )


def decided(rooms: list[Room], asks: list[Ask], *chargers: Held) -> Verdict:
    return decide(rooms, asks, {h.charger: h for h in chargers}, PATHS)


def amps(verdict: Verdict) -> list[tuple[str, float]]:
    return [(s.charger, s.current_ma / 1000) for s in verdict.setpoints]


def test_two_that_start_share_what_is_free() -> None:
    verdict = decided([room(40)], [ask("a"), ask("b")], held("a", 0), held("b", 0))
    assert amps(verdict) == [("a", 20), ("b", 20)]
    assert verdict.violations == []


def test_a_decrease_goes_out_before_an_increase_and_its_room_is_not_given_away_yet() -> None:
    # a had all of the 32 A; fair is 16 each, but what a may still draw is not free.
    verdict = decided([room(32)], [ask("a"), ask("b")], held("a", 32), held("b", 0))
    assert amps(verdict) == [("a", 16), ("b", 0)]
    assert verdict.setpoints[1].because == "waits until room has come free"


def test_once_the_decrease_has_been_seen_the_other_starts() -> None:
    verdict = decided([room(32)], [ask("a"), ask("b")], held("a", 16), held("b", 0))
    assert amps(verdict) == [("a", 16), ("b", 16)]


def test_room_that_is_partly_free_is_given_in_part() -> None:
    # 32 A, a still may draw 24 of them: 8 A are free for b, which may not be started with less than 6.
    verdict = decided([room(32)], [ask("a"), ask("b")], held("a", 16, may_a=24), held("b", 0))
    assert amps(verdict) == [("a", 16), ("b", 8)]


def test_room_below_the_minimum_starts_nobody() -> None:
    verdict = decided([room(32)], [ask("a"), ask("b")], held("a", 16, may_a=27), held("b", 0))
    assert amps(verdict) == [("a", 16), ("b", 0)]


def test_the_largest_decrease_is_first() -> None:
    verdict = decided([room(18)], [ask("a"), ask("b"), ask("c")], held("a", 10), held("b", 32), held("c", 20))
    assert amps(verdict) == [("b", 6), ("c", 6), ("a", 6)]


def test_a_charger_that_was_just_changed_is_not_raised_but_is_lowered() -> None:
    up = decided([room(32)], [ask("a")], held("a", 10, hold_raise=True))
    assert amps(up) == [("a", 10)]
    assert up.setpoints[0].because == "raised step by step"
    down = decided([room(8)], [ask("a")], held("a", 10, hold_raise=True))
    assert amps(down) == [("a", 8)]


def test_a_start_does_not_wait_for_the_hold_time() -> None:
    assert amps(decided([room(32)], [ask("a")], held("a", 0, hold_raise=True))) == [("a", 32)]


def test_what_is_known_of_recent_load_holds_increases_back_and_nothing_else() -> None:
    verdict = decided([room(32, raise_a=20)], [ask("a"), ask("b")], held("a", 10), held("b", 8))
    # fair is 16 each; 20 A less the 18 that are told leaves 2 A, one for each
    assert sorted(amps(verdict)) == [("a", 11), ("b", 9)]


def test_less_than_half_an_amp_is_not_worth_a_write() -> None:
    tiny = Room("main", None, (20_300,) * 3, (20_300,) * 3, (20_300,) * 3, ("breaker",) * 3)
    assert amps(decided([tiny], [ask("a")], held("a", 20))) == [("a", 20)]
    # and a decrease that small is left out only while everything still fits
    shared = decided([room(40)], [ask("a", 32), ask("b", 32)], held("a", 20), held("b", 20))
    assert amps(shared) == [("a", 20), ("b", 20)]
    less = Room("main", None, (39_800,) * 3, (39_800,) * 3, (39_800,) * 3, ("breaker",) * 3)
    lowered = decided([less], [ask("a"), ask("b")], held("a", 20), held("b", 20))
    assert amps(lowered) == [("a", 19.9), ("b", 19.9)]
    assert lowered.violations == []


def test_a_silent_charger_keeps_its_room_and_is_told_its_fallback() -> None:
    verdict = decided([room(32)], [ask("b")], held("a", 20, silent=True), held("b", 0))
    assert sorted(amps(verdict)) == [("a", 6), ("b", 12)]
    assert verdict.setpoints[0].because.startswith("does not answer")


def test_before_the_first_setpoint_a_charger_counts_with_its_maximum_and_is_not_interrupted() -> None:
    # Nobody knows what it was told before: it is told 20 at once, and b waits for the rest to come free.
    verdict = decided([room(40)], [ask("a"), ask("b")], held("a", None, may_a=32), held("b", 0))
    assert amps(verdict) == [("a", 20), ("b", 8)]


def test_who_asks_for_nothing_is_told_nothing() -> None:
    verdict = decided([room(32)], [ask("a", 0)], held("a", 16))
    assert amps(verdict) == [("a", 0)]
    assert verdict.setpoints[0].because == "asks nothing"


def test_an_overload_lowers_everybody_at_once() -> None:
    verdict = decided([room(12)], [ask("a"), ask("b")], held("a", 16), held("b", 16))
    assert amps(verdict) == [("a", 6), ("b", 6)]


def test_no_room_at_all_pauses_everybody() -> None:
    verdict = decided([room(-5)], [ask("a"), ask("b")], held("a", 16), held("b", 16))
    assert amps(verdict) == [("a", 0), ("b", 0)]
    assert "no room for the minimum" in verdict.setpoints[0].because


def test_an_inner_node_holds_back_on_its_own() -> None:
    rooms = [room(60), room(20, node="panel", parent="main")]
    asks = [ask("a", node="panel"), ask("b")]
    a = Held("a", "panel", (0, 1, 2), 0, 0, 6_000, False, False)
    assert sorted(amps(decided(rooms, asks, a, held("b", 0)))) == [("a", 20), ("b", 32)]


def test_what_a_silent_charger_may_draw_is_taken_from_the_others_at_once() -> None:
    """I1: 20 of 32 A may flow where nobody answers; b has 20 and may keep 12."""
    verdict = decided([room(32)], [ask("b")], held("a", 6, may_a=20, silent=True), held("b", 20))
    assert dict(amps(verdict))["b"] == 12


def test_whatever_the_check_finds_sends_everybody_to_the_fallback_and_nobody_up(monkeypatch) -> None:
    """I4: a solver that gives everybody everything; 32 A of 20 A.  Who has nothing gets nothing."""

    def greedy(nodes: object, asks: list[Ask]) -> Shares:
        return Shares({a.id: a.max_ma for a in asks}, {a.id: "max" for a in asks}, {})

    monkeypatch.setattr("edge.core.balance.share", greedy)
    verdict = decided([room(20)], [ask("a"), ask("b", 0)], held("a", 32), held("b", 0))
    assert dict(amps(verdict)) == {"a": 6, "b": 0}
    assert verdict.violations
    assert verdict.setpoints[0].because.startswith("fallback: the check found")


def test_what_is_reserved_below_a_node_is_reserved_above_it() -> None:
    """I1: a on the panel does not answer and may draw 20 of main's 32 A."""
    rooms = [room(32), room(25, node="panel", parent="main")]
    a = Held("a", "panel", (0, 1, 2), 6_000, 20_000, 6_000, silent=True, hold_raise=False)
    assert dict(amps(decided(rooms, [ask("b")], a, held("b", 20)))) == {"a": 6, "b": 12}


def test_a_raise_of_an_amp_is_worth_a_write() -> None:
    assert amps(decided([room(11)], [ask("a")], held("a", 10))) == [("a", 11)]


def test_a_charger_that_was_not_told_yet_is_told_a_lawful_current_below_what_it_may_draw() -> None:
    """It may draw 9.25 A and takes steps of 0.1 A from 6 A; raises are held back: 9.2 A (I2)."""
    charger = replace(held("a", None, 9), may_ma=9_250, hold_raise=True)
    assert amps(decided([room(40)], [ask("a")], charger)) == [("a", 9.2)]


def test_a_charger_that_was_not_told_yet_and_may_draw_less_than_its_minimum_counts_as_off() -> None:
    """5 A is no lawful grant; there is room for 5 A more only, so it cannot start either (I2)."""
    assert amps(decided([room(40, raise_a=5)], [ask("a")], held("a", None, 5))) == [("a", 0)]


def test_a_charger_that_was_not_told_yet_is_not_raised_beyond_what_is_free() -> None:
    """It draws 6 A at most by itself, 8 A are free for raising: so 8 A, and not its 32 A (I1)."""
    verdict = decided([room(40, raise_a=8)], [ask("a")], held("a", None, 6))
    assert amps(verdict) == [("a", 8)]


def pair(name: str, phases: tuple[int, int], told_a: int, wants_a: int) -> tuple[Ask, Held]:
    wired = (phases[0] - 1, phases[1] - 1)
    asks = Ask(name, "main", phases, 6_000, wants_a * 1000, step_ma=100)
    return asks, replace(held(name, told_a), phases=wired)


def test_vehicles_between_two_lines_are_raised_into_the_room_that_their_vectors_leave() -> None:
    # 20 A between each two lines are 34.64 A in each line, and 40 A as magnitudes
    limit = replace(room(40), delta="phasor")
    three = [pair("ab", (1, 2), 20, 32), pair("bc", (2, 3), 20, 32), pair("ca", (1, 3), 20, 32)]
    verdict = decided([limit], [a for a, _ in three], *(h for _, h in three))
    assert dict(amps(verdict)) == {"ab": 23.1, "bc": 23, "ca": 23}  # 40 / √3 = 23.09, in tenths
    as_magnitudes = decided([room(40)], [a for a, _ in three], *(h for _, h in three))
    assert dict(amps(as_magnitudes)) == {"ab": 20, "bc": 20, "ca": 20}


def test_a_vehicle_that_may_still_draw_counts_as_a_vector_too() -> None:
    limit = replace(room(40), delta="phasor")
    ab, bc = pair("ab", (1, 2), 0, 32), pair("bc", (2, 3), 40, 6)
    verdict = decided([limit], [ab[0], bc[0]], ab[1], replace(bc[1], may_ma=40_000))
    assert amps(verdict) == [("bc", 6), ("ab", 0)]  # nothing is free before it has been seen to fall


def test_what_a_silent_charger_may_draw_counts_in_full_above_a_delta_wye_transformer() -> None:
    # 12 A between two lines are at most 14 A above; 40 - 14 A are left, and 2/√3 of a grant flow there
    limit = replace(room(40), delta="delta-wye")
    ab, lost = pair("ab", (1, 2), 0, 32), pair("ca", (1, 3), 12, 32)
    verdict = decided([limit], [ab[0]], ab[1], replace(lost[1], silent=True, may_ma=12_000))
    assert dict(amps(verdict))["ab"] == 22.5


def test_a_raise_of_vehicles_between_two_lines_goes_by_the_lowest_room_of_the_last_seconds() -> None:
    limit = replace(room(40, raise_a=36), delta="phasor")
    three = [pair("ab", (1, 2), 20, 32), pair("bc", (2, 3), 20, 32), pair("ca", (1, 3), 20, 32)]
    verdict = decided([limit], [a for a, _ in three], *(h for _, h in three))
    assert dict(amps(verdict)) == {"ab": 20.8, "bc": 20.7, "ca": 20.7}  # 36 / √3 = 20.78
