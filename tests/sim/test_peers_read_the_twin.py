"""Clients that others have written read and set `depot sim`: they share neither table nor code with us."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge.sim.control import ask
from edge.sim.demosite import free_ports

SITE = """
[site]
id = "peers"
timezone = "UTC"
[[node]]
id = "main"
limit_a = 63
other_max_a = 30
meter = "sunspec"
[[meter]]
id = "sunspec"
driver = "sunspec_meter"
tcp = "127.0.0.1:{0}"
unit = 1
[[charger]]
id = "charx"
node = "main"
driver = "phoenix_charx_sec"
tcp = "127.0.0.1:{1}"
unit = 1
max_a = 16
fallback_a = 6
"""


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    """A running `depot sim`: (control socket, port by device)."""
    folder: Path = tmp_path_factory.mktemp("peers")
    (folder / "site.toml").write_text(SITE.format(*free_ports(2)))
    words = [
        "sim",
        "--site",
        str(folder / "site.toml"),
        "--control",
        str(folder / "c"),
        "--no-traffic",
        "--json",
    ]
    process = subprocess.Popen([sys.executable, "-m", "edge.cli", *words], stdout=subprocess.PIPE, text=True)
    try:
        devices = json.loads(process.stdout.readline())["devices"]
        time.sleep(0.8)  # the meter has sampled
        yield folder / "c", {d["id"]: int(d["at"].rpartition(":")[2]) for d in devices}
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(10)
        process.stdout.close()


def test_the_sunspec_alliances_client_finds_and_reads_the_meter(twin):
    client = pytest.importorskip("sunspec2.modbus.client", reason="pysunspec2 is not installed")
    control, ports = twin
    device = client.SunSpecModbusClientDeviceTCP(slave_id=1, ipaddr="127.0.0.1", ipport=ports["sunspec"])
    device.scan()
    meter = device.models[201][0]
    look = ask(control, {"do": "look"})["look"]
    assert device.models[1][0].Mn.value == "SIM"
    assert meter.AphA.cvalue == pytest.approx(look["total_a"]["main"][0], abs=8)
    assert meter.PhVphA.cvalue == pytest.approx(look["voltages_v"][0], abs=1)
    assert meter.Hz.cvalue == 50
    assert meter.W.cvalue == pytest.approx(look["power_w"], rel=0.4)


def test_the_charx_library_reads_and_sets_the_controller(twin):
    charx = pytest.importorskip("aiophoenixcontactcharx", reason="aiophoenixcontactcharx is not installed")
    control, ports = twin

    async def visit():
        async with charx.CharxClient("127.0.0.1", port=ports["charx"]) as client:
            info = await client.get_device_info()
            await client.set_max_current(1, 10)
            await client.set_charging_release(1, True)
            ask(control, {"do": "plug", "device": "charx", "reaction_ms": 1000})
            await asyncio.sleep(4)
            return info, await client.get_charging_point_status_and_control(1)

    info, (status, set_to) = asyncio.run(visit())
    assert info.designation == "CHARX"
    assert set_to.max_current_a == 10
    assert status.vehicle_status.value == "C2"
    assert status.current_l1_ma == pytest.approx(9_800, abs=300)
    assert status.voltage_l1_mv == pytest.approx(230_000, abs=3_000)
    assert ask(control, {"do": "look"})["look"]["chargers"]["charx"]["told_ma"] == 10_000
