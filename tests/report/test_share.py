"""The shared file: nothing in it is of fewer than five, and nothing can be worked out to be."""

import json
from collections import Counter, defaultdict
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.cli import main
from edge.model.records import Session
from edge.model.units import HOUR_MS, QUARTER_MS
from edge.report.share import DAY_KINDS, FIVE, share, suppressed
from edge.shell.pseudonyms import Pseudonyms
from edge.shell.statedir import PSEUDONYM_KEY
from edge.shell.store import Store
from tests.fakes import depot_year
from tests.fakes.depot_year import NOVEMBER, OCTOBER, UNTIL, ZONE


@settings(max_examples=100, deadline=None)
@given(counts=st.lists(st.integers(0, 12), min_size=1, max_size=24))
def test_what_is_hidden_is_of_five_or_more_or_of_all_there_is(counts):
    shown = suppressed(counts)
    for count, cell in zip(counts, shown, strict=True):
        assert cell in (None, count)
        assert cell is None or cell == 0 or cell >= FIVE
        assert (count == 0) == (cell == 0), "an empty cell tells of nobody"
    hidden = sum(count for count, cell in zip(counts, shown, strict=True) if cell is None)
    assert hidden == 0 or hidden >= FIVE or hidden == sum(counts)


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ([10, 3, 8], [10, None, None]),
        ([10, 3, 4], [10, None, None]),
        ([10, 1, 1, 6], [10, None, None, None]),
        ([5, 0, 5], [5, 0, 5]),
        ([0, 2, 0], [0, None, 0]),
    ],
)
def test_cells_by_hand(counts, shown):
    assert suppressed(counts) == shown


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    folder = tmp_path_factory.mktemp("state")
    depot_year.filled(Store(folder / "depot.db", "boot")).close(UNTIL)
    return folder


@pytest.fixture
def store(state):
    opened = Store(state / "depot.db", read_only=True)
    yield opened
    opened.close()


def made(store):
    own = store.sessions(OCTOBER, NOVEMBER)
    return share("s-1", "2026-10", ZONE, own, store.charged(OCTOBER, UNTIL))


def counted(store):
    """Count again, plainly: who was there and who charged in each quarter of the two kinds of day."""
    zone = ZoneInfo(ZONE)

    def cell(at):
        local = datetime.fromtimestamp(at / 1000, zone)
        return DAY_KINDS[local.weekday() > 4], (local.hour * 60 + local.minute) // 15

    own = [
        row
        for row in store.sessions(OCTOBER, NOVEMBER)
        if row.start_wall_ms >= OCTOBER and row.end_wall_ms is not None
    ]
    there, charged, energy = defaultdict(set), defaultdict(set), Counter()
    for row in own:
        for at in range(row.start_wall_ms - row.start_wall_ms % QUARTER_MS, row.end_wall_ms, QUARTER_MS):
            there[cell(at)].add(row.id)
    ids = {row.id for row in own}
    for block in store.charged(OCTOBER, UNTIL):
        if block.session_id in ids and block.energy_wh:
            charged[cell(block.start_wall_ms)].add(block.session_id)
            energy[cell(block.start_wall_ms)] += block.energy_wh
    return own, there, charged, energy


def test_every_cell_is_what_was_or_is_not_told(store):
    document = made(store)
    own, there, charged, energy = counted(store)
    assert document["totals"]["sessions"] == len(own) > 100
    told = 0
    for kind in DAY_KINDS:
        profile = document["profile"][kind]
        for quarter in range(96):
            key = kind, quarter
            seen = profile["sessions_there"][quarter]
            assert seen in (None, len(there[key]))
            assert len(there[key]) not in range(1, FIVE) or seen is None
            got = profile["energy_kwh"][quarter]
            assert got in (None, round(energy[key] / 1000, 1))
            assert len(charged[key]) not in range(1, FIVE) or got is None
            told += got is not None
    assert told > 100, "and most of it is told"


def test_tables_come_to_the_total_as_far_as_they_are_told(store):
    document = made(store)
    total = document["totals"]["sessions"]
    for name in ("started_by_hour", "energy_kwh", "plugged_h", "highest_kw"):
        cells = list(document[name].values())
        rest = total - sum(cell or 0 for cell in cells)
        assert (rest == 0) == (None not in cells)
        assert rest == 0 or rest >= FIVE


def test_nobody_is_in_it(store):
    text = json.dumps(made(store))
    for row in store.sessions(OCTOBER, NOVEMBER):
        assert row.id not in text
        assert row.vehicle not in text
        assert not row.driver or row.driver not in text
    assert "north-yard" not in text
    assert "bay-" not in text


def test_a_month_of_four_sessions_says_nothing_but_that(store):
    rows = [
        Session(f"s{n}", "b", OCTOBER + n * HOUR_MS, OCTOBER + (n + 1) * HOUR_MS, HOUR_MS) for n in range(4)
    ]
    document = share("s-1", "2026-10", ZONE, rows, [])
    assert set(document["totals"].values()) == {None}
    assert set(document["energy_kwh"].values()) == {None, 0}


def test_the_file_says_how_it_was_made(state, capsys):
    words = ["export", "share", "--month", "2026-10", "--state", str(state)]
    assert main(words) == 2, "without the daemon's key there is no pseudonym of the site"
    assert PSEUDONYM_KEY in capsys.readouterr().err
    names = Pseudonyms(state / PSEUDONYM_KEY)
    assert main(words) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["format"] == "depot-edge/share/1"
    assert "fewer than 5 sessions" in document["method"]
    assert document["site"] == names.of("site", "north-yard")
