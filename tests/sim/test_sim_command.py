"""`depot sim` as others meet it: mbpoll (libmodbus) reads and writes, the scenario and the socket act."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge.cli import main
from edge.sim.control import ask
from edge.sim.orders import BadOrder

needs_mbpoll = pytest.mark.skipif(shutil.which("mbpoll") is None, reason="mbpoll is not installed")

SITE = """
[site]
id = "s"
timezone = "UTC"
[[node]]
id = "main"
limit_a = 100
other_max_a = 40
meter = "umg"
[[line]]
id = "rs485"
port = "{folder}/rs485"
[[meter]]
id = "umg"
driver = "janitza_umg604"
tcp = "192.0.2.1:502"
unit = 1
[[meter]]
id = "sdm"
driver = "eastron_sdm630"
line = "rs485"
unit = 11
[[node]]
id = "panel"
parent = "main"
limit_a = 63
other_max_a = 20
meter = "sdm"
[[charger]]
id = "alfen"
node = "main"
driver = "alfen_eve"
tcp = "192.0.2.2:502"
unit = 1
max_a = 32
fallback_a = 6
[[charger]]
id = "heidelberg"
node = "main"
driver = "heidelberg_energy_control"
line = "rs485"
unit = 21
max_a = 16
fallback_a = 6
"""


class Running:
    """A `depot sim` process."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.socket = folder / "control"
        site = folder / "site.toml"
        site.write_text(SITE.format(folder=folder))
        words = [sys.executable, "-m", "edge.cli", "sim", "--site", str(site), "--json"]
        self.process = subprocess.Popen(
            [*words, "--control", str(self.socket), *more],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        self.at = {d["id"]: d["at"] for d in json.loads(line)["devices"]}

    def poll(self, device: str, *words: str) -> str:
        at, unit = self.at[device], {"umg": 1, "alfen": 1, "sdm": 11, "heidelberg": 21}[device]
        host, _, port = at.rpartition(":")
        how = ["-m", "tcp", "-p", port] if host else ["-m", "rtu", "-b", "19200", "-P", "even"]
        flags = [w for w in words if not w.startswith("=")]
        values = [w[1:] for w in words if w.startswith("=")]
        done = subprocess.run(
            ["mbpoll", *how, "-a", str(unit), "-0", "-1", "-q", "-o", "0.5", *flags, host or at, *values],
            capture_output=True, text=True, timeout=20, check=False,
        )  # fmt: skip
        return done.stdout + done.stderr

    def values(self, device: str, *words: str) -> list[float]:
        return [float(v) for v in re.findall(r"^\[\d+\]:\s+(\S+)", self.poll(device, *words), re.M)]

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(10)


@pytest.fixture
def twin(tmp_path):
    running = Running(tmp_path, "--no-traffic")
    yield running
    if running.process.poll() is None:
        running.process.kill()
    running.process.communicate()


@needs_mbpoll
def test_mbpoll_reads_and_writes_all_four_families(twin):
    time.sleep(0.6)
    volts = twin.values("umg", "-t", "4:float", "-B", "-r", "19000", "-c", "3")
    assert len(volts) == 3 and all(220 < v < 240 for v in volts)
    amps = twin.values("sdm", "-t", "3:float", "-B", "-r", "6", "-c", "3")
    assert len(amps) == 3 and all(1 < a <= 20 for a in amps)
    assert twin.values("heidelberg", "-t", "3", "-r", "4", "-c", "2") == [0x108, 2]
    assert "Written 1" in twin.poll("heidelberg", "-t", "4", "-r", "261", "=75")
    assert twin.values("heidelberg", "-t", "4", "-r", "261", "-c", "1") == [75]
    assert "Written 1" in twin.poll("alfen", "-t", "4:float", "-B", "-r", "1210", "=12.5")
    assert twin.values("alfen", "-t", "4:float", "-B", "-r", "1206", "-c", "1") == [12.5]
    look = ask(twin.socket, {"do": "look"})["look"]
    assert look["chargers"]["alfen"]["told_ma"] == 12_500
    assert look["chargers"]["heidelberg"]["told_ma"] == 7_500


@needs_mbpoll
def test_a_killed_device_is_silent_and_the_others_on_its_line_are_not(twin):
    ask(twin.socket, {"do": "kill", "device": "sdm"})
    assert "timed out" in twin.poll("sdm", "-t", "3", "-r", "0", "-c", "2")
    assert twin.values("heidelberg", "-t", "3", "-r", "4", "-c", "1") == [0x108]
    ask(twin.socket, {"do": "restore", "device": "sdm"})
    assert len(twin.values("sdm", "-t", "3", "-r", "0", "-c", "2")) == 2
    assert "Illegal data value" in twin.poll("sdm", "-t", "3", "-r", "0", "-c", "3")


@needs_mbpoll
def test_the_service_line_answers_while_the_master_is_busy(twin):
    twin.at["sdm"] += "-service"
    end = time.monotonic() + 2
    with open(twin.at["heidelberg"], "wb", buffering=0) as master:
        while time.monotonic() < end:
            master.write(bytes.fromhex("15 04 00 04 00 01 73 1f"))  # unit 21, what is your layout?
            assert len(twin.values("sdm", "-t", "3:float", "-B", "-r", "6", "-c", "3")) == 3


def test_a_running_simulator_takes_orders_from_the_command_line(twin, capsys):
    assert main(["sim", "--control", str(twin.socket), "--tell", '{"do": "fault", "device": "alfen"}']) == 0
    assert json.loads(capsys.readouterr().out) is not None
    for words, said in (
        (["--control", str(twin.socket), "--tell", '{"do": "explode"}'], "Invalid enum value 'explode'"),
        (["--control", str(twin.socket), "--tell", "kill"], "expected a JSON object"),
        (["--control", "/nowhere/at/all", "--tell", "{}"], "no simulator answers there"),
        (["--tell", "{}"], "expected --control SOCKET"),
        ([], "expected --site FILE"),
    ):
        assert main(["sim", *words]) == 2
        assert said in capsys.readouterr().err


def test_a_trace_ends_when_its_reader_is_gone(twin):
    wire = ["--serial", twin.at["heidelberg"], "--unit", "21"]
    words = ["trace", "--driver", "heidelberg_energy_control", *wire]
    trace = subprocess.Popen(
        [sys.executable, "-m", "edge.cli", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert b"15 04 00 04" in trace.stdout.readline()
        trace.stdout.close()
        assert trace.wait(15) == 0
        assert trace.stderr.read() == b""
    finally:
        trace.kill()
        trace.stderr.close()


def test_orders_act_and_wrong_ones_say_what_was_expected(twin):
    ask(twin.socket, {"do": "plug", "device": "alfen", "phases": 1, "reaction_ms": 1000})
    look = ask(twin.socket, {"do": "look"})["look"]
    assert look["chargers"]["alfen"]["vehicle"] == "alfen-ordered"
    with pytest.raises(BadOrder, match="'nobody' is none of umg, sdm, alfen, heidelberg"):
        ask(twin.socket, {"do": "kill", "device": "nobody"})
    with pytest.raises(BadOrder, match="Invalid enum value 'explode'"):
        ask(twin.socket, {"do": "explode"})
    with pytest.raises(BadOrder, match="heidelberg' is no meter"):
        ask(twin.socket, {"do": "freeze", "device": "heidelberg"})


def test_an_interrupt_ends_it_and_leaves_nothing(twin, tmp_path):
    assert (tmp_path / "rs485").is_symlink()
    assert twin.end() == 0
    assert not (tmp_path / "rs485").is_symlink()
    assert not twin.socket.exists()


def test_a_scenario_acts_at_its_times(tmp_path):
    scenario = tmp_path / "storm.toml"
    scenario.write_text(
        '[[step]]\nat_s = 0.1\ndo = "load"\nnode = "main"\nadd_a = [9, 0, 0]\n'
        '[[step]]\nat_s = 0.2\ndo = "kill"\ndevice = "umg"\n'
    )
    twin = Running(tmp_path, "--no-traffic", "--scenario", str(scenario))
    time.sleep(0.6)
    assert twin.end() == 0
    said = twin.process.stderr.read()
    assert "0.1 s: load main" in said and "0.2 s: kill umg" in said
    twin.process.communicate()


@pytest.mark.parametrize(
    ("scenario", "says"),
    [
        ("[[step]]\nat_s = 1\ndo = 'kil'\n", "Invalid enum value 'kil'"),
        ("[[step]]\ndo = 'kill'\n", "missing required field `at_s`"),
        ("[[step]\n", "storm.toml"),
    ],
)
def test_a_wrong_scenario_is_refused_before_anything_listens(tmp_path, scenario, says):
    (tmp_path / "storm.toml").write_text(scenario)
    (tmp_path / "site.toml").write_text(SITE.format(folder=tmp_path))
    words = ["sim", "--site", str(tmp_path / "site.toml"), "--scenario", str(tmp_path / "storm.toml")]
    done = subprocess.run(
        [sys.executable, "-m", "edge.cli", *words], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 2
    assert says in done.stderr
