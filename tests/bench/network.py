"""Gateways by the thousand against brokers of fleets, one node killed in between: what is lost, what is late.

For each broker and number of gateways: all connect; for a while messages trickle (steady); then every
gateway has a backlog at once (burst: throughput); then again (kill), and when a third of it is acknowledged
the node that the receiver is connected to is killed with kill -9.  A cluster goes on with two nodes;
Mosquitto, which is one, is started again after 2 s.  The receiver is `depot network receive`, a process of
its own that writes SQLite with full synchronisation.

Lost and doubled are counted afterwards in the receiver's file by plain SQL against what was said.  End to end
is from the record being made to the receiver beginning the transaction that has it; all clocks are this
machine's.  Gateways are the product's outbox and messages in one process (_network_gateways.py), without TLS.
"""

import asyncio
import contextlib
import itertools
import logging
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from edge.model import messages
from edge.model.records import ChargeBlock, LoadBlock, PortInterval, Session
from tests.bench._network_brokers import Mosquitto, RabbitCluster
from tests.bench._network_gateways import PORTS, Fleet, Gateway, wall_ms

BROKERS = (Mosquitto, RabbitCluster)

# gateways -> messages of the burst, of each gateway.
SIZES = {1: 2_000, 100: 100, 1_000: 20, 5_000: 4}
QUICK = {1: 60, 20: 10}

STEADY_PER_S, STEADY_S = 40, 10
REVIVE_S = 2.0
CONNECT_S, DRAIN_S = 300, 600


def figures(quick: bool) -> dict[str, Any]:
    """Measure every broker that is installed with every size; name those that are not."""
    _many_files()
    logging.getLogger("edge.outbox").setLevel(logging.ERROR)  # thousands of them say that the line was lost
    found: dict[str, Any] = {"runs": [], "not_installed": {}, "ports_per_gateway": PORTS}
    for kind in BROKERS[:1] if quick else BROKERS:
        if kind.missing():
            found["not_installed"][kind.name] = kind.missing()
            continue
        for gateways, each in (QUICK if quick else SIZES).items():
            found["runs"].append(asyncio.run(_run(kind, gateways, each, quick)))
            print(words({"runs": found["runs"][-1:]}), file=sys.stderr)
    if not Mosquitto.missing():
        found["bytes"] = asyncio.run(_bytes_of_a_day())
    return found


def words(found: dict[str, Any]) -> str:
    """Tell the figures as a table."""
    head = ("broker", "gateways", "messages", "lost", "doubled", "copies", "msg/s", "steady p99", "burst p99",
            "kill p99", "longest gap", "broker MB")  # fmt: skip
    lines = ["".join(f"{word:>13}" for word in head)]
    for run in found["runs"]:
        cells = (
            run["broker"].split()[0], run["gateways"], run["messages"], run["lost"], run["doubled"],
            run["copies"], run["burst_per_s"], f"{run['steady_ms_p99']} ms", f"{run['burst_ms_p99']} ms",
            f"{run['kill_ms_p99']} ms", f"{run['longest_gap_s']} s", run["broker_mb"],
        )  # fmt: skip
        lines.append("".join(f"{cell!s:>13}" for cell in cells))
    for name, advice in found.get("not_installed", {}).items():
        lines.append(f"{name}: not installed: {advice}")
    if "bytes" in found:
        day = found["bytes"]
        lines.append(
            f"a day of {PORTS} ports: {day['messages']} messages, {day['sent']} bytes sent, "
            f"{day['received']} received, {day['keep_alive']} keep-alive: "
            f"{day['per_port_and_day']} bytes per port and day"
        )
    return "\n".join(lines)


def _many_files() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Balancer:
    """What stands before a cluster: passes each connection to a node that lives."""

    def __init__(self, ports: list[int]) -> None:
        self.node = 0  # the one that took the last connection
        self.port = 0
        self._ports = ports
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for node in [(self.node + n) % len(self._ports) for n in range(len(self._ports))]:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._ports[node])
                self.node = node
                await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))
                return
        writer.close()

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()


class ReceiverProcess:
    """`depot network receive`."""

    def __init__(self, folder: Path, port: int) -> None:
        self.file = folder / "network.db"
        self._log = folder / "receiver.log"
        words_ = [
            sys.executable, "-m", "edge.cli", "network", "receive", "--db", f"sqlite:{self.file}",
            "--broker", f"mqtt://127.0.0.1:{port}", "--root", "net/+", "--protocol", "3.1.1",
        ]  # fmt: skip
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(words_, stderr=log, stdout=log)

    async def ready(self) -> None:
        deadline = time.monotonic() + 60
        while "connected" not in self._log.read_text():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise TimeoutError(f"the receiver does not get in: {self._log.read_text()[-500:]}")
            await asyncio.sleep(0.1)
        await asyncio.sleep(2)  # its subscriptions

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)


async def _run(kind: type[Any], gateways: int, each: int, quick: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="depot-bench-") as name:
        folder = Path(name)
        broker, balancer = kind(folder), None
        receiver = fleet = None
        try:
            broker.start()
            balancer = Balancer(broker.ports)
            await balancer.start()
            receiver = ReceiverProcess(folder, balancer.port)
            await receiver.ready()
            fleet = Fleet(gateways, broker.ports)
            connected_s = await fleet.start(CONNECT_S)
            steady_from = wall_ms()
            await _steady(fleet, 2 if quick else STEADY_S)
            memory_mb = broker.memory_mb()
            burst_from = wall_ms()
            _say(fleet, each)
            burst_s = await fleet.drained(DRAIN_S)
            kill_from = wall_ms()
            kill_s = await _kill(fleet, each, broker, balancer)
            unfinished = fleet.waiting
            reconnects = sum(gateway.line.reconnects for gateway in fleet.gateways)
            sent = sum(gateway.box.sent for gateway in fleet.gateways)
            said = {(g.site, f"{n}") for g in fleet.gateways for n in range(1, g.said + 1)}
        finally:
            if fleet is not None:
                await fleet.stop()
            if receiver is not None:
                receiver.stop()
            if balancer is not None:
                balancer.stop()
            broker.stop()
        judged = _judge(receiver.file, said, (steady_from, burst_from, kill_from, wall_ms()))
        return {
            "broker": f"{broker.name} ({broker.version()})", "nodes": broker.nodes, "gateways": gateways,
            "messages": len(said), "connected_s": round(connected_s, 1), "sent": sent,
            "copies": sent - len(said), "burst_messages": gateways * each,
            "burst_per_s": round(gateways * each / burst_s), "burst_s": round(burst_s, 1),
            "kill_s": round(kill_s, 1),
            "unfinished": unfinished, "reconnects": reconnects, "broker_mb": memory_mb, **judged,
        }  # fmt: skip


async def _steady(fleet: Fleet, seconds: float) -> None:
    draw = random.Random(1)
    for _ in range(int(seconds * STEADY_PER_S)):
        draw.choice(fleet.gateways).say()
        await asyncio.sleep(1 / STEADY_PER_S)
    await fleet.drained(DRAIN_S)


def _say(fleet: Fleet, each: int) -> None:
    """Give every gateway a backlog at once."""
    for gateway in fleet.gateways:
        for _ in range(each):
            gateway.say()


async def _kill(fleet: Fleet, each: int, broker: Any, balancer: Balancer) -> float:
    """Have a burst, kill a node when a third has arrived; return the seconds until all has."""
    _say(fleet, each)
    total = fleet.waiting
    begun = time.monotonic()
    await fleet.drained(DRAIN_S, down_to=total * 2 // 3)
    broker.kill(balancer.node)
    await asyncio.sleep(REVIVE_S if broker.nodes == 1 else 0)
    broker.revive(balancer.node)
    await fleet.drained(DRAIN_S)
    return time.monotonic() - begun


def _judge(file: Path, said: set[tuple[str, str]], since: tuple[int, int, int, int]) -> dict[str, Any]:
    """Count in the receiver's file, by SQL alone.  since: when each phase began, and the last one ended."""
    db = sqlite3.connect(file)
    rows = db.execute("SELECT site, id FROM session").fetchall()
    kept = db.execute("SELECT site, seq, COUNT(*) FROM message GROUP BY site, seq").fetchall()
    sql = "SELECT made_wall_ms, received_wall_ms FROM message ORDER BY received_wall_ms"
    times = db.execute(sql).fetchall()
    conflicts = db.execute("SELECT COUNT(*) FROM conflict").fetchone()[0]
    db.close()
    heard = [(site, id_.split("-")[2]) for site, id_ in rows]
    found: dict[str, Any] = {
        "lost": len(said - set(heard)),
        "doubled": len(heard) - len(set(heard)) + sum(count - 1 for _, _, count in kept) + conflicts,
        "unknown": len(set(heard) - said),
    }
    for phase, begin, end in zip(("steady", "burst", "kill"), since[:-1], since[1:], strict=True):
        took = sorted(received - made for made, received in times if begin <= made < end)
        found[f"{phase}_ms_p50"], found[f"{phase}_ms_p99"] = _percentile(took, 50), _percentile(took, 99)
    arrivals = [received for made, received in times if made >= since[2]]
    gaps_ms = [later - earlier for earlier, later in itertools.pairwise(arrivals)]
    found["longest_gap_s"] = round(max(gaps_ms, default=0) / 1000, 1)
    return found


def _percentile(values: list[int], percent: int) -> int | None:
    return values[min(len(values) - 1, len(values) * percent // 100)] if values else None


# --- bytes ------------------------------------------------------------------------------------------


def _day(gateway: Gateway) -> list[messages.Told]:
    """Return a day's messages of a site: three sessions a port, two outages, quarters, the month."""
    sender, now = gateway.sender, wall_ms()
    told: list[messages.Told | None] = []
    for n in range(PORTS):
        for visit in range(3):
            start = now - visit * 28_800_000
            row = Session(f"bay-{n}-{start}-9f1c2d3e", f"bay-{n}", start, vehicle="")
            told.append(messages.told(sender, row, now))
            length_ms = 9_600_000
            ended = Session(
                row.id, row.charger, start, start + length_ms, length_ms, 9_000_000, 27_431,
                "counter", 11_040, 2, "unplugged",
            )  # fmt: skip
            told.append(messages.told(sender, ended, now))
        port = sender.ports[f"bay-{n}"]
        told.append(messages.uptime(sender, port, "2026-11", now, now, 0, 0, 0, 999_000, 999_000, now))
    for n in range(2):
        port = sender.ports[f"bay-{n}"]
        told.append(messages.told(sender, PortInterval(port, now, "down", "comms"), now))
        told.append(
            messages.told(sender, PortInterval(port, now, "down", "comms", now + 60_000, 60_000), now)
        )
    for quarter in range(96):
        start = now // 900_000 * 900_000 + quarter * 900_000
        charged = [
            ChargeBlock(f"bay-{n}-{now}-9f1c2d3e", start, f"bay-{n}", 2_750) for n in range(PORTS // 3)
        ]
        told.append(
            messages.telemetry(sender, LoadBlock(start, 21_345, 0, 8_250, 900_000, 1 << 30), charged, now)
        )
    return [one for one in told if one is not None]


async def _bytes_of_a_day() -> dict[str, int]:
    """Count what one gateway's socket carries for a day's messages and acknowledgements, without TLS."""
    with tempfile.TemporaryDirectory(prefix="depot-bench-") as name:
        broker = Mosquitto(Path(name))
        broker.start()
        receiver = ReceiverProcess(Path(name), broker.ports[0])
        try:
            await receiver.ready()
            fleet = Fleet(1, broker.ports)
            await fleet.start(30)
            (gateway,) = fleet.gateways
            before = gateway.line.client.sent_bytes, gateway.line.client.received_bytes
            day = _day(gateway)
            for told in day:
                gateway.shelf.put(told)
                gateway.box.wake()
                await fleet.drained(60)
            client = gateway.line.client
            sent, received = client.sent_bytes - before[0], client.received_bytes - before[1]
            await fleet.stop()
        finally:
            receiver.stop()
            broker.stop()
    keep_alive = 86_400 // 30 * 4  # PINGREQ and PINGRESP are two bytes each; the daemon's keep-alive is 30 s
    return {
        "messages": len(day), "sent": sent, "received": received, "keep_alive": keep_alive,
        "per_port_and_day": (sent + received + keep_alive) // PORTS,
    }  # fmt: skip
