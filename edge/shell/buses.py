"""The bus masters of a site: one for every serial line, one for every TCP host and port."""

from pathlib import Path

from drivers import library
from drivers.device import Device
from edge.model.site import Address, Board, Charger, Meter, Site
from edge.shell import ports
from edge.shell.bus import Clock, Emit, Master
from edge.shell.member import Member
from edge.shell.modbus import Wire


def build(site: Site, emit: Emit, clock: Clock, tables: tuple[Path, ...] = ()) -> list[Master]:
    """Return the masters of a site, not yet running; devices on one line or host share one.

    tables: directories with further device tables.
    Raises library.UnknownDriver, table.BadTable, and ValueError with the device's id.
    """
    members: dict[str, list[Member]] = {}
    wires: dict[str, Wire] = {}
    for member, at in [
        *((_meter(site, m, tables), m.at) for m in site.meters),
        *((_charger(site, c, tables), c.at) for c in site.chargers),
        *((_board(site, b, tables), b.at) for b in site.boards),
    ]:
        wire = wire_to(site, at, member.device)
        wires.setdefault(wire.name, wire)
        members.setdefault(wire.name, []).append(member)
    return [Master(wires[name], found, emit, clock) for name, found in members.items()]


def wire_to(site: Site, at: Address, device: Device) -> Wire:
    """Return a new wire to where a device is.  Raises ValueError if there is no such line."""
    if at.line:
        line = next((line for line in site.lines if line.id == at.line), None)
        if line is None:
            raise ValueError(f"line {at.line!r} is not in the site file")
        return ports.serial_line(line)
    host, port = host_and_port(at.tcp)
    return ports.tcp(host, port + device.port_offset)


def host_and_port(text: str, port: int = 502) -> tuple[str, int]:
    """Return "HOST:PORT" in two; an IPv6 address stands in brackets.  Raises ValueError."""
    host, colon, number = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, number = text, str(port)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not number.isdigit() or not 0 < int(number) < 65536:
        raise ValueError(f'"{text}" is no HOST or HOST:PORT')
    return host, int(number)


def device_of(site: Site, one: Meter | Charger | Board, tables: tuple[Path, ...] = ()) -> Device:
    """Return the driver of a meter, charger or board.  Raises UnknownDriver, BadTable, ValueError."""
    table = library.load(one.driver, tables)
    if isinstance(one, Board):
        return Device(table, one.at.unit)
    connector = one.connector if isinstance(one, Charger) else 1
    return Device(table, one.at.unit, connector=connector, voltage_v=site.voltage_v, phases=len(one.phases))


def _meter(site: Site, meter: Meter, tables: tuple[Path, ...]) -> Member:
    return Member(meter.id, device_of(site, meter, tables), charger=False)


def _charger(site: Site, charger: Charger, tables: tuple[Path, ...]) -> Member:
    return Member(
        charger.id,
        device_of(site, charger, tables),
        charger=True,
        fallback_ma=charger.fallback_ma,
        supervision_ms=charger.valid_for_ms,
    )


def _board(site: Site, board: Board, tables: tuple[Path, ...]) -> Member:
    return Member(board.id, device_of(site, board, tables), charger=False, supervision_ms=board.timeout_ms)
