"""`depot sim`: only the simulated devices, as real Modbus servers that any client can read."""

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec

from edge.cli import CallError
from edge.model.site import Board, Charger, Meter, Site
from edge.shell.sitefile import SiteRefused, SiteUnreadable, load
from edge.sim.control import Control, ask
from edge.sim.depot import CannotSimulate, Depot
from edge.sim.faults import BadFault, put
from edge.sim.judge import Judge, words
from edge.sim.orders import BadOrder, Step, obey, read_faults, read_scenario
from edge.sim.servers import LineServer, TcpServer
from edge.sim.simulator import Simulator

EXAMPLES = """examples:
  depot sim --site depot.toml
  depot sim --site depot.toml --scenario storm.toml --seed 7
  depot sim --site depot.toml --control /tmp/twin.sock
  depot sim --control /tmp/twin.sock --tell '{"do": "kill", "device": "main-meter"}'
  mbpoll -m tcp -p 5020 -a 1 -0 -r 19000 -t 4:float -B -c 3 -1 127.0.0.1

Addresses of other machines are served on 127.0.0.1, on a free port that is printed.  A serial line becomes
a pseudo-terminal, linked to the path of the site file where that path is free and not under /dev; a line
has one master, so whoever looks on beside the daemon opens the service line, the same path with -service.
A scenario file has [[step]] tables with at_s and an order, and [[fault]] tables with what an installer has
done wrong; edge/sim/orders.py and faults.py list them."""


EXAMPLE = '{"do": "kill", "device": "main-meter"}'


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `depot sim`."""
    parser.epilog = EXAMPLES
    parser.add_argument("--site", type=Path, metavar="FILE", help="the site file (needed without --tell)")
    parser.add_argument("--scenario", type=Path, metavar="FILE", help="what happens when")
    parser.add_argument("--seed", type=int, default=1, help="of loads, vehicles and meters (default 1)")
    parser.add_argument("--control", type=Path, metavar="SOCKET", help="take orders as JSON lines here")
    parser.add_argument("--tell", metavar="ORDER", help="give one order to the simulator at --control")
    parser.add_argument("--no-traffic", action="store_true", help="no vehicles come by themselves")
    parser.add_argument(
        "--check", action="store_true", help="judge what flows; exit 1 if an invariant was broken"
    )
    parser.add_argument("--json", action="store_true", help="say what listens where as one JSON document")


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted, or give a running simulator an order."""
    if args.tell is not None:
        return tell_running(args.control, args.tell)
    if args.site is None:
        raise CallError("sim: expected --site FILE, or --control SOCKET --tell ORDER")
    try:
        site = load(args.site)
        steps = read_scenario(args.scenario) if args.scenario else []
        depot = Depot(site, args.seed, not args.no_traffic)
        for fault in read_faults(args.scenario) if args.scenario else []:
            put(depot, fault)
        judge = Judge(depot) if args.check or args.control else None
        asyncio.run(serve(depot, steps, judge, args.control, args.json))
    except (SiteUnreadable, SiteRefused, CannotSimulate, BadOrder, BadFault) as error:
        raise CallError(str(error)) from error
    found = judge.checker.violations if judge and args.check else []
    for violation in found:
        print(f"violation: {words(violation)}", file=sys.stderr)
    return 1 if found else 0


def tell_running(control: Path | None, words: str) -> int:
    """Give an order to a running simulator and print its answer, one JSON document."""
    if control is None:
        raise CallError("--tell: expected --control SOCKET, where the simulator listens")
    try:
        order = msgspec.json.decode(words, type=dict[str, Any])
        print(json.dumps(ask(control, order)))
    except msgspec.MsgspecError as error:
        raise CallError(f"--tell {words!r}: expected a JSON object, such as {EXAMPLE}: {error}") from None
    except BadOrder as error:
        raise CallError(f"--tell: {error}") from None
    except OSError as error:
        raise CallError(f"{control}: no simulator answers there: {error.strerror or error}") from None
    return 0


async def serve(
    depot: Depot, steps: list[Step], judge: Judge | None, control_path: Path | None, as_json: bool
) -> None:
    """Run the depot on its wires until SIGINT or SIGTERM."""
    simulator = Simulator(depot)
    control = None
    if judge is not None:
        simulator.listeners.append(judge.see)

        def extra(order: dict[str, Any]) -> dict[str, Any] | None:
            said = simulator.order(order)
            return said if said is not None else judge.extra(order)

        control = Control(control_path, depot, simulator.lock, extra) if control_path else None
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, done.set)
    await simulator.start()
    try:
        if control is not None:
            await control.start()
        tell(depot.site, simulator, as_json)
        work = [asyncio.create_task(simulator.run()), asyncio.create_task(follow(depot, judge, steps))]
        waiting = asyncio.create_task(done.wait())
        finished, _ = await asyncio.wait([work[0], waiting], return_when=asyncio.FIRST_COMPLETED)
        for task in (*work, waiting):
            task.cancel()
        for task in finished - {waiting}:
            task.result()  # the simulator does not end by itself: this raises what ended it
    finally:
        if control is not None:
            await control.stop()
        await simulator.stop()


async def follow(depot: Depot, judge: Judge | None, steps: list[Step]) -> None:
    """Do what the scenario says, when it says it."""
    start = asyncio.get_running_loop().time()
    for step in steps:
        await asyncio.sleep(max(0.0, start + step.at_s - asyncio.get_running_loop().time()))
        try:
            if judge is not None:
                judge.extra({"do": step.do, "device": step.device})
            obey(depot, step)
            print(f"{step.at_s:g} s: {step.do} {step.device or step.node}".rstrip(), file=sys.stderr)
        except BadOrder as error:
            print(f"depot: scenario at_s = {step.at_s:g}, {error}", file=sys.stderr)


def tell(site: Site, simulator: Simulator, as_json: bool) -> None:
    """Say what listens where."""
    where, service = {}, {}
    for server in simulator.servers:
        drawn = server.address if isinstance(server, TcpServer) else server.line.id
        where[drawn] = server.where
        if isinstance(server, LineServer):
            service[drawn] = server.service
    drawn_devices: list[Meter | Charger | Board] = [*site.meters, *site.chargers, *site.boards]
    devices = [
        {
            "id": d.id,
            "is": _kind(d),
            "driver": d.driver,
            "at": where[d.at.tcp or d.at.line],
            "unit": d.at.unit,
            **({"service": service[d.at.line]} if d.at.line else {}),
        }
        for d in drawn_devices
    ]
    if as_json:
        print(json.dumps({"site": site.id, "devices": devices}), flush=True)
    else:
        for d in devices:
            print(f"{d['id']:20} {d['driver']:28} {d['at']} unit {d['unit']}", flush=True)
        for line, path in service.items():
            print(f"{line:20} {'(service line)':28} {path}", flush=True)
    with contextlib.suppress(BrokenPipeError):
        print("simulating; Ctrl-C ends it", file=sys.stderr, flush=True)


def _kind(device: Meter | Charger | Board) -> str:
    if isinstance(device, Board):
        return "board"
    return "charger" if isinstance(device, Charger) else "meter"
