"""What the commands share that read the daemon's store: which file, which month, which time zone."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.cli import CallError, asking
from edge.shell.sitefile import SiteRefused, SiteUnreadable, load
from edge.shell.statedir import STORE
from edge.shell.store import Store
from edge.shell.storefile import StoreTrouble
from edge.shell.storelookups import Lookups


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of every command that reports a month from the store."""
    parser.add_argument("--month", required=True, metavar="YYYY-MM", help="the month to report on")
    store_arguments(parser)


def store_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of every command that reads the store, whether the daemon runs or not."""
    parser.add_argument("--store", type=Path, metavar="FILE", help=f"the store (default: {STORE} in --state)")
    parser.add_argument("--site", type=Path, metavar="FILE", help="a site file, for its time zone")
    asking.arguments(parser)


@contextmanager
def store_of(args: argparse.Namespace) -> Iterator[Store]:
    """Open the store for reading, also while the daemon writes it.

    Raises CallError for what is wrong with it, with the site file, or with the month.
    """
    try:
        store = Store(args.store or args.state / STORE, read_only=True)
        try:
            yield store
        finally:
            store.close()
    except (StoreTrouble, SiteRefused, SiteUnreadable) as error:
        raise CallError(str(error)) from None
    except ValueError as error:
        raise CallError(f"{args.command}: {error}") from None


def timezone(args: argparse.Namespace, store: Lookups) -> str:
    """Return the time zone by whose clock months end: of the site file, else of the store."""
    if args.site is not None:
        return load(args.site).timezone
    return str(store.meta("timezone") or "UTC")
