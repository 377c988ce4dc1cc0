"""edge/shell/networkdb.py: each message once, in any order, and which numbers are missing."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from edge.model import messages
from edge.model.messages import Sender
from edge.model.records import ChargeBlock, LoadBlock, PortInterval, Session
from edge.shell.networkdb import BadMessage, NetworkDb, Received, read
from edge.shell.networktables import DatabaseTrouble

NOW = 1_784_000_000_000
YARD = Sender("net/yard", "yard", "run-1", {"bay-1": "P1"}, "s1")
SESSION = Session("s-1", "bay-1", NOW, energy_wh=100)


def of(told: messages.Told | None, seq: int) -> Received:
    assert told is not None
    return read(messages.numbered(told.payload, seq))


def session(seq: int, id: str = "s-1", sender: Sender = YARD, made: int = NOW, **fields: Any) -> Received:
    return of(messages.told(sender, replace(SESSION, id=id, **fields), made), seq)


def status(last_seq: int, sender: Sender = YARD, state: Any = "online") -> Received:
    return of(messages.status(sender, state, "0.1.0", NOW, last_seq), 0)


def contents(db: NetworkDb) -> dict[str, list[Any]]:
    """Everything but when it was received."""
    tables = ("session", "outage", "uptime", "telemetry", "gone")
    found = {table: sorted(map(str, db.connection.rows(f"SELECT * FROM {table}"))) for table in tables}
    names = "site, stream, seq, key, kind, id, boot_id, made_wall_ms, wrong"
    found["message"] = sorted(map(str, db.connection.rows(f"SELECT {names} FROM message")))
    return found


@pytest.fixture
def db(url: str) -> Any:
    opened = NetworkDb(url)
    yield opened
    opened.close()


def test_every_kind_of_message_has_its_table(db: NetworkDb) -> None:
    told = [
        messages.told(YARD, SESSION, NOW),
        messages.told(YARD, PortInterval("P1", NOW, "down", "comms", NOW + 60_000, 60_000), NOW),
        messages.uptime(YARD, "P1", "2026-07", NOW, NOW + 9, 1, 2, 3, 990_000, None, NOW),
        messages.telemetry(YARD, LoadBlock(NOW, 9_000), [ChargeBlock("s-1", NOW, "bay-1", 2_500)], NOW),
        messages.gone(YARD, 7, 9, "too much waited", NOW),
    ]
    taken = db.take([of(one, n) for n, one in enumerate(told, 1)], NOW)
    assert (taken.new, taken.known, taken.conflicts, taken.wrong) == (5, 0, 0, 0)
    assert db.things("session")[0]["port"] == "P1"
    assert db.things("outage")[0]["duration_ms"] == 60_000
    assert db.things("uptime")[0]["uptime_conservative_ppm"] is None
    charged = json.loads(db.things("telemetry")[0]["charged"])
    assert charged == [{"port": "P1", "session": "s-1", "energy_wh": 2_500}]
    assert db.up_to("yard", "s1") == 5
    assert db.missing("yard", "s1") == [(6, 6)]


def test_the_same_message_again_changes_nothing(db: NetworkDb) -> None:
    batch = [session(1), session(2, energy_wh=200)]
    db.take(batch, NOW)
    before = contents(db)
    taken = db.take([*batch, *batch], NOW + 1)
    assert (taken.new, taken.known) == (0, 4)
    assert contents(db) == before


def test_the_last_word_counts_whatever_comes_last(db: NetworkDb) -> None:
    db.take([session(2, energy_wh=200)], NOW)
    db.take([session(1, energy_wh=100)], NOW)
    assert db.things("session")[0]["energy_wh"] == 200


def test_a_new_disk_begins_a_new_stream(db: NetworkDb) -> None:
    later = YARD._replace(stream="s2")
    db.take([session(5, energy_wh=200)], NOW)
    db.take([session(1, sender=later, made=NOW + 1, energy_wh=300)], NOW)
    assert db.things("session")[0]["energy_wh"] == 300
    assert db.missing("yard", "s1") == [(1, 4)]
    assert db.missing("yard", "s2") == []


def test_a_status_tells_of_what_never_came(db: NetworkDb) -> None:
    db.take([session(1), session(2, "s-2")], NOW)
    assert db.missing("yard", "s1") == []
    db.take([status(4)], NOW)
    assert db.missing("yard", "s1") == [(3, 4)]
    assert db.connection.rows("SELECT state, last_seq FROM status") == [("online", 4)]


def test_what_is_gone_is_not_missing(db: NetworkDb) -> None:
    db.take([session(1), session(9, "s-9")], NOW)
    db.take([of(messages.gone(YARD, 2, 7, "no longer kept", NOW), 10)], NOW)
    assert db.missing("yard", "s1") == [(8, 8)]
    assert db.up_to("yard", "s1") == 7


def test_a_message_under_a_second_number_is_the_same_message(db: NetworkDb) -> None:
    """The gateway had pruned it, and told it again: its outbox no longer knew the key."""
    db.take([session(1), session(2)], NOW)
    assert db.missing("yard", "s1") == []
    assert db.connection.rows("SELECT again_of FROM message WHERE seq = 2") == [(1,)]
    assert db.take([session(2)], NOW).known == 1


def test_a_number_that_comes_twice_is_told_and_nothing_of_it_is_lost(db: NetworkDb) -> None:
    """The gateway was given an old copy of its disk, and goes on counting from there."""
    db.take([session(1), session(2, "s-2")], NOW)
    taken = db.take([session(2, "s-3", energy_wh=7)], NOW)
    assert taken.conflicts == 1
    assert [thing["id"] for thing in db.things("session")] == ["s-1", "s-2", "s-3"]
    assert db.take([session(2, "s-3", energy_wh=7)], NOW).conflicts == 1  # again, and still one row
    assert db.connection.rows("SELECT COUNT(*) FROM conflict") == [(1,)]


def test_everything_is_known_again_after_a_restart(url: str) -> None:
    db = NetworkDb(url)
    db.take([session(n, f"s-{n}") for n in (1, 2, 5, 6, 9)], NOW)
    db.take([status(12), of(messages.gone(YARD, 7, 7, "x", NOW), 10)], NOW)
    missing = db.missing("yard", "s1")
    db.close()
    again = NetworkDb(url)
    assert again.missing("yard", "s1") == missing == [(3, 4), (8, 8), (11, 12)]
    assert again.up_to("yard", "s1") == 2
    assert again.take([session(5, "s-5")], NOW).known == 1
    again.close()


def test_a_batch_that_fails_has_not_been(db: NetworkDb, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(one: Received) -> None:
        raise DatabaseTrouble("the disk is full")

    monkeypatch.setattr(db, "_thing", fails)
    with pytest.raises(DatabaseTrouble):
        db.take([session(1)], NOW)
    monkeypatch.undo()
    assert db.connection.rows("SELECT COUNT(*) FROM message") == [(0,)]
    assert db.missing("yard", "s1") == []
    assert db.take([session(1)], NOW).new == 1


def test_a_message_of_a_later_release_is_kept_with_its_number(db: NetworkDb) -> None:
    later = {"schema": "depot-edge/weather/3", "site": "yard", "stream": "s1", "seq": 1, "key": "w", "x": [1]}
    odd = {
        "schema": "depot-edge/session/1",
        "site": "yard",
        "stream": "s1",
        "seq": 2,
        "key": "o",
        "id": 1 << 70,
    }
    huge = json.loads(session(3).body) | {"energy_wh": 1 << 80, "key": "h"}
    nul = json.loads(session(4).body) | {"error": "a\x00b", "key": "n"}
    batch = []
    for body in (later, huge, nul):
        batch.append(read(json.dumps(body).encode()))
    assert db.take(batch, NOW).wrong == 2
    assert [row[0] for row in db.connection.rows("SELECT body FROM message WHERE seq = 1")] == [
        json.dumps(later)
    ]
    assert db.things("session")[0]["error"] == "a\ufffdb"
    with pytest.raises(BadMessage):
        read(json.dumps(odd).encode())


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"{}", b'{"site": "yard", "key": "k"}', b'{"site": "yard", "key": "k", "seq": -1}',
     b'{"site": "yard", "key": "k", "seq": 1e400}', b"\xff", b"[" * 100_000, b" " * (2 << 20)],
)  # fmt: skip
def test_what_is_no_message_is_refused(payload: bytes) -> None:
    with pytest.raises(BadMessage):
        read(payload)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_order_and_any_copies_end_in_the_same_tables(data: st.DataObject, tmp_path_factory: Any) -> None:
    """Against a set: what is missing, up to where nothing is, and which word is the last."""
    sent = [session(n, f"s-{n % 3}", energy_wh=n) for n in range(1, 13)]
    arrived = data.draw(st.lists(st.sampled_from(sent), min_size=1, max_size=40))
    cuts = data.draw(st.lists(st.integers(0, len(arrived)), max_size=4))
    path: Path = tmp_path_factory.mktemp("db") / "network.db"
    db = NetworkDb(f"sqlite:{path}")
    for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(arrived)], strict=True):
        db.take(arrived[begin:end], NOW)
        if random.Random(begin).random() < 0.3:
            db.close()
            db = NetworkDb(f"sqlite:{path}")
    seqs = {one.head.seq for one in arrived}
    gaps = [n for n in range(1, max(seqs)) if n not in seqs]
    assert [n for first, last in db.missing("yard", "s1") for n in range(first, last + 1)] == gaps
    assert db.up_to("yard", "s1") == (min(gaps) if gaps else max(seqs) + 1) - 1
    last = {f"s-{n % 3}": n for n in sorted(seqs)}
    assert {thing["id"]: thing["energy_wh"] for thing in db.things("session")} == last
    assert db.connection.rows("SELECT COUNT(*) FROM message") == [(len(seqs),)]
    db.close()


@pytest.mark.parametrize("url", ["mysql://x", "", "sqlite", "sqlite:/nowhere/at/all/x.db",
                                 "postgresql://nobody@127.0.0.1:1/none"])  # fmt: skip
def test_a_database_that_is_not_there_is_named(url: str) -> None:
    with pytest.raises((ValueError, DatabaseTrouble)) as error:
        NetworkDb(url)
    assert url.partition("//")[2].rpartition("@")[2] in str(error.value)
