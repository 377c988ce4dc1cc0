"""Everything on real wires: drivers and bus masters against the twin; outside clients against the daemon."""

import asyncio
import re
from importlib.resources import files
from pathlib import Path

import pytest

from edge.core.controller import Controller
from edge.model.flow import Event, Identified, Lost, Noted, Reading, SetCurrent, Tick
from edge.model.site import Site
from edge.shell import buses
from edge.shell.clock import Clock
from edge.shell.sitefile import load
from edge.sim.demosite import free_ports
from edge.sim.depot import Depot
from edge.sim.judge import Judge
from edge.sim.simulator import Simulator, monotonic_ms

PER_PHASE = ("l1", "l2", "l3")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """The demonstration's site on free ports."""
    text = (files("edge.sim") / "data" / "demo.toml").read_text()
    drawn = sorted(set(re.findall(r'tcp = "127\.0\.0\.1:(\d+)"', text)))
    for old, new in zip(drawn, free_ports(len(drawn)), strict=True):
        text = text.replace(f":{old}", f":{new}")
    text = text.replace("/tmp/depot-demo-rs485", str(tmp_path / "rs485"))
    text = text.replace('tariff = "pge_bev_2_s.json"', "")
    (tmp_path / "site.toml").write_text(text)
    return load(tmp_path / "site.toml")


class Wired:
    """The twin on its wires, the bus masters, and optionally the core between them."""

    def __init__(self, site: Site, seed: int, *, core: bool) -> None:
        self.depot = Depot(site, seed)
        self.judge = Judge(self.depot)
        self.simulator = Simulator(self.depot)
        self.simulator.listeners.append(self.judge.see)
        self.events: list[Event] = []
        self.core = Controller(site) if core else None
        self.masters = buses.build(site, self.take, Clock())
        self.master_of = {m: master for master in self.masters for m in master.members}
        self.records = 0

    def take(self, event: Event) -> None:
        self.events.append(event)
        if self.core is not None:
            for command in self.core.handle(event):  # type: ignore[arg-type]
                if isinstance(command, SetCurrent):
                    expires_ms = event.at_ms + command.valid_for_ms
                    self.master_of[command.charger].set_current(
                        command.charger, command.current_ma, expires_ms
                    )
                self.records += isinstance(command, Noted)

    def latest(self, device: str) -> Reading:
        return next(e for e in reversed(self.events) if isinstance(e, Reading) and e.device == device)

    async def run(self, seconds: float) -> None:
        await self.simulator.start()
        work = [
            asyncio.create_task(self.simulator.run()),
            *(asyncio.create_task(m.run()) for m in self.masters),
        ]
        work.append(asyncio.create_task(self._tick()))
        try:
            done, _ = await asyncio.wait(work, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            for master in self.masters:
                master.stop()
            await asyncio.wait(work[1:-1], timeout=3)
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            await self.simulator.stop()

    async def _tick(self) -> None:
        while self.core is not None:
            now = monotonic_ms()
            await asyncio.sleep((1000 - now % 1000) / 1000)
            self.take(Tick(monotonic_ms(), 1_796_000_000_000 + monotonic_ms()))


def test_the_drivers_read_the_twin_as_it_is(site: Site) -> None:
    """Register tables (drivers/) and register maps of the twin (edge/sim/families) share nothing."""
    wired = Wired(site, seed=1, core=False)
    for bay in wired.depot.chargers.values():
        bay.energy_wh = 12_345.0
    for meter in wired.depot.meters.values():
        meter.import_wh = [1_000_000.0, 2_000_000.0, 3_000_000.0]
    asyncio.run(wired.run(6))
    found = {e.device for e in wired.events if isinstance(e, Identified)}
    assert found == {d.id for d in (*site.meters, *site.chargers)}
    assert [e for e in wired.events if isinstance(e, Lost)] == []
    for meter in wired.depot.meters.values():
        seen, shown = wired.latest(meter.id).values, meter.shown
        for n, p in enumerate(PER_PHASE):
            assert seen[f"current_{p}_ma"] == pytest.approx(shown.currents_a[n] * 1000, abs=8_000)
            assert seen[f"voltage_{p}_mv"] == pytest.approx(shown.voltages_v[n] * 1000, abs=2_000)
        assert seen["power_w"] == pytest.approx(shown.power_w, rel=0.4)
    for bay in wired.depot.chargers.values():
        values = {
            k: v
            for e in wired.events
            if isinstance(e, Reading) and e.device == bay.id
            for k, v in e.values.items()
        }
        assert values["state"] in "ABC"
        assert values["voltage_l1_mv"] == pytest.approx(230_000, abs=3_000)
        assert values["energy_import_wh"] == pytest.approx(bay.energy_wh, abs=60)


def test_the_core_on_real_wires_breaks_nothing(site: Site) -> None:
    wired = Wired(site, seed=2, core=True)
    asyncio.run(wired.run(20))
    assert wired.records >= 16
    assert wired.judge.report()["violations"] == []
    assert all(c.told is not None for c in wired.depot.chargers.values())
    assert sum(c.energy_wh for c in wired.depot.chargers.values()) > 5
    assert {e.device for e in wired.events if isinstance(e, Lost)} == set()
