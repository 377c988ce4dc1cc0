"""Builds the response to signals and the grid operator's limits from a site file's rows, and checks them.

response(rows) -> Response      grid_limits(rows, root) -> limits      check(rows) -> problems
"""

from collections.abc import Iterator

from edge.model.quantities import BY_KEY
from edge.model.site import CONTINGENCIES, Contingency, GridLimit, Response
from edge.shell.siteread import Problem, Row, Rows, nearest, shown


def response(rows: Rows) -> Response:
    """Return what the depot makes of signals; alerts that the file does not name keep their own plan."""
    values = rows["response"][0].values if rows["response"] else {}
    own = tuple(Contingency(**row.values) for row in rows["contingency"])
    named = {each.alert for each in own}
    rest = tuple(each for each in CONTINGENCIES if each.alert not in named)
    return Response(**values, contingencies=(*own, *rest))


def grid_limits(rows: Rows, root: str) -> tuple[GridLimit, ...]:
    """Return the grid operator's limits.  root: the id of the site's connection."""
    return tuple(GridLimit(**{"node": root, **row.values}) for row in rows["grid_limit"])


def check(rows: Rows) -> Iterator[Problem]:
    """Yield what is wrong between the keys."""
    yield from _contingencies(rows)
    yield from _parts_have_one_name(rows)
    ids: dict[str, Row] = {}
    nodes, devices = rows.ids("node"), rows.ids("meter") | rows.ids("charger")
    if "board" in rows:
        devices |= rows.ids("board")
    for row in rows["grid_limit"]:
        if not row.whole:
            continue
        name, node, device = (row.values.get(key) for key in ("id", "node", "device"))
        if name in ids:
            yield _problem(row, "id", f"is taken: {ids[name].label} has it")
        ids.setdefault(str(name), row)
        if node is not None and node not in nodes:
            yield _problem(row, "node", f"there is no [[node]] {nearest(node, nodes)}")
        if device is not None and device not in devices:
            yield _problem(row, "device", f"there is no device {nearest(device, devices)}")
        yield from _of_its_kind(row)


def _of_its_kind(row: Row) -> Iterator[Problem]:
    values = row.values
    kind = values["kind"]
    quantity = values.get("quantity", "inputs")
    if quantity != "inputs" and (quantity not in BY_KEY or BY_KEY[quantity].kind == "text"):
        numbers = [key for key, each in BY_KEY.items() if each.kind != "text"]
        yield _problem(row, "quantity", f"is not a number that a device tells {nearest(quantity, numbers)}")
    if kind == "contact" and "device" not in values:
        yield _problem(row, "device", "missing; expected the id of the device that reads the contact")
    if kind == "contact" and not {"limit_w", "limit_ma"} & set(values):
        yield _problem(row, "limit_kw", "missing; expected limit_kw or limit_a: what the contact leaves")
    if kind == "g100" and "limit_w" not in values:
        yield _problem(row, "limit_kw", "missing; expected the import limit of the connection agreement")
    if kind == "g100" and "device" in values:
        yield _problem(row, "device", "g100 looks at the meter of its node; expected no device")
    if kind == "enwg14a" and {"limit_w", "limit_ma"} & set(values):
        yield _problem(row, "limit_kw", "section 14a leaves its guaranteed minimum; expected no limit here")


def _contingencies(rows: Rows) -> Iterator[Problem]:
    seen: dict[str, Row] = {}
    for row in rows["contingency"]:
        alert = row.values.get("alert")
        if alert in seen:
            yield _problem(row, "alert", f"is planned for already: {seen[alert].label}")
        if alert is not None:
            seen.setdefault(alert, row)


def _parts_have_one_name(rows: Rows) -> Iterator[Problem]:
    """Nodes, chargers and groups are called by name in the utility's targets: no name means two."""
    nodes, chargers = rows.ids("node"), rows.ids("charger")
    for row in rows["charger"]:
        for group in row.values.get("groups", ()):
            if group in nodes | chargers:
                yield _problem(row, "groups", f"{group} is a node or a charger; expected a name of its own")


def _problem(row: Row, key: str, expected: str) -> Problem:
    found = row.values.get(key)
    text = "" if found is None else shown(found)
    return Problem(row.label, key, text, expected, row.lines.get(key, row.lines.get("", 0)))
