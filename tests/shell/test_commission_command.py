"""`depot commission` as a process, beside `depot sim` as another: real sockets, a fault that is hidden."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.shell.lock import Lock
from edge.sim.demosite import free_ports

SITE = """
[site]
id = "two-bays"
name = "Two bays"
timezone = "Europe/Berlin"
voltage_v = 230
currency = "EUR"

[[node]]
id = "main"
limit_a = 100
other_max_a = 40
meter = "main-meter"

[[meter]]
id = "main-meter"
driver = "janitza_umg604"
tcp = "127.0.0.1:{0}"
unit = 1

[[charger]]
id = "bay-1"
node = "main"
driver = "alfen_eve"
tcp = "127.0.0.1:{1}"
unit = 1
max_a = 32
fallback_a = 6
valid_for_s = 20

[[charger]]
id = "bay-2"
node = "main"
driver = "keba_kecontact_p30"
tcp = "127.0.0.1:{2}"
unit = 255
max_a = 16
fallback_a = 6
"""

HIDDEN = """
[[fault]]
fault = "doubled_unit"
device = "bay-2"
"""


# Half a minute on a quiet machine: the line is read 200 times, and meters are looked at for ten seconds.
pytestmark = pytest.mark.timeout(500)


def depot(*words: str | Path, **more) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge.cli", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, **more)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "site.toml"
    path.write_text(SITE.format(*free_ports(3)), encoding="utf-8")
    scenario = tmp_path / "hidden.toml"
    scenario.write_text(HIDDEN, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "edge.cli",
        "sim",
        "--site",
        path,
        "--scenario",
        scenario,
        "--no-traffic",
    ]
    simulator = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert simulator.stderr is not None
    assert b"simulating" in simulator.stderr.readline()
    yield path
    simulator.send_signal(signal.SIGTERM)
    simulator.communicate(timeout=10)


def test_what_moves_nothing_finds_a_doubled_unit_and_reports_it(site: Path, tmp_path: Path):
    state, out = tmp_path / "state", tmp_path / "out"
    began = time.time() * 1000
    done = depot(
        "commission", "--site", site, "--state", state, "--only", "find", "meters", "--yes", "--who", "Ohm",
        "--json", "--report", out,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    protocol = json.loads(done.stdout)
    findings = [f for r in protocol["results"] for f in r["findings"]]
    faults = [(f["device"], f["code"]) for f in findings if f["kind"] == "fault"]
    assert faults == [("bay-2", "doubled unit")]
    assert protocol["who"] == "Ohm"
    assert began <= protocol["started_wall_ms"] <= protocol["ended_wall_ms"]
    figures = {(f["device"], f["name"]): f for r in protocol["results"] for f in r["figures"]}
    assert figures["main-meter", "reads without a good answer"]["unit"] == "of 200"
    assert 210_000 < figures["main-meter", "voltage L1"]["value"] < 250_000
    assert sorted(p.suffix for p in out.iterdir()) == [".html", ".json", ".pdf"]
    assert "doubled unit" in done.stderr

    again = depot("commission", "--site", site, "--state", state, "--last")
    assert again.returncode == 1
    assert "1 faults" in again.stdout
    resumed = depot("commission", "--site", site, "--state", state, "--resume", "--yes")
    assert (resumed.returncode, "was broken off" in resumed.stderr) == (2, True)


def test_it_does_not_begin_beside_the_daemon_or_without_somebody_to_confirm(tmp_path: Path):
    path = tmp_path / "site.toml"
    path.write_text(SITE.format(*free_ports(3)), encoding="utf-8")
    words = ("commission", "--site", path, "--state", tmp_path / "state")
    alone = depot(*words, stdin=subprocess.DEVNULL)
    assert (alone.returncode, "--yes" in alone.stderr) == (2, True)
    lock = Lock(tmp_path / "state", "the daemon (depot run)")
    try:
        beside = depot(*words, "--yes")
        assert (beside.returncode, "the daemon (depot run)" in beside.stderr) == (2, True)
        daemon = depot("run", "--site", path, "--state", tmp_path / "state", "--no-page")
        assert (daemon.returncode, "stop it first" in daemon.stderr) == (2, True)
    finally:
        lock.close()
    missing = depot("commission", "--site", tmp_path / "none.toml", "--state", tmp_path / "state", "--yes")
    assert (missing.returncode, "none.toml" in missing.stderr) == (2, True)
