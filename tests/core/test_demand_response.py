"""edge/core/demand_response.py and what it stands on: limits, prices, the life of events, compliance.

Events are written as the utility writes them, in JSON; times are minutes after T0.
"""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.demand_ahead import CLAIMS_MAX
from edge.core.demand_response import (
    DELETED_MAX,
    EVENTS_MAX,
    NOTES_PER_HOUR,
    State,
    ahead,
    limit,
    listed,
    opted,
    prices,
    restored,
    said,
    step,
    taken,
)
from edge.model.flow import (
    AnyCommand,
    Audit,
    Forget,
    Keep,
    OptOut,
    Remember,
    Restored,
    Tick,
    UtilitySaid,
    UtilityTaken,
)
from edge.model.records import Compliance, EventStep
from edge.model.site import Broker, Site, Utility
from edge.shell.openadr import read
from edge.shell.openadr_fields import wall_ms

T0_TEXT = "2026-07-01T16:00:00Z"
T0 = wall_ms(T0_TEXT)
assert isinstance(T0, int)
MIN = 60_000
SECOND = 1_000


def clock(minutes: float) -> str:
    day, minute = divmod(16 * 60 + int(minutes), 24 * 60)
    return f"2026-07-{1 + day:02}T{minute // 60:02}:{minute % 60:02}:00Z"


def limited(kw: Any, start: float = 0, length: str = "PT1H", **fields: Any) -> dict[str, Any]:
    values = kw if isinstance(kw, list) else [kw]
    return {
        "id": "e",
        "programID": "p",
        "modificationDateTime": "2026-07-01T10:00:00Z",
        "intervalPeriod": {"start": clock(start), "duration": length},
        "intervals": [
            {"id": n, "payloads": [{"type": "IMPORT_CAPACITY_LIMIT", "values": [v]}]}
            for n, v in enumerate(values)
        ],
    } | fields


def priced(values: list[Any], start: float = 0, **fields: Any) -> dict[str, Any]:
    event = limited(values, start, **({"id": "prices"} | fields))
    for interval in event["intervals"]:
        interval["payloads"][0]["type"] = "PRICE"
    return event


def tick(minutes: float, trusted: bool = True, wall_off: int = 0) -> Tick:
    """Monotonic time runs with the wall clock, from 0 at T0 - 100 min."""
    at = round((minutes + 100) * MIN)
    return Tick(at, round(T0 + minutes * MIN) + wall_off, trusted)


class Depot:
    """A state with a past: every call folds and keeps the commands."""

    def __init__(self, state: State | None = None) -> None:
        self.state = state or State()
        self.commands: list[AnyCommand] = []
        self.tick(-100)

    def _fold(self, result: tuple[State, list[AnyCommand]]) -> list[AnyCommand]:
        self.state, commands = result
        self.commands += commands
        return commands

    def says(self, event: dict[str, Any], minutes: float = -50, topic: str = "u/create") -> list[AnyCommand]:
        now = tick(minutes)
        message = read(json.dumps(event).encode(), topic, now.wall_ms)
        return self._fold(
            said(self.state, UtilitySaid(now.at_ms, now.wall_ms, message.operation, message.event))
        )

    def tick(self, minutes: float, site_w: int | None = None, **fields: Any) -> list[AnyCommand]:
        return self._fold(step(self.state, tick(minutes, **fields), site_w))

    def limit_w(self, minutes: float, **fields: Any) -> int | None:
        found = limit(self.state, tick(minutes, **fields))
        return found.limit_w if found else None

    @property
    def steps(self) -> list[tuple[str, str]]:
        return [
            (c.row.event_id, c.row.step)
            for c in self.commands
            if isinstance(c, Keep) and isinstance(c.row, EventStep)
        ]

    @property
    def rows(self) -> list[Compliance]:
        return [c.row for c in self.commands if isinstance(c, Keep) and isinstance(c.row, Compliance)]


def causes(commands: list[AnyCommand]) -> list[str]:
    return [c.row.cause for c in commands if isinstance(c, Keep) and isinstance(c.row, EventStep)]


### Limits


def test_a_limit_holds_from_its_start_to_its_end() -> None:
    utility = Depot()
    utility.says(limited(42.5))
    ms = 1 / MIN
    for minutes, expected in [
        (-50, None),
        (-ms, None),
        (0, 42_500),
        (60 - ms, 42_500),
        (60, None),
        (600, None),
    ]:
        assert utility.limit_w(minutes) == expected, minutes
    found = limit(utility.state, tick(30))
    assert found and (found.because, found.until_wall_ms) == ("utility event e", T0 + 60 * MIN)


@pytest.mark.parametrize(
    ("value", "units", "watts"),
    [
        (42, "KW", 42_000),
        (42.4999, "kW", 42_499),
        (0.0009, "", 0),
        (0, "KW", 0),
        (1500, "W", 1_500),
        (0.1, "MW", 100_000),
    ],
)
def test_a_limit_in_watts_is_rounded_down(value: float, units: str, watts: int) -> None:
    utility = Depot()
    descriptor = {"payloadType": "IMPORT_CAPACITY_LIMIT"} | ({"units": units} if units else {})
    utility.says(limited(value, payloadDescriptors=[descriptor]))
    assert utility.limit_w(1) == watts


def test_the_lower_limit_wins_at_equal_priority_and_the_higher_priority_otherwise() -> None:
    utility = Depot()
    utility.says(limited(50, id="a"))
    utility.says(limited(40, 30, id="b"))
    assert [utility.limit_w(m) for m in (10, 40, 70)] == [50_000, 40_000, 40_000]
    utility.says(limited(90, 20, "PT20M", id="c", priority=3))
    assert [utility.limit_w(m) for m in (10, 25, 35, 40)] == [50_000, 90_000, 90_000, 40_000]
    utility.says(limited(95, 20, "PT20M", id="d", priority=0))
    assert utility.limit_w(25) == 95_000
    told = ahead(utility.state, T0, T0 + 90 * MIN)
    assert [(e.event_id, e.limit_w, (e.from_wall_ms - T0) // MIN) for e in told] == [
        ("a", 50_000, 0), ("d", 95_000, 20), ("b", 40_000, 40),
    ]  # fmt: skip


def test_a_schedule_of_limits_with_a_gap() -> None:
    event = limited([10, 20, 30], length="PT15M")
    event["intervals"][2]["intervalPeriod"] = {"start": clock(45)}
    utility = Depot()
    utility.says(event)
    assert [utility.limit_w(m) for m in (0, 15, 30, 45, 60)] == [10_000, 20_000, None, 30_000, None]


def test_of_several_limits_that_cannot_share_an_interval_the_lowest_holds() -> None:
    event = limited(0, length="P9999Y")
    event["intervals"][0]["payloads"][0]["values"] = [50, 30, 40]
    utility = Depot()
    utility.says(event)
    assert utility.limit_w(1) == 30_000


def test_what_is_ahead_is_only_what_touches_the_time() -> None:
    utility = Depot()
    utility.says(limited([40, 30, 20], length="PT10M"))
    utility.says(limited(35, 10, "P9999Y", id="endless"))
    told = ahead(utility.state, T0 + 10 * MIN, T0 + 20 * MIN)
    assert [(e.event_id, e.limit_w) for e in told] == [("e", 30_000)]
    told = ahead(utility.state, T0 + 60 * MIN, T0 + 61 * MIN)
    assert [(e.event_id, e.limit_w, e.to_wall_ms) for e in told] == [("endless", 35_000, None)]


def test_deleting_one_event_leaves_the_others_alone() -> None:
    utility = Depot()
    utility.says(limited(42, id="stays"))
    utility.says(limited(30, id="goes"))
    now = tick(-40)
    utility._fold(opted(utility.state, OptOut(now.at_ms, now.wall_ms, "elsewhere", "x")))
    utility.tick(0, 20_000)
    utility.says({"id": "goes"}, 10, "u/delete")
    assert utility.limit_w(10) == 42_000
    assert set(utility.state.opted_out) == {"elsewhere"}
    utility.tick(10, 20_000)
    utility.tick(60, 20_000)
    assert [(row.event_id, row.start_wall_ms) for row in utility.rows] == [("goes", T0), ("stays", T0)]


def test_an_update_takes_effect_at_once_and_a_delete_ends_it() -> None:
    utility = Depot()
    utility.says(limited(42))
    utility.tick(10, 40_000)
    utility.says(limited(20, modificationDateTime="2026-07-01T11:00:00Z"), 10.5, "u/update")
    assert utility.limit_w(10.5) == 20_000
    utility.tick(11, 40_000)
    utility.tick(11 + 1 / 60, 15_000)
    utility.says({"id": "e"}, 12, "u/delete")
    assert utility.limit_w(12) is None
    assert [(row.limit_w, row.complied_after_ms) for row in utility.rows] == [(42_000, 0), (20_000, 1_000)]
    assert utility.steps == [
        ("e", "received"),
        ("e", "active"),
        ("e", "received"),
        ("e", "active"),
        ("e", "cancelled"),
    ]
    assert Forget("e") in utility.commands


def test_a_cancel_by_pt0s_ends_it() -> None:
    utility = Depot()
    utility.says(limited(42))
    utility.tick(10)
    never = {"start": "0001-01-01", "duration": "PT0S"}
    commands = utility.says(
        limited(42, modificationDateTime="2026-07-01T11:00:00Z", intervalPeriod=never), 20
    )
    assert utility.limit_w(20) is None
    assert causes(commands)[-1] == "its new version never holds"
    utility.says(limited(42), 21)  # a retained copy of the first version
    assert utility.limit_w(21) is None
    utility.says(limited(42, modificationDateTime="2026-07-01T12:00:00Z"), 22)
    assert utility.limit_w(22) == 42_000


def test_an_endless_limit_ends_with_its_delete() -> None:
    utility = Depot()
    utility.says(limited(42, length="P9999Y"))
    utility.tick(0, 40_000)
    utility.tick(1, 40_000)
    utility.says({"id": "e"}, 2, "u/delete")
    (row,) = utility.rows
    assert (row.start_wall_ms, row.end_wall_ms) == (T0, T0 + 2 * MIN)


def test_now_means_when_it_was_received() -> None:
    utility = Depot()
    utility.says(limited(42, intervalPeriod={"start": "0001-01-01", "duration": "PT10M"}), 5)
    assert [utility.limit_w(m) for m in (4, 5, 14, 15)] == [None, 42_000, 42_000, None]


### What is not taken


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"intervals": [{"id": 7, "payloads": [{"type": "IMPORT_CAPACITY_LIMIT", "values": [-1]}]}]},
         "interval 7: IMPORT_CAPACITY_LIMIT: expected 0 or more, got -1"),
        ({"intervals": [{"id": 7, "payloads": [{"type": "IMPORT_CAPACITY_LIMIT", "values": ["low"]}]}]},
         "interval 7: IMPORT_CAPACITY_LIMIT: expected a number, got 'low'"),
        ({"intervals": [{"id": 7, "payloads": [{"type": "IMPORT_CAPACITY_LIMIT", "values": [True]}]}]},
         "interval 7: IMPORT_CAPACITY_LIMIT: expected a number, got 'True'"),
        ({"intervals": [{"id": 7, "payloads": [{"type": "PRICE", "values": []}]}]},
         "interval 7: PRICE: expected a number, got no value"),
        ({"payloadDescriptors": [{"payloadType": "IMPORT_CAPACITY_LIMIT", "units": "AMPS"}]},
         "IMPORT_CAPACITY_LIMIT: units: expected KW, W, MW, got AMPS"),
        ({"payloadDescriptors": [{"payloadType": "PRICE", "currency": "EUR"}]},
         "PRICE: currency: expected USD, got EUR"),
        ({"intervalPeriod": {"start": T0_TEXT, "duration": "PT0.01S"}, "duration": "P9999Y"},
         "duration: repeats every 10 ms, expected 1000 ms at least"),
    ],
)  # fmt: skip
def test_a_refused_update_leaves_the_previous_limit(changes: dict[str, Any], why: str) -> None:
    utility = Depot()
    utility.says(limited(42))
    commands = utility.says(limited(10, **changes) | {"modificationDateTime": "2026-07-01T11:00:00Z"}, 5)
    assert commands[0] == Audit("utility", "event e", f"refused: {why}")
    assert causes(commands) == [why]
    assert utility.limit_w(10) == 42_000
    assert utility.says(limited(10, **changes) | {"modificationDateTime": "2026-07-01T11:00:00Z"}, 6) == []


def test_copies_and_older_versions_change_nothing() -> None:
    utility = Depot()
    utility.says(limited(42, modificationDateTime="2026-07-01T11:00:00Z"))
    before = utility.state
    assert utility.says(limited(42, modificationDateTime="2026-07-01T11:00:00Z"), -20) == []
    assert utility.state is before
    older = utility.says(limited(99, modificationDateTime="2026-07-01T10:59:59Z"), -10)
    assert older == [Audit("utility", "event e", "ignored: event e is an older copy than the one known")]
    utility.says({"id": "e", "modificationDateTime": "2026-07-01T10:00:00Z"}, -9, "u/delete")
    assert utility.limit_w(1) == 42_000
    utility.says({"id": "e", "modificationDateTime": "2026-07-01T11:00:00Z"}, -8, "u/delete")
    utility.says(limited(42, modificationDateTime="2026-07-01T11:00:00Z"), -7)  # retained, after the delete
    assert utility.limit_w(1) is None
    utility.says(limited(43, modificationDateTime="2026-07-01T12:00:00Z"), -6)
    assert utility.limit_w(1) == 43_000


def test_only_our_programs_and_targets() -> None:
    broker = Broker("localhost")
    site = Site("s", "S", "UTC", (), utility=Utility(broker, (), "r", "ven-1", ("p",), ("group-1",)))
    utility = Depot(State.of(site))
    other = utility.says(limited(1, id="x", programID="q"))
    assert other == [Audit("utility", "event x", "ignored: program q is not ours")]
    assert utility.says(limited(1, id="y", programID="q")) == []  # said once
    utility.says(limited(1, id="z", targets=["group-2"]))
    assert utility.limit_w(1) is None
    for target in ("group-1", "ven-1"):
        utility.says(limited(30, id=target, targets=["group-2", target]))
        assert utility.limit_w(1) == 30_000
        utility.says({"id": target}, topic="u/delete")
    utility.says(limited(20))
    assert utility.limit_w(1) == 20_000


def test_a_server_that_has_gone_mad_is_bounded() -> None:
    utility = Depot()
    utility.says(limited(42, id="first"))
    for n in range(EVENTS_MAX + 20):
        utility.says(limited(50, id=f"e{n}"))
    assert len(utility.state.known) == EVENTS_MAX
    assert utility.limit_w(1) == 42_000
    utility.says(limited(30, id="first", modificationDateTime="2026-07-01T11:00:00Z"))
    assert utility.limit_w(1) == 30_000


def test_events_that_repeat_by_the_second_do_not_hold_up_a_tick() -> None:
    """Seconds that repeat for ever, in many events: what is looked at is bounded, the limit exact."""
    utility = Depot()
    for n in range(40):
        utility.says(limited([90, 10 + n], length="PT1S", duration="P9999Y", id=f"e{n}"))
        utility.says(priced([1, 2], intervalPeriod={"start": T0_TEXT, "duration": "PT1S"}, duration="P9999Y"))
    assert [utility.limit_w(second / 60) for second in (600, 601)] == [90_000, 10_000]
    assert utility.limit_w(10, trusted=False) == 10_000
    assert len(ahead(utility.state, T0, T0 + 36 * 60 * MIN)) <= CLAIMS_MAX
    assert len(prices(utility.state, T0, T0 + 36 * 60 * MIN)) <= CLAIMS_MAX


def test_what_is_written_down_of_it_is_bounded_too() -> None:
    utility = Depot()
    for n in range(500):
        utility.says(limited(-1, id=f"e{n}"), -50)
    audits = [c for c in utility.commands if isinstance(c, Audit)]
    assert len(audits) == len(utility.steps) == NOTES_PER_HOUR
    assert audits[-1].outcome.endswith("more of this hour are not listed")
    assert len(utility.says(limited(-1, id="later"), 20)) == 2


def test_what_is_not_applicable_is_named_with_its_reason() -> None:
    event = limited(42)
    event["intervals"][0]["payloads"] += [
        {"type": "DISPATCH_INSTRUCTION", "values": ["shed"]},
        {"type": "PARTY", "values": ["on"]},
    ]
    commands = Depot().says(event)
    assert causes(commands) == [
        "created; DISPATCH_INSTRUCTION is not obeyed: words agreed outside of OpenADR; none are agreed here; "
        "PARTY is not obeyed: a private type that is not agreed here"
    ]
    assert isinstance(commands[0], Remember)


### Prices


def test_prices_in_millionths_per_kwh() -> None:
    utility = Depot()
    descriptor = [{"payloadType": "PRICE", "units": "KWH", "currency": "USD"}]
    utility.says(priced([0.17, -0.0000015, 1], payloadDescriptors=descriptor))
    found = prices(utility.state, T0 + 30 * MIN, T0 + 1_000 * MIN)
    assert [((p.from_wall_ms - T0) // MIN, (p.to_wall_ms - T0) // MIN, p.price_micro) for p in found] == [
        (30, 60, 170_000), (60, 120, -2), (120, 180, 1_000_000),
    ]  # fmt: skip
    assert found[0].source == "utility event prices"


def test_the_later_modification_wins_among_prices_of_equal_priority() -> None:
    utility = Depot()
    utility.says(priced([0.2], id="new", modificationDateTime="2026-07-01T12:00:00Z"))
    utility.says(priced([0.1, 0.1], id="old", modificationDateTime="2026-07-01T11:00:00Z"))
    assert [p.price_micro for p in prices(utility.state, T0, T0 + 120 * MIN)] == [200_000, 100_000]
    utility.says(priced([0.3, 0.3], id="urgent", priority=0, modificationDateTime="2026-07-01T09:00:00Z"))
    assert [p.price_micro for p in prices(utility.state, T0, T0 + 120 * MIN)] == [300_000, 300_000]


def test_of_prices_without_any_difference_the_later_received_wins() -> None:
    utility = Depot()
    utility.says(priced([0.1], id="b"), -50)
    utility.says(priced([0.2], id="a"), -40)
    utility.says(priced([0.3], id="c"), -45)
    assert [p.price_micro for p in prices(utility.state, T0, T0 + MIN)] == [200_000]


def test_a_price_per_mwh() -> None:
    utility = Depot()
    utility.says(priced([152.5], payloadDescriptors=[{"payloadType": "PRICE", "units": "MWh"}]))
    assert [p.price_micro for p in prices(utility.state, T0, T0 + MIN)] == [152_500]


def test_a_price_for_ever_is_cut_to_the_horizon() -> None:
    utility = Depot()
    utility.says(priced([0.5], intervalPeriod={"start": T0_TEXT, "duration": "P9999Y"}))
    (found,) = prices(utility.state, T0 + MIN, T0 + 9 * MIN)
    assert (found.from_wall_ms, found.to_wall_ms) == (T0 + MIN, T0 + 9 * MIN)


### Life and compliance


def test_the_life_of_an_event() -> None:
    utility = Depot()
    utility.says(limited(42))
    utility.tick(-16)
    utility.tick(-15)
    utility.tick(-1 / MIN)
    assert utility.steps == [("e", "received"), ("e", "far"), ("e", "near")]
    assert causes(utility.commands)[1:] == ["begins in 16 min", "begins in 15 min"]
    utility.tick(0)
    assert utility.steps[3:] == [("e", "active")]
    for minutes in (1, 59, 60, 61, 60 * 24, 60 * 25 - 1):
        utility.tick(minutes)
    assert "e" in utility.state.known
    for minutes in (60 * 25, 60 * 26):
        utility.tick(minutes)
    assert utility.steps[3:] == [("e", "active"), ("e", "unmeasured"), ("e", "done")]
    assert "interval 0: no measurement of the site" in causes(utility.commands)
    assert [c for c in utility.commands if isinstance(c, Forget)] == [Forget("e")]
    assert not utility.state.known and not utility.state.measures


def test_an_event_that_is_over_when_it_comes_has_expired() -> None:
    utility = Depot()
    utility.says(limited(42, -60, "PT30M"), 0)
    utility.tick(0)
    assert utility.steps == [("e", "received"), ("e", "expired")]
    assert causes(utility.commands)[-1] == "over before it was obeyed"
    utility.tick(60 * 24)
    assert not utility.state.known


def test_an_event_is_acknowledged_once_when_it_is_on_the_disk() -> None:
    utility = Depot()
    utility.says(limited(42))
    for minutes in (-49, -48):
        now = tick(minutes)
        utility._fold(taken(utility.state, UtilityTaken(now.at_ms, now.wall_ms, "e")))
        utility._fold(taken(utility.state, UtilityTaken(now.at_ms, now.wall_ms, "not ours")))
    assert utility.steps == [("e", "received"), ("e", "acknowledged")]
    utility.says(limited(42, modificationDateTime="2026-07-01T11:00:00Z", priority=1), -47)
    utility._fold(taken(utility.state, UtilityTaken(0, T0, "e")))
    assert utility.steps[2:] == [("e", "received"), ("e", "acknowledged")]


def test_an_event_of_lower_priority_is_superseded_and_comes_back() -> None:
    utility = Depot()
    utility.says(limited(42, id="a"))
    utility.says(limited(50, 10, "PT10M", id="b", priority=1))
    for minutes in (5, 15, 25):
        utility.tick(minutes)
    assert [s for s in utility.steps if s[0] == "a"] == [
        ("a", "received"), ("a", "active"), ("a", "unmeasured"), ("a", "superseded"), ("a", "active"),
    ]  # fmt: skip


def test_compliance_of_an_interval() -> None:
    utility = Depot()
    utility.says(limited([42, 30], length="PT1M", eventName="peak"))
    # 60 kW before; down to 40 kW within 8 s; a spike to 45 kW at 30 s; 25 kW in the second minute.
    for second in range(-5, 125):
        watts = 60_000 if second < 8 else 45_000 if second == 30 else 40_000 if second < 60 else 25_000
        utility.tick(second / 60, watts)
    first, second_row = utility.rows
    assert (first.event_id, first.program_id, first.event_name, first.interval_id) == ("e", "p", "peak", 0)
    assert (first.start_wall_ms, first.end_wall_ms, first.limit_w) == (T0, T0 + MIN, 42_000)
    assert first.complied_after_ms == 8_000
    assert first.highest_w == 45_000
    energy = 8 * 60_000 + 51 * 40_000 + 45_000
    assert first.energy_wh == -(-energy // 3_600)
    assert first.mean_w == -(-energy // 60)
    assert first.measured_ms == MIN
    assert (second_row.limit_w, second_row.mean_w, second_row.complied_after_ms) == (30_000, 25_000, 0)
    assert all(
        c.tell == "utility" for c in utility.commands if isinstance(c, Keep) and isinstance(c.row, Compliance)
    )


def test_an_interval_begins_at_its_start_and_not_at_the_tick_that_sees_it() -> None:
    utility = Depot()
    utility.says(limited(42, length="PT1M"))
    for tenth in range(-5, 700, 10):  # ticks half a second off
        utility.tick(tenth / 600, 60_000 if tenth < 40 else 40_000)
    (row,) = utility.rows
    assert (row.start_wall_ms, row.end_wall_ms) == (T0, T0 + MIN)
    assert row.complied_after_ms == 4_500
    assert row.measured_ms == 60_000  # from the first tick in it to the first after it


def test_a_limit_that_comes_late_is_measured_from_its_receipt() -> None:
    utility = Depot()
    utility.says(limited(42), 30)
    utility.tick(30 + 0.5 / 60, 60_000)
    utility.tick(30 + 1.5 / 60, 40_000)
    utility.tick(60)
    (row,) = utility.rows
    assert (row.start_wall_ms, row.end_wall_ms, row.complied_after_ms) == (
        T0 + 30 * MIN,
        T0 + 60 * MIN,
        1_500,
    )


def test_what_was_never_within_the_limit_says_so() -> None:
    utility = Depot()
    utility.says(limited(42, length="PT1M"))
    for second in range(70):
        utility.tick(second / 60, 43_000)
    (row,) = utility.rows
    assert (row.complied_after_ms, row.highest_w, row.mean_w) == (None, 43_000, 43_000)


def test_a_gap_in_the_measurement_is_not_counted() -> None:
    utility = Depot()
    utility.says(limited(42, length="PT1M"))
    for second in range(70):
        utility.tick(second / 60, None if 20 <= second < 40 else 36_000)
    (row,) = utility.rows
    assert row.measured_ms == 40_000
    assert (row.mean_w, row.energy_wh) == (36_000, 400)


def test_opting_out_and_back_in() -> None:
    utility = Depot()
    utility.says(limited(42))
    now = tick(10)
    utility._fold(opted(utility.state, OptOut(now.at_ms, now.wall_ms, "e", "must leave")))
    assert utility.limit_w(10) is None
    utility.tick(11)
    utility._fold(opted(utility.state, OptOut(now.at_ms, now.wall_ms, "e", "", back_in=True)))
    assert utility.limit_w(12) == 42_000
    utility.tick(12)
    assert utility.steps == [("e", "received"), ("e", "opted out"), ("e", "opted in"), ("e", "active")]


def test_the_draw_of_randomize_start_is_kept_over_updates() -> None:
    shifted = {"start": T0_TEXT, "duration": "PT1H", "randomizeStart": "PT10M"}
    first = read(json.dumps(limited(42, intervalPeriod=shifted)).encode(), "u", T0).event
    first = msgspec.structs.replace(first, random_ms=5 * MIN)
    again = msgspec.structs.replace(
        first, random_ms=-5 * MIN, modified_wall_ms=first.modified_wall_ms + 1, priority=1
    )
    state = said(State(trusted=True), UtilitySaid(0, T0, "CREATE", first))[0]
    state, commands = said(state, UtilitySaid(0, T0, "UPDATE", again))
    assert commands[0] == Remember(msgspec.structs.replace(again, random_ms=5 * MIN))
    assert limit(state, tick(4)) is None and limit(state, tick(5)) is not None


### Restart, and a clock that is not set


def remembered(utility: Depot) -> list[Any]:
    """What a store would know that does what Remember and Forget say."""
    events: dict[str, Any] = {}
    for command in utility.commands:
        if isinstance(command, Remember):
            events[command.event.id] = command.event
        elif isinstance(command, Forget):
            events.pop(command.event_id, None)
    return list(events.values())


def back(utility: Depot, minutes: float, last_wall_ms: int | None) -> Depot:
    """The same depot after a restart: monotonic time begins anew at the tick's own at_ms."""
    kept = [c.row for c in utility.commands if isinstance(c, Keep)]
    now = tick(minutes)
    event = Restored(now.at_ms, now.wall_ms, "boot-2", last_wall_ms, kept, [], remembered(utility), {})
    again = Depot.__new__(Depot)
    again.state, again.commands = restored(State(), event)
    return again


def test_a_limit_survives_a_restart_and_is_not_told_twice() -> None:
    utility = Depot()
    utility.says(limited(42))
    utility.tick(10)
    again = back(utility, 20, T0 + 19 * MIN)
    assert again.limit_w(20) == 42_000
    again.tick(20, 40_000)
    again.tick(20.01, 40_000)
    assert again.steps == []
    again.tick(60)
    assert again.steps == [("e", "done")]
    assert again.rows[0].start_wall_ms == T0 + 20 * MIN


def test_a_step_that_is_not_of_its_life_is_not_where_it_was() -> None:
    utility = Depot()
    utility.says(limited(42))
    utility.tick(10)
    now = tick(11)
    for back_in in (False, True):
        utility._fold(opted(utility.state, OptOut(now.at_ms, now.wall_ms, "e", "x", back_in)))
    again = back(utility, 20, T0 + 19 * MIN)
    again.tick(20)
    assert again.steps == []


def test_what_was_deleted_stays_deleted_over_a_restart() -> None:
    utility = Depot()
    utility.says(limited(42))
    utility.says({"id": "e", "modificationDateTime": "2026-07-01T10:00:00Z"}, topic="u/delete")
    utility.says({"id": "f", "modificationDateTime": "2026-07-01T10:00:00Z"}, topic="u/delete")  # never known
    again = back(utility, 20, T0 + 19 * MIN)
    assert not again.state.known
    for event_id in ("e", "f"):
        again.says(limited(42, id=event_id), 20)  # retained
        assert again.limit_w(20) is None
        assert again.limit_w(20, trusted=False) is None
        again.says(limited(42, id=event_id, modificationDateTime="2026-07-01T10:00:01Z"), 20)
        assert again.limit_w(20) == 42_000
        again.says({"id": event_id}, 20, "u/delete")


def test_the_deleted_that_are_remembered_are_bounded() -> None:
    utility = Depot()
    for n in range(DELETED_MAX + 10):
        utility.says(limited(42, id=f"e{n}"))
        utility.says({"id": f"e{n}"}, topic="u/delete")
    assert len(utility.state.deleted) == len(remembered(utility)) == DELETED_MAX
    assert "e0" not in utility.state.deleted


def test_everything_that_is_known_is_listed() -> None:
    utility = Depot()
    utility.says(limited(42, id="limit"))
    utility.says(limited(50, 10, "PT10M", id="wins", priority=9))
    utility.says(limited(10, id="out"))
    utility.says(priced([0.1, 0.2]))
    level = {"id": 0, "payloads": [{"type": "SIMPLE", "values": [1]}]}
    utility.says(limited(1, id="simple", intervals=[level]))
    utility.says({"id": "nothing", "programID": "p"})
    utility.says({"id": "report", "programID": "p", "reportDescriptors": [{"payloadType": "USAGE"}]})
    utility.says(limited(1, 60 * 24 * 3, id="far"))
    now = tick(15)
    utility._fold(opted(utility.state, OptOut(now.at_ms, now.wall_ms, "out", "must leave")))
    utility.tick(15)
    found = listed(utility.state, now.wall_ms, T0 + 90 * MIN)
    assert {(e.event_id, e.payload_type, e.limit_w, e.step) for e in found} == {
        ("wins", "IMPORT_CAPACITY_LIMIT", 50_000, "active"),
        ("limit", "IMPORT_CAPACITY_LIMIT", 42_000, "superseded"),
        ("out", "IMPORT_CAPACITY_LIMIT", None, "opted out"),
        ("prices", "PRICE", None, "active"),
        ("simple", "SIMPLE", None, "active"),
        ("nothing", "", None, "not applicable"),
        ("report", "", None, "active"),
        ("far", "IMPORT_CAPACITY_LIMIT", None, "far"),
    }


def test_without_a_clock_the_lowest_limit_that_may_hold_is_held() -> None:
    utility = Depot()
    utility.says(limited([42, 10, 50], 0))
    utility.says(limited(5, 600, id="over"))
    utility.says({"id": "over"}, topic="u/delete")
    again = back(utility, 20, T0 - 30 * MIN)
    assert again.limit_w(20, trusted=False, wall_off=-(10**12)) == 10_000
    # Real time is at least the last heartbeat and what has passed since: 149 min after T0 - 30 min.
    assert again.limit_w(20 + 149, trusted=False) == 10_000
    assert again.limit_w(20 + 151, trusted=False) == 50_000
    assert again.limit_w(20 + 211, trusted=False) is None
    assert again.limit_w(20) == 42_000


def test_a_limit_that_came_without_a_clock_ends_by_the_utilitys_own_time() -> None:
    utility = Depot.__new__(Depot)
    utility.state, utility.commands = State(), []
    utility.tick(0, trusted=False, wall_off=-(10**12))
    utility.says(limited(42, 0, modificationDateTime=clock(-10)), 0)
    assert utility.limit_w(1, trusted=False) == 42_000
    assert utility.limit_w(69, trusted=False) == 42_000  # it may have begun only now
    assert utility.limit_w(71, trusted=False) is None
    assert limit(utility.state, tick(1)) is not None


def test_a_later_word_of_the_utility_tells_that_an_earlier_limit_is_over() -> None:
    utility = Depot.__new__(Depot)
    utility.state, utility.commands = State(), []
    utility.tick(0, trusted=False)
    utility.says(limited(42, 0, modificationDateTime=clock(-10)), 0)
    utility.says(limited(30, 500, id="later", modificationDateTime=clock(60)), 1)
    assert utility.limit_w(2, trusted=False) == 30_000
    utility.says({"id": "later"}, 3, "u/delete")
    assert utility.limit_w(4, trusted=False) is None


def test_now_of_before_a_restart_without_a_clock() -> None:
    utility = Depot()
    utility.says(limited(42, intervalPeriod={"start": "0001-01-01", "duration": "PT30M"}), 5)
    again = back(utility, 20, T0 + 10 * MIN)
    assert again.limit_w(20, trusted=False) == 42_000
    assert again.limit_w(44, trusted=False) == 42_000
    assert again.limit_w(46, trusted=False) is None  # 26 min after the last heartbeat: beyond 35 min


def test_now_without_a_clock_is_put_right_when_it_is_set() -> None:
    utility = Depot.__new__(Depot)
    utility.state, utility.commands = State(), []
    utility.tick(0, trusted=False, wall_off=-(10**12))
    now = limited(42, intervalPeriod={"start": "0001-01-01", "duration": "PT10M"})
    now.pop("modificationDateTime")
    utility.says(now, 1)
    assert utility.limit_w(10.9, trusted=False) == 42_000
    assert utility.limit_w(11, trusted=False) is None
    assert utility.limit_w(5) == 42_000  # the first trusted tick, before step()
    commands = utility.tick(5)
    (right,) = [c.event for c in commands if isinstance(c, Remember)]
    assert right.received_wall_ms == T0 + MIN
    assert utility.limit_w(10.9) == 42_000
    assert utility.limit_w(11) is None


### Properties

MESSAGES = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["create", "update", "delete"]),
        st.integers(0, 100),  # kW
        st.integers(-60, 120),  # start
        st.integers(0, 60),  # length
        st.integers(0, 3),  # modification
        st.sampled_from([None, 0, 1]),
    ),
    max_size=12,
)


@settings(max_examples=100, deadline=None)
@given(MESSAGES, st.integers(-60, 240))
def test_no_limit_outlives_its_end_and_the_lowest_of_the_best_holds(messages: list[Any], minute: int) -> None:
    """Against a plain oracle: the last version of each event by the rules for copies."""
    utility = Depot()
    latest: dict[str, Any] = {}
    deleted: dict[str, int] = {}
    for event_id, operation, kw, start, length, modified, priority in messages:
        stamp = f"2026-07-01T10:00:0{modified}Z"
        utility.says(
            limited(kw, start, f"PT{length}M", id=event_id, priority=priority, modificationDateTime=stamp),
            -60,
            f"u/{operation}",
        )
        old = latest.get(event_id)
        if (old and modified < old[4]) or modified <= deleted.get(event_id, -1):
            continue
        if operation == "delete":
            deleted[event_id] = max(modified, old[4] if old else 0)
            latest.pop(event_id, None)
        elif old and length == 0 and (kw, start, length, priority) != (old[0], old[1], old[2], old[3]):
            latest.pop(event_id)
        else:
            latest[event_id] = (kw, start, length, priority, modified)
    live = [
        (99 if priority is None else priority, kw * 1_000)
        for kw, start, length, priority, _ in latest.values()
        if start <= minute < start + length
    ]
    assert utility.limit_w(minute) == (min(live)[1] if live else None)
