"""`depot status`: what is going on now, in tables that fit 80 columns."""

import argparse
from collections.abc import Iterator

from edge.cli import asking
from edge.model.units import PHASES
from edge.shell import words
from edge.shell.answers import ChargerStatus, NodeStatus, Status
from edge.shell.control import AskStatus

EPILOG = """examples:
  depot status                       the depot of this machine
  depot status --state /run/demo     of the daemon with that state directory
  depot status --json | jq .chargers

A phase reads measured / limit in A; ~ marks what no meter measures and is counted instead.
exit 0: done.  2: no daemon answers.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.epilog = EPILOG
    asking.arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the status.  Returns 0."""
    status = asking.ask(args.state, AskStatus(), Status)
    if args.json:
        asking.print_json(status)
    else:
        print("\n".join(lines(status)))
    return 0


def lines(status: Status) -> Iterator[str]:
    """Yield the status as text."""
    power = words.kw(status.power_w) if status.power_w is not None else "power unknown"
    yield f"{status.name}  {status.time}  {words.ago(status.age_ms)} old  {power}"
    if status.price_words:
        yield f"price: {status.price_words}"
    for demand in status.demand:
        yield f"demand: {demand.words}"
    for event in status.events:
        yield f"event: {event.words}"
    if status.plan is not None:
        yield f"plan: {status.plan.words}"
        if status.plan.steps:
            yield f"next: {', '.join(status.plan.steps)}"
    for learned in status.learned:
        if learned.used:
            yield f"usual: {learned.words}"
            if learned.error_words:
                yield f"  last predictions: {learned.error_words}"
    for alert in [*status.violations, status.fallback]:
        if alert:
            yield f"look at this: {alert}"
    yield ""
    node_head = ("NODE", "POWER", "L1", "L2", "L3", "STATE")
    yield asking.table(node_head, [node_cells(n) for n in status.nodes], right=(1, 2, 3, 4))
    yield ""
    head = ("CHARGER", "STATE", "GETS", "READY BY", "WHY")
    rows = [
        (
            c.id,
            c.state_words,
            words.amps(c.granted_ma),
            ready_cell(c),
            "; ".join(
                part
                for part in (c.reason, f"ready in time: {c.promise}" if c.late else "", c.promise_words)
                if part
            ),
        )
        for c in status.chargers
    ]
    yield asking.table(head, rows, right=(2,))


def ready_cell(charger: ChargerStatus) -> str:
    """Return when a vehicle is wanted; with a ! where it will not be ready, or may not."""
    if not charger.ready.startswith("ready by "):
        return ""
    return charger.ready.removeprefix("ready by ").split(",")[0] + (" !" if charger.late else "")


def node_cells(node: NodeStatus) -> tuple[str, ...]:
    """Return a node's row: its place in the tree, power, measured / limit of every phase, state."""
    power = words.kw(node.power_w) if node.power_w is not None else "?"
    phases = [_phase(node, p) for p in PHASES]
    return (" " * node.depth + node.id, power, *phases, node.words)


def _phase(node: NodeStatus, p: int) -> str:
    limit = f"{node.limit_ma[p] / 1000:.0f}"
    if node.flowing_ma is None:
        return f"~{(node.other_ma[p] + node.charging_ma[p]) / 1000:.0f}/{limit}"
    return f"{node.flowing_ma[p] / 1000:.0f}/{limit}"
