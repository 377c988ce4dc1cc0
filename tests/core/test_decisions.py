"""Decisions are kept when they change, not when a figure in their reason does."""

from edge.core.decisions import Decisions, kind
from edge.model.flow import Keep
from edge.model.records import ChargerNow, Decision, TickRecord


def record(wall_ms: int, granted_ma: int, because: str) -> TickRecord:
    charger = ChargerNow(
        "bay-1",
        "main",
        "C",
        True,
        32_000,
        "no charge window",
        granted_ma,
        because,
        32_000,
        None,
        None,
        None,
        None,
    )
    return TickRecord(wall_ms, wall_ms, [], [charger], [], [], [])


def kept(decisions: Decisions, *records: TickRecord) -> list[int]:
    rows = [command for r in records for command in decisions.step(r)]
    return [row.row.wall_ms for row in rows if isinstance(row, Keep) and isinstance(row.row, Decision)]


def test_one_row_a_change() -> None:
    full = "main L1 is full: breaker 63 A, other load {} A"
    assert kept(
        Decisions(),
        record(1, 16_000, full.format(20)),
        record(2, 16_000, full.format(20.5)),  # a figure moved
        record(3, 12_000, full.format(24)),  # the grant moved
        record(4, 12_000, full.replace("L1", "L2").format(24)),  # another place
        record(5, 12_000, "gets all that it can use"),
        record(6, 12_000, "gets all that it can use"),
    ) == [1, 3, 4, 5]


def test_numbers_do_not_make_another_kind() -> None:
    assert kind("needs 12.3 kWh by 05:30") == kind("needs 9.8 kWh by 05:30")


def test_a_grant_that_wanders_is_kept_once_a_minute() -> None:
    full = "main L1 is full: breaker 63 A, other load 20 A"
    wandering = [record(second * 1_000, 16_000 + 100 * (second % 7), full) for second in range(181)]
    assert kept(Decisions(), *wandering) == [0, 60_000, 120_000, 180_000]


def test_by_an_ampere_or_to_nothing_it_is_kept_at_once() -> None:
    full = "main L1 is full: breaker 63 A, other load 20 A"
    steps = [16_000, 15_001, 15_000, 14_001, 0, 900, 0]
    ticks = [record(second * 1_000, granted_ma, full) for second, granted_ma in enumerate(steps)]
    assert kept(Decisions(), *ticks) == [0, 2_000, 4_000, 5_000, 6_000]


def test_reasons_that_take_turns_are_kept_once_and_then_once_a_minute() -> None:
    """At a full node under a load that moves: the grant wanders, two reasons take turns every second."""
    full, waits = "main L1 is full: breaker 63 A, other load 20 A", "waits until room has come free"
    ticks = [record(s * 1_000, 16_000 + 50 * (s % 5), full if s % 2 else waits) for s in range(200)]
    assert kept(Decisions(), *ticks) == [0, 1_000, 62_000, 123_000, 184_000]


def test_a_reason_that_was_away_for_long_is_news() -> None:
    full, waits = "main L1 is full: breaker 63 A, other load 20 A", "waits until room has come free"
    decisions = Decisions()
    assert kept(decisions, record(0, 16_000, full), record(1_000, 16_000, waits)) == [0, 1_000]
    assert kept(decisions, record(2_000, 16_000, full)) == []
    assert kept(decisions, record(3_000, 12_000, full)) == [3_000]
    assert kept(decisions, record(30_000, 16_000, full), record(40_000, 16_000, waits)) == [30_000]
