"""What must hold of the I/O boards in a site file, and what each of their relays guards.

    boards(rows), relays(rows)     problems
    guarded(rows, relay)           the chargers behind a relay
    supervises(rows, charger)      whether a charger notices by itself that we are silent

What the guard is worth in the fallback sums (I4) is sitecheck.falls_to().
"""

from collections.abc import Iterator

from drivers import library
from edge.model.units import IEC_61851_MIN_MA, amps_text
from edge.shell.siteread import Problem, Row, Rows, nearest, problem


def boards(rows: Rows) -> Iterator[Problem]:
    """A board's limit has a place and a figure, and there is something that it guards or limits."""
    used = {row.values.get("board") for row in rows["relay"]}
    for row in rows["board"]:
        if not row.whole:
            continue
        values = row.values
        if ("limit_node" in values) != ("limit_ma" in values):
            key = "limit_a" if "limit_node" in values else "limit_node"
            yield problem(row, key, "missing: expected limit_node and limit_a together, or neither")
        if values["id"] not in used and "limit_node" not in values:
            yield problem(
                row, "id", "guards nothing: expected a [[relay]] of it, or limit_node", values["id"]
            )


def relays(rows: Rows) -> Iterator[Problem]:
    """A relay is named once, guards something that there is, and leaves what a charger can draw."""
    first: dict[tuple[str, int], Row] = {}
    guards: dict[str, Row] = {}
    for row in rows["relay"]:
        if not row.whole:
            continue
        values = row.values
        place = (values["board"], values["number"])
        if place in first:
            yield problem(row, "number", f"is described already, by the [[relay]] of {_whom(first[place])}")
        first.setdefault(place, row)
        known = {"chargers": rows.ids("charger"), "nodes": rows.ids("node")}
        unknown = [(k, name) for k, ids in known.items() for name in values.get(k, ()) if name not in ids]
        for key, name in unknown:
            yield problem(row, key, f"there is no [[{key[:-1]}]] {nearest(name, known[key])}", name)
        if unknown:
            continue
        chargers = guarded(rows, row)
        if not chargers:
            yield problem(row, "chargers", "guards no charger: expected chargers, or nodes that feed some")
        for name in chargers:
            if name in guards:
                told = f"{name} is guarded already, by relay {guards[name].values['number']}"
                yield problem(
                    row, "chargers", f"{told} of {guards[name].values['board']}; expected one relay each"
                )
            guards.setdefault(name, row)
            yield from _falls_as_it_can(rows, row, name)


def _whom(row: Row) -> str:
    return ", ".join((*row.values.get("chargers", ()), *row.values.get("nodes", ())))


def _falls_as_it_can(rows: Rows, row: Row, name: str) -> Iterator[Problem]:
    """What a relay leaves of a charger is 0, or a current that the charger can have (I2)."""
    falls = row.values.get("falls_to_ma", 0)
    charger = next(one for one in rows["charger"] if one.values.get("id") == name)
    if not charger.whole or not falls:
        return
    if "nodes" in row.values:
        yield problem(
            row, "falls_to_a", f"{amps_text(falls)}: expected 0: a relay that breaks a node stops it"
        )
        return
    low, high = charger.values.get("min_ma", IEC_61851_MIN_MA), charger.values["max_ma"]
    if not low <= falls <= high:
        expected = f"expected 0, or from {amps_text(low)} to {amps_text(high)} as {name} takes it"
        yield problem(row, "falls_to_a", f"{amps_text(falls)}: {expected}")


def guarded(rows: Rows, relay: Row) -> tuple[str, ...]:
    """Return the chargers of a relay: those it names, and all below the nodes it names."""
    parents = {row.values["id"]: row.values.get("parent") for row in rows["node"] if "id" in row.values}
    broken = set(relay.values.get("nodes", ()))
    named = set(relay.values.get("chargers", ()))

    def below(node: str | None) -> bool:
        seen: set[str | None] = set()
        while node is not None and node not in seen:
            if node in broken:
                return True
            seen.add(node)
            node = parents.get(node)
        return False

    return tuple(
        row.values["id"]
        for row in rows["charger"]
        if "id" in row.values and (row.values["id"] in named or below(row.values.get("node")))
    )


def supervises(rows: Rows, charger: str) -> bool:
    """Say whether a charger notices by itself that we are silent."""
    driver = next(row.values["driver"] for row in rows["charger"] if row.values["id"] == charger)
    return library.load(driver).supervision.kind != "none"
