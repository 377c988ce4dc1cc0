"""What a vehicle really takes, learned from what it was told and what was measured."""

from edge.core import takes
from edge.core.state import ChargerKnown
from edge.core.takes import SETTLED_MS, Taken

THREE = (0, 1, 2)


def known(told_a: int, *amps: float, state: str = "C", changed_ms: int = 0) -> ChargerKnown:
    found = ChargerKnown(32_000, 6_000)
    found.values["state"] = state
    found.told_ma, found.changed_at_ms = told_a * 1000, changed_ms
    triple = tuple(round(a * 1000) for a in amps)
    found.currents.append((0, triple, triple))
    return found


def fold(taken: Taken, now: ChargerKnown, at_ms: int = SETTLED_MS) -> Taken:
    return takes.fold(taken, now, THREE, at_ms)


def test_phases_are_those_that_carry_current() -> None:
    assert fold(Taken(), known(16, 15.8, 0.3, 0)) == Taken((0,))
    assert fold(Taken(), known(16, 15.8, 15.7, 15.9)) == Taken(THREE)


def test_its_own_maximum_is_what_it_takes_and_a_margin_and_is_forgotten_when_it_takes_more() -> None:
    capped = fold(Taken(), known(32, 16, 16, 16))
    assert capped == Taken(THREE, 17_000)
    assert fold(capped, known(17, 16, 16, 16)) == capped
    assert fold(capped, known(17, 16.9, 16.9, 16.9)) == Taken(THREE)


def test_nothing_is_concluded_before_a_setpoint_has_settled_nor_from_a_vehicle_that_waits() -> None:
    assert fold(Taken(), known(32, 6, 6, 6), SETTLED_MS - 1) == Taken()
    assert fold(Taken((0,)), known(32, 0, 0, 0)) == Taken((0,))
    assert fold(Taken((0,)), known(0, 0, 0, 0)) == Taken((0,))


def test_a_phase_that_was_seen_once_stays_known() -> None:
    assert fold(Taken(THREE), known(6, 6, 0, 0)).phases == THREE


def test_it_is_forgotten_when_the_vehicle_leaves() -> None:
    assert fold(Taken((0,), 9_000), known(6, 0, 0, 0, state="A")) == Taken()
