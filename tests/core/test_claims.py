"""What is planned comes before what vehicles could use besides; figures by hand, in A."""

from edge.core import balance, claims
from edge.model.sharing import Ask, Node

MAIN = [Node("main", None, (20_000, 20_000, 20_000))]


def ask(name: str, planned_a: float | None, max_a: int = 32, **more: int) -> Ask:
    planned = None if planned_a is None else round(planned_a * 1000)
    rest = {"step_ma": 1_000, **more}
    return Ask(name, "main", (1,), 6_000, max_a * 1000, planned_ma=planned, **rest)


def amps(*asks: Ask) -> dict[str, float]:
    shares = claims.share(MAIN, asks)
    assert balance.violations(MAIN, asks, shares.grants_ma) == []
    return {name: ma / 1000 for name, ma in shares.grants_ma.items()}


def test_who_is_served_by_the_plan_is_not_robbed_by_who_waits_even_one_in_danger():
    # by priority and minimums alone b would start, and the two would stand at 10 A each
    assert amps(ask("a", 18, priority=9), ask("b", 0)) == {"a": 20, "b": 0}


def test_what_the_plan_leaves_starts_others_and_then_goes_to_whoever_stands_lowest():
    assert amps(ask("a", 10), ask("b", 0)) == {"a": 10, "b": 10}
    assert amps(ask("a", 15), ask("b", 0)) == {"a": 20, "b": 0}  # 5 A start nobody


def test_parts_of_a_step_are_put_together_to_whole_ones():
    assert amps(ask("a", 6.9), ask("b", 6.9), ask("c", 6.1)) == {"a": 7, "b": 7, "c": 6}


def test_who_follows_no_plan_claims_all_that_it_asks_for():
    assert amps(ask("a", None), ask("b", 6)) == {"a": 14, "b": 6}


def test_what_is_planned_below_the_minimum_is_nothing():
    assert amps(ask("a", 5), ask("b", 20)) == {"a": 0, "b": 20}


def test_a_plan_beyond_the_room_is_shared_as_ever():
    assert amps(ask("a", 32), ask("b", 32)) == {"a": 10, "b": 10}


def test_where_all_fits_nobody_is_held_back():
    assert amps(ask("a", 0, max_a=8), ask("b", 8, max_a=12)) == {"a": 8, "b": 12}


def test_it_is_said_what_holds_a_vehicle_back():
    shares = claims.share(MAIN, [ask("a", 18), ask("b", 0)])
    assert shares.because == {"a": "main L1", "b": "no room for the minimum at main L1"}
