"""What the bus masters cost and how fast they are: a serial line at 19200 8E1, and sixty TCP devices.

The devices are light servers in other processes (tests/bench/_bus_servers.py), so the processor time
is the masters' own, decoding included.  The line is paced (edge/sim/line.py): bytes take their time.
"""

import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from importlib.metadata import version
from itertools import pairwise
from typing import Any

from msgspec.structs import replace
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient

from drivers import library
from drivers.device import Device
from drivers.wire import Read
from edge.model.flow import Event, Lost, Reading, Written
from edge.model.site import Line
from edge.shell import ports
from edge.shell.bus import Master
from edge.shell.clock import Clock
from edge.shell.member import Member

CHAR_S = 11 / 19200
SIZES = (2, 10, 30, 60, 125)
CHARGERS, METERS = 50, 10
FULL_LINE_MS = 50
LINE_CHARGERS = 16


def figures(quick: bool) -> dict[str, Any]:
    """Measure everything; quick: for shorter."""
    seconds = 4 if quick else 20
    return {
        "line": asyncio.run(line_rates(1.0 if quick else 4.0)),
        "dead_device": asyncio.run(dead_device(seconds)),
        "tcp": asyncio.run(tcp_depot(seconds, trials=20 if quick else 200)),
        "peer": asyncio.run(against_pymodbus(300 if quick else 3000)),
        "serial_setpoints": asyncio.run(serial_setpoints(trials=5 if quick else 30)),
        "families": families(),
    }


@contextlib.contextmanager
def servers(*words: object) -> Iterator[subprocess.Popen[str]]:
    """Start devices in another process; they end with the context."""
    call = [sys.executable, "-m", "tests.bench._bus_servers", *map(str, words)]
    with subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        with contextlib.suppress(OSError):
            process.stdin.close()
        process.wait(10)


async def line_rates(seconds: float) -> list[dict[str, Any]]:
    """Ask one device as fast as it goes; compare with what the line allows at best.

    At best: request, 3.5 characters of silence, answer, 3.5 characters of silence.  The line is simulated
    by a process here, so a busy machine slows it down; the median exchange is the one that was not.
    """
    found = []
    with servers("line", 1) as process:
        wire = ports.serial_line(Line("a", process.stdout.readline().strip()), physical=True)
        await wire.open()
        for size in SIZES:
            ends, began, cpu = [time.monotonic()], time.monotonic(), time.process_time()
            while ends[-1] - began < seconds:
                await wire.ask(Read(1, "input", 0, size))
                ends.append(time.monotonic())
            took = ends[-1] - began
            best = 1 / ((8 + 5 + 2 * size + 7) * CHAR_S)
            usual = 1 / statistics.median(b - a for a, b in pairwise(ends))
            found.append(
                {
                    "registers": size,
                    "per_second": round((len(ends) - 1) / took, 1),
                    "line_allows": round(best, 1),
                    "percent": round(100 * (len(ends) - 1) / took / best, 1),
                    "percent_of_the_median_exchange": round(100 * usual / best, 1),
                    "cpu_percent": round(100 * (time.process_time() - cpu) / took, 1),
                }
            )
        wire.close()
    return found


async def dead_device(seconds: float) -> dict[str, Any]:
    """Read nine meters as fast as the line goes, alone and together with a tenth that is dead."""
    alone = await _nine(seconds, [])
    beside = await _nine(seconds, [10])
    return {
        "readings_per_second_alone": round(alone, 2),
        "readings_per_second_beside_a_dead_one": round(beside, 2),
        "line_allows": round(1 / ((2 * 20 + 2 * (18 + 2)) * CHAR_S), 2),  # two reads, 18 and 2 registers
        "cost_percent": round(100 * (1 - beside / alone), 1),
    }


async def _nine(seconds: float, dead: list[int]) -> float:
    clock, counted, lost = Clock(), Counter[str](), asyncio.Event()

    def emit(event: Event) -> None:
        if isinstance(event, Reading) and "current_l1_ma" in event.values:
            counted[event.device] += 1
        if isinstance(event, Lost):
            lost.set()

    table = library.load("eastron_sdm630")
    # Always due again, so that the line is the limit.
    table = replace(table, limits=replace(table.limits, fast_ms=FULL_LINE_MS, slow_ms=600_000))
    units = list(range(1, 10))
    with servers("line", *units) as process:
        wire = ports.serial_line(Line("a", process.stdout.readline().strip()), physical=True)
        members = [Member(f"m{unit}", Device(table, unit), charger=False) for unit in [*units, *dead]]
        master = Master(wire, members, emit, clock, cycle_ms=FULL_LINE_MS)
        running = asyncio.create_task(master.run())
        if dead:
            await lost.wait()
        await asyncio.sleep(3)
        counted.clear()
        began = time.monotonic()
        await asyncio.sleep(seconds)
        rate = counted.total() / (time.monotonic() - began)
        master.stop()
        await running
    return rate


async def tcp_depot(seconds: float, trials: int) -> dict[str, Any]:
    """Serve 50 chargers and 10 meters over TCP at 1 Hz; then tell all chargers a new current, many times."""
    clock, told, written = Clock(), Counter[str](), Chargers()

    def emit(event: Event) -> None:
        if isinstance(event, Reading):
            told[event.device] += 1
        elif isinstance(event, Written):
            written.add(event.charger)

    alfen, janitza = library.load("alfen_eve"), library.load("janitza_umg604")
    with servers("tcp", CHARGERS, METERS) as process:
        masters = []
        for n, port in enumerate(json.loads(process.stdout.readline())):
            charger = n < CHARGERS
            device = Device(alfen if charger else janitza, 1)
            member = Member(f"d{n}", device, charger=charger, fallback_ma=6_000 if charger else 0)
            masters.append(Master(ports.tcp("127.0.0.1", port), [member], emit, clock))
        running = [asyncio.create_task(master.run()) for master in masters]
        tell_all(masters, clock, 16_000)
        await written.all()
        await asyncio.sleep(3)
        load = await steady(masters, clock, told, seconds)
        waits = []
        for trial in range(trials):
            await asyncio.sleep(0.05)
            waits.append(await all_written(masters, clock, written, 16_000 if trial % 2 else 10_000))
        for master in masters:
            master.stop()
        await asyncio.gather(*running)
    return {
        **load,
        "setpoint_to_last_written_ms": {
            "median": round(statistics.median(waits), 1),
            "p99": round(statistics.quantiles(waits, n=100)[98], 1),
            "trials": trials,
        },
    }


class Chargers:
    """The chargers that have accepted the newest setpoint."""

    def __init__(self, count: int = CHARGERS) -> None:
        self._count = count
        self.forget()

    def forget(self) -> None:
        self._ids: set[str] = set()
        self._complete = asyncio.Event()

    def add(self, charger: str) -> None:
        self._ids.add(charger)
        if len(self._ids) == self._count:
            self._complete.set()

    async def all(self) -> None:
        await asyncio.wait_for(self._complete.wait(), 30)


async def against_pymodbus(count: int) -> dict[str, Any]:
    """Compare the processor time of a read with pymodbus: 20 registers over TCP, 60 on the line."""
    found: dict[str, Any] = {"pymodbus": version("pymodbus"), "tcp_reads": count, "line_reads": count // 60}
    with servers("tcp", 0, 1) as process:
        (port,) = json.loads(process.stdout.readline())
        wire, client = ports.tcp("127.0.0.1", port), AsyncModbusTcpClient("127.0.0.1", port=port)
        await wire.open()
        await client.connect()
        question = Read(1, "holding", 19_000, 20)
        found["tcp_cpu_us"] = await _cpu_us(count, lambda: wire.ask(question, 2_000))
        found["tcp_cpu_us_pymodbus"] = await _cpu_us(
            count, lambda: client.read_holding_registers(19_000, count=20, device_id=1)
        )
        wire.close()
        client.close()
    with servers("line", 1) as process:
        path = process.stdout.readline().strip()
        wire = ports.serial_line(Line("a", path))
        await wire.open()
        question = Read(1, "input", 0, 60)
        found["line_cpu_us"] = await _cpu_us(count // 60, lambda: wire.ask(question, 2_000))
        wire.close()
        serial = AsyncModbusSerialClient(path, baudrate=19200, retries=0)
        await serial.connect()

        async def after_silence() -> object:
            await asyncio.sleep(0.005)  # it keeps none by itself, and the line's stations want 3.5 characters
            return await serial.read_input_registers(0, count=60, device_id=1)

        found["line_cpu_us_pymodbus"] = await _cpu_us(count // 60, after_silence)
        serial.close()
    return found


async def _cpu_us(count: int, ask: Callable[[], Awaitable[object]]) -> int:
    began = time.process_time()
    for _ in range(count):
        await ask()
    return round((time.process_time() - began) / count * 1e6)


async def serial_setpoints(trials: int) -> dict[str, Any]:
    """Tell sixteen chargers of one line a lower current, while it also reads them every second."""
    clock, written = Clock(), Chargers(LINE_CHARGERS)

    def emit(event: Event) -> None:
        if isinstance(event, Written):
            written.add(event.charger)

    table, waits = library.load("heidelberg_energy_control"), []
    with servers("chargers", *range(1, LINE_CHARGERS + 1)) as process:
        wire = ports.serial_line(Line("a", process.stdout.readline().strip()), physical=True)
        members = [
            Member(f"c{unit}", Device(table, unit), charger=True, fallback_ma=6_000)
            for unit in range(1, LINE_CHARGERS + 1)
        ]
        master = Master(wire, members, emit, clock)
        running = asyncio.create_task(master.run())
        for current_ma in range(16_000, 16_000 - 200 * (trials + 1), -200):
            written.forget()
            began = time.monotonic()
            for member in members:
                master.set_current(member.id, current_ma, clock.now_ms() + 20_000)
            await written.all()
            waits.append((time.monotonic() - began) * 1000)
            await asyncio.sleep(1.37)  # every phase of the second, reads under way or not
        master.stop()
        await running
    waits = waits[1:]  # the first waited for identification and arming
    return {
        "chargers": LINE_CHARGERS,
        "decided_to_last_reduction_ms": {
            "median": round(statistics.median(waits), 1), "max": round(max(waits), 1), "trials": len(waits)
        },
        "line_allows_ms": round(1000 * LINE_CHARGERS * (8 + 8 + 7) * CHAR_S, 1),
    }  # fmt: skip


def tell_all(masters: list[Master], clock: Clock, current_ma: int) -> None:
    """Do what the daemon does at every tick."""
    until_ms = clock.now_ms() + 10_000
    for master in masters[:CHARGERS]:
        master.set_current(next(iter(master.members)), current_ma, until_ms)


async def steady(masters: list[Master], clock: Clock, told: Counter[str], seconds: float) -> dict[str, Any]:
    """Count readings and processor time while nothing changes."""
    told.clear()
    began, cpu = time.monotonic(), time.process_time()
    while time.monotonic() - began < seconds:
        tell_all(masters, clock, 16_000)
        await asyncio.sleep(1)
    took = time.monotonic() - began
    requests = sum(m.counts.requests for master in masters for m in master.members.values())
    return {
        "devices": len(masters),
        "readings_per_device_second": round(told.total() / took / len(masters), 2),
        "cpu_percent_of_one_core": round(100 * (time.process_time() - cpu) / took, 2),
        "requests_since_start": requests,
    }


async def all_written(masters: list[Master], clock: Clock, written: Chargers, current_ma: int) -> float:
    """Return the ms from the decision until the last charger has accepted it."""
    written.forget()
    began = time.monotonic()
    tell_all(masters, clock, current_ma)
    await written.all()
    return (time.monotonic() - began) * 1000


def families() -> dict[str, Any]:
    """Count the device library."""
    tables = library.load_all()
    return {
        "families": len(tables),
        "chargers": sum(t.kind != "meter" for t in tables.values()),
        "meters": sum(t.kind == "meter" for t in tables.values()),
        "points": sum(len(t.points) for t in tables.values()),
        "settings": sum(len(t.settings) for t in tables.values()),
        "lines_per_table": round(
            statistics.mean(len((library.HERE / f"{name}.toml").read_text().splitlines()) for name in tables)
        ),
    }


def words(found: dict[str, Any]) -> str:
    """Say the figures as a table."""
    lines = ["one device on a line at 19200 8E1", "registers  per second  line allows     %  median %  cpu %"]
    lines += [
        f"{r['registers']:9}  {r['per_second']:10}  {r['line_allows']:11}  {r['percent']:4}  "
        f"{r['percent_of_the_median_exchange']:8}  {r['cpu_percent']:5}"
        for r in found["line"]
    ]
    dead, tcp, all_ = found["dead_device"], found["tcp"], found["families"]
    last, serial = tcp["setpoint_to_last_written_ms"], found["serial_setpoints"]
    peer = found["peer"]
    down = serial["decided_to_last_reduction_ms"]
    return "\n".join(
        [
            *lines,
            f"\nnine meters on a full line: {dead['readings_per_second_alone']} readings/s alone, "
            f"{dead['readings_per_second_beside_a_dead_one']} beside a dead tenth, "
            f"{dead['cost_percent']} % less",
            f"\n{tcp['devices']} TCP devices: {tcp['readings_per_device_second']} readings a second each, "
            f"{tcp['cpu_percent_of_one_core']} % of one core",
            f"decided to the last of {CHARGERS} chargers written: median {last['median']} ms, "
            f"99th percentile {last['p99']} ms ({last['trials']} trials)",
            f"to the last of {serial['chargers']} reductions on one serial line: median {down['median']} ms, "
            f"at most {down['max']} ms ({down['trials']} trials); the line needs {serial['line_allows_ms']}",
            f"\nprocessor time of a read, ours and with the client of pymodbus {peer['pymodbus']}: "
            f"TCP {peer['tcp_cpu_us']} and {peer['tcp_cpu_us_pymodbus']} us, "
            f"line {peer['line_cpu_us']} and {peer['line_cpu_us_pymodbus']} us",
            f"\n{all_['families']} families: {all_['chargers']} chargers, {all_['meters']} meters; "
            f"{all_['points']} points, {all_['settings']} settings, {all_['lines_per_table']} lines a table",
        ]
    )
