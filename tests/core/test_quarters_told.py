"""The network is told of a quarter of an hour when it is over, once, the site's part last."""

from edge.core.controller import Controller
from edge.model.flow import Identified, Keep, Reading, Tick
from edge.model.records import ChargeBlock, LoadBlock
from edge.model.units import QUARTER_MS
from tests.core.test_health_and_departures import AMPS, site

WALL = 1_784_000_000_000 // QUARTER_MS * QUARTER_MS


def test_a_quarter_is_told_once_it_is_over() -> None:
    core = Controller(site())
    core.handle(Identified(0, "bay-1", {}))
    told: list[tuple[int, str]] = []
    for second in range(600, 2_000, 2):
        at_ms = second * 1_000
        core.handle(Reading(at_ms - 200, "grid", {**AMPS, "power_w": 20_000}))
        energy = {"energy_import_wh": 5_000 + second, "power_w": 3_600}
        core.handle(Reading(at_ms - 100, "bay-1", {**AMPS, "state": "C", **energy}))
        for command in core.handle(Tick(at_ms, WALL + at_ms)):
            if isinstance(command, Keep) and isinstance(command.row, LoadBlock | ChargeBlock):
                assert command.tell in ("", "network")
                if command.tell:
                    told.append((command.row.start_wall_ms, type(command.row).__name__))
    first = [(WALL, "ChargeBlock"), (WALL, "LoadBlock")]
    assert told == [*first, (WALL + QUARTER_MS, "ChargeBlock"), (WALL + QUARTER_MS, "LoadBlock")]
