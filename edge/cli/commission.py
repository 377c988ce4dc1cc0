"""`depot commission`: guided tests on site, and the signed-off report."""

import argparse
import asyncio
import os
import sys
import time
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from drivers.library import UnknownDriver
from drivers.table import BadTable
from edge.cli import CallError, asking
from edge.cli.device_at import SITE_VARIABLE, site_file
from edge.cli.scan import numbers_of
from edge.model.commission import STEPS, Protocol, StepName
from edge.model.site import Site
from edge.report import commissionpage, commissionpdf
from edge.shell import commissionfiles
from edge.shell.commission import Commission, Progress, Question, summary
from edge.shell.commissionbench import WiredBench
from edge.shell.lock import Held, Lock
from edge.shell.outcome import Unplugged

EPILOG = """examples:
  depot commission --site site.toml --who "A. Ohm"          guided: asks before anything moves current
  depot commission --site site.toml --resume                goes on where it was broken off
  depot commission --site site.toml --only find meters      what moves nothing
  depot commission --site site.toml --yes --report ./out    unattended: the yearly self-test
  depot commission --site site.toml --last --report ./out   the report of the last run again

The daemon must be stopped: a line has one master.  Steps: find, meters, where, obeys, fallback, holds
(docs/commissioning.md).  Everything is written down after every test, in STATE/commissioning.

exit 0: no fault.  1: faults were found.  2: the call or a file is wrong.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.epilog = EPILOG
    parser.add_argument(
        "--site", metavar="FILE", type=Path, default=os.environ.get(SITE_VARIABLE),
        help=f"the site file (default: ${SITE_VARIABLE})",
    )  # fmt: skip
    asking.arguments(parser)
    parser.add_argument("--who", metavar="NAME", default="", help="who commissions, for the report")
    parser.add_argument("--yes", action="store_true", help="confirm everything: unattended")
    parser.add_argument(
        "--only", metavar="STEP", nargs="+", choices=STEPS, default=[], help=f"only these: {', '.join(STEPS)}"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the run that was broken off")
    parser.add_argument("--last", action="store_true", help="test nothing: report on the last run again")
    parser.add_argument(
        "--report", metavar="DIR", type=Path, help="write the report there: JSON, HTML and, with fpdf2, PDF"
    )
    parser.add_argument(
        "--units", metavar="1-32", default="1-32", help="where strangers are looked for on a line"
    )
    parser.add_argument(
        "--dir", action="append", type=Path, default=[], metavar="DIR", help="further device tables"
    )


def run(args: argparse.Namespace) -> int:
    """Commission a depot, or report on the last time.  Returns 0, or 1 where faults were found."""
    if args.site is None:
        raise CallError(f"commission: expected --site FILE (or ${SITE_VARIABLE})")
    site = site_file(Path(args.site))
    try:
        protocol = _last(args, site) if args.last else _run(args, site)
        written = report(args.report, args.state, protocol, site) if args.report else []
    except (UnknownDriver, BadTable, ValueError, Unplugged) as error:
        raise CallError(f"{args.site}: {error}") from None
    except (commissionfiles.NoProtocol, Held) as error:
        raise CallError(f"commission: {error}") from None
    except OSError as error:
        raise CallError(f"commission: {error.filename or args.state}: {error.strerror}") from None
    for path in written:
        print(f"written: {path}", file=sys.stderr)
    if args.json:
        asking.print_json(protocol)
    else:
        _show(protocol)
    return 1 if any(f.kind == "fault" for f in protocol.findings) else 0


def _last(args: argparse.Namespace, site: Site) -> Protocol:
    runs = commissionfiles.all_of(args.state, site.id)
    if not runs:
        where = args.state / commissionfiles.FOLDER
        raise CallError(f"commission --last: {site.id} was never commissioned here; no protocol in {where}")
    return runs[-1]


def _run(args: argparse.Namespace, site: Site) -> Protocol:
    if not args.yes and not sys.stdin.isatty():
        raise CallError("commission: expected a terminal to confirm at, or --yes")
    lock = Lock(args.state, "depot commission")
    try:
        protocol = _protocol(args, site)
        numbers = numbers_of(args.units)
        bench = WiredBench(site, tuple(args.dir), range(min(numbers), max(numbers) + 1))
        return asyncio.run(_commission(args, bench, protocol))
    finally:
        lock.close()


def _protocol(args: argparse.Namespace, site: Site) -> Protocol:
    """Return the protocol to go on with, or a new one."""
    steps: tuple[StepName, ...] = tuple(s for s in STEPS if s in args.only) or STEPS
    if args.resume:
        found = commissionfiles.to_resume(args.state, site, Path(args.site))
        return msgspec.structs.replace(found, asked=steps) if args.only else found
    return commissionfiles.new(site, Path(args.site), args.who, time.time_ns() // 1_000_000, steps)


async def _commission(args: argparse.Namespace, bench: WiredBench, protocol: Protocol) -> Protocol:
    shown = Shown()
    commission = Commission(
        bench,
        protocol,
        lambda now: shown.kept(commissionfiles.save(args.state, now), now),
        _yes if args.yes else confirm,
        shown.progress,
    )
    try:
        return await commission.run()
    finally:
        await bench.close()
        shown.end()


async def _yes(question: Question) -> bool:
    return True


async def confirm(question: Question) -> bool:
    """Ask at the terminal; only a plain yes is one."""
    warns = "This moves current. " if question.moves else ""
    prompt = f"\r\x1b[K\n{question.step}: {question.text}\n{warns}Do it? [y/N] "

    def ask() -> str:
        print(prompt, end="", file=sys.stderr, flush=True)
        return sys.stdin.readline()

    return (await asyncio.to_thread(ask)).strip().lower() in ("y", "yes", "j", "ja")


class Shown:
    """Tells on standard error where the run is: one line that changes at a terminal, else one a test."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._first: int | None = None
        self._told: set[tuple[str, str, str]] = set()

    def progress(self, now: Progress) -> None:
        """Show what happens now, and how long the rest may take."""
        if self._first is None:
            self._first = now.done
        did = now.done - self._first
        left = ""
        if did:
            minutes = (time.monotonic() - self._began) / did * (now.of - now.done) / 60
            left = f", about {minutes:.0f} min left" if minutes >= 1 else ", less than a minute left"
        line = f"{now.step} {now.done}/{now.of}{left}: {now.text}"
        if sys.stderr.isatty():
            print(f"\r\x1b[K{line[: asking.width() - 1]}", end="", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)

    def kept(self, path: Path, protocol: Protocol) -> None:
        """Tell findings as they come."""
        for f in protocol.findings:
            key = (f.step, f.device, f.code)
            if key not in self._told:
                self._told.add(key)
                self.end()
                print(
                    asking.hanging(f"{f.kind:6}", f"{f.device} {f.code}: {f.says}".strip()), file=sys.stderr
                )

    @staticmethod
    def end() -> None:
        """Clear the line that changes."""
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr)


def _show(protocol: Protocol) -> None:
    rows = [(f.kind, f.step, f.device or "-", f"{f.code}: {f.says}") for f in protocol.findings]
    if rows:
        print(asking.table(("Kind", "Step", "Where", "What"), rows))
        print()
    print(summary(protocol))


def report(folder: Path, state: Path, protocol: Protocol, site: Site) -> list[Path]:
    """Write the report; return its files.  Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    last = commissionfiles.before(state, protocol)
    zone = ZoneInfo(site.timezone)
    name = f"commissioning-{protocol.id}"
    data, html = folder / f"{name}.json", folder / f"{name}.html"
    data.write_bytes(msgspec.json.format(msgspec.json.encode(protocol), indent=1))
    html.write_text(commissionpage.page(protocol, last, zone), encoding="utf-8")
    try:
        document = commissionpdf.document(protocol, last, zone)
    except commissionpdf.NoLibrary as error:
        print(f"depot: {error}", file=sys.stderr)
        return [data, html]
    pdf = folder / f"{name}.pdf"
    pdf.write_bytes(document)
    return [data, html, pdf]
