"""`depot write`: one setting of a device on the bench, inside its allow-list."""

import argparse
import sys
from fractions import Fraction

from drivers.device import Device, NotAllowed
from drivers.wire import Write
from edge.cli import CallError, device_at
from edge.cli.device_at import NoAnswer, Target
from edge.shell.visit import Visit

EPILOG = """\
examples:
  depot write bay-3 current 10 --site site.toml --i-mean-it        10 A, as the daemon would write it
  depot write --driver heidelberg_energy_control --serial /dev/ttyUSB0 --unit 2 fallback 6 --i-mean-it
  depot write bay-3 current 0 --site site.toml --i-mean-it         pauses, the way the device wants it

QUANTITY is "current" (in A), or a setting of `depot devices NAME`, in the unit of the maker's manual.
For the bench: the device falls back when its supervision time is over, and a running daemon writes its own.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `depot write` takes."""
    parser.epilog = EPILOG
    device_at.arguments(parser)
    parser.add_argument("quantity", metavar="QUANTITY", help='"current", or a setting of the driver')
    parser.add_argument("value", metavar="VALUE", help="a number, in A or in the manual's unit")
    parser.add_argument("--i-mean-it", action="store_true", help="without it nothing is written")
    parser.add_argument(
        "--wear", action="store_true", help="also write memory that wears out (at commissioning only)"
    )


def run(args: argparse.Namespace) -> int:
    """Recognise the device, write, and read back where it can be."""
    at = device_at.target(args)
    value = _number(args.value)
    names = ["current", *sorted(at.device.table.settings)]
    if args.quantity not in names:
        table = at.device.table.name
        raise CallError(
            f'{table} has no setting "{args.quantity}"; it has: {", ".join(dict.fromkeys(names))}'
        )
    if not args.i_mean_it:
        raise CallError(f"this would write {args.quantity} {args.value} to {at.name}: say --i-mean-it")
    try:
        return device_at.visit(at, lambda visit: _write(visit, at, args, value))
    except NoAnswer as error:
        print(f"depot write: {at.name}: {error}", file=sys.stderr)
        return 1
    except NotAllowed as error:
        print(f"depot write: {error}", file=sys.stderr)
        return 1


async def _write(visit: Visit, at: Target, args: argparse.Namespace, value: Fraction) -> int:
    await visit.recognise()
    writes = planned(visit.device, args.quantity, value)
    await visit.write(writes, commissioning=args.wear)
    for write in writes:
        seen = await visit.written(write)
        words = {
            True: "and reads back so",
            False: "BUT READS BACK DIFFERENTLY",
            None: "(cannot be read back)",
        }
        where = f"unit {write.unit} register {write.address}"
        print(f"{at.name}: {where} = {' '.join(map(str, write.words))} {words[seen]}")
        if seen is False:
            return 1
    return 0


def planned(device: Device, quantity: str, value: Fraction) -> list[Write]:
    """Return the writes for a quantity.  Raises NotAllowed."""
    if quantity == "current" and device.table.control:
        return device.set_current(int(value * 1000))
    return device.write_setting(quantity, value)


def _number(text: str) -> Fraction:
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise CallError(f'VALUE "{text}": expected a number') from None
