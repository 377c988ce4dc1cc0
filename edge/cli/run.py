"""`depot run --site FILE`: the daemon."""

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from pathlib import Path

from drivers.library import UnknownDriver
from drivers.table import BadTable
from edge.cli import CallError
from edge.model.site import Site
from edge.model.tariff import Tariff
from edge.shell import sitefile, tarifffile
from edge.shell.daemon import Daemon, Guest
from edge.shell.desk import Desk
from edge.shell.homeassistant import HomeAssistant
from edge.shell.lock import Held, Lock
from edge.shell.mqtt import BadBroker
from edge.shell.notify import keep_told
from edge.web.doors import open_doors

EPILOG = """examples:
  depot run --site site.toml                            state in /var/lib/depot-edge, page on port 8080
  depot run --site site.toml --state ./state --port 0   own state directory, any free port
  depot run --site site.toml --no-page                  without the page

The page is for this machine only unless --host or [page] of the site file says otherwise; then it is HTTPS,
and the fingerprint of its certificate is printed.  SIGTERM ends the daemon; chargers then fall
back to their safe currents by themselves.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("--site", required=True, type=Path, metavar="FILE", help="the site file (TOML)")
    parser.add_argument(
        "--state", type=Path, default=Path("/var/lib/depot-edge"), metavar="DIR", help="what must survive"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address of the page (default: this machine only)"
    )
    parser.add_argument("--port", type=int, default=8080, help="port of the page (default 8080; 0: any)")
    parser.add_argument("--no-page", action="store_true", help="serve no page")
    parser.add_argument("--quiet", action="store_true", help="only warnings and errors on standard error")


def run(args: argparse.Namespace) -> int:
    """Run until SIGTERM or Ctrl-C.  Returns 0; raises CallError where it cannot begin."""
    logging.basicConfig(
        level=logging.WARNING if args.quiet else logging.INFO,
        format="%(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    site, tariff = read(args.site)

    async def page(desk: Desk) -> None:
        await open_doors(desk, args.host, args.port, args.state)

    try:
        guests: list[Guest] = [keep_told] if args.no_page else [keep_told, page]
        if site.home_assistant:
            guests.append(HomeAssistant(site, site.home_assistant).run)
        lock = Lock(args.state, "the daemon (depot run)")
        try:
            daemon = Daemon(site, tariff, args.state, tuple(guests))
            daemon.desk.site_file = args.site
            asyncio.run(_until_told(daemon))
        finally:
            lock.close()
    except Held as error:
        raise CallError(f"run: {error}") from None
    except (ValueError, UnknownDriver, BadTable, BadBroker) as error:
        raise CallError(f"{args.site}: {error}") from None
    except ExceptionGroup as group:
        refused, others = group.split(OSError)
        if refused is None or others is not None:
            raise
        raise CallError("; ".join(str(error) for error in refused.exceptions)) from None
    except OSError as error:
        raise CallError(str(error)) from None
    return 0


def read(path: Path) -> tuple[Site, Tariff | None]:
    """Return the site of a file, and its tariff.  Raises CallError that says all that is wrong."""
    try:
        site = sitefile.load(path)
        tariff = tarifffile.load(site.tariff, site.timezone) if site.tariff else None
    except (sitefile.SiteUnreadable, sitefile.SiteRefused, tarifffile.TariffRefused) as error:
        raise CallError(str(error)) from None
    return site, tariff


async def _until_told(daemon: Daemon) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(daemon.run())
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task
