"""What must hold in a site file of vehicles that give back: docs/batteries.md.

Rule 1: nothing is taken out of a vehicle unless charger, window and site each allow it.
Rule 2: a charger that would go on discharging while we are silent is refused (I4).
Rule 3: what is given back below a node fits its limit as well: a breaker does not mind the direction.
"""

from collections.abc import Iterator

from drivers import library
from drivers.table import BadTable, Table
from edge.model.units import PHASE_NAMES, PHASES, amps_text
from edge.shell import siteguard
from edge.shell.sitebatterywords import GIVING_KEYS
from edge.shell.siteread import Problem, Row, Rows, problem

# A discharging device must fall silent this soon after us, where its own time is not known.
SILENT_WITHIN_MS = 60_000


def check(rows: Rows) -> Iterator[Problem]:
    """Yield what is wrong with what may be taken out of vehicles."""
    giving = {}
    for row in rows["charger"]:
        if row.whole and row.values.get("discharge_ma"):
            giving[row.values["id"]] = row
            yield from _charger(rows, row)
    yield from _nodes(rows, list(giving.values()))
    for row in rows["window"]:
        if row.whole:
            yield from _window(row, giving)


def _charger(rows: Rows, row: Row) -> Iterator[Problem]:
    table = _table(row)
    if table is None or table.control is None:
        return  # told elsewhere
    asked, control = row.values["discharge_ma"], table.control
    if not control.discharge:
        yield problem(row, "discharge_a", f"{table.name} cannot discharge; expected none")
        return
    if not control.discharge_min_ma <= asked <= control.discharge_max_ma:
        low, high = amps_text(control.discharge_min_ma), amps_text(control.discharge_max_ma)
        yield problem(row, "discharge_a", f"{amps_text(asked)}: {table.name} takes from {low} to {high}")
    guarded = {name for relay in rows["relay"] if relay.whole for name in siteguard.guarded(rows, relay)}
    if table.supervision.kind == "none" and row.values["id"] not in guarded:
        told = f"{table.name} goes on discharging while we are silent"
        yield problem(row, "discharge_a", f"{told}: expected a [[relay]] of a [[board]] that guards it (I4)")
    held_ms = row.values.get("valid_for_ms", 0) or table.supervision.time_ms
    if table.supervision.kind != "none" and not 0 < held_ms <= SILENT_WITHIN_MS:
        told = "expected valid_for_s, up to 60: how long it may go on discharging while we are silent (I4)"
        yield problem(row, "discharge_a", told)


def _table(row: Row) -> Table | None:
    try:
        return library.load(row.values["driver"])
    except (library.UnknownDriver, BadTable):
        return None


def _nodes(rows: Rows, giving: list[Row]) -> Iterator[Problem]:
    """Yield the nodes that all that is given back below them would overload."""
    nodes = {row.values["id"]: row for row in rows["node"] if row.whole}
    back = {name: [0, 0, 0] for name in nodes}
    for row in giving:
        node, seen = row.values["node"], set[str]()
        while node in nodes and node not in seen:
            seen.add(node)
            for phase in row.values.get("phases", PHASES):
                back[node][phase] += row.values["discharge_ma"]
            node = nodes[node].values.get("parent", "")
    for name, sums in back.items():
        limits = nodes[name].values["limit_ma"]
        for phase in PHASES:
            if sums[phase] > limits[phase]:
                told = f"{PHASE_NAMES[phase]}: chargers below it may give back {amps_text(sums[phase])}"
                yield problem(nodes[name], "limit_a", f"{told}, more than its {amps_text(limits[phase])}")
                break


def _window(row: Row, giving: dict[str, Row]) -> Iterator[Problem]:
    values = row.values
    if not values.get("discharge"):
        return
    charger = values.get("charger")
    if not giving or (charger is not None and charger not in giving):
        told = f"{charger or 'no charger'} has {'no' if charger else ''} discharge_a".replace("  ", " ")
        yield problem(row, "discharge", f"{told}; expected a charger that may")
    missing = [key.name for key in GIVING_KEYS if key.target in NEEDED and key.target not in values]
    if missing:
        yield problem(
            row, "discharge", f"expected {', '.join(missing)} as well: what is taken, and what stays"
        )


NEEDED = ("soc_pm", "battery_wh", "keep_pm")
