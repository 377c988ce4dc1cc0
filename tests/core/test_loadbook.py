"""edge/core/loadbook.py: slots of the load history, against sums made by hand."""

from typing import Any

from edge.core.loadbook import Cuts, LoadBook
from edge.model.flow import Keep, Tick
from edge.model.openadr import Interval, IntervalPeriod, OpenAdrEvent, Payload, ReportDescriptor
from edge.model.records import ChargerNow, ChargerSlot, EventNow, LoadSlot, NodeNow, TickRecord
from tests.story.sites import depot

NOON = 1_796_040_000_000  # 2026-11-30T12:00:00Z
ONE = (1, 1, 1)
NONE = Cuts()


def record(
    wall_ms: int, power_w: int | None, charger_w: int | None = 0, limit_w: int | None = None, **charger: Any
) -> TickRecord:
    node = NodeNow("main", ONE, ("", "", ""), None, ONE, ONE, power_w, 0)
    told = {"asked_ma": 16_000, "granted_ma": 16_000} | charger
    bay = ChargerNow(
        "bay-1", "main", "C" if charger_w else "A", True, told["asked_ma"], "", told["granted_ma"], "", 0,
        None, charger_w, None, None, vehicle="van 3",
    )  # fmt: skip
    kind, on_charging = charger.get("kind", "IMPORT_CAPACITY_LIMIT"), charger.get("charging_limit_w")
    events = [EventNow("e", "", 0, None, kind, limit_w, "active", on_charging)]
    return TickRecord(0, wall_ms, [node], [bay], [], events, [])


def rows(
    powers: list[Any], start: int = NOON, cuts: Cuts = NONE, step_ms: int = 1000, **more: Any
) -> list[Any]:
    """Return what is kept of one power a second, and of two seconds after it."""
    book, found = LoadBook(depot(1)), []
    for n, power in enumerate(powers):
        wall = start + n * step_ms
        charging = more.get("charging", 0)
        words = {key: more[key] for key in ("kind", "charging_limit_w") if key in more}
        seen = record(wall, power, charging, more.get("limit_w"), **more.get("told", {}), **words)
        found += book.step(Tick(n * step_ms, wall), seen, cuts)
    assert all(isinstance(command, Keep) and not command.tell for command in found)
    return [command.row for command in found]  # type: ignore[union-attr]


def test_a_minute_is_a_slot() -> None:
    (slot,) = rows([30_000] * 30 + [60_000] * 31)
    assert slot == LoadSlot(NOON, 60_000, 60_000, energy_ws=45_000 * 60, highest_w=60_000)


def test_the_first_slot_begins_where_the_daemon_did_and_ends_with_the_minute() -> None:
    first, second = rows([10_000] * 120, start=NOON + 20_500)
    assert (first.start_wall_ms, first.duration_ms, first.energy_ws) == (NOON + 20_500, 39_500, 395_000)
    assert (second.start_wall_ms, second.duration_ms) == (NOON + 60_000, 60_000)


def test_what_is_not_measured_is_a_gap() -> None:
    (slot,) = rows([10_000] * 20 + [None] * 20 + [10_000] * 21)
    assert (slot.measured_ms, slot.energy_ws, slot.duration_ms) == (40_000, 400_000, 60_000)
    assert rows([None] * 61) == []


def test_export_is_not_negative_import() -> None:
    (slot,) = rows([-5_000] * 30 + [5_000] * 31)
    assert (slot.energy_ws, slot.export_ws, slot.highest_w) == (150_000, 150_000, 5_000)


def test_fractions_of_a_ws_are_not_lost() -> None:
    slots = rows([1] * 400, step_ms=1_007)  # 1 W for 401.793 s: 401.793 Ws
    assert sum(slot.energy_ws for slot in slots) == sum(s.duration_ms for s in slots) // 1000


def test_while_a_limit_holds_slots_are_five_seconds() -> None:
    slots = rows([20_000] * 12, limit_w=25_000)
    assert [(s.start_wall_ms - NOON, s.duration_ms, s.limit_w) for s in slots] == [
        (0, 5_000, 25_000),
        (5_000, 5_000, 25_000),
    ]


def test_a_standing_subscription_is_no_event() -> None:
    slots = rows([20_000] * 61, limit_w=25_000, kind="IMPORT_CAPACITY_SUBSCRIPTION")
    assert [(s.duration_ms, s.limit_w) for s in slots] == [(60_000, None)]


def test_a_limit_on_charging_is_told_apart() -> None:
    slots = rows([20_000] * 12, charging_limit_w=9_000)
    assert [(s.duration_ms, s.limit_w, s.charging_limit_w) for s in slots] == [(5_000, None, 9_000)] * 2


def test_slots_end_where_an_interval_of_an_event_does() -> None:
    cuts, event = Cuts(), an_event(NOON + 10_400, 30_000)
    cuts.look([event], NOON, NOON + 120_000)
    slots = rows([10_000] * 62, cuts=cuts)
    assert [s.start_wall_ms - NOON for s in slots] == [0, 10_400, 40_400]
    assert [s.energy_ws for s in slots] == [104_000, 300_000, 196_000]


def test_a_wall_clock_that_is_set_begins_a_new_slot() -> None:
    book = LoadBook(depot(1))
    book.step(Tick(0, NOON), record(NOON, 10_000), NONE)
    book.step(Tick(1_000, NOON + 1_000), record(NOON, 10_000), NONE)
    (kept,) = book.step(Tick(2_000, NOON + 900_000), record(NOON, 10_000), NONE)
    assert isinstance(kept, Keep) and isinstance(kept.row, LoadSlot)
    assert (kept.row.duration_ms, kept.row.energy_ws) == (1_000, 10_000)


def test_a_clock_that_nobody_has_set_keeps_nothing() -> None:
    book = LoadBook(depot(1))
    for n in range(130):
        tick = Tick(n * 1000, NOON + n * 1000, wall_trusted=False)
        assert book.step(tick, record(tick.wall_ms, 1), NONE) == []


def wanting() -> Cuts:
    cuts = Cuts()
    cuts.look([an_event(NOON - 1_000, 7_200_000)], NOON - 60_000, NOON + 60_000)
    return cuts


def test_a_charger_has_quarter_hours_with_a_vehicle_while_somebody_wants_to_know() -> None:
    kept = rows([20_000] * 901, charging=7_000, cuts=wanting())
    slots = [row for row in kept if isinstance(row, ChargerSlot)]
    assert slots == [
        ChargerSlot("bay-1", NOON, 900_000, 900_000, energy_ws=7_000 * 900, highest_w=7_000, vehicle="van 3")
    ]
    assert sum(row.charging_ws for row in kept if isinstance(row, LoadSlot)) == 7_000 * 900
    assert not [row for row in rows([20_000] * 901, cuts=wanting()) if isinstance(row, ChargerSlot)]
    assert not [row for row in rows([20_000] * 901, charging=7_000) if isinstance(row, ChargerSlot)]


def test_time_in_which_a_limit_held_a_charger_back_is_counted() -> None:
    told = {"asked_ma": 16_000, "granted_ma": 8_000}
    (slot,) = [r for r in rows([9] * 901, charging=5_000, limit_w=9, told=told) if isinstance(r, ChargerSlot)]
    assert slot.held_ms == 900_000
    kept = rows([9] * 901, charging=5_000, told=told, cuts=wanting())
    (slot,) = [r for r in kept if isinstance(r, ChargerSlot)]
    assert slot.held_ms == 0


def an_event(start: int, length_ms: int) -> OpenAdrEvent:
    return OpenAdrEvent(
        "e",
        "p",
        period=IntervalPeriod(start, length_ms),
        intervals=(Interval(0, (Payload("PRICE", (1,)),)),),
        report_descriptors=(ReportDescriptor("USAGE"),),
        received_wall_ms=start - 1,
    )
