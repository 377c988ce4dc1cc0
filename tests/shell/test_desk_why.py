"""Why a charger gets what it gets: now, a few minutes ago, and from the store."""

from zoneinfo import ZoneInfo

import msgspec
import pytest

from edge.model.records import Decision
from edge.shell import words
from edge.shell.answers import NothingRecordedError, UnknownError
from edge.shell.lookback import Lookback
from tests.fakes.depot_records import START_WALL_MS, record, site
from tests.fakes.desk import Rig


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_a_full_panel_in_a_sentence_with_its_figures(rig: Rig) -> None:
    rig.tick(0)
    why = rig.desk.why("bay-3")
    assert why.words == (
        "bay-3 gets 12 A because panel-a L2 is full: breaker 63 A, other load 8 A. "
        "There it gives 44 A for 3 chargers. It asked for 16 A (needs 31.4 kWh by 06:00)."
    )
    assert why.would_change.startswith("It can get more when other load on panel-a L2 falls")
    panel, main = why.path
    assert (panel.node, panel.phase, panel.limit_ma, panel.full, panel.chargers) == (
        "panel-a",
        "L2",
        63_000,
        True,
        3,
    )
    assert (main.node, main.full) == ("main", False)
    assert panel.free_ma == panel.limit_ma - panel.other_ma - panel.charging_ma == 300


def test_an_event_of_the_utility_says_when_it_ends(rig: Rig) -> None:
    rig.tick(25)
    why = rig.desk.why("bay-1")
    assert why.granted_ma == 8_000 and "main L2 is full: event peak save" in why.words
    assert why.would_change == "It can get more when the utility's event ends at 16:03."


@pytest.mark.parametrize(
    ("charger", "words"),
    [
        ("bay-1", "bay-1 gets 16 A: all that it asks for (needs 31.4 kWh by 06:00)."),
        ("bay-4", "bay-4 gets 0 A: waits for a lower price at 21:00, ready by 06:00."),
        ("bay-5", "bay-5 gets 0 A: no vehicle."),
        ("bay-6", "bay-6 gets 0 A: does not answer: counted with its fallback of 6 A."),
    ],
)
def test_who_is_held_back_by_nothing(rig: Rig, charger: str, words: str) -> None:
    rig.tick(0)
    why = rig.desk.why(charger)
    assert (why.words, why.would_change) == (words, "")


FULL = "panel-a L2: breaker 63 A, other load 18.7 A, 44 A for 3 chargers, 0.3 A free."


@pytest.mark.parametrize(
    ("because", "says"),
    [
        (
            "waits until room has come free",
            f"bay-3 gets 12 A because it waits until room has come free. {FULL} ",
        ),
        (
            "was just paused: stays off for its minimum time",
            f"bay-3 gets 12 A because it was just paused: stays off for its minimum time. {FULL} ",
        ),
        ("raised step by step", f"bay-3 gets 12 A because it is raised step by step. {FULL} "),
        (
            "operator limit by anna",
            f"bay-3 gets 12 A because operator limit by anna. {FULL} ",
        ),
        ("", "bay-3 gets 12 A because panel-a L2 is full. There it gives 44 A for 3 chargers. "),
        (
            "main L3 has no room for the minimum: operator limit by anna",
            "bay-3 gets 12 A because main L3 has no room for the minimum: operator limit by anna. "
            "There it gives 28 A for 2 chargers. ",
        ),
    ],
)
def test_the_cores_reasons_as_sentences(rig: Rig, because: str, says: str) -> None:
    made = record(rig.site, 0)
    held = [msgspec.structs.replace(c, because=because) if c.id == "bay-3" else c for c in made.chargers]
    rig.desk.noted(msgspec.structs.replace(made, chargers=held))
    assert rig.desk.why("bay-3").words == says + "It asked for 16 A (needs 31.4 kWh by 06:00)."


def test_a_silent_meter_is_a_reason_only_where_the_core_has_no_other(rig: Rig) -> None:
    made = record(rig.site, 0)
    nodes = [msgspec.structs.replace(n, flowing_ma=None) if n.id == "panel-a" else n for n in made.nodes]
    given = {
        "bay-1": "gets all that it can use",
        "bay-3": "main L1 has no room for the minimum: breaker 160 A",
    }
    held = [
        msgspec.structs.replace(c, because=given[c.id], granted_ma=6_000) if c.id in given else c
        for c in made.chargers
    ]
    rig.desk.noted(msgspec.structs.replace(made, nodes=nodes, chargers=held))
    why = rig.desk.why("bay-1")
    assert "because the meter of panel-a is silent: fallback current." in why.words
    assert why.would_change == "It can get more when the meter of panel-a answers again."
    assert "main L1 has no room" in rig.desk.why("bay-3").words


def test_a_few_minutes_ago_every_second_is_known(rig: Rig) -> None:
    for second in range(0, 60):
        rig.tick(second)
    assert rig.desk.why("bay-1").granted_ma == 16_000
    then = rig.desk.why("bay-1", START_WALL_MS + 30_999)
    assert (then.source, then.granted_ma, then.time) == ("memory", 8_000, "14:03:42")


def test_longer_ago_the_store_knows_the_change(rig: Rig) -> None:
    rig.tick(0)
    early = START_WALL_MS - 20 * 3_600_000
    rig.store.decided = [
        Decision(
            early, "bay-2", 10_000, "panel-a L2 is full: breaker 63 A", 16_000, "needs 9.0 kWh by 06:00"
        ),
        Decision(early + 1000, "bay-2", 11_000, "raised step by step", 16_000, ""),
        Decision(early, "bay-1", 6_000, "other bay", 16_000, ""),
    ]
    why = rig.desk.why("bay-2", early + 999)
    assert (why.source, why.granted_ma) == ("store", 10_000)
    assert why.words == (
        "bay-2 got 10 A from Thu 18:03:12 because panel-a L2 is full: breaker 63 A. "
        "It asked for 16 A (needs 9.0 kWh by 06:00)."
    )
    assert rig.desk.why("bay-2", early + 1000).granted_ma == 11_000


def test_what_is_not_known_is_said(rig: Rig) -> None:
    rig.tick(0)
    with pytest.raises(UnknownError, match="there is no 'bay-77'"):
        rig.desk.why("bay-77")
    with pytest.raises(NothingRecordedError, match="nothing is recorded of bay-1 at or before Thu 13:03:12"):
        rig.desk.why("bay-1", START_WALL_MS - 25 * 3_600_000)


def test_the_lookback_holds_a_quarter_of_an_hour_of_sixty_bays_in_little_memory() -> None:
    drawn, lookback = site(60), Lookback()
    for second in range(0, 1200):
        lookback.add(record(drawn, second))
    assert len(lookback) == 901
    assert lookback.bytes_kept < 4_000_000
    assert lookback.at(START_WALL_MS + 1_199_000) == record(drawn, 1199)
    assert lookback.at(START_WALL_MS + 299_000 - 1) is None  # gone
    assert lookback.at(START_WALL_MS + 1_199_000 + 60_000) is None  # no tick held that long


@pytest.mark.parametrize(
    ("wall_ms", "text"),
    [
        (START_WALL_MS, "14:03"),
        (START_WALL_MS + 24 * 3_600_000, "Sat 14:03"),
        (START_WALL_MS - 15 * 3_600_000, "Thu 23:03"),
        (START_WALL_MS - 8 * 24 * 3_600_000, "2026-11-12 14:03"),
    ],
)
def test_a_time_names_its_day_when_it_is_not_today(wall_ms: int, text: str) -> None:
    assert words.clock(wall_ms, ZoneInfo("America/Los_Angeles"), START_WALL_MS) == text


@pytest.mark.parametrize(
    ("current_ma", "text"),
    [(0, "0 A"), (6_000, "6 A"), (6_250, "6.2 A"), (12_960, "13 A"), (160_400, "160 A")],
)
def test_amperes_for_narrow_places(current_ma: int, text: str) -> None:
    assert words.amps(current_ma) == text


@pytest.mark.parametrize(
    ("price_micro", "text"),
    [
        (415_220, "0.41522 USD/kWh"),
        (200_000, "0.20 USD/kWh"),
        (-15_500, "-0.0155 USD/kWh"),
        (0, "0.00 USD/kWh"),
    ],
)
def test_a_price_keeps_what_the_tariff_says(price_micro: int, text: str) -> None:
    assert words.price(price_micro, "USD") == text
