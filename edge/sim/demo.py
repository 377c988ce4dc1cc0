"""The demonstration: a whole depot on this machine, in one process tree, seen from outside.

    broker ── utility side, network side, observer      (this process, paho-mqtt)
       └──── daemon ── Modbus TCP and RTU ── simulator  (a process each)

Live it runs until it is interrupted.  Headless it does what a bad day does (an event of the utility, a
meter lost, a charger lost), each once, and returns what was seen on the wires and at the brokers; nothing
is taken from the daemon's own word but its ticks, which are counted on its page's stream.
"""

import contextlib
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.model.site import Site
from edge.shell.sitefile import load
from edge.sim import demosite
from edge.sim.broker import BrokerFiles
from edge.sim.control import ask
from edge.sim.network import Inbox
from edge.sim.parties import Arrivals, Party, capacity_event, event_topic, notification
from edge.sim.processes import Child, Cost, EndedEarly
from edge.sim.simulator import monotonic_ms

READY_S = 30.0

# Headless, in seconds from the page's first answer.  A loss needs 5 s to be noticed, and the wires 10 s
# to be quiet again.
EVENT_AT_S, EVENT_FOR_S = 20, 30
METER_BEFORE_END_S, CHARGER_BEFORE_END_S, LOST_FOR_S = 34, 18, 10

# Live: an event now and then.
FIRST_EVENT_S, EVERY_S, LIVE_EVENT_FOR_S = 45, 240, 60

# What the utility allows: so much of what flows when it asks, and never less than what flows anyhow.
SHARE, ROOM_W, ROUND_W = 0.6, 5_000, 500


@dataclass
class Running:
    """All that runs.  passwords: of the broker's users.  ticks: messages of the page's stream."""

    site: demosite.DemoSite
    drawn: Site
    port: int
    broker: str
    passwords: dict[str, str]
    simulator: Child
    daemon: Child
    utility: Party
    observer: Party
    inbox: Inbox
    arrivals: Arrivals
    ticks: int = 0
    done: threading.Event = field(default_factory=threading.Event)

    def order(self, do: str, **more: Any) -> dict[str, Any]:
        """Tell the simulator something."""
        return ask(self.site.control, {"do": do, **more})

    @property
    def as_utility(self) -> str:
        """Where Mosquitto's clients publish an event as the utility (mosquitto_pub -L)."""
        return self._url("utility", event_topic())

    @property
    def as_observer(self) -> str:
        """Where Mosquitto's clients hear what the depot tells the network (mosquitto_sub -L)."""
        return self._url("observer", "network/#")

    def _url(self, user: str, topic: str) -> str:
        return f"mqtt://{user}:{self.passwords[user]}@127.0.0.1:{self.site.broker_port}/{topic}"

    def check(self) -> None:
        """Raise EndedEarly if a process is gone."""
        self.simulator.check()
        self.daemon.check()

    def wait_until(self, at_s: float) -> None:
        """Wait for a moment of time.monotonic(), looking after the processes."""
        while (left := at_s - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, 0.5))

    def count_ticks(self) -> None:
        """Read the page's stream as one open page does, until the end.  Runs in a thread."""
        while not self.done.is_set():
            with contextlib.suppress(OSError), opened(f"{page(self.port)}api/stream", 10) as stream:
                for line in stream:
                    self.ticks += line.startswith(b"data:")
                    if self.done.is_set():
                        return
            self.done.wait(0.5)


class Undelivered(EndedEarly):
    """The broker did not deliver the utility's event: live, it may come back."""


def page(port: int) -> str:
    """Return the page's address."""
    return f"http://localhost:{port}/"


def opened(url: str, timeout_s: float) -> Any:
    """Open a page.  Raises OSError: nobody there, or not a good answer."""
    return urllib.request.urlopen(url, timeout=timeout_s)


@contextlib.contextmanager
def started(port: int, seed: int) -> Iterator[Running]:
    """Start everything, and end everything.  Raises EndedEarly, NoBroker, CannotConnect."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(ending_on_sigterm())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="depot-demo-")))
        broker_port = demosite.free_ports(1)[0]
        files = BrokerFiles(folder, broker_port)

        def child(name: str, command: list[str]) -> Child:
            process = Child(name, command, folder)
            stack.callback(process.stop)
            return process

        broker = child("broker", files.command())
        protocol = "5" if files.kind == "Mosquitto" else "3.1.1"
        site = demosite.make(folder, files.passwords, broker_port, protocol)
        depot = [sys.executable, "-m", "edge.cli"]
        twin = [
            "sim",
            "--site",
            str(site.site),
            "--control",
            str(site.control),
            "--seed",
            str(seed),
            "--json",
        ]
        simulator = child("simulator", [*depot, *twin])
        wait_for_line(simulator)
        wait_for_port(broker, broker_port)
        words = ["run", "--site", str(site.site), "--state", str(site.state), "--port", str(port)]
        daemon = child("daemon", [*depot, *words])

        arrivals, inbox = Arrivals(), Inbox()
        who = files.passwords
        observer = Party("observer", who["observer"], broker_port, ("utility/#",), arrivals.take)
        network = Party("network", who["network"], broker_port, ("network/#",), inbox.take)
        utility = Party("utility", who["utility"], broker_port)
        for party in (observer, network, utility):
            stack.callback(party.stop)
            party.ready()
        inbox.reply = network.publish
        running = Running(
            site, load(site.site), port, files.kind, who,
            simulator, daemon, utility, observer, inbox, arrivals,
        )  # fmt: skip
        wait_for_page(running)
        reader = threading.Thread(target=running.count_ticks, daemon=True)
        reader.start()
        stack.callback(running.done.set)
        yield running


@contextlib.contextmanager
def ending_on_sigterm() -> Iterator[None]:
    """Make SIGTERM end us as Ctrl-C does, so that everything is cleaned up."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def wait_for_line(simulator: Child) -> None:
    """Wait until the simulator has said what it serves.  Raises EndedEarly."""
    assert simulator.process.stdout is not None
    if not simulator.process.stdout.readline():
        with contextlib.suppress(subprocess.TimeoutExpired):
            simulator.process.wait(5)
        simulator.check()


def wait_for_port(child: Child, port: int) -> None:
    """Wait until somebody listens.  Raises EndedEarly."""
    end = time.monotonic() + READY_S
    while demosite.is_free_here(port):
        child.check()
        if time.monotonic() > end:
            raise EndedEarly(f"the {child.name} does not listen on port {port} after {READY_S:g} s")
        time.sleep(0.05)


def wait_for_page(running: Running) -> None:
    """Wait until the daemon's page answers.  Raises EndedEarly."""
    end = time.monotonic() + READY_S
    while True:
        running.check()
        with contextlib.suppress(OSError), opened(page(running.port), 2):
            return
        if time.monotonic() > end:
            raise EndedEarly(f"the daemon's page at {page(running.port)} does not answer after {READY_S:g} s")
        time.sleep(0.1)


def send_event(running: Running, seconds: int, name: str) -> dict[str, Any]:
    """Let the utility limit the site for a while, and let the twin's judge know.  Returns the event.

    The building is in the utility's programme too: it switches nothing on until the order is taken back.
    """
    running.order("hold", on=True)
    look = running.order("look")["look"]
    top = next(iter(look["other_a"]))
    other_w = sum(a * v for a, v in zip(look["other_a"][top], look["voltages_v"], strict=True))
    limit_w = round(max(SHARE * look["power_w"], other_w + ROOM_W) / ROUND_W) * ROUND_W
    event = capacity_event(limit_w, seconds, name)
    start_ms = monotonic_ms()
    running.utility.publish(event_topic(), notification(event))
    received_ms = None
    while received_ms is None and monotonic_ms() - start_ms < 3_000:
        received_ms = running.arrivals.when(event["id"])
        time.sleep(0.005)
    if received_ms is None:
        raise Undelivered("the broker did not deliver the utility's event within 3 s")
    end_ms = start_ms + seconds * 1000
    running.order("event", received_ms=received_ms, start_ms=start_ms, end_ms=end_ms, limit_w=limit_w)
    return event


def headless(running: Running, seconds: int, seed: int) -> dict[str, Any]:
    """Do the bad day, and return what was seen."""
    start, cost = time.monotonic(), Cost(running.daemon.pid)
    draw = random.Random(f"{seed} losses")
    plan: list[tuple[float, str, str]] = []
    if seconds > EVENT_AT_S:
        plan += [(EVENT_AT_S, "event", ""), (EVENT_AT_S + EVENT_FOR_S, "release", "")]
    for before_end_s, what in ((METER_BEFORE_END_S, "meter"), (CHARGER_BEFORE_END_S, "charger")):
        lost_s = seconds - before_end_s
        if lost_s > EVENT_AT_S + EVENT_FOR_S:
            plan += [(lost_s, "kill", what), (lost_s + LOST_FOR_S, "restore", what)]
    lost: dict[str, str] = {}
    for at_s, do, what in sorted(p for p in plan if p[0] < seconds):
        running.wait_until(start + at_s)
        if do == "event":
            send_event(running, EVENT_FOR_S, "Feeder relief")
            continue
        if do == "release":
            running.order("hold", on=False)
            continue
        if do == "kill":
            busy = busy_meters(running) if what == "meter" else [c.id for c in running.drawn.chargers]
            lost[what] = draw.choice(busy)
        running.order(do, device=lost[what])
    running.wait_until(start + seconds)
    ticks, cpu_percent, rss_mb = running.ticks, cost.cpu_percent, cost.rss_mb
    report = running.order("report")["report"]
    nothing = dict.fromkeys(
        ("received_to_last_write_ms", "received_to_complied_ms", "limit_w", "highest_w_while_active")
    )
    losses = report["meter_losses"]
    return {
        "seconds": seconds,
        "ticks": ticks,
        "violations": report["violations"],
        "event": report["events"][0] if report["events"] else nothing,
        "meter_loss": {"to_fallback_ms": losses[0]["to_fallback_ms"] if losses else None},
        **running.inbox.counts(),
        "rss_mb": round(rss_mb, 1),
        "cpu_percent": round(cpu_percent, 1),
    }


def busy_meters(running: Running) -> list[str]:
    """Return the meters whose loss matters now: below them a charger is told more than its fallback."""
    site, look = running.drawn, running.order("look")["look"]
    above = [c for c in site.chargers if (look["chargers"][c.id]["told_ma"] or 0) > c.fallback_ma]
    nodes = {n for c in above for n in site.path(c.node)}
    return [n.meter for n in site.nodes if n.id in nodes and n.meter] or [m.id for m in site.meters]


def write_example(running: Running) -> None:
    """Write an event that somebody may publish by hand: 20 kW for two minutes from when it is received."""
    event = capacity_event(20_000, 120, "Tried by hand")
    event["intervalPeriod"]["start"] = "0001-01-01"  # now.  Source: OpenADR 3.1.1 User Guide, 7.3
    running.site.example.write_text(json.dumps(event, indent=1))


def live(running: Running, say: Callable[[str], None]) -> None:
    """Run until interrupted, with an event now and then; then say what the judge has found."""
    try:
        _live(running, say)
    except KeyboardInterrupt:
        found = running.order("report")["report"]["violations"]
        say("\n".join(["", "violations on the wires: " + (str(len(found)) if found else "none"), *found]))
        raise


def _live(running: Running, say: Callable[[str], None]) -> None:
    due = time.monotonic() + FIRST_EVENT_S
    while True:
        running.wait_until(due)
        event = send_event(running, LIVE_EVENT_FOR_S, "Feeder relief")
        limit_kw = event["intervals"][0]["payloads"][0]["values"][0]
        say(f"the utility limits the depot to {limit_kw:g} kW for {LIVE_EVENT_FOR_S} s")
        running.wait_until(time.monotonic() + LIVE_EVENT_FOR_S)
        running.order("hold", on=False)
        due += EVERY_S
