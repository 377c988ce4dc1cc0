"""A card that is shown at a simulated charger is read over the wire, and the vehicle's window follows it."""

import asyncio
import contextlib
import time
from pathlib import Path

from edge.model.site import Site
from edge.shell import sitefile
from edge.shell.answers import ChargerStatus, NotYetError
from edge.shell.daemon import Daemon
from edge.sim.demosite import free_ports
from edge.sim.depot import Depot
from edge.sim.simulator import Simulator
from edge.sim.vehicle import Vehicle

CARD = "04A2B3C4"
LONGEST_S = 60.0  # a card's registers are read slowly, on a machine that may be busy

TEXT = """
[site]
id = "yard"
timezone = "UTC"
[[node]]
id = "main"
limit_a = 63
other_max_a = 0
[[charger]]
id = "bay-1"
node = "main"
driver = "weidmueller_ac_smart"
tcp = "127.0.0.1:{port}"
unit = 1
max_a = 16
fallback_a = 6
[[vehicle]]
id = "van-7"
name = "Van 7"
ids = ["04:a2:b3:c4"]
[[window]]
vehicle = "van-7"
from = "{begin}"
ready_by = "{end}"
need_kwh = 5
"""


def site(tmp_path: Path) -> Site:
    """Return a site whose window runs from an hour ago to twelve hours from now."""
    begin, end = (time.strftime("%H:%M", time.gmtime(time.time() + h * 3600)) for h in (-1, 12))
    path = tmp_path / "site.toml"
    path.write_text(TEXT.format(port=free_ports(1)[0], begin=begin, end=end))
    return sitefile.load(path)


async def seen(daemon: Daemon) -> ChargerStatus:
    """Return the charger's status once the vehicle is known there, or after the longest wait."""
    ends = time.monotonic() + LONGEST_S
    while True:
        await asyncio.sleep(0.5)
        with contextlib.suppress(NotYetError):
            (charger,) = daemon.desk.status().chargers
            if charger.need_wh or time.monotonic() > ends:
                return charger


def test_the_vehicle_is_known_by_the_name_that_its_operator_gave_and_its_number_is_kept_nowhere(
    tmp_path: Path,
) -> None:
    async def run() -> ChargerStatus:
        drawn = site(tmp_path)
        depot = Depot(drawn, traffic=False)
        simulator = Simulator(depot)
        await simulator.start()
        depot.chargers["bay-1"].plug(Vehicle("v", 20_000, 10**9, card=CARD))
        daemon = Daemon(drawn, None, tmp_path / "state")
        work = [asyncio.ensure_future(simulator.run()), asyncio.ensure_future(daemon.run())]
        try:
            charger = await seen(daemon)
            daemon.recorder.write("yard", "a test", 1)
            await asyncio.sleep(1.5)  # a commit
        finally:
            for task in reversed(work):
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            await simulator.stop()
        return charger

    charger = asyncio.run(run())
    assert (charger.vehicle, charger.need_wh) == ("Van 7", 5_000)
    kept = [p for p in (tmp_path / "state").rglob("*") if p.is_file()]
    assert any(p.suffix == ".json" for p in kept)
    for path in kept:
        content = path.read_bytes().lower()
        assert CARD.lower().encode() not in content, path
        assert b"04:a2:b3:c4" not in content, path
