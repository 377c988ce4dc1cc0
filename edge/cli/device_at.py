"""What the commands share that visit a device: which device, where, and how a quantity reads to people."""

import argparse
import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Literal, TypeVar

from drivers import library
from drivers.device import Device, NotRecognised
from drivers.table import BadTable, Table
from edge.cli import CallError
from edge.model.quantities import BY_KEY
from edge.model.site import Board, Charger, Line, Meter, Site
from edge.shell import buses, ports
from edge.shell.modbus import Wire
from edge.shell.outcome import Garbage, Refused, Silent, Unplugged
from edge.shell.sitefile import SiteRefused, SiteUnreadable, load
from edge.shell.visit import Visit

SITE_VARIABLE = "DEPOT_SITE"

T = TypeVar("T")


class NoAnswer(Exception):
    """The device could not be visited; the text is for people.  Exit 1."""


@dataclass
class Target:
    """A device and the wire to it, not yet open.  where: for messages."""

    name: str
    device: Device
    wire: Wire
    where: str
    timeout_ms: int


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which device, and where it is."""
    parser.add_argument(
        "device", nargs="?", metavar="DEVICE", help="id of a meter, charger or board of the site file"
    )
    parser.add_argument(
        "--site", metavar="FILE", type=Path, default=os.environ.get(SITE_VARIABLE),
        help=f"the site file (default: ${SITE_VARIABLE})",
    )  # fmt: skip
    parser.add_argument("--driver", metavar="NAME", help="a family of `depot devices`, instead of DEVICE")
    parser.add_argument("--tcp", metavar="HOST[:PORT]", help="where it is: a Modbus TCP host")
    parser.add_argument("--serial", metavar="PORT", help="where it is: a serial port, or socket://HOST:PORT")
    parser.add_argument("--baud", type=int, metavar="N", help="of the serial port (default: the driver's)")
    parser.add_argument("--format", metavar="8E1", help="of the serial port (default: the driver's)")
    parser.add_argument("--ascii", action="store_true", help="Modbus ASCII on the serial port")
    parser.add_argument("--unit", type=int, metavar="N", help="Modbus unit (default: the driver's)")
    parser.add_argument("--connector", type=int, default=1, metavar="N", help="of a station (default 1)")
    parser.add_argument("--timeout", type=int, default=0, metavar="MS", help="how long an answer may take")
    parser.add_argument(
        "--dir", action="append", type=Path, default=[], metavar="DIR", help="further device tables"
    )


def target(args: argparse.Namespace) -> Target:
    """Return the device that the call names.  Raises CallError with what is missing or wrong."""
    try:
        return _of_site(args) if args.device else _of_call(args)
    except (BadTable, library.UnknownDriver, ValueError) as error:
        raise CallError(str(error)) from None


def _of_site(args: argparse.Namespace) -> Target:
    if args.driver or args.tcp or args.serial:
        raise CallError("either DEVICE of the site file, or --driver with --tcp or --serial; not both")
    if args.site is None:
        raise CallError(f"{args.device}: expected --site FILE (or ${SITE_VARIABLE}), where it is described")
    site = site_file(Path(args.site))
    devices: list[Meter | Charger | Board] = [*site.meters, *site.chargers, *site.boards]
    for one in devices:
        if one.id == args.device:
            device = buses.device_of(site, one, tuple(args.dir))
            wire = buses.wire_to(site, one.at, device)
            return Target(one.id, device, wire, f"{wire.name} unit {device.unit}", args.timeout)
    known = ", ".join(one.id for one in devices)
    raise CallError(f'{args.site}: there is no meter, charger or board "{args.device}"; there are: {known}')


def site_file(path: Path) -> Site:
    """Load a site file.  Raises CallError with everything that is wrong in it."""
    try:
        return load(path)
    except (SiteUnreadable, SiteRefused) as error:
        raise CallError(str(error)) from None


def _of_call(args: argparse.Namespace) -> Target:
    if not args.driver or bool(args.tcp) == bool(args.serial):
        raise CallError("expected DEVICE with --site FILE, or --driver NAME with --tcp HOST or --serial PORT")
    table = library.load(args.driver, tuple(args.dir))
    kind = "tcp" if args.tcp else ("ascii" if args.ascii else serial_kind(table))
    transport = next((t for t in table.transports if t.type == kind), table.transports[0])
    unit = transport.unit if args.unit is None else args.unit
    device = Device(table, unit, connector=args.connector)
    if args.tcp:
        host, port = buses.host_and_port(args.tcp, transport.port)
        wire = ports.tcp(host, port + device.port_offset)
    else:
        baud, form = args.baud or transport.baud, args.format or transport.format
        framing: Literal["rtu", "ascii"] = "ascii" if kind == "ascii" else "rtu"
        wire = ports.serial_line(Line("call", args.serial, baud, form, framing))
    return Target(args.driver, device, wire, f"{wire.name} unit {device.unit}", args.timeout)


def serial_kind(table: Table) -> str:
    """Return how a family talks on a serial line: rtu, unless it knows only ascii."""
    kinds = {t.type for t in table.transports}
    return "ascii" if "ascii" in kinds and "rtu" not in kinds else "rtu"


def visit(at: Target, story: Callable[[Visit], Awaitable[T]]) -> T:
    """Open the wire, do something on it, close it.  Raises NoAnswer in words that help."""

    async def whole() -> T:
        await at.wire.open()
        try:
            return await story(Visit(at.wire, at.device, at.timeout_ms))
        finally:
            at.wire.close()

    try:
        return asyncio.run(whole())
    except Unplugged as error:
        hint = " (is the daemon using it? stop it first)" if "busy" in str(error) else ""
        raise NoAnswer(f"{error}{hint}") from None
    except Silent as error:
        serial = "; check wiring, baud, format and unit" if at.wire.serial else "; check the unit"
        raise NoAnswer(f"{at.where}: {error}{serial}") from None
    except (Garbage, Refused, NotRecognised) as error:
        raise NoAnswer(f"{at.where}: {error}") from None


_SHOWN = {
    "mv": (1000, "V"), "ma": (1000, "A"), "mhz": (1000, "Hz"), "mc": (1000, "°C"), "pm": (1000, ""),
    "w": (1, "W"), "var": (1, "var"), "va": (1, "VA"), "wh": (1, "Wh"), "s": (1, "s"), "ms": (1, "ms"),
}  # fmt: skip


def shown(key: str, value: int | str) -> str:
    """Say a quantity in the unit that people use: current_l1_ma 16250 is "16.25 A"."""
    quantity = BY_KEY.get(key)
    if quantity is None or quantity.kind == "text" or not isinstance(value, int):
        return str(value)
    if quantity.kind == "flag":
        return "yes" if value else "no"
    divisor, unit = _SHOWN.get(quantity.unit, (1, ""))
    number = Decimal(value) / divisor
    return f"{number.normalize() if number % 1 else number.quantize(Decimal(1)):f} {unit}".rstrip()
