"""edge/shell/storeoutbox.py: a bounded disk, resending by range, and numbers that prove what is missing."""

import sqlite3
from pathlib import Path

import pytest

from edge.model.records import PortInterval, Session
from edge.model.units import DAY_MS
from edge.shell import storeoutbox
from edge.shell.store import Store
from edge.shell.storeoutbox import Gone, Message, runs

NOW = 1_784_000_000_000


def message(n: int, telemetry: bool = False, lane: str = "") -> Message:
    return Message("network", "n/t", b"x" * 100, f"k{n}", NOW, lane, telemetry)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "depot.db", "boot-1")


def told(store: Store, messages: list[Message]) -> None:
    for one in messages:
        store.tell(one)
    store.commit(all_of_it=True)


def numbers(store: Store) -> list[int]:
    return [row.seq for row in store.outbox_range("network", 0, 10_000)]


def test_runs_are_stretches_without_gaps() -> None:
    assert runs([]) == []
    assert runs([1, 2, 5, 7, 8]) == [(1, 2), (5, 5), (7, 8)]


def test_a_full_outbox_gives_up_what_was_delivered_then_telemetry_and_nothing_else(store, monkeypatch):
    """Twenty messages of 100 bytes, every third telemetry, the first four acknowledged; room for twelve."""
    monkeypatch.setattr(storeoutbox, "OUTBOX_BYTES", 1_200)
    told(store, [message(n, telemetry=n % 3 == 0) for n in range(1, 21)])
    store.outbox_done("network", [1, 2, 3, 4], NOW)
    store.commit(all_of_it=True)
    # Eight must go: four acknowledged, then the four oldest of telemetry: 6, 9, 12, 15.
    assert store.prune(NOW) == [Gone("network", n, n) for n in (6, 9, 12, 15)]
    assert numbers(store) == [5, 7, 8, 10, 11, 13, 14, 16, 17, 18, 19, 20]
    assert store.prune(NOW) == []
    monkeypatch.setattr(storeoutbox, "OUTBOX_BYTES", 0)
    assert store.prune(NOW + 4_000 * DAY_MS) == [Gone("network", 18, 18)]
    assert numbers(store) == [5, 7, 8, 10, 11, 13, 14, 16, 17, 19, 20], "sessions and outages stay for ever"


def test_an_outbox_with_room_gives_up_nothing(store):
    told(store, [message(n, telemetry=True) for n in range(1, 21)])
    assert store.prune(NOW) == []
    assert numbers(store) == list(range(1, 21))


def test_what_was_acknowledged_is_pending_again_when_asked_for(store, tmp_path):
    told(store, [message(n) for n in range(1, 7)])
    store.outbox_done("network", [1, 2, 3, 4, 5], NOW)
    store.commit(all_of_it=True)
    store.outbox_done("network", [6], NOW)  # waits in memory
    assert store.outbox_again("network", 3, 6) == []
    store.commit()
    assert [row.seq for row in store.outbox_pending("network", 9)] == [3, 4, 5, 6]
    again = Store(tmp_path / "depot.db", "boot-2")  # a power cut later
    assert [row.seq for row in again.outbox_pending("network", 9)] == [3, 4, 5, 6]
    again.outbox_done("network", [3, 4, 5, 6], NOW)
    again.commit(all_of_it=True)
    assert again.outbox_waiting("network") == 0


def test_what_is_asked_for_and_was_deleted_is_gone_and_what_never_was_is_not(store):
    told(store, [message(n) for n in range(1, 7)])
    store.outbox_done("network", [2, 3, 5], NOW)
    store.commit(all_of_it=True)
    store.prune(NOW + 31 * DAY_MS)
    assert store.outbox_again("network", -5, 99) == [Gone("network", 2, 3), Gone("network", 5, 5)]
    assert store.outbox_again("network", 7, 99) == []
    assert store.outbox_again("utility", 1, 99) == []


def test_what_lies_behind_a_number(store):
    told(store, [message(n, lane=f"p{n % 2}") for n in range(1, 7)])
    assert [(row.seq, row.lane) for row in store.outbox_pending("network", 2, after=3)] == [
        (4, "p0"),
        (5, "p1"),
    ]
    assert store.outbox_last("network") == 6
    assert store.outbox_last("utility") == 0


def test_a_file_has_a_stream_of_its_own_that_stays(store, tmp_path):
    stream = store.meta("stream")
    assert len(stream) == 12
    store.close()
    assert Store(tmp_path / "depot.db").meta("stream") == stream
    assert Store(tmp_path / "other.db").meta("stream") != stream


def test_a_file_of_an_earlier_release_gets_lanes_and_loses_nothing(tmp_path):
    path = tmp_path / "depot.db"
    store = Store(path)
    told(store, [message(1), message(2)])
    store.keep(Session("s1", "bay-1", NOW))
    store.keep(PortInterval("bay-1", NOW, "down", "fault"))
    store.close()
    file = sqlite3.connect(path)  # as it was before there were lanes and streams
    file.executescript(
        "ALTER TABLE outbox DROP COLUMN lane; ALTER TABLE outbox DROP COLUMN telemetry;"
        "DELETE FROM meta WHERE key = 'stream';"
    )
    file.close()
    again = Store(path)
    assert [(row.seq, row.lane) for row in again.outbox_pending("network", 9)] == [(1, ""), (2, "")]
    told(again, [message(3, telemetry=True, lane="p")])
    assert again.outbox_pending("network", 9)[-1].lane == "p"
    assert again.meta("stream")
    assert len(again.sessions(0, NOW * 2)) == len(again.port_intervals(0, NOW * 2)) == 1
