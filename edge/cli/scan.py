"""`depot scan`: find and recognise devices on TCP hosts or a serial line; writes nothing."""

import argparse
import asyncio
import ipaddress
import json
import sys
import time
from typing import Any, Literal

from drivers.table import Table
from edge.cli import CallError
from edge.cli.progress import Progress
from edge.model.site import Line
from edge.shell import buses, ports, scan
from edge.shell.outcome import Unplugged
from edge.shell.scan import Match, Seen, Setting
from edge.shell.sitewords import BAUDS, FORMATS

EPILOG = """\
examples:
  depot scan tcp 192.168.1.20 192.168.1.21:1502       two hosts
  depot scan tcp 192.168.1.0/24 --json                a small network
  depot scan serial /dev/ttyUSB0                      all speeds that the library knows, units 1-16
  depot scan serial /dev/ttyUSB0 --baud 9600 --format 8N1 --units 1-247
  depot scan serial /dev/ttyUSB0 --ascii              for Modbus ASCII (ABL)

Reads only.  What was found comes out as lines for a site file; progress goes to standard error.
exit 0: something was found.  1: nothing was.  2: the call is wrong, or there is no such port.
"""

HOSTS_MAX = 1024
HOSTS_AT_ONCE = 16


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `depot scan` takes."""
    parser.epilog = EPILOG
    parser.add_argument("on", choices=("tcp", "serial"), help="what to look at")
    parser.add_argument(
        "where", nargs="+", metavar="HOSTS|PORT", help="hosts, networks like 10.0.0.0/28; or a port"
    )
    parser.add_argument("--port", type=int, default=502, metavar="N", help="of TCP hosts (default 502)")
    parser.add_argument(
        "--units", metavar="1-16,100", help="units to ask for (default: the library's; serial 1-16)"
    )
    parser.add_argument(
        "--baud", metavar="N,N", help="of the serial port (default: all that the library knows)"
    )
    parser.add_argument(
        "--format", metavar="8E1,8N1", help="of the serial port (default: as the library knows)"
    )
    parser.add_argument("--ascii", action="store_true", help="Modbus ASCII instead of RTU")
    parser.add_argument("--all", action="store_true", help="go on at other speeds after something was found")
    parser.add_argument(
        "--timeout", type=int, metavar="MS", help="for an answer (default: tcp 500, serial 200)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(args: argparse.Namespace) -> int:
    """Scan and print what was found."""
    began = time.monotonic()
    tables = scan.load_tables()
    found = asyncio.run(_tcp(args, tables) if args.on == "tcp" else _serial(args, tables))
    Progress.end()
    seconds = round(time.monotonic() - began, 1)
    if args.json:
        print(json.dumps({"found": [document(seen) for seen in found], "seconds": seconds}, indent=1))
    else:
        print(fragment(found, args.where[0] if args.on == "serial" else ""))
        print(f"depot scan: {len(found)} found in {seconds:g} s", file=sys.stderr)
    return 0 if found else 1


# TCP ------------------------------------------------------------------------------------------------


async def _tcp(args: argparse.Namespace, tables: list[Table]) -> list[Seen]:
    for name in ("baud", "format", "ascii"):
        if getattr(args, name):
            raise CallError(f"scan tcp: --{name} is for serial ports")
    hosts = hosts_of(args.where, args.port)
    usable = scan.for_wire(("tcp",), tables)
    numbers = numbers_of(args.units) if args.units else scan.default_units(usable)
    progress = Progress(len(hosts) * len(numbers))
    gate = asyncio.Semaphore(HOSTS_AT_ONCE)

    async def one(host: str, port: int) -> list[Seen]:
        async with gate:
            return await _host(host, port, numbers, usable, args.timeout or 500, progress)

    lists = await asyncio.gather(*(one(host, port) for host, port in hosts))
    return [seen for found in lists for seen in found]


async def _host(
    host: str, port: int, numbers: list[int], tables: list[Table], timeout_ms: int, progress: Progress
) -> list[Seen]:
    wire = ports.tcp(host, port)
    try:
        await wire.open()
    except Unplugged:
        progress.step(f"{host}:{port}", len(numbers))
        return []
    found: list[Seen] = []
    try:
        async for got in scan.units(wire, wire.name, numbers, tables, timeout_ms):
            if isinstance(got, Seen):
                found.append(got)
            else:
                progress.step(f"{wire.name} unit {got}")
    except Unplugged:
        pass  # it went away; what it has said stands
    finally:
        wire.close()
    return scan.distinct(found, tables)


def hosts_of(words: list[str], port: int) -> list[tuple[str, int]]:
    """Return hosts and ports of HOST, HOST:PORT and NETWORK/BITS.  Raises CallError."""
    found: list[tuple[str, int]] = []
    for word in words:
        try:
            if "/" in word:
                network = ipaddress.ip_network(word, strict=False)
                if network.num_addresses > HOSTS_MAX:
                    raise CallError(
                        f"scan tcp {word}: {network.num_addresses} hosts, expected at most {HOSTS_MAX}"
                    )
                hosts = list(network.hosts()) or [network.network_address]
                found += [(str(host), port) for host in hosts]
            else:
                found.append(buses.host_and_port(word, port))
        except ValueError as error:
            raise CallError(f"scan tcp {word}: {error}") from None
    return found


# Serial ---------------------------------------------------------------------------------------------


async def _serial(args: argparse.Namespace, tables: list[Table]) -> list[Seen]:
    if len(args.where) != 1:
        raise CallError("scan serial: expected one port")
    kind: Literal["rtu", "ascii"] = "ascii" if args.ascii else "rtu"
    usable = scan.for_wire((kind,), tables)
    chosen = settings_of(args, usable, kind)
    numbers = numbers_of(args.units) if args.units else list(range(1, 17))
    progress, found = Progress(len(chosen) * len(numbers)), list[Seen]()
    for setting in chosen:
        if found and not args.all:
            break
        line = Line("scan", args.where[0], setting.baud, setting.format, kind)
        wire = ports.serial_line(line)
        try:
            await wire.open()
        except Unplugged as error:
            raise CallError(f"scan serial: {error}") from None
        where = f"{setting.baud} {setting.format}"
        try:
            async for got in scan.units(wire, where, numbers, usable, args.timeout or 200):
                if isinstance(got, Seen):
                    found.append(got)
                else:
                    progress.step(f"{where} unit {got}")
        except Unplugged as error:
            raise CallError(f"scan serial: {error}") from None
        finally:
            wire.close()
    return found


def settings_of(args: argparse.Namespace, tables: list[Table], kind: str) -> list[Setting]:
    """Return the settings to try, the most likely first.  Raises CallError."""
    known = scan.settings(tables, (kind,))
    bauds = _whole(args.baud, "--baud", BAUDS) if args.baud else list(dict.fromkeys(s.baud for s in known))
    forms = args.format.split(",") if args.format else list(dict.fromkeys(s.format for s in known))
    for form in forms:
        if form not in FORMATS:
            raise CallError(f'--format "{form}": expected one of {", ".join(FORMATS)}')
    wanted = [s for s in known if s.baud in bauds and s.format in forms]
    return wanted + [Setting(b, f) for b in bauds for f in forms if Setting(b, f) not in wanted]


def _whole(text: str, option: str, known: tuple[int, ...]) -> list[int]:
    if not all(part.isdigit() and int(part) in known for part in text.split(",")):
        raise CallError(f'{option} "{text}": expected some of {", ".join(map(str, known))}')
    return [int(part) for part in text.split(",")]


def numbers_of(text: str) -> list[int]:
    """Return the units of "1-16,100".  Raises CallError."""
    found: list[int] = []
    for part in text.split(","):
        low, dash, high = part.partition("-")
        if not low.isdigit() or (dash and not high.isdigit()):
            raise CallError(f'--units "{text}": expected numbers and ranges, as 1-16,100')
        found += range(int(low), int(high or low) + 1)
    if not found or max(found) > 255:
        raise CallError(f'--units "{text}": expected units from 0 to 255')
    return list(dict.fromkeys(found))


# Telling --------------------------------------------------------------------------------------------


def document(seen: Seen) -> dict[str, Any]:
    """Return one find as plain data."""
    return {
        "at": seen.where,
        "unit": seen.unit,
        "matches": [
            {"driver": m.driver, "kind": m.kind, "certain": m.certain, "identity": m.identity}
            for m in seen.matches
        ],
    }


def fragment(found: list[Seen], port: str) -> str:
    """Return what was found as lines for a site file; what is left to decide stands in comments."""
    parts = []
    if port:
        for where in dict.fromkeys(seen.where for seen in found):
            baud, form = where.split()
            parts.append(f'[[line]]\nid = "rs485"\nport = "{port}"\nbaud = {baud}\nformat = "{form}"')
    for seen in found:
        place = f'line = "rs485"\nunit = {seen.unit}' if port else f'tcp = "{seen.where}"\nunit = {seen.unit}'
        if seen.matches:
            parts.append(_device(seen, seen.matches[0], place))
        else:
            parts.append(f"# {seen.where} unit {seen.unit} answers, but no family of the library knows it")
    return "\n\n".join(parts)


def _device(seen: Seen, match: Match, place: str) -> str:
    told = ", ".join(f"{key} {value}" for key, value in match.identity.items())
    kind = match.kind if match.kind in ("meter", "board") else "charger"
    lines = [f"# {told}"] if told else []
    if len(seen.matches) > 1 or not match.certain:
        others = ", ".join(m.driver for m in seen.matches[1:])
        lines.append(f"# fits, but does not name itself{'; so do: ' + others if others else ''}")
    node = ['node = ""  # the id of the node that feeds it'] if kind == "charger" else []
    return "\n".join(
        [*lines, f"[[{kind}]]", f'id = "{kind}-{seen.unit}"', *node, f'driver = "{match.driver}"', place]
    )
