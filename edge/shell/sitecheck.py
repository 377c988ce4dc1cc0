"""What must hold between the keys of a site file: references, addresses, the tree, windows, I4.

    check(rows, folder, problems, notes)     everything but the fallback sums
    prove(site, rows, problems)              the fallback sums per node (core/fallback.py)

Rule 1: a row that did not read gives no further problems, and its id still counts as known: one slip,
one message.
Rule 2: a note is for a person to look at; a problem refuses the site.
"""

import zoneinfo
from collections.abc import Iterator
from pathlib import Path

from drivers import library
from drivers.table import BadTable, Table
from edge.core import fallback
from edge.core.fallback import NodeProof
from edge.model.site import Charger, Site
from edge.model.units import HIGHEST_VOLTAGE_PER_NOMINAL, IEC_61851_MIN_MA, PHASE_NAMES, PHASES, amps_text
from edge.shell import portpolicyfile, sitebatteries, sitefleet, sitegrid, siteguard, tarifffile
from edge.shell.siteread import Problem, Row, Rows, nearest, problem

DEVICE_TABLES = ("meter", "charger", "board")
# A serial line's units.  Source: Modbus over Serial Line V1.02, 2.2.
SERIAL_UNITS = range(1, 248)
# What a broker or a VTN is spoken to with.  Nobody else may read the secrets.
FILES = ("ca_file", "cert_file", "vtn_ca_file", "vtn_cert_file")
SECRETS = ("password_file", "key_file", "vtn_key_file", "token_secret_file")


def check(rows: Rows, folder: Path, problems: list[Problem], notes: list[Problem]) -> None:
    """Add to problems (and notes) what is wrong between the keys.  folder: of the site file."""
    for rule in (
        _one_of_each,
        _references,
        _tree,
        _addresses,
        _drivers,
        _chargers,
        siteguard.boards,
        siteguard.relays,
        sitefleet.check,
        sitebatteries.check,
        _time_zone,
        _utility,
        sitegrid.check,
        _page,
        _delta_wye,
    ):
        problems += rule(rows)
    problems += _tariff(rows, folder)
    problems += _port_policy(rows, folder)
    notes += _files(rows, folder)
    notes += _phasors(rows)
    notes += sitefleet.notes(rows)


def _one_of_each(rows: Rows) -> Iterator[Problem]:
    """Ids are unique, devices among themselves too: readings, topics and commands go by them."""
    for tables in (("node",), ("line",), DEVICE_TABLES, ("window",), ("vehicle",)):
        first: dict[str, Row] = {}
        for table in tables:
            for row in rows[table]:
                name = row.values.get("id")
                if name is None:
                    continue
                if name in first:
                    other = first[name]
                    line = other.lines.get("id", other.lines.get("", 0))
                    yield problem(row, "id", f"is taken: {other.label} in line {line} has it", name)
                first.setdefault(name, row)
    ports: dict[str, Row] = {}
    for row in rows["charger"]:
        port = row.values.get("port", row.values.get("id"))
        if port in ports and "port" in row.values:
            yield problem(row, "port", f"is taken: {ports[port].label} reports under it", port)
        if port is not None:
            ports.setdefault(port, row)


def _references(rows: Rows) -> Iterator[Problem]:
    """What is named exists."""
    targets = (
        ("node", "parent", "node"), ("node", "meter", "meter"), ("meter", "line", "line"),
        ("charger", "line", "line"), ("charger", "node", "node"), ("window", "charger", "charger"),
        ("board", "line", "line"), ("board", "limit_node", "node"), ("relay", "board", "board"),
    )  # fmt: skip
    for table, key, target in targets:
        known = rows.ids(target)
        for row in rows[table]:
            name = row.values.get(key)
            if name is not None and name not in known:
                yield problem(row, key, f"there is no [[{target}]] {nearest(name, known)}", name)
    measures: dict[str, Row] = {}
    for row in rows["node"]:
        meter = row.values.get("meter")
        if meter in measures:
            yield problem(row, "meter", f"measures {measures[meter].label} already; one node each", meter)
        if meter is not None:
            measures.setdefault(meter, row)
    for row in rows["meter"]:
        if row.whole and row.values["id"] not in measures:
            yield problem(row, "id", "no [[node]] names it as its meter", row.values["id"])


def _tree(rows: Rows) -> Iterator[Problem]:
    """One root, no circle, and a node counts what the nodes below it count."""
    nodes = rows["node"]
    if not nodes:
        return
    roots = [row for row in nodes if "parent" not in row.values and row.whole]
    if not roots and all(row.whole for row in nodes):
        yield Problem(
            "[[node]]", "parent", "", "one node, the site's connection, has no parent; all have one"
        )
    for row in roots[1:]:
        yield problem(row, "parent", f"missing: {roots[0].label} is the site's connection already; expected "
                      "the id of the node that feeds this one")  # fmt: skip
    by_id = {row.values["id"]: row for row in nodes if "id" in row.values}
    for row in nodes:
        path = [row.values.get("id")]
        while (parent := by_id[path[-1]].values.get("parent") if path[-1] in by_id else None) is not None:
            path.append(parent)
            if parent in path[:-1]:
                break
        if len(path) > 1 and path[-1] == path[0]:
            yield problem(row, "parent", f"feeds itself: {' → '.join(map(str, path))}", row.values["parent"])
        yield from _counts_what_is_below(row, by_id.get(row.values.get("parent", "")))


def _counts_what_is_below(row: Row, parent: Row | None) -> Iterator[Problem]:
    """A node's other_max_a covers all that is below it, so no child's may be higher."""
    if parent is None or not (row.whole and parent.whole):
        return
    for phase in PHASES:
        own, above = row.values["other_max_ma"][phase], parent.values["other_max_ma"][phase]
        if own > above:
            yield problem(
                parent, "other_max_a",
                f"{amps_text(above)} on {PHASE_NAMES[phase]}: expected at least {amps_text(own)}: it "
                f"counts all that is below, and {row.label} has {amps_text(own)}",
            )  # fmt: skip
            return


def _addresses(rows: Rows) -> Iterator[Problem]:
    """Each device has one address, and only sockets of one station share one."""
    first: dict[tuple[object, ...], Row] = {}
    for table in DEVICE_TABLES:
        for row in rows[table]:
            values = row.values
            if row.whole and ("tcp" in values) == ("line" in values):
                yield problem(row, "tcp", "expected either tcp or line, and not both")
                continue
            if not row.whole:
                continue
            if "line" in values and values["unit"] not in SERIAL_UNITS:
                yield problem(row, "unit", "expected 1 to 247 on a serial line", values["unit"])
            place = (values.get("tcp"), values.get("line"), values["unit"])
            socket = (values["driver"], values.get("connector", 1)) if table == "charger" else ()
            for other_place, other in first.items():
                if other_place[:3] != place:
                    continue
                theirs = other_place[3:]
                one_station = socket and theirs and socket[0] == theirs[0] and socket[1] != theirs[1]
                if not one_station:
                    where = values.get("tcp") or values.get("line")
                    told = f"{where} unit {values['unit']} is the address of {other.label} already"
                    yield problem(
                        row, "unit", f"{told}; sockets of one station differ in connector", values["unit"]
                    )
                    break
            first.setdefault((*place, *socket), row)
    ports: dict[str, Row] = {}
    for row in rows["line"]:
        port = row.values.get("port")
        if port in ports:
            yield problem(row, "port", f"is the port of {ports[port].label} already", port)
        if port is not None:
            ports.setdefault(port, row)


def _chargers(rows: Rows) -> Iterator[Problem]:
    """A charger's currents are in order, and its fallback is one that it can have (I2)."""
    for row in rows["charger"]:
        if not row.whole:
            continue
        values = row.values
        low, high, falls = values.get("min_ma", IEC_61851_MIN_MA), values["max_ma"], values["fallback_ma"]
        if low == 0:
            yield problem(row, "min_a", "expected more than 0; a pause is always allowed", 0)
        if low > high:
            yield problem(row, "max_a", f"{amps_text(high)}: expected at least min_a, {amps_text(low)}")
        elif falls and not low <= falls <= high:
            expected = (
                f"{amps_text(falls)}: expected 0, or from min_a {amps_text(low)} to max_a {amps_text(high)}"
            )
            yield problem(row, "fallback_a", expected)


def _time_zone(rows: Rows) -> Iterator[Problem]:
    for row in rows["site"]:
        name = row.values.get("timezone")
        if name is None:
            continue
        try:
            zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            near = nearest(name, zoneinfo.available_timezones())
            yield problem(
                row, "timezone", f"is not a zone of the IANA time zone database {near}".rstrip(), name
            )


def _utility(rows: Rows) -> Iterator[Problem]:
    """There is a way to hear events and a way to report; a token has all that it needs."""
    for row in rows["utility"]:
        if not row.whole:
            continue
        has = row.values.keys()
        if "vtn" not in has:
            for key, what in (
                ("broker", "its broker, or its REST server as vtn"),
                ("event_topics", "the topics of its events; only a vtn can be asked for them"),
                ("report_topic", "where reports go; only a vtn takes them by REST"),
            ):
                if key not in has:
                    yield problem(row, key, f"missing; expected {what}")
        bearer = row.values.get("login") == "bearer"
        if bearer and "password_file" in has:
            yield problem(row, "password_file", 'with login = "bearer" the token is the password')
        if not bearer and not any(key.startswith("token_") for key in has):
            continue
        for key in ("token_client_id", "token_secret_file"):
            if key not in has:
                yield problem(row, key, "missing; a token needs token_client_id and token_secret_file")
        if "token_url" not in has and "vtn" not in has:
            yield problem(
                row, "token_url", "missing; expected where tokens are; only a vtn can be asked for it"
            )


def _page(rows: Rows) -> Iterator[Problem]:
    """A certificate has its key, and the other way round."""
    for row in rows["page"]:
        for key, other in (("cert_file", "key_file"), ("key_file", "cert_file")):
            if key in row.values and other not in row.values:
                yield problem(row, other, f"missing; {key} needs it")


def _tariff(rows: Rows, folder: Path) -> Iterator[Problem]:
    """The tariff file exists, reads, and is in the site's currency."""
    for row in rows["site"]:
        name = row.values.get("tariff")
        if name is None:
            continue
        try:
            tariff = tarifffile.load(folder / name, row.values.get("timezone", "UTC"))
        except tarifffile.TariffRefused as refused:
            yield problem(row, "tariff", str(refused), name)
            continue
        currency = row.values.get("currency", "USD")
        if currency != tariff.currency:
            told = f"the tariff is in {tariff.currency}, expected the same here"
            yield problem(row, "currency", told, currency)


def _port_policy(rows: Rows, folder: Path) -> Iterator[Problem]:
    """The port policy exists and reads."""
    for row in rows["site"]:
        name = row.values.get("port_policy")
        if name is None:
            continue
        try:
            portpolicyfile.load(folder / name)
        except portpolicyfile.PolicyRefused as refused:
            yield problem(row, "port_policy", str(refused), name)


def _files(rows: Rows, folder: Path) -> Iterator[Problem]:
    """Notes: what the daemon will need on the gateway, and this machine may not have."""
    for table in ("utility", "network", "home_assistant", "page"):
        for row in rows[table]:
            for key in (*FILES, *SECRETS):
                name = row.values.get(key)
                if name is None:
                    continue
                path = folder / name
                if not path.is_file():
                    yield problem(row, key, f"there is no file {path} on this machine", name)
                elif key in SECRETS and path.stat().st_mode & 0o077:
                    yield problem(row, key, f"others can read {path}: chmod 600", name)


def _phasors(rows: Rows) -> Iterator[Problem]:
    """Notes: the balancer adds phasors exactly, but a meter does not tell the angle of what else flows."""
    for row in rows["node"]:
        if row.values.get("delta") == "phasor" and "meter" in row.values:
            says = "the daemon adds magnitudes all the same (safe): what else it measures has no known angle"
            yield problem(row, "delta", says, "phasor")


def _delta_wye(rows: Rows) -> Iterator[Problem]:
    """Above a delta-wye transformer is nothing but charging: what else flows has no known angle there."""
    for row in rows["node"]:
        if row.values.get("delta") != "delta-wye":
            continue
        if "meter" in row.values:
            says = "a meter goes to the node below the transformer, where currents are as it measures them"
            yield problem(row, "meter", says, row.values["meter"])
        if any(row.values.get("other_max_ma", ())):
            says = "with delta-wye nothing else may be connected below the transformer: 0"
            yield problem(row, "other_max_a", says)


# --- drivers ----------------------------------------------------------------------------------------


def _drivers(rows: Rows) -> Iterator[Problem]:
    """Drivers are in the library, of the right kind, with the transport, and take the currents."""
    known = library.names()
    framing = {
        row.values["id"]: row.values.get("framing", "rtu") for row in rows["line"] if "id" in row.values
    }
    for name in DEVICE_TABLES:
        for row in rows[name]:
            driver = row.values.get("driver")
            if driver is None:
                continue
            if driver not in known:
                told = f"is not in the device library {nearest(driver, known)}"
                yield problem(row, "driver", f"{told}; see: depot devices", driver)
                continue
            try:
                table = library.load(driver)
            except BadTable as error:
                yield problem(row, "driver", f"its table cannot be used: {error}", driver)
                continue
            yield from _device(row, name, table, framing)


def _device(row: Row, name: str, table: Table, framing: dict[str, str]) -> Iterator[Problem]:
    """One device against its family's table."""
    if (table.kind if table.kind in DEVICE_TABLES else "charger") != name:
        yield problem(row, "driver", f"is a {table.kind.replace('_', ' ')}, expected a {name}", table.name)
        return
    key = "tcp" if "tcp" in row.values else "line"
    type_ = "tcp" if key == "tcp" else framing.get(row.values.get("line", ""), "")
    has = sorted({transport.type for transport in table.transports})
    if type_ and type_ not in has:
        yield problem(row, key, f"{table.name} has no Modbus {type_}; it has {', '.join(has)}")
    if name == "charger":
        yield from _device_currents(row, table)


def _device_currents(row: Row, table: Table) -> Iterator[Problem]:
    """What the installer allows is within what the device takes."""
    if table.control is None:
        yield problem(row, "driver", "cannot be told a current, expected a charger that can", table.name)
        return
    low, high = table.control.min_ma, table.control.max_ma
    own_low, own_high = row.values.get("min_ma", IEC_61851_MIN_MA), row.values.get("max_ma")
    if own_low < low:
        told = f"{amps_text(own_low)}: {table.name} takes no less than {amps_text(low)}"
        yield problem(row, "min_a", told)
    if own_high is not None and own_high > high:
        told = f"{amps_text(own_high)}: {table.name} takes no more than {amps_text(high)}"
        yield problem(row, "max_a", told)
    falls = row.values.get("fallback_ma")
    if falls is not None and not table.takes_fallback(falls):
        yield problem(row, "fallback_a", f"{amps_text(falls)}: {table.name} cannot be told so little")


def falls_to(site: Site) -> dict[str, int]:
    """Return what each charger draws at most when we are silent, by id.

    One that does not supervise us keeps its last setpoint, which may have been its maximum.  One that a
    board guards draws no more than the open relay leaves: whatever silences us silences the heartbeat.
    """
    falls = {
        charger.id: charger.fallback_ma if _supervises(charger) else charger.max_ma
        for charger in site.chargers
    }
    for board in site.boards:
        for relay in board.relays:
            for name in relay.chargers:
                falls[name] = min(falls[name], relay.falls_to_ma)
    return falls


def _supervises(charger: Charger) -> bool:
    return library.load(charger.driver).supervision.kind != "none"


# --- fallback ---------------------------------------------------------------------------------------


def prove(site: Site, rows: Rows, problems: list[Problem]) -> list[NodeProof]:
    """Return the fallback sums per node, and add a problem for every node where they do not fit (I4)."""
    falls = falls_to(site)
    proof = fallback.prove(site, falls)
    by_id = {row.values["id"]: row for row in rows["node"]}
    for node in proof:
        row = by_id[node.node]
        blind = [
            charger.id
            for charger in site.chargers
            if node.node in site.path(charger.node)
            and not _supervises(charger)
            and falls[charger.id] == charger.max_ma
        ]
        for phase in PHASES:
            if node.spare_ma[phase] < 0:
                problems.append(problem(row, "limit_a", _does_not_fit(node, phase, blind)))
        if node.spare_w is not None and node.spare_w < 0:
            problems.append(problem(row, "limit_kw", _too_many_watts(site, node)))
    return proof


def _does_not_fit(node: NodeProof, phase: int, blind: list[str]) -> str:
    other, falls, limit = node.other_ma[phase], node.fallback_ma[phase], node.limit_ma[phase]
    return (
        f"{PHASE_NAMES[phase]}: fallback currents do not fit: other load {amps_text(other)} + fallback of "
        f"{_count(node.chargers)} {amps_text(falls)} = {amps_text(other + falls)}, expected at most "
        f"{amps_text(limit)}; lower fallback_a (0 pauses){_blind(blind)}"
    )


def _blind(chargers: list[str]) -> str:
    """Return which chargers below count with their maximum, in words."""
    if not chargers:
        return ""
    return (
        f"; {', '.join(chargers)} cannot supervise us and count with max_a: lower it, as in the device, "
        "or guard them with a board"
    )


def _too_many_watts(site: Site, node: NodeProof) -> str:
    over, nominal = HIGHEST_VOLTAGE_PER_NOMINAL
    highest = f"{site.voltage_v * over / nominal:g} V (nominal + {over * 100 // nominal - 100} %)"
    return (
        f"fallback currents do not fit: other load and fallback of {_count(node.chargers)} are "
        f"{node.sum_w} W at {highest}, expected at most {node.limit_w} W"
    )


def _count(chargers: int) -> str:
    return "1 charger" if chargers == 1 else f"{chargers} chargers"
