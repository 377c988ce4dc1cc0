"""The desk: what it answers from a stream of ticks, and what becomes of wishes."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from edge.cli.status import lines
from edge.model.flow import Event, GridReset, GridSignal, OptOut, WindowRemoved, WindowSet
from edge.model.records import DemandNow, GridNow, Outlook, PlannedStep, PlanNow, Short
from edge.model.site import GridLimit, Response
from edge.model.units import HOUR_MS
from edge.shell.answers import DeskError, NotYetError, UnknownError
from edge.shell.desk import Desk
from edge.shell.store import Store
from edge.shell.windows import WindowWish
from edge.web.fields import fields
from tests.fakes.depot_records import START_WALL_MS, record, site
from tests.fakes.desk import Rig

NIGHT = WindowWish(charger="bay-3", from_time="18:00", ready_by="06:00", need_kwh="37.5")


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_before_the_first_tick_it_says_so(rig: Rig) -> None:
    with pytest.raises(NotYetError, match="first tick"):
        rig.desk.status()
    assert rig.desk.events() == []


def test_the_status_is_the_newest_tick_in_words(rig: Rig) -> None:
    rig.tick(0)
    status = rig.desk.status()
    assert (status.name, status.time, status.age_ms) == ("Harbour Street depot", "14:03:12", 0)
    bays = {c.id: c for c in status.chargers}
    assert (bays["bay-3"].granted_ma, bays["bay-3"].kind) == (12_000, "charging")
    assert bays["bay-3"].reason == "panel-a L2 is full: breaker 63 A, other load 8 A; asks for 16 A"
    assert bays["bay-3"].late and bays["bay-3"].ready == "ready by Sat 06:00, 31.4 kWh to go, at risk"
    assert (bays["bay-4"].state_words, bays["bay-4"].granted_ma) == ("vehicle connected", 0)
    assert (bays["bay-5"].state_words, bays["bay-5"].reason) == ("no vehicle", "")
    assert (bays["bay-6"].kind, bays["bay-6"].state_words) == ("offline", "not answering")


def test_a_phase_is_full_only_where_somebody_waits_for_it(rig: Rig) -> None:
    rig.tick(0)
    nodes = {n.id: n for n in rig.desk.status().nodes}
    assert nodes["panel-a"].full == ["L2"]
    assert nodes["main"].full == [] and nodes["panel-b"].full == []
    assert [nodes[n].depth for n in ("main", "panel-a", "panel-b")] == [0, 1, 1]


def test_the_demand_so_far_is_said_with_what_more_costs(rig: Rig) -> None:
    """A month of demand at 15.51 a kW; the period that begins tomorrow is not told yet."""
    now = msgspec.structs.replace(
        record(rig.site, 0),
        demand=[
            DemandNow("any time", 15_510_000, 41_400, START_WALL_MS - 26 * HOUR_MS, None, 15, "month",
                      START_WALL_MS, START_WALL_MS + HOUR_MS, []),
            DemandNow("any time", 15_510_000, 0, None, 41_400, 15, "month",
                      START_WALL_MS + HOUR_MS, START_WALL_MS + 2 * HOUR_MS, []),
        ],
        quarter_w=38_000,
    )  # fmt: skip
    rig.desk.noted(now)
    status = rig.desk.status()
    assert [d.words for d in status.demand] == [
        "any time: 41.4 kW this month (Thu 12:03), above it 15.51 USD/kW"
    ]
    assert "demand: any time: 41.4 kW this month (Thu 12:03), above it 15.51 USD/kW" in list(lines(status))
    assert fields(status)["demand"] == "41.4 kW this month, 38.0 kW in this quarter-hour"
    assert fields(msgspec.structs.replace(status, demand=[]))["demand"] == "not charged"


def test_the_price_and_the_event_are_said_in_local_time(rig: Rig) -> None:
    rig.tick(25)
    status = rig.desk.status()
    assert status.price_words == "0.20199 USD/kWh until 16:00"
    assert status.events[0].words == "peak save: at most 40.0 kW, 14:03 to 16:03, holds now"


def test_the_age_grows_while_no_tick_comes(rig: Rig) -> None:
    rig.tick(0)
    assert rig.desk.status().age_ms == 0
    rig.at_ms += 7_000
    assert rig.desk.status().age_ms == 7_000


def test_a_silent_meter_is_the_reason_below_it_and_nowhere_else(rig: Rig) -> None:
    quiet = record(rig.site, 0)
    nodes = [msgspec.structs.replace(n, flowing_ma=None) if n.id == "panel-a" else n for n in quiet.nodes]
    held = [
        msgspec.structs.replace(c, granted_ma=6_000, because="gets all that it can use")
        if c.id == "bay-1"
        else c
        for c in quiet.chargers
    ]
    rig.desk.noted(
        msgspec.structs.replace(quiet, nodes=nodes, chargers=held, fallback="meter silent at panel-a")
    )
    bays = {c.id: c for c in rig.desk.status().chargers}
    assert bays["bay-1"].reason == "the meter of panel-a is silent: fallback current; asks for 16 A"
    assert "meter" not in bays["bay-4"].reason
    assert "the meter of panel-a is silent" in rig.desk.why("bay-1").words
    silent = next(n for n in rig.desk.status().nodes if n.id == "panel-a")
    assert silent.words == "meter silent: counted with its highest plausible load"


@pytest.mark.parametrize(
    ("state", "granted_ma", "asked_ma", "kind", "state_words"),
    [
        ("A", 0, 0, "free", "no vehicle"),
        ("B", 0, 0, "waiting", "vehicle connected"),
        ("B", 0, 16_000, "paused", "connected, paused"),
        ("B", 8_000, 16_000, "waiting", "connected, not charging"),
        ("C", 8_000, 16_000, "charging", "charging"),
        ("C", 0, 16_000, "paused", "told to pause"),
        ("D", 8_000, 16_000, "charging", "charging, ventilation on"),
        ("E", 0, 0, "fault", "pilot fault"),
        ("F", 0, 0, "fault", "charger not available"),
        ("X", 0, 0, "fault", "state unknown"),
    ],
)
def test_states_in_the_words_of_the_yard(
    rig: Rig, state: str, granted_ma: int, asked_ma: int, kind: str, state_words: str
) -> None:
    made = record(rig.site, 0)
    changes = {"state": state, "granted_ma": granted_ma, "asked_ma": asked_ma}
    chargers = [msgspec.structs.replace(c, **changes) if c.id == "bay-1" else c for c in made.chargers]
    rig.desk.noted(msgspec.structs.replace(made, chargers=chargers))
    shown = rig.desk.status().chargers[0]
    assert (shown.kind, shown.state_words) == (kind, state_words)


def test_a_subscriber_gets_every_tick_and_a_late_one_the_newest() -> None:
    async def story() -> tuple[list[int], list[int]]:
        rig = Rig()
        prompt: list[int] = []
        late: list[int] = []

        async def read(into: list[int], every_s: float) -> None:
            async for status in rig.desk.subscribe():
                into.append(status.wall_ms - START_WALL_MS)
                await asyncio.sleep(every_s)

        readers = [asyncio.create_task(read(prompt, 0)), asyncio.create_task(read(late, 0.1))]
        for second in range(20):
            rig.tick(second)
            await asyncio.sleep(0.01)
        rig.desk.close()
        await asyncio.wait_for(asyncio.gather(*readers), 5)
        return prompt, late

    prompt, late = asyncio.run(story())
    assert prompt == [s * 1000 for s in range(20)]
    assert 1 < len(late) < 8 and late == sorted(late)


# Wishes.


def test_a_window_is_kept_told_to_the_core_and_on_the_audit_log(rig: Rig) -> None:
    rig.tick(0)
    answer = rig.desk.window_add(NIGHT, "anna")
    assert answer.words == "bay-3: daily 18:00 to 06:00, 37.5 kWh, priority 0"
    window = rig.store.kept["bay-3-1"]
    assert (window.from_min, window.ready_by_min, window.need_wh) == (18 * 60, 6 * 60, 37_500)
    assert rig.said == [WindowSet(1_000_000, window)]
    assert rig.store.audited == [("anna", "window for bay-3", "done")]
    assert [w.id for w in rig.desk.windows()] == ["night-1", "bay-3-1"]


def test_a_window_is_removed(rig: Rig) -> None:
    rig.desk.window_add(NIGHT, "anna")
    rig.desk.window_remove("bay-3-1", "anna")
    assert rig.store.kept == {} and rig.said[-1] == WindowRemoved(1_000_000, "bay-3-1")


def test_what_the_site_file_says_is_not_removed_here(rig: Rig) -> None:
    with pytest.raises(DeskError, match="night-1 stands in the site file"):
        rig.desk.window_remove("night-1", "anna")
    with pytest.raises(UnknownError, match="expected one of night-1"):
        rig.desk.window_remove("nothing", "anna")
    assert rig.said == []
    assert [outcome.split(":")[0] for _, _, outcome in rig.store.audited] == ["refused", "refused"]


def test_opting_out_needs_an_event_and_a_reason(rig: Rig) -> None:
    rig.tick(25)
    with pytest.raises(UnknownError, match="expected one of ev-17"):
        rig.desk.opt_out("ev-99", "because", "anna")
    for reason in ("", "   ", "x" * 201, "line\nbreak"):
        with pytest.raises(DeskError, match="reason: expected 1 to 200"):
            rig.desk.opt_out("ev-17", reason, "anna")
    assert rig.said == [] and rig.store.opted_out == {}


def test_opting_out_and_back_in(rig: Rig) -> None:
    rig.tick(25)
    assert rig.desk.opt_out("ev-17", " ambulances ", "anna").opted_out == "ambulances"
    assert rig.store.opted_out == {"ev-17": "ambulances"}
    assert rig.said == [OptOut(1_025_000, START_WALL_MS + 25_000, "ev-17", "ambulances")]
    assert rig.desk.status().events[0].opted_out == "ambulances"
    assert rig.desk.opt_out("ev-17", "", "anna", back_in=True).opted_out == ""
    assert rig.store.opted_out == {}


def seen_with(rig: Rig, **fields: object) -> None:
    """A tick whose event has these fields."""
    now = record(rig.site, 25)
    events = [msgspec.structs.replace(each, **fields) for each in now.events]
    rig.desk.noted(msgspec.structs.replace(now, events=events))


def test_opting_out_of_all_and_of_a_program_stands(rig: Rig) -> None:
    seen_with(rig, program_id="peak")
    assert rig.desk.opt_out_standing("peak", "flood", "anna").words == (
        "all events of program peak are not obeyed: flood"
    )
    assert rig.store.opted_out == {"program:peak": "flood"}
    assert rig.said[-1] == OptOut(rig.at_ms, rig.wall_ms, "program:peak", "flood")
    assert rig.desk.events()[0].opted_out == "flood"
    rig.desk.opt_out_standing("", "flood", "anna")
    assert rig.store.opted_out["*"] == "flood"
    with pytest.raises(DeskError, match="reason: expected 1 to 200"):
        rig.desk.opt_out_standing("", " ", "anna")
    for program in ("peak", ""):
        rig.desk.opt_out_standing(program, "", "anna", back_in=True)
    assert rig.store.opted_out == {} and rig.desk.events()[0].opted_out == ""
    with pytest.raises(UnknownError, match="nobody has opted out of all events"):
        rig.desk.opt_out_standing("", "", "anna", back_in=True)


def test_there_is_no_opting_out_of_binding_events(rig: Rig) -> None:
    seen_with(rig, program_id="grid", binding=True)
    with pytest.raises(DeskError, match="events of grid are binding"):
        rig.desk.opt_out("ev-17", "ambulances", "anna")
    rig.desk.opt_out_standing("", "flood", "anna")
    assert rig.desk.events()[0].opted_out == ""  # all but those
    listed = Rig(msgspec.structs.replace(rig.site, response=Response(binding=("grid",))))
    with pytest.raises(DeskError, match="events of grid are binding"):
        listed.desk.opt_out_standing("grid", "flood", "anna")
    told = listed.desk.opt_out_standing("", "flood", "anna").words
    assert told == "all events are not obeyed: flood; but for those of grid, which are binding"


def test_an_event_says_whether_it_will_be_complied_with_and_who_misses_what(rig: Rig) -> None:
    short = (Short("bay-3", "van 13", 4_200, START_WALL_MS + 8 * HOUR_MS),)
    seen_with(rig, outlook=Outlook(40_000, 18_000, True, short))
    (event,) = rig.desk.events()
    assert event.comply == "will comply: 40.0 kW expected; van 13 misses 4.2 kWh of what it needs by 22:03"
    assert event.words.endswith(event.comply) and event.load_w == 40_000
    assert [(s.charger, s.missing_wh) for s in event.short] == [("bay-3", 4_200)]
    seen_with(rig, outlook=Outlook(52_000, 52_000, False), drill=True)
    (event,) = rig.desk.events()
    assert event.comply == "will not comply: 52.0 kW cannot be lowered"
    assert "drill, at most 40.0 kW" in event.words


def test_the_grid_operators_limits_are_shown_beaten_and_reset() -> None:
    limits = (GridLimit("box", "enwg14a", "main"), GridLimit("mil", "g100", "main", limit_w=55_000))
    rig = Rig(msgspec.structs.replace(site(), grid_limits=limits))
    assert rig.desk.grid() == []
    now = GridNow("mil", "g100", "main", "lockout", 0, "mil at main: lockout, 0 kW")
    rig.desk.noted(msgspec.structs.replace(record(rig.site, 25), grid=[now]))
    assert [(g.id, g.state, g.words) for g in rig.desk.grid()] == [
        ("mil", "lockout", "mil at main: lockout, 0 kW")
    ]
    rig.desk.grid_beat("box", 10_500, 900)
    rig.desk.grid_reset("mil", "ben", installer=True)
    assert rig.said == [
        GridSignal(rig.at_ms, "box", 10_500, 900_000),
        GridReset(rig.at_ms, rig.wall_ms, "mil", "ben", True),
    ]
    with pytest.raises(UnknownError, match="no limit 'mil' with a heartbeat; expected one of box"):
        rig.desk.grid_beat("mil", None, None)
    with pytest.raises(UnknownError, match="no limit 'box' with a lockout; expected one of mil"):
        rig.desk.grid_reset("box", "ben", installer=False)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "depot.db", "boot")
    yield opened
    opened.close()


def test_the_real_store_serves_the_desk(store: Store) -> None:
    said: list[Event] = []
    desk = Desk(site(), store, said.append, wall_ms=lambda: START_WALL_MS)
    desk.noted(record(site(), 25))
    desk.window_add(NIGHT, "anna")
    desk.opt_out("ev-17", "ambulances", "anna")
    store.commit()
    assert [w.id for w in store.windows()] == ["bay-3-1"]
    assert store.opt_outs() == {"ev-17": "ambulances"}
    assert [line.who for line in store.audit_lines()] == ["anna", "anna"]


def test_the_plan_is_told_with_its_cost_its_proof_and_what_comes_next(rig: Rig) -> None:
    steps = (
        PlannedStep(START_WALL_MS + HOUR_MS, "bay-1", 16_000),
        PlannedStep(START_WALL_MS + 2 * HOUR_MS, "bay-1", 0),
    )
    now = PlanNow(7, START_WALL_MS, 3, 2, 12_340_000, 830, 61_000, 2_100, 15, steps, "", 1_240)
    rig.desk.noted(msgspec.structs.replace(record(rig.site, 0), plan=now))
    plan = rig.desk.status().plan
    assert plan is not None
    assert plan.words == (
        "made at 14:03 for 3 there and 2 to come; 12.34 USD, at most 0.08 % above the least possible; "
        "2.1 kWh do not fit within the limits; other load was foreseen within 1.2 kW in the mean"
    )
    assert plan.steps == ["15:03 bay-1 16 A", "16:03 bay-1 nothing more"]
    said = "\n".join(lines(rig.desk.status()))
    assert "plan: made at 14:03 for 3 there" in said
    assert "next: 15:03 bay-1 16 A, 16:03 bay-1 nothing more" in said


def test_without_a_plan_the_trouble_is_told(rig: Rig) -> None:
    trouble = msgspec.structs.replace(record(rig.site, 0), plan=PlanNow(trouble="ValueError: no"))
    rig.desk.noted(trouble)
    plan = rig.desk.status().plan
    assert plan is not None
    assert plan.words == "none, so that the earliest departure comes first: ValueError: no"
    rig.desk.noted(record(rig.site, 1))
    assert rig.desk.status().plan is None
