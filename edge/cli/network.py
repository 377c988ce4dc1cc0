"""`depot network receive` and `depot network report`: the charging network's end of the line."""

import argparse
import asyncio
import logging
import signal
import sys
import time
from pathlib import Path
from typing import Any

from edge.cli import CallError, asking
from edge.cli.helptext import Help
from edge.model.site import Broker
from edge.report.joint import DepotReport, Figures, Joint
from edge.shell import jointreport
from edge.shell.mqtt import BadBroker, Incoming, MqttLink
from edge.shell.networkdb import NetworkDb
from edge.shell.networktables import DatabaseTrouble
from edge.shell.receiver import Receiver, topics, words
from edge.shell.sitekinds import BROKER, Wrong

EPILOG = """examples:
  depot network receive --db sqlite:network.db --broker mqtts://net@broker.example --root 'network/+'
  depot network receive --db postgresql://net@localhost/network --broker mqtt://localhost --root 'network/+'
  depot network report --db sqlite:network.db --month 2026-10 --timezone America/Los_Angeles
  depot network report --db sqlite:network.db --month 2026-10 --json

receive takes in what gateways send, once each, acknowledges it on ROOT/acks when it is on the disk, finds
gaps in the numbers, and asks the gateway for what is missing.  A gateway hears it with ack_topic =
"ROOT/acks" in its site file.  One receiver at a time fills a database.  PostgreSQL needs its driver:
pip install 'depot-edge[postgresql]'.

report: exit 0 everything has come that was ever sent, 1 something is missing or nothing has ever come,
2 the call is wrong.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.epilog = EPILOG
    doing = parser.add_subparsers(dest="doing", metavar="receive|report", required=True)
    alike: dict[str, Any] = {"epilog": EPILOG, "formatter_class": Help}
    db = "sqlite:PATH, or postgresql://USER@HOST/NAME"

    receive = doing.add_parser("receive", help="take in what gateways send, until Ctrl-C", **alike)
    receive.add_argument("--db", required=True, metavar="URL", help=db)
    receive.add_argument("--broker", required=True, metavar="URL", help="mqtts://user@host:port, or mqtt://")
    receive.add_argument("--root", required=True, help="root of the site files, + where sites differ")
    receive.add_argument("--password-file", default="", metavar="FILE", help="of the user in --broker")
    receive.add_argument("--ca-file", default="", metavar="FILE", help="who may vouch for the broker")
    receive.add_argument("--cert-file", default="", metavar="FILE", help="our certificate")
    receive.add_argument("--key-file", default="", metavar="FILE", help="its key")
    receive.add_argument("--protocol", choices=("5", "3.1.1"), default="5", help="of MQTT (5)")
    receive.add_argument("--client-id", default="depot-network-receiver", help="names the session there")

    report = doing.add_parser("report", help="the joint report over all depots", **alike)
    report.add_argument("--db", required=True, metavar="URL", help=db)
    report.add_argument("--month", required=True, metavar="YYYY-MM", help="the month to report on")
    report.add_argument("--timezone", default="UTC", help="by whose clock it begins and ends (UTC)")
    report.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(args: argparse.Namespace) -> int:
    """Receive, or report.  Raises CallError."""
    file = args.db.removeprefix("sqlite:")
    if args.doing == "report" and file != args.db and not Path(file).is_file():
        raise CallError(f"network: {args.db}: there is no such file")
    try:
        db = NetworkDb(args.db)
    except (ValueError, DatabaseTrouble) as error:
        raise CallError(f"network: {error}") from None
    try:
        return _report(args, db) if args.doing == "report" else asyncio.run(_receive(args, db))
    except (ValueError, Wrong, BadBroker, DatabaseTrouble) as error:
        raise CallError(f"network: {error}") from None
    finally:
        db.close()


# --- receive ----------------------------------------------------------------------------------------


def _broker(args: argparse.Namespace) -> Broker:
    files = {name: getattr(args, name) for name in ("password_file", "ca_file", "cert_file", "key_file")}
    return Broker(**BROKER.read(args.broker), protocol=args.protocol, client_id=args.client_id, **files)


async def _receive(args: argparse.Namespace, db: NetworkDb) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s", stream=sys.stderr)
    receiver = Receiver(db, lambda: line, lambda: time.time_ns() // 1_000_000)

    def heard(incoming: Incoming) -> None:
        receiver.heard(incoming)

    line = MqttLink(
        "network", _broker(args), args.client_id, subscriptions=topics(args.root), on_message=heard
    )
    line.start()
    work = asyncio.ensure_future(receiver.run())
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, work.cancel)
    try:
        await work
    except asyncio.CancelledError:
        print(f"depot: {', '.join(f'{n} {word}' for word, n in receiver.counts.items())}", file=sys.stderr)
    finally:
        await line.close()
    return 0


# --- report -----------------------------------------------------------------------------------------


def _report(args: argparse.Namespace, db: NetworkDb) -> int:
    found = jointreport.report(db, args.month, args.timezone)
    if args.json:
        asking.print_json(found)
    else:
        print(told(found))
    return 0 if found.complete else 1


def told(found: Joint) -> str:
    """Return the report as people read it."""
    head = ("DEPOT", "PORTS", ">97 %", "UPTIME", "OUTAGES", "SESSIONS", "KWH", "COMPLETE")
    lines = [_line(depot.site, depot.figures, _complete(depot)) for depot in found.depots]
    whole = "yes" if found.complete else "no"
    lines.append(_line("all", found.all, whole))
    title = f"{found.month}, {found.timezone}, {len(found.depots)} depots"
    return f"{title}\n{asking.table(head, lines, right=range(1, 7))}\n{found.method}"


def _line(name: str, of: Figures, complete: str) -> tuple[str, ...]:
    ppm = of.mean_uptime_ppm
    return (
        name,
        str(of.ports),
        str(of.ports_above_97_percent),
        "-" if ppm is None else f"{ppm // 100 / 100:.2f} %",
        str(of.outages),
        str(of.sessions),
        f"{of.energy_wh / 1000:.1f}",
        complete,
    )


def _complete(depot: DepotReport) -> str:
    if depot.complete:
        return "yes"
    parts = [f"missing {words(heard.missing)}" for heard in depot.streams if heard.missing]
    if depot.conflicts:
        parts.append(f"{depot.conflicts} numbers came twice")
    return "no: " + "; ".join(parts)
