"""depot read, write, trace and scan, as an electrician calls them, against the devices of tests/fakes."""

import asyncio
import json
import tomllib
from pathlib import Path

import pytest

from drivers import library
from drivers.device import Device as Driver
from drivers.device import NotAllowed
from drivers.wire import Write
from edge.cli import main
from edge.model.site import Line
from edge.shell.ports import serial_line
from edge.shell.visit import Visit
from tests.fakes import families, liars
from tests.fakes.families import heidelberg, sdm630
from tests.fakes.liars import Device, PtyLine, TcpHost

SITE = """
[site]
id = "depot"
timezone = "UTC"

[[node]]
id = "main"
limit_a = 63
other_max_a = 20
meter = "main"

[[meter]]
id = "main"
driver = "eastron_sdm630"
line = "rs485"
unit = 7

[[line]]
id = "rs485"
port = "{port}"

[[charger]]
id = "bay-1"
node = "main"
driver = "heidelberg_energy_control"
line = "rs485"
unit = 1
max_a = 16
fallback_a = 6
"""


@pytest.fixture
def depot(tmp_path):
    """A site file and the line that it describes."""
    charger, meter = heidelberg(), sdm630()
    with PtyLine({1: charger, 7: meter}) as line:
        site = tmp_path / "site.toml"
        site.write_text(SITE.format(port=line.port))
        yield str(site), charger, meter


def test_read_says_quantities_in_people_s_units(depot, capsys):
    site, *_ = depot
    assert main(["read", "main", "--site", site]) == 0
    out = capsys.readouterr().out
    assert "Eastron" in out
    rows = [line.split() for line in out.splitlines()]
    assert ["voltage_l1", "230", "V"] in rows
    assert ["current_l3", "7", "A"] in rows


def test_read_json_is_one_document_in_integer_units(depot, capsys):
    site, *_ = depot
    assert main(["read", "bay-1", "--site", site, "--json", "--raw"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["driver"] == "heidelberg_energy_control"
    assert found["values"]["voltage_l2_mv"] == 231_000
    assert found["identity"]["map_version"] == 0x108
    assert {"unit": 1, "space": "input", "address": 4, "count": 1, "words": [0x108]} in found["raw"]
    assert found["line"]["line_timeouts"] == 0


def test_read_without_a_site_file(capsys):
    with TcpHost(dict(zip((1, 200), families.alfen(), strict=True))) as host:
        assert main(["read", "--driver", "alfen_eve", "--tcp", f"127.0.0.1:{host.port}", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["values"]["manufacturer"] == "Alfen NV"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["read"], "expected DEVICE with --site FILE, or --driver NAME"),
        (["read", "bay-1"], "expected --site FILE"),
        (
            ["read", "bay-9", "--site", "SITE"],
            'there is no meter, charger or board "bay-9"; there are: main, bay-1',
        ),
        (["read", "bay-1", "--site", "/nowhere.toml"], "/nowhere.toml"),
        (["read", "--driver", "alfen_eve"], "--tcp HOST or --serial PORT"),
        (["read", "--driver", "alfen", "--tcp", "h"], "there is no driver 'alfen'"),
        (["read", "--driver", "alfen_eve", "--tcp", "h:x"], "is no HOST or HOST:PORT"),
        (["read", "--driver", "alfen_eve", "--tcp", "h", "--connector", "3"], "connectors 1..2, not 3"),
        (
            ["read", "--driver", "eastron_sdm630", "--serial", "/dev/x", "--format", "9N1"],
            "expected data bits",
        ),
        (["write", "bay-1", "current", "10", "--site", "SITE"], "say --i-mean-it"),
        (["write", "bay-1", "currant", "10", "--site", "SITE"], 'has no setting "currant"; it has: current'),
        (["write", "bay-1", "current", "ten", "--site", "SITE"], "expected a number"),
        (["scan", "tcp", "10.0.0.0/8"], "expected at most 1024"),
        (["scan", "tcp", "10.0.0.0/99"], "10.0.0.0/99"),
        (["scan", "tcp", "h", "--baud", "9600"], "is for serial ports"),
        (["scan", "serial", "/dev/nowhere"], "No such file"),
        (["scan", "serial", "a", "b"], "expected one port"),
        (["scan", "serial", "a", "--baud", "fast"], "expected some of 1200"),
        (["scan", "serial", "a", "--format", "9N1"], "expected one of 8E1"),
        (["scan", "serial", "a", "--units", "1-x"], "expected numbers and ranges"),
        (["scan", "serial", "a", "--units", "1-300"], "expected units from 0 to 255"),
    ],
)
def test_a_wrong_call_says_what_is_expected(depot, capsys, words, message):
    site, *_ = depot
    assert main([site if word == "SITE" else word for word in words]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""


def test_a_device_that_does_not_answer_is_exit_1_with_a_hint(depot, capsys):
    site, charger, _ = depot
    charger.always = liars.lost
    assert main(["read", "bay-1", "--site", site, "--json", "--timeout", "50"]) == 1
    captured = capsys.readouterr()
    assert "check wiring, baud, format and unit" in captured.err
    assert "no answer" in json.loads(captured.out)["error"]


def test_a_device_that_is_something_else_is_exit_1(depot, capsys):
    site, charger, _ = depot
    charger.registers[4] = 0
    assert main(["read", "bay-1", "--site", site]) == 1
    assert "is no heidelberg_energy_control: expected x_layout in 0x100..0x10F" in capsys.readouterr().err


def test_write_writes_and_reads_back(depot, capsys):
    site, charger, _ = depot
    assert main(["write", "bay-1", "current", "10.55", "--site", site, "--i-mean-it"]) == 0
    assert charger.written == [(6, 261, (105,))], "rounded down to the device's step"
    assert "reads back so" in capsys.readouterr().out


def test_write_keeps_to_the_allow_list(depot, capsys):
    site, charger, _ = depot
    assert main(["write", "bay-1", "fallback", "20", "--site", site, "--i-mean-it"]) == 1
    assert "does not accept" in capsys.readouterr().err
    assert charger.written == []


def test_a_visit_writes_nothing_if_one_of_the_writes_is_not_allowed():
    device = heidelberg()
    with PtyLine({1: device}) as line:

        async def story():
            wire = serial_line(Line("a", line.port))
            await wire.open()
            visit = Visit(wire, Driver(library.load("heidelberg_energy_control"), 1))
            await visit.recognise()
            with pytest.raises(NotAllowed):
                await visit.write([Write(1, 6, 261, (100,)), Write(1, 6, 263, (1,))])
            wire.close()

        asyncio.run(story())
    assert device.written == []


def test_write_says_when_it_reads_back_differently(depot, capsys):
    site, charger, _ = depot
    charger.on_write = lambda address, values: charger.registers.update({address: 70})
    assert main(["write", "bay-1", "current", "10", "--site", site, "--i-mean-it"]) == 1
    assert "READS BACK DIFFERENTLY" in capsys.readouterr().out


def test_trace_shows_frames_in_hex_and_in_words(depot, capsys):
    site, *_ = depot
    assert main(["trace", "bay-1", "--site", site, "--seconds", "0.5"]) == 0
    out = capsys.readouterr().out
    assert "→ 01 04 00 04 00 01 70 0B" in out
    assert "unit 1: read 1 input registers from 4 (0x0004)" in out
    assert "unit 1: 1 input registers: 264" in out
    assert "voltage_l2 231 V" in out


def test_trace_json(depot, capsys):
    site, *_ = depot
    assert main(["trace", "main", "--site", site, "--seconds", "0.3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"→", "←"} == {frame["direction"] for frame in found["frames"]}


def test_scan_serial_finds_both_and_writes_nothing(depot, capsys):
    site, charger, meter = depot
    port = tomllib.loads(Path(site).read_text())["line"][0]["port"]
    words = [
        "scan",
        "serial",
        port,
        "--baud",
        "19200",
        "--format",
        "8E1",
        "--units",
        "1-8",
        "--timeout",
        "60",
    ]
    assert main(words) == 0
    found = tomllib.loads(capsys.readouterr().out)
    assert found["line"] == [{"id": "rs485", "port": port, "baud": 19200, "format": "8E1"}]
    assert found["charger"][0]["driver"] == "heidelberg_energy_control"
    assert (found["meter"][0]["driver"], found["meter"][0]["unit"]) == ("eastron_sdm630", 7)
    assert charger.written == meter.written == []


def test_scan_tcp_names_families_and_unknown_units(capsys):
    socket, station = families.alfen()
    with TcpHost({1: socket, 2: socket, 200: station}) as alfen, TcpHost({1: Device({0: 1, 1: 2})}) as other:
        hosts = [f"127.0.0.1:{alfen.port}", f"127.0.0.1:{other.port}"]
        assert main(["scan", "tcp", *hosts, "--units", "1,2,200", "--timeout", "100", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["found"]
    assert [(f["unit"], [m["driver"] for m in f["matches"]]) for f in found] == [
        (1, ["alfen_eve"]),
        (2, ["alfen_eve"]),
        (1, []),
    ]
    assert found[0]["matches"][0]["certain"]
    assert socket.written == station.written == []


def test_scan_that_finds_nothing_is_exit_1(capsys):
    with TcpHost({}) as host:
        port = host.port
    assert main(["scan", "tcp", f"127.0.0.1:{port}"]) == 1
    assert "0 found" in capsys.readouterr().err
