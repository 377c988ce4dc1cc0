"""What a day of 50 chargers writes to the disk: core, links, store and outbox as the daemon has them.

The clock is simulated, the disk is real: the store stands in the checkout's file system.  The real controller
decides every second over readings of fifty chargers and a main meter; what it says to keep goes through the
real links into the real store, one commit a second, and the network has acknowledged it a second later.
Three sessions of 160 minutes a bay and day, evenly spread: one bay in three has a vehicle.  Two hours of
that are measured and taken twelve times.  The main breaker is full nearly all the time under a load that
moves every second, so grants and their reasons move, too.  Bytes are what the kernel has sent to the disk for
this process (/proc/self/io, write_bytes); a daemon's log is not among them.
"""

import math
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from edge.core.controller import Controller
from edge.model.flow import Audit, Forget, Identified, Keep, Reading, Remember, SetCurrent, Tick, Written
from edge.model.site import Address, Broker, Charger, Meter, Network, Node, Site
from edge.shell.links import Links
from edge.shell.store import Store

ROOT = Path(__file__).parent.parent.parent
CHARGERS = 50
WALL = 1_780_000_200_000
HOURS, HOURS_QUICK = 2, 0.25
STAY_S, EVERY_S = 9_600, 86_400 // (3 * CHARGERS)
LEVEL_MB = 50


def figures(quick: bool) -> dict[str, Any]:
    """Measure the part of a day."""
    return _run(round((HOURS_QUICK if quick else HOURS) * 3_600))


def words(found: dict[str, Any]) -> str:
    """Tell the figures."""
    return (
        f"{CHARGERS} chargers: {found['mb_a_day']} MB a day ({found['mb']} MB in {found['simulated_s']} s), "
        f"at most {LEVEL_MB} wanted; {found['rows']} rows, {found['messages']} messages, store "
        f"{found['store_mb']} MB; commit median {found['commit_ms_median']} ms, "
        f"p99 {found['commit_ms_p99']} ms"
    )


def site() -> Site:
    """Return a site of five panels of ten chargers, with a network."""
    panels = [Node(f"panel-{n}", "main", (125_000,) * 3) for n in range(5)]
    chargers = [
        Charger(f"bay-{n}", f"panel-{n // 10}", "alfen_eve", Address(1, tcp="127.0.0.1:502"))
        for n in range(CHARGERS)
    ]
    return Site(
        "bench", "Bench", "America/Los_Angeles",
        (Node("main", None, (400_000,) * 3, meter="grid"), *panels),
        (Meter("grid", "janitza_umg604", Address(1, tcp="127.0.0.1:502")),), tuple(chargers),
        network=Network(Broker("127.0.0.1", 1, tls=False), "network/bench", "network/bench/acks"),
    )  # fmt: skip


class Clock:
    """Simulated: the same second for all."""

    ms = 0

    def now_ms(self) -> int:
        return self.ms

    def wall_ms(self) -> int:
        return WALL + self.ms

    def wall_trusted(self) -> bool:
        return True


class Bay:
    """A charger and its vehicle: it takes what it is given, half an ampere less, while it is there."""

    def __init__(self, n: int) -> None:
        self.id = f"bay-{n}"
        self.told_ma = 0
        self.drawn_ma = 0
        self.counter_mwh = 1_000_000_000 + n
        self._arrives_s = n * EVERY_S - STAY_S  # the first ones are there when it begins

    def reading(self, second: int) -> Reading:
        there = self._arrives_s <= second < self._arrives_s + STAY_S
        self.drawn_ma = max(0, self.told_ma - 500) if there and self.told_ma >= 6_000 else 0
        power_w = 3 * 230 * self.drawn_ma // 1_000
        self.counter_mwh += power_w * 1_000 // 3_600
        state = "A" if not there else "C" if self.drawn_ma else "B"
        amps = {f"current_l{p}_ma": self.drawn_ma for p in (1, 2, 3)}
        return Reading(
            second * 1_000 - 200, self.id,
            {"state": state, "power_w": power_w, "energy_import_wh": self.counter_mwh // 1_000, **amps},
        )  # fmt: skip


def _run(seconds: int) -> dict[str, Any]:
    clock, drawn, draw = Clock(), site(), random.Random(50)
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".bench-") as folder:
        store = Store(Path(folder) / "depot.db", "boot", clock=clock.now_ms)
        links = Links(drawn, store, lambda event: None, "run", clock)  # type: ignore[arg-type]
        core = Controller(drawn)
        core.handle(store.restore(0, WALL))
        bays = {charger.id: Bay(n) for n, charger in enumerate(drawn.chargers)}
        for bay in bays:
            core.handle(Identified(0, bay, {}))
        before, times, rows = _written(), [], 0
        for second in range(1, seconds + 1):
            clock.ms = second * 1_000
            for bay in bays.values():
                core.handle(Written(clock.ms - 900, bay.id, bay.told_ma))
                core.handle(bay.reading(second))
            core.handle(_meter(second, bays, draw))
            for command in core.handle(Tick(clock.ms, clock.wall_ms())):
                rows += _do(command, store, links, bays, clock)
            waiting = [row.seq for row in store.outbox_pending("network", 1_000)]
            store.outbox_done("network", waiting, clock.wall_ms())
            store.heartbeat(clock.wall_ms())
            begun = time.perf_counter()
            store.commit()
            times.append((time.perf_counter() - begun) * 1_000)
        messages = store.outbox_last("network")
        store.close()
        written = _written() - before
        size = sum(file.stat().st_size for file in Path(folder).iterdir())
    times.sort()
    return {
        "chargers": CHARGERS, "simulated_s": seconds, "mb": round(written / 1e6, 2),
        "mb_a_day": round(written / 1e6 * 86_400 / seconds, 1), "rows": rows, "messages": messages,
        "store_mb": round(size / 1e6, 1), "commit_ms_median": round(times[len(times) // 2], 3),
        "commit_ms_p99": round(times[len(times) * 99 // 100], 2),
    }  # fmt: skip


def _meter(second: int, bays: dict[str, Bay], draw: random.Random) -> Reading:
    """Return what the main meter shows: charging, and a load that wanders."""
    other_ma = 60_000 + round(30_000 * math.sin(second / 900)) + draw.randrange(-3_000, 3_000)
    flowing_ma = other_ma + sum(bay.drawn_ma for bay in bays.values())
    amps = {f"current_l{p}_ma": flowing_ma for p in (1, 2, 3)}
    volts = {f"voltage_l{p}_mv": 230_000 for p in (1, 2, 3)}
    return Reading(second * 1_000 - 100, "grid", {**amps, **volts, "power_w": 3 * 230 * flowing_ma // 1_000})


def _do(command: object, store: Store, links: Links, bays: dict[str, Bay], clock: Clock) -> int:
    """Do what the daemon does with a command; return how many rows it keeps."""
    match command:
        case SetCurrent():
            bays[command.charger].told_ma = command.current_ma
        case Keep():
            store.keep(command.row, links.message(command))
            return 1
        case Remember():
            store.event_set(command.event)
        case Forget():
            store.event_remove(command.event_id)
        case Audit():
            store.audit(clock.wall_ms(), command.who, command.what, command.outcome)
            return 1
    return 0


def _written() -> int:
    """Return the bytes that this process has caused to be sent to the disk."""
    for line in Path("/proc/self/io").read_text().splitlines():
        if line.startswith("write_bytes"):
            return int(line.split()[1])
    raise OSError("/proc/self/io: no write_bytes")
