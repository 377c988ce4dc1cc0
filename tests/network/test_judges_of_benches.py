"""What the benchmarks of the network count as lost and doubled: fed with wrong files, they must say so."""

import sqlite3
from pathlib import Path

import pytest

from edge.model import messages
from edge.model.messages import Sender
from edge.model.records import Session
from edge.shell.networkdb import NetworkDb, read
from tests.bench import network, outage

NOW = 1_784_000_000_000
SAID = {("yard", "1"), ("yard", "2"), ("yard", "3")}
SINCE = (0, NOW - 1, NOW + 500, NOW + 10_000)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A receiver's file with three sessions, as the benchmark's gateways say them."""
    path = tmp_path / "network.db"
    db = NetworkDb(f"sqlite:{path}")
    sender = Sender("net/yard", "yard", "run", {}, "s")
    for n in range(1, 4):
        row = Session(f"bay-{n}-{n}-bench", f"bay-{n}", NOW, NOW + 1, energy_wh=n)
        told = messages.told(sender, row, NOW + n * 200)
        assert told is not None
        db.take([read(messages.numbered(told.payload, n))], NOW + n * 1_000)
    db.close()
    return path


def change(file: Path, sql: str) -> None:
    db = sqlite3.connect(file)
    db.execute(sql)
    db.commit()
    db.close()


def test_a_whole_file_has_lost_nothing(file: Path) -> None:
    found = network._judge(file, SAID, SINCE)
    assert (found["lost"], found["doubled"], found["unknown"]) == (0, 0, 0)
    # 200 and 400 ms after NOW are of the burst, 600 of the kill; received after 1, 2, 3 s.
    assert (found["burst_ms_p50"], found["burst_ms_p99"], found["kill_ms_p99"]) == (1_600, 1_600, 2_400)
    assert found["steady_ms_p50"] is None


def test_what_is_not_there_is_lost_and_what_nobody_said_is_unknown(file: Path) -> None:
    assert network._judge(file, SAID | {("yard", "4"), ("port", "1")}, SINCE)["lost"] == 2
    assert network._judge(file, {("yard", "1")}, SINCE)["unknown"] == 2
    change(file, "DELETE FROM session WHERE seq = 2")
    assert network._judge(file, SAID, SINCE)["lost"] == 1


def test_what_is_there_twice_is_doubled(file: Path) -> None:
    change(file, "UPDATE session SET id = 'bay-9-1-bench' WHERE seq = 2")
    found = network._judge(file, SAID, SINCE)
    assert (found["lost"], found["doubled"]) == (1, 1)
    change(file, "INSERT INTO conflict VALUES ('yard', 's', 1, 'other', '', 0)")
    assert network._judge(file, SAID, SINCE)["doubled"] == 2


def test_after_cuts_a_session_counts_by_its_last_word(file: Path) -> None:
    heard = outage._heard(file)
    heard["sessions"] = {name.split("-")[1]: energy for name, energy in heard["sessions"].items()}
    whole = outage._judged(heard, recorded=3, sent=5)
    assert (whole["lost"], whole["twice"], whole["missing"], whole["copies"]) == (0, 0, 0, 2)
    heard["sessions"]["2"] = 1  # an older word
    del heard["sessions"]["3"]
    assert outage._judged(heard, recorded=3, sent=5)["lost"] == 2
    heard["keys"].append(heard["keys"][0])
    heard["seqs"].remove(2)
    worse = outage._judged(heard, recorded=3, sent=5)
    assert (worse["twice"], worse["missing"]) == (1, 1)
