"""Will we comply?  Days played through by hand: loads in kW, needs in kWh, whole quarters of an hour."""

from edge.core.foresight import SLOT_MS, SLOTS_MAX, Facts, Foresight, Need, outlook
from edge.model.records import EventNow, Short
from edge.model.units import HOUR_MS

NOW = 1_800_000_000_000


def event(
    limit_kw: float, begin_h: float = 1, end_h: float | None = 3, kind: str = "IMPORT_CAPACITY_LIMIT"
) -> EventNow:
    limit_w = round(limit_kw * 1_000)
    site = kind == "IMPORT_CAPACITY_LIMIT"
    begin, end = NOW + round(begin_h * HOUR_MS), None if end_h is None else NOW + round(end_h * HOUR_MS)
    charging_w = None if site else limit_w
    return EventNow("e", "", begin, end, kind, limit_w if site else None, "far", charging_w=charging_w)


def need(
    kwh: float, due_h: float, name: str = "bay-1", most_kw: int = 11, from_h: float = 0, exempt: bool = False
) -> Need:
    from_ms = NOW + round(from_h * HOUR_MS)
    due = NOW + round(due_h * HOUR_MS)
    return Need(name, "van", round(kwh * 1_000), most_kw * 1_000, from_ms, due, exempt)


def day(*needs: Need, other_kw: float = 5, site_kw: int = 60, lifted: bool = False) -> Facts:
    return Facts(NOW, site_kw * 1_000, needs, [round(other_kw * 1_000)] * SLOTS_MAX, lifted)


def test_a_vehicle_with_time_enough_misses_nothing() -> None:
    # 11 kWh in the hour before, 2 h at 10 - 5 = 5 kW, then an hour of 11 kW: 32 kWh until hour 4
    found = outlook(event(10), day(need(32, 4)))
    assert found is not None
    assert (found.load_w, found.least_w, found.complies, found.short) == (10_000, 5_000, True, ())


def test_what_is_missing_is_what_the_limit_takes() -> None:
    # without the event 44 kWh in four hours; with it 32
    found = outlook(event(10), day(need(40, 4)))
    assert found is not None
    assert found.short == (Short("bay-1", "van", 8_000, NOW + 4 * HOUR_MS),)


def test_who_would_be_late_anyway_does_not_blame_the_event() -> None:
    found = outlook(event(40), day(need(100, 4)))  # 44 kWh are all that it can take
    assert found is not None and found.short == ()


def test_who_is_due_first_charges_first() -> None:
    # In the event 5 kW for charging: the first has its 10 kWh of hours 1 to 3, the second nothing of them.
    needs = (need(33, 6, "late", from_h=1), need(10, 3, "early", from_h=1))
    found = outlook(event(10), day(*needs))
    assert found is not None and found.short == ()
    found = outlook(event(10), day(need(34, 6, "late", from_h=1), needs[1]))
    assert found is not None
    assert [(s.charger, s.missing_wh) for s in found.short] == [("late", 1_000)]


def test_a_building_above_the_limit_cannot_comply() -> None:
    found = outlook(event(10), day(need(5, 4), other_kw=12.5))
    assert found is not None
    assert (found.load_w, found.least_w, found.complies) == (12_500, 12_500, False)


def test_a_limit_on_charging_leaves_the_building_out() -> None:
    found = outlook(event(6, kind="SIMPLE"), day(need(40, 4), other_kw=50))
    # 10 kW beside the building in the hours without it, 6 kW within: 20 + 12 of 40 kWh; the event takes 8
    assert found is not None
    assert (found.load_w, found.least_w, found.complies) == (6_000, 0, True)
    assert [s.missing_wh for s in found.short] == [8_000]


def test_exempt_vehicles_cannot_be_lowered_by_signals_but_by_capacity_limits() -> None:
    leaving = need(32, 4, exempt=True)  # 8 kW on average
    found = outlook(event(6, kind="SIMPLE"), day(leaving))
    assert found is not None and (found.least_w, found.complies) == (8_000, False)
    found = outlook(event(10), day(leaving))
    assert found is not None and (found.least_w, found.complies) == (5_000, True)
    found = outlook(event(10), day(leaving, lifted=True))
    assert found is not None and (found.least_w, found.complies) == (13_000, False)


def test_what_is_over_or_too_far_away_has_no_outlook() -> None:
    assert outlook(event(10, -3, -1), day()) is None
    assert outlook(event(10, SLOTS_MAX * SLOT_MS / HOUR_MS), day()) is None
    assert outlook(event(10, 0, None), day()) is not None


def test_outlooks_are_worked_out_once_a_minute_or_when_events_change() -> None:
    asked: list[int] = []

    def facts() -> Facts:
        asked.append(1)
        return day(need(40, 4))

    foresight, events = Foresight(), [event(10)]
    for second in (0, 30, 59):
        (told,) = foresight.told(events, NOW + second * 1_000, facts)
        assert told.outlook is not None
    assert len(asked) == 1
    foresight.told(events, NOW + 60_000, facts)
    foresight.told(list(events), NOW + 61_000, facts)
    assert len(asked) == 3
    price = EventNow("p", "", NOW, None, "PRICE", None, "active")
    assert foresight.told([price], NOW, facts) == [price] and len(asked) == 3
