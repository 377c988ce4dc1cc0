"""`depot trace`: watch the frames of a device, in hex and in words."""

import argparse
import asyncio
import contextlib
import json
import sys
import time
from typing import Any

from drivers.wire import Read
from edge.cli import device_at
from edge.cli.device_at import NoAnswer, shown
from edge.model.quantities import BY_KEY
from edge.shell.framewords import say, spaced
from edge.shell.outcome import Garbage, Silent
from edge.shell.visit import Visit

EPILOG = """\
examples:
  depot trace bay-3 --site site.toml               recognises it, then reads it every second until Ctrl-C
  depot trace bay-3 --site site.toml --seconds 5
  depot trace --driver eastron_sdm630 --serial /dev/ttyUSB0 --unit 3 --seconds 2 --json

Asks by itself and reads only; it does not listen to what a running daemon asks.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `depot trace` takes."""
    parser.epilog = EPILOG
    device_at.arguments(parser)
    parser.add_argument("--seconds", type=float, metavar="N", help="end after so long (default: at Ctrl-C)")
    parser.add_argument("--json", action="store_true", help="one JSON document at the end")


def run(args: argparse.Namespace) -> int:
    """Ask and show every frame.  Returns 1 if the device was not recognised."""
    at = device_at.target(args)
    frames: list[dict[str, Any]] = []
    began = time.monotonic()

    def tap(direction: str, _at: float, data: bytes) -> None:
        words = say(at.wire.framing, direction, data)
        seconds = round(time.monotonic() - began, 4)
        frames.append({"s": seconds, "direction": direction, "hex": spaced(data), "words": words})
        if not args.json:
            # Called by the wire, which must go on: a reader that is gone ends _watch(), which prints, too.
            with contextlib.suppress(BrokenPipeError):
                print(f"{seconds:9.3f} {direction} {spaced(data)}\n{'':12}{words}", flush=True)

    at.wire.tap = tap
    error, code = "", 0
    try:
        device_at.visit(at, lambda visit: _watch(visit, args.seconds, args.json))
    except NoAnswer as why:
        error, code = str(why), 1
        print(f"depot trace: {at.name}: {why}", file=sys.stderr)
    except KeyboardInterrupt:
        pass
    if args.json:
        print(json.dumps({"device": at.name, "at": at.where, "frames": frames, "error": error}, indent=1))
    return code


async def _watch(visit: Visit, seconds: float | None, quiet: bool) -> None:
    """Recognise the device, then read it again and again."""
    ends = None if seconds is None else time.monotonic() + seconds
    identity = await visit.recognise()
    _tell(identity, quiet)
    while ends is None or time.monotonic() < ends:
        for poll in visit.device.polls():
            for read in poll.reads:
                await _show(visit, read, quiet)
                if ends is not None and time.monotonic() >= ends:
                    return
        await asyncio.sleep(1)


async def _show(visit: Visit, read: Read, quiet: bool) -> None:
    try:
        reply = await visit.fetch(read)
    except (Silent, Garbage) as error:
        if not quiet:
            print(f"{'':12}{error}", flush=True)
        return
    _tell(visit.device.decode({read: reply}), quiet)


def _tell(values: dict[str, int | str], quiet: bool) -> None:
    """Say what the frames meant."""
    if values and not quiet:
        known = (f"{BY_KEY[key].name} {shown(key, value)}" for key, value in values.items() if key in BY_KEY)
        print(f"{'':12}{', '.join(known)}", flush=True)
