"""The joint report: figures worked out by hand, and `depot network` as a process among foreign clients."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from edge.cli import main
from edge.model import messages
from edge.model.messages import Sender
from edge.model.records import PortInterval, Session
from edge.model.units import HOUR_MS, MINUTE_MS
from edge.report.joint import Depot, Heard, joint
from edge.shell import jointreport
from edge.shell.networkdb import NetworkDb, read
from tests.fakes.brokers import mosquitto, needs_mosquitto

JULY = 1_782_864_000_000  # 2026-07-01T00:00:00Z


def session(n: int, hours: int, kwh: int, start: int = JULY) -> dict[str, Any]:
    return {
        "id": f"s{n}", "start_wall_ms": start + n, "duration_ms": hours * HOUR_MS, "energy_wh": kwh * 1000,
        "power_w_max": 10_000 * n,
    }  # fmt: skip


def uptime(port: str, ppm: int | None, conservative: int | None) -> dict[str, Any]:
    return {"port": port, "month": "2026-07", "uptime_ppm": ppm, "uptime_conservative_ppm": conservative}


def outage(minutes: int, state: str = "down") -> dict[str, Any]:
    return {"start_wall_ms": JULY, "state": state, "duration_ms": minutes * MINUTE_MS}


def depot(site: str, missing: list[tuple[int, int]] | None = None, **things: Any) -> Depot:
    heard = Heard("s1", 9, 9, missing or [], [])
    fields = {"sessions": [], "outages": [], "uptimes": [], "conflicts": 0} | things
    return Depot(site, "online", JULY, [heard], **fields)


def test_the_figures_of_a_month() -> None:
    yard = depot(
        "yard",
        # 2 h and 4 h count in the means; one without energy and one of 25 h do not; August is not July.
        sessions=[session(1, 2, 10), session(2, 4, 20), session(3, 1, 0), session(4, 25, 5),
                  session(5, 9, 9, JULY + 31 * 24 * HOUR_MS)],
        outages=[outage(10), outage(30), outage(0), outage(99, "unknown")],
        uptimes=[uptime("P1", 970_000, 900_000), uptime("P2", 970_001, 800_000), uptime("P3", None, None)],
    )  # fmt: skip
    report = joint([yard, depot("a-port")], "2026-07", "UTC")
    assert [one.site for one in report.depots] == ["a-port", "yard"]
    of = report.depots[1].figures
    assert (of.ports, of.ports_above_97_percent) == (3, 1)  # exactly 97 % is not above it
    assert (of.mean_uptime_ppm, of.mean_uptime_conservative_ppm) == (970_000, 850_000)
    assert (of.outages, of.mean_outage_ms) == (2, 20 * MINUTE_MS)
    assert (of.sessions, of.energy_wh) == (4, 35_000)
    assert (of.mean_session_ms, of.median_session_ms, of.mean_peak_w) == (3 * HOUR_MS, 3 * HOUR_MS, 15_000)
    assert report.all == of and report.complete


def test_it_is_complete_only_if_nothing_is_missing_and_somebody_was_heard() -> None:
    assert not joint([depot("yard", missing=[(3, 4)])], "2026-07", "UTC").complete
    assert not joint([depot("yard", conflicts=1)], "2026-07", "UTC").complete
    assert not joint([], "2026-07", "UTC").complete


def test_from_a_database(url: str) -> None:
    db = NetworkDb(url)
    sender = Sender("net/yard", "yard", "run-1", {}, "s1")
    told = [
        messages.told(sender, Session("s-1", "bay-1", JULY, JULY + HOUR_MS, HOUR_MS, HOUR_MS, 11_000), JULY),
        messages.told(sender, PortInterval("bay-1", JULY, "down", "fault", JULY + 60, 60), JULY),
        messages.uptime(sender, "bay-1", "2026-07", JULY, JULY + 9, 1, 0, 0, 990_000, 980_000, JULY),
    ]
    db.take(
        [read(messages.numbered(one.payload, n)) for n, one in zip((1, 2, 4), told, strict=True) if one], JULY
    )
    report = jointreport.report(db, "2026-07", "UTC")
    db.close()
    (yard,) = report.depots
    assert not yard.complete and yard.streams[0].missing == [(3, 3)]
    of = yard.figures
    assert (of.ports, of.mean_uptime_ppm, of.outages, of.sessions, of.energy_wh) == (1, 990_000, 1, 1, 11_000)


def test_the_call(tmp_path: Path, capsys: Any) -> None:
    missing = f"sqlite:{tmp_path / 'typo.db'}"
    assert main(["network", "report", "--db", missing, "--month", "2026-07"]) == 2
    assert not (tmp_path / "typo.db").exists()
    assert "there is no such file" in capsys.readouterr().err
    NetworkDb(missing).close()
    assert main(["network", "report", "--db", missing, "--month", "2026-07"]) == 1
    assert main(["network", "report", "--db", missing, "--month", "July"]) == 2
    receive = ["network", "receive", "--db", missing, "--root", "net/+", "--broker"]
    assert main([*receive, "http://x"]) == 2
    assert "mqtts://" in capsys.readouterr().err


@needs_mosquitto
def test_as_a_process_with_messages_published_by_somebody_else(tmp_path: Path, capsys: Any) -> None:
    """mosquitto_pub speaks as the gateway, mosquitto_sub hears the acknowledgements."""
    db = f"sqlite:{tmp_path / 'network.db'}"
    sender = Sender("net/yard", "yard", "run-1", {}, "s1")
    told = messages.told(sender, Session("s-1", "bay-1", JULY, JULY + HOUR_MS, HOUR_MS, 0, 11_000), JULY)
    assert told is not None
    with mosquitto(tmp_path) as server:
        client = ["-h", "127.0.0.1", "-p", str(server.port), "-q", "1"]
        process = subprocess.Popen(
            [sys.executable, "-m", "edge.cli", "network", "receive", "--db", db, "--root", "net/+",
             "--broker", f"mqtt://127.0.0.1:{server.port}"], stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + 30
            while "receiver" not in server.log.read_text() or "SUBACK" not in server.log.read_text():
                assert time.monotonic() < deadline and process.poll() is None
                time.sleep(0.1)
            ears = subprocess.Popen(
                ["mosquitto_sub", *client, "-t", "net/yard/acks", "-C", "1", "-W", "30"],
                stdout=subprocess.PIPE,
            )
            while server.log.read_text().count("SUBACK") < 2:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            payload = messages.numbered(told.payload, 3)
            for _ in range(2):
                subprocess.run(["mosquitto_pub", *client, "-t", told.topic, "-m", payload], check=True)
            heard = json.loads(ears.communicate(timeout=40)[0])
        finally:
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert heard == {"site": "yard", "stream": "s1", "up_to": 0, "seqs": [3]}
    assert main(["network", "report", "--db", db, "--month", "2026-07", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["depots"][0]["streams"][0]["missing"] == [[1, 2]]
    assert report["all"]["sessions"] == 1 and report["all"]["energy_wh"] == 11_000
    assert main(["network", "report", "--db", db, "--month", "2026-07"]) == 1
    assert "missing 1-2" in capsys.readouterr().out
