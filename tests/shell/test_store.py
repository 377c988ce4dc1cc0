"""The store: what was committed is there, whatever happens in between (I11)."""

import sqlite3
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.model.openadr import Interval, OpenAdrEvent, Payload
from edge.model.records import (
    ChargeBlock,
    ChargerSlot,
    Compliance,
    Decision,
    EventStep,
    LoadBlock,
    LoadSlot,
    NodeLoad,
    PortInterval,
    Session,
)
from edge.model.site import Window
from edge.model.units import DAY_MS, QUARTER_MS
from edge.shell import store as store_module
from edge.shell.store import WAIT_MS, Store, open_store
from edge.shell.storefile import StoreDamaged, StoreTrouble
from edge.shell.storeoutbox import Message

NOW = 1_780_000_000_000


@pytest.fixture
def path(tmp_path):
    return tmp_path / "depot.db"


@pytest.fixture
def store(path):
    store = Store(path, "boot-1")
    yield store
    store.close()


def session(n=1, **more):
    return Session(id=f"s{n}", charger=f"bay-{n}", start_wall_ms=NOW + n, **more)


def decision(n):
    return Decision(NOW + n, "bay-1", 6_000 + n, "limit of main", 32_000, "window bay-1-1")


def message(key, link="network"):
    return Message(link, f"depots/north/{key}", f'{{"key":"{key}"}}'.encode(), key, NOW)


def after_power_loss(path):
    """A second look at the file, as after a reboot: what waits in the first one's memory is gone."""
    return Store(path, "boot-2")


# --- rows ---------------------------------------------------------------------------------------------


def test_a_row_is_there_after_the_commit_and_not_before(store, path):
    store.keep(session())
    assert after_power_loss(path).sessions(0, NOW * 2) == []
    store.commit()
    assert after_power_loss(path).sessions(0, NOW * 2) == [session()]


def test_a_row_kept_again_under_its_key_replaces_the_first(store, path):
    store.keep(session(energy_wh=10))
    store.commit()
    store.keep(session(energy_wh=20, end_wall_ms=NOW + 99, end_reason="unplugged"))
    store.commit()
    (row,) = after_power_loss(path).sessions(0, NOW * 2)
    assert (row.energy_wh, row.end_wall_ms, row.end_reason) == (20, NOW + 99, "unplugged")


def test_every_kind_of_row_comes_back_as_it_was(store, path):
    rows = [
        session(vehicle="Van 7", error="CX003", power_w_max=11_000),
        PortInterval("bay-1", NOW, "down", "comms", NOW + 60_000, 60_000, "", "no answer since 14:03"),
        decision(1),
        EventStep("e1", NOW, "received", "CREATE"),
        Compliance("e1", "p1", "peak", 0, NOW, NOW + 900_000, "IMPORT_CAPACITY_LIMIT", 40_000, 39_000,
                   39_900, 9_750, None),
        LoadBlock(NOW, 25_000, 10, 20_000, 900_000, 7_000_000),
        ChargeBlock("s1", NOW, "bay-1", 20_000),
    ]  # fmt: skip
    for row in rows:
        store.keep(row)
    store.commit(all_of_it=True)
    again = after_power_loss(path)
    found = [
        *again.sessions(0, NOW * 2), *again.port_intervals(0, NOW * 2), *again.decisions("bay-1", NOW + 9),
        *again.event_steps("e1"), *again.compliance(0, NOW * 2), *again.load(NOW, NOW + 1),
        *again.charged(NOW, NOW + 1),
    ]  # fmt: skip
    assert found == rows


def test_why_looks_up_what_held_at_a_time(store):
    for n in (0, 1000, 2000):
        store.keep(decision(n))
    store.commit(all_of_it=True)
    assert [d.current_ma for d in store.decisions("bay-1", NOW + 1999)] == [7_000]
    assert [d.current_ma for d in store.decisions("bay-1", NOW + 2000, limit=2)] == [8_000, 7_000]
    assert store.decisions("bay-1", NOW - 1) == []
    assert store.decisions("bay-2", NOW + 1999) == []


def test_sessions_of_a_stretch_are_those_that_touch_it(store):
    store.keep(Session("before", "b", 0, 100))
    store.keep(Session("into", "b", 50, 101))
    store.keep(Session("open", "b", 60))
    store.keep(Session("after", "b", 200, 300))
    store.commit()
    assert [s.id for s in store.sessions(100, 200)] == ["into", "open"]


# --- restoring ----------------------------------------------------------------------------------------

EVENT = OpenAdrEvent(
    "e1", "p1", intervals=(Interval(0, (Payload("IMPORT_CAPACITY_LIMIT", (40.0, 7, (1.5, 2.0))),)),)
)
WINDOW = Window("w1", "bay-1", 18 * 60, 5 * 60, 40_000)


def test_the_core_gets_back_what_was_going_on(store, path):
    store.keep(session(1))
    store.keep(session(2, end_wall_ms=NOW + 5))
    store.keep(PortInterval("bay-1", NOW, "up", "in use"))
    store.keep(PortInterval("bay-1", NOW - 99, "up", "available", NOW, 99))
    store.keep(EventStep("e1", NOW, "received"))
    store.keep(EventStep("e0", NOW, "done"))
    store.event_set(EVENT)
    store.window_set(WINDOW)
    store.opt_out("e1", "buses must leave")
    store.heartbeat(NOW + 7)
    store.commit()
    restored = after_power_loss(path).restore(5, NOW + 9_000)
    assert (restored.at_ms, restored.wall_ms, restored.boot_id) == (5, NOW + 9_000, "boot-2")
    assert restored.last_wall_ms == NOW + 7
    assert restored.kept == [
        session(1), PortInterval("bay-1", NOW, "up", "in use"), EventStep("e1", NOW, "received"),
    ]  # fmt: skip
    assert (restored.windows, restored.events) == ([WINDOW], [EVENT])
    assert restored.opt_outs == {"e1": "buses must leave"}


def test_the_first_start_knows_nothing(store):
    restored = store.restore(0, NOW)
    assert restored.last_wall_ms is None
    assert (restored.kept, restored.windows, restored.events, restored.opt_outs) == ([], [], [], {})


def test_what_was_removed_does_not_come_back(store, path):
    store.window_set(WINDOW)
    store.event_set(EVENT)
    store.opt_out("e1", "no")
    store.commit()
    assert store.window_remove("w1")
    assert not store.window_remove("w1")
    store.event_remove("e1")
    store.commit()
    again = after_power_loss(path)
    assert (again.windows(), again.events(), again.opt_outs()) == ([], [], {})


def test_the_heartbeat_is_written_once_a_minute(store):
    for second in range(61):
        store.heartbeat(NOW + second * 1000)
        store.commit()
        assert store.meta("last_wall_ms") == NOW + (60_000 if second == 60 else 0)


def test_what_nobody_was_told_of_waits_for_minutes_and_all_else_does_not(path):
    now = [0]
    store = Store(path, "boot-1", clock=lambda: now[0])
    store.tell(message("a"))
    store.commit()
    store.keep(decision(0))
    store.keep(session(1))
    store.keep(session(2, duration_ms=60_000))
    store.keep(session(3, duration_ms=60_000, end_wall_ms=NOW))
    store.keep(session(4, duration_ms=60_000), message("session 4"))
    store.outbox_done("network", [1], NOW)
    store.commit()
    disk = after_power_loss(path)
    assert [row.id for row in disk.sessions(0, NOW * 2)] == ["s1", "s3", "s4"]
    assert disk.decisions("bay-1", NOW) == []
    assert [row.seq for row in disk.outbox_pending("network", 9)] == [1, 2], "it would be sent again"
    assert [row.seq for row in store.outbox_pending("network", 9)] == [2]
    now[0] = WAIT_MS
    store.commit()
    assert len(disk.sessions(0, NOW * 2)) == 4
    assert len(disk.decisions("bay-1", NOW)) == 1
    assert [row.seq for row in disk.outbox_pending("network", 9)] == [2]


def test_a_row_that_waits_gives_way_to_a_newer_one_that_does_not(store, path):
    store.keep(session(1, duration_ms=60_000, energy_wh=10))
    store.keep(session(1, duration_ms=90_000, energy_wh=15, end_wall_ms=NOW + 90_000))
    store.commit()
    store.close()
    assert [row.energy_wh for row in after_power_loss(path).sessions(0, NOW * 2)] == [15]


# --- outbox -------------------------------------------------------------------------------------------


def test_messages_are_numbered_per_link_without_gaps_and_across_restarts(store, path):
    for key in ("a", "b"):
        store.tell(message(key))
        store.tell(message(key, "utility"))
    store.commit()
    again = after_power_loss(path)
    again.tell(message("c"))
    again.commit()
    assert [(row.seq, row.key) for row in again.outbox_pending("network", 9)] == [
        (1, "a"),
        (2, "b"),
        (3, "c"),
    ]
    assert [(row.seq, row.key) for row in again.outbox_pending("utility", 9)] == [(1, "a"), (2, "b")]


def test_a_known_key_is_the_same_message(store):
    store.tell(message("a"))
    store.tell(message("a"))
    store.commit()
    store.tell(message("a"))
    store.tell(message("b"))
    store.commit()
    assert [(row.seq, row.key) for row in store.outbox_pending("network", 9)] == [(1, "a"), (2, "b")]


def test_of_two_messages_with_one_key_the_first_is_it(store):
    store.tell(Message("network", "t", b"first", "a"))
    store.tell(Message("network", "t", b"second", "a"))
    store.commit()
    store.tell(Message("network", "t", b"third", "a"))
    store.commit()
    assert [row.payload for row in store.outbox_range("network", 0, 9)] == [b"first"]


def test_an_acknowledged_message_is_not_sent_again_but_by_range(store, path):
    for key in "abc":
        store.tell(message(key))
    store.commit()
    store.outbox_done("network", [2], NOW)
    assert [row.key for row in store.outbox_pending("network", 2)] == ["a", "c"], "before the commit"
    store.commit(all_of_it=True)
    again = after_power_loss(path)
    assert [row.key for row in again.outbox_pending("network", 9)] == ["a", "c"]
    assert again.outbox_waiting("network") == 2
    assert [row.key for row in again.outbox_range("network", 2, 3)] == ["b", "c"]
    assert again.outbox_range("network", 2, 2)[0].payload == b'{"key":"b"}'


def test_only_what_is_on_the_disk_is_sent(store):
    store.tell(message("a"))
    assert store.outbox_pending("network", 9) == []


def test_numbers_are_not_given_twice_when_old_messages_are_pruned(store, path):
    store.tell(message("a"))
    store.commit()
    store.outbox_done("network", [1], NOW)
    store.commit(all_of_it=True)
    store.prune(NOW + 31 * DAY_MS)
    assert store.outbox_range("network", 1, 9) == []
    again = after_power_loss(path)
    again.tell(message("b"))
    again.commit()
    assert [row.seq for row in again.outbox_pending("network", 9)] == [2]


def test_the_load_comes_back_as_far_as_it_is_asked_for(store, path):
    quarter = NOW // QUARTER_MS * QUARTER_MS
    rows = [LoadBlock(quarter - n * QUARTER_MS, 1_000 + n) for n in (3, 2, 1, 0)]
    for row in rows:
        store.keep(row)
    store.keep(ChargeBlock("s1", quarter, "bay-1", 10))
    store.keep(ChargeBlock("s1", quarter - QUARTER_MS, "bay-1", 20))
    store.commit(all_of_it=True)
    again = after_power_loss(path)
    assert again.restore(0, NOW).kept == [rows[-1], ChargeBlock("s1", quarter, "bay-1", 10)]
    kept = again.restore(0, NOW, quarter - 2 * QUARTER_MS).kept
    assert [row for row in kept if isinstance(row, LoadBlock)] == rows[1:]


# --- bounds -------------------------------------------------------------------------------------------


def test_pruning_takes_decisions_and_audit_lines_and_never_sessions_or_outages(store):
    store.keep(session(end_wall_ms=NOW))
    store.keep(PortInterval("bay-1", NOW, "down", "fault", NOW + 1, 1))
    store.keep(decision(0))
    store.keep(decision(20 * DAY_MS))
    store.tell(message("not acknowledged"))
    store.audit(NOW, "installer", "limit of main", "done")
    store.commit(all_of_it=True)
    store.prune(NOW + 40 * DAY_MS)
    assert [d.wall_ms for d in store.decisions("bay-1", NOW * 2, 9)] == [NOW + 20 * DAY_MS]
    store.keep(LoadBlock(NOW, 1))
    store.keep(LoadBlock(NOW + 20 * DAY_MS, 1))
    store.commit(all_of_it=True)
    store.prune(NOW + 401 * DAY_MS)
    assert [row.start_wall_ms for row in store.load(0, NOW * 2)] == [NOW + 20 * DAY_MS]
    store.prune(NOW + 4000 * DAY_MS)
    assert store.audit_lines() == []
    assert len(store.sessions(0, NOW * 2)) == len(store.port_intervals(0, NOW * 2)) == 1
    assert store.outbox_waiting("network") == 1


def test_decisions_are_bounded_by_number_too(store, monkeypatch):
    monkeypatch.setattr(store_module, "DECISIONS_KEPT", 3)
    for n in range(10):
        store.keep(decision(n))
    store.commit(all_of_it=True)
    store.prune(NOW)
    assert [d.wall_ms - NOW for d in store.decisions("bay-1", NOW * 2, 99)] == [9, 8, 7, 6]


def test_the_buffer_is_bounded_and_sessions_stay(store, monkeypatch):
    monkeypatch.setattr(store_module, "BUFFER_MAX", 10)
    store.keep(session())
    store.tell(message("a"))
    for n in range(50):
        store.keep(decision(n))
    store.commit(all_of_it=True)
    assert len(store.sessions(0, NOW * 2)) == 1
    assert store.outbox_waiting("network") == 1
    assert [d.wall_ms - NOW for d in store.decisions("bay-1", NOW * 2, 99)] == list(range(49, 41, -1))


# --- trouble ------------------------------------------------------------------------------------------


def test_a_full_disk_is_told_and_nothing_is_lost_when_there_is_room_again(store, path):
    (pages,) = store._writer.execute("PRAGMA page_count").fetchone()
    store._writer.execute(f"PRAGMA max_page_count = {pages}")
    for n in range(200):
        store.keep(session(n))
    with pytest.raises(StoreTrouble, match=r"depot.db: cannot be written: .*full.*free some space"):
        store.commit()
    store.keep(session(7, energy_wh=77))
    store._writer.execute("PRAGMA max_page_count = 100000")
    store.commit()
    found = {row.id: row for row in after_power_loss(path).sessions(0, NOW * 2)}
    assert len(found) == 200
    assert found["s7"].energy_wh == 77, "what was said later holds"


@pytest.mark.parametrize("end", [None, NOW + 60_000], ids=["may wait", "may not wait"])
def test_what_is_said_while_the_disk_refuses_is_newer_and_holds(store, monkeypatch, end):
    def refuses(_batch, _beat):
        store.keep(session(1, duration_ms=60_000, energy_wh=5, end_wall_ms=end))
        raise sqlite3.OperationalError("disk I/O error")

    store.keep(session(1))
    with monkeypatch.context() as patched:
        patched.setattr(store, "_write", refuses)
        with pytest.raises(StoreTrouble, match="disk I/O error"):
            store.commit()
    store.commit(all_of_it=True)
    assert [row.energy_wh for row in store.sessions(0, NOW * 2)] == [5]


def test_a_read_only_disk_is_told(store):
    store._writer.execute("PRAGMA query_only = 1")
    store.keep(session())
    with pytest.raises(StoreTrouble, match=r"depot.db: cannot be written: .*read-only"):
        store.commit()
    store._writer.execute("PRAGMA query_only = 0")
    store.commit()
    assert len(store.sessions(0, NOW * 2)) == 1


def test_one_row_that_cannot_be_kept_does_not_hold_up_the_others(store):
    store.keep(session(1))
    store.keep(session(2, energy_wh=1 << 70))
    store.keep(session(3))
    with pytest.raises(StoreTrouble, match="1 rows cannot be kept, such as session s2"):
        store.commit()
    store.commit()
    assert [row.id for row in store.sessions(0, NOW * 2)] == ["s1", "s3"]


@pytest.mark.parametrize(
    "content", [b"no database at all, but long enough to look like one" * 99, b"SQLite format 3\0junk"]
)
def test_a_damaged_file_is_set_aside_and_a_new_one_begins(path, content):
    path.write_bytes(content)
    with pytest.raises(StoreDamaged, match=r"depot.db: cannot be opened: damaged"):
        Store(path)
    store, notes = open_store(path, "boot-1")
    assert store.path == str(path)
    assert "set aside as depot.db.damaged-1" in notes[1]
    assert path.with_name("depot.db.damaged-1").read_bytes() == content
    store.keep(session())
    store.close()
    assert len(Store(path).sessions(0, NOW * 2)) == 1


def test_a_page_overwritten_in_the_middle_is_noticed(store, path):
    for n in range(500):
        store.keep(session(n))
    store.commit()
    store.close()
    with path.open("r+b") as file:
        file.seek(4096 * 20)
        file.write(b"\xa5" * 4096 * 3)
    with pytest.raises(StoreDamaged):
        Store(path)


def test_a_row_that_another_release_has_written_otherwise_is_left_out_and_told(store, path):
    store.window_set(WINDOW)
    store.event_set(EVENT)
    store.commit()
    store._writer.execute("UPDATE window SET json = json_remove(json, '$.charger')")
    store._writer.execute("INSERT INTO utility_event VALUES ('e2', 'no json')")
    again, notes = open_store(path, "boot-2")
    assert (again.windows(), again.events()) == ([], [EVENT])
    assert "a row of window is left out" in notes[0]
    assert "charger" in notes[0]
    assert "a row of utility_event is left out" in notes[1]


def test_without_any_file_the_store_is_in_memory_and_says_so(tmp_path):
    store, notes = open_store(tmp_path / "no folder" / "depot.db", "boot-1")
    assert "expected a folder that the daemon may write" in notes[0]
    assert "in memory only" in notes[1]
    store.keep(session(), message("a"))
    store.commit()
    assert len(store.sessions(0, NOW * 2)) == len(store.outbox_pending("network", 9)) == 1


def test_a_file_of_a_newer_version_is_not_touched(store, path):
    store._writer.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreDamaged, match="of version 99, and this program knows up to 1"):
        Store(path)


def test_an_older_file_gets_the_columns_that_are_new(path):
    store = Store(path)
    store.keep(session(power_w_max=5))
    store.commit()
    store._writer.execute("ALTER TABLE session DROP COLUMN error")
    store._writer.execute("ALTER TABLE session DROP COLUMN starts")
    store.close()
    again = Store(path)
    assert again.sessions(0, NOW * 2) == [session(power_w_max=5)]
    again.keep(session(2, error="CX001"))
    again.commit()
    assert [row.error for row in again.sessions(0, NOW * 2)] == ["", "CX001"]


def test_a_reader_sees_it_while_the_daemon_writes_and_cannot_write(store, path):
    store.keep(session())
    store.commit()
    reader = Store(path, read_only=True)
    assert len(reader.sessions(0, NOW * 2)) == 1
    reader.keep(session(2))
    with pytest.raises(StoreTrouble, match="read-only"):
        reader.commit()


def test_a_reader_of_no_file_is_told(tmp_path):
    with pytest.raises(StoreTrouble, match=r"depot.db: cannot be opened"):
        Store(tmp_path / "depot.db", read_only=True)


def test_nothing_is_lost_between_two_threads(store):
    """The loop keeps, a worker commits: every row is either in the buffer or on the disk."""
    stop = threading.Event()
    failures = []

    def worker():
        while not stop.is_set():
            try:
                store.commit()
            except Exception as error:
                failures.append(error)

    thread = threading.Thread(target=worker)
    thread.start()
    for n in range(300):
        store.keep(session(n), message(str(n)))
        store.outbox_pending("network", 5)
    stop.set()
    thread.join()
    store.commit()
    assert failures == []
    assert len(store.sessions(0, NOW * 2)) == 300
    assert [row.seq for row in store.outbox_pending("network", 999)] == list(range(1, 301))


# --- the promise --------------------------------------------------------------------------------------

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("keep"), st.integers(0, 5), st.integers(0, 99)),
        st.tuples(st.just("tell"), st.sampled_from("abcd")),
        st.tuples(st.just("done"), st.integers(1, 4)),
        st.tuples(st.just("commit")),
        st.tuples(st.just("power loss")),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_what_was_committed_is_there_and_nothing_else(tmp_path_factory, steps):
    """Against a plain model: rows by key, messages in the order of their first commit."""
    path = tmp_path_factory.mktemp("store") / "depot.db"
    store = Store(path)
    rows, sent, done = {}, [], set()
    new_rows, new_sent, new_done = {}, [], set()
    for step in steps:
        match step:
            case ("keep", n, energy):
                store.keep(session(n, energy_wh=energy))
                new_rows[n] = energy
            case ("tell", key):
                store.tell(message(key))
                new_sent.append(key)
            case ("done", seq) if seq <= len(sent):  # what is not committed is not sent, nor acknowledged
                store.outbox_done("network", [seq], NOW)
                new_done.add(seq)
            case ("commit",):
                store.commit(all_of_it=True)
                rows |= new_rows
                sent += [key for key in dict.fromkeys(new_sent) if key not in sent]
                done |= new_done
                new_rows, new_sent, new_done = {}, [], set()
            case ("power loss",):
                store = Store(path)
                new_rows, new_sent, new_done = {}, [], set()
    again = Store(path, read_only=True)
    assert {int(row.id[1:]): row.energy_wh for row in again.sessions(0, NOW * 2)} == rows
    assert [(row.seq, row.key) for row in again.outbox_range("network", 0, 99)] == list(
        enumerate(sent, start=1)
    )
    assert {row.seq for row in again.outbox_pending("network", 99)} == set(range(1, len(sent) + 1)) - done


def test_the_settings_that_make_it_last(store, path):
    assert store._writer.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"
    assert sqlite3.connect(path).execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert Path(f"{path}-wal").exists()


def test_slots_are_found_by_the_time_that_they_touch_and_go_after_45_days(store):
    start = 1_796_040_000_000
    for n in range(3):
        store.keep(LoadSlot(start + 60_000 * n, 60_000, 60_000, 600_000))
        store.keep(ChargerSlot(f"bay-{n}", start + 900_000 * n, 900_000))
    store.commit()
    assert store.load_slots(0, 2**60) == []  # they wait, as decisions do
    store.commit(all_of_it=True)
    touched = store.load_slots(start + 30_000, start + 60_001)
    assert [slot.start_wall_ms - start for slot in touched] == [0, 60_000]
    assert [slot.charger for slot in store.charger_slots(start + 899_999, start + 900_000)] == ["bay-0"]
    assert [slot.charger for slot in store.charger_slots(start + 900_000, start + 900_001)] == ["bay-1"]
    store.prune(start + 45 * DAY_MS + 60_001)
    assert [slot.start_wall_ms - start for slot in store.load_slots(0, 2**60)] == [120_000]
    assert [slot.charger for slot in store.charger_slots(0, 2**60)] == ["bay-1", "bay-2"]


def test_an_interval_that_is_over_takes_its_load_to_the_disk(store):
    start = 1_796_040_000_000
    store.keep(LoadSlot(start, 60_000, 60_000, 600_000))
    store.commit()
    assert store.load_slots(0, 2**60) == []
    store.keep(Compliance("e", "p", "", 0, start, start + 60_000, "SIMPLE", 1, 1, 1, 1, 0))
    store.commit()
    assert len(store.load_slots(0, 2**60)) == 1 and len(store.compliance_of("e")) == 1


def test_a_week_of_what_is_not_charging_is_kept_in_place_and_given_back_in_order(path, store):
    rows = [NodeLoad(5, "main", NOW, 1, 2, 3, 4), NodeLoad(3, "main", NOW + 1, 5, 6, 7, 8)]
    for row in (NodeLoad(3, "main", NOW - 9, 9, 9, 9, 9), *rows):
        store.keep(row)
    store.commit()
    assert store.restore(0, NOW).kept == rows
