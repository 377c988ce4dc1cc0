"""acnportal's own algorithms in acnportal's own simulator, over the same visits at the same transformer.

They know what our core knows: arrival, departure, energy.  `make bench-peers` fetches acnportal; it brings a
package `tests` of its own, which would hide ours, so that it lives in a folder of its own and not among the
site-packages.  Two modules that it imports and does not use here have stand-ins: pkg_resources, which newer
setuptools no longer have (for its own version), and scikit-learn (for random arrivals).
"""

import sys
import time
import types
import warnings
from datetime import datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench._caltech import LINE_V, MOST_MA, SLOT_S, Visit

FOLDER = Path(__file__).parents[2] / "build" / "peers"
NAMES = ("FCFS", "EDF", "LLF", "RR")

# What the network may be off by when acnportal looks at a schedule: its own default.
TOLERANCE_A = 1e-5


STANDS_IN: dict[str, dict[str, Any]] = {
    "pkg_resources": {"require": lambda name: [types.SimpleNamespace(version="0.3.3")]},
    "sklearn": {},
    "sklearn.mixture": {"GaussianMixture": object},
}


class Ran(NamedTuple):
    """got_wh: all visits together.  decisions_s: how long each of its decisions took."""

    got_wh: float
    decisions_s: list[float]


def there() -> bool:
    """Say whether acnportal is here."""
    return (FOLDER / "acnportal").is_dir()


@cache
def _portal() -> tuple[Any, Any, Any]:
    """Return acnportal's simulator, its algorithms, and Caltech's network."""
    for name, holds in STANDS_IN.items():
        if name not in sys.modules:
            sys.modules[name] = types.ModuleType(name)
            vars(sys.modules[name]).update(holds)
    sys.path.append(str(FOLDER))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return (
                import_module("acnportal.acnsim"),
                import_module("acnportal.algorithms"),
                import_module("acnportal.acnsim.network.sites").caltech_acn,
            )
    finally:
        sys.path.remove(str(FOLDER))


def network(kw: float, pilots: str) -> Any:
    """Return acnportal's Caltech with a transformer of so many kW."""
    _, _, caltech = _portal()
    return caltech(basic_evse=pilots == "continuous", voltage=LINE_V, transformer_cap=kw)


def overloaded(amps: dict[str, float], kw: float) -> bool:
    """Say whether acnportal's own sums find currents, by station, above a limit."""
    drawn = network(kw, "legal")
    schedule = [[amps.get(station, 0.0)] for station in drawn.station_ids]
    currents = drawn.constraint_current(schedule)
    return any(abs(c) > limit + TOLERANCE_A for (c,), limit in zip(currents, drawn.magnitudes, strict=True))


def run(name: str, visits: tuple[Visit, ...], kw: float, pilots: str) -> Ran:
    """Run one of acnportal's algorithms over the visits."""
    acnsim, algorithms, _ = _portal()
    sort = {
        "FCFS": algorithms.first_come_first_served,
        "EDF": algorithms.earliest_deadline_first,
        "LLF": algorithms.least_laxity_first,
        "RR": algorithms.first_come_first_served,
    }[name]
    algorithm = algorithms.RoundRobin(sort) if name == "RR" else algorithms.SortedSchedulingAlgo(sort)
    decisions: list[float] = []
    decide = algorithm.run

    def timed() -> Any:
        began = time.thread_time()
        found = decide()
        decisions.append(time.thread_time() - began)
        return found

    algorithm.run = timed
    first = min(v.arrives for v in visits)
    events = [acnsim.PluginEvent(v.arrives - first, _ev(acnsim, v, first)) for v in visits]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        simulator = acnsim.Simulator(
            network(kw, pilots), algorithm, acnsim.EventQueue(events), datetime(2019, 1, 1),
            period=SLOT_S // 60, verbose=False,
        )  # fmt: skip
        simulator.run()
    got_kwh = sum(ev.energy_delivered for ev in simulator.ev_history.values())
    return Ran(got_kwh * 1000, decisions)


def _ev(acnsim: Any, visit: Visit, first: int) -> Any:
    need_kwh = visit.need_wh / 1000
    battery = acnsim.Battery(need_kwh, 0, MOST_MA / 1000 * LINE_V / 1000)
    return acnsim.EV(visit.arrives - first, visit.leaves - first, need_kwh, visit.station, visit.id, battery)
