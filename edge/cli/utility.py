"""`depot utility`: play the utility on any broker, to rehearse a programme before a contract is signed."""

import argparse
import asyncio
import json
import os
import sys
import time
import uuid
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from edge.cli import CallError, asking
from edge.cli.helptext import Help
from edge.cli.utilityexamples import EXAMPLES, Wish, example, stamped, utc_now
from edge.cli.utilitywords import message_words, refused
from edge.model.site import Broker
from edge.shell import openadr
from edge.shell.mqtt import BadBroker, Incoming, MqttLink, NotDelivered
from edge.shell.sitekinds import BROKER, TOPIC, TOPIC_FILTERS, Kind, Wrong

EPILOG = """examples:
  depot utility example                                  the names of the examples
  depot utility example limit --kw 25                    one of them, as JSON
  export DEPOT_UTILITY_BROKER=mqtts://utility@broker.example.com
  depot utility example limit --kw 25 --send --password-file secret
  depot utility send event.json --password-file secret --ca-file ca.pem
  depot utility send event.json --operation delete       it is over
  depot utility example prices | depot utility send -
  depot utility watch --seconds 60                       events as a depot reads them, and its reports

Events go to TOPIC/create, /update and /delete as notifications of OpenADR's MQTT binding, with QoS 1.
What a depot makes of them is said on standard error.  Rights at the broker: write TOPIC/+ and, for
watch, read it and the reports.  The depot's own login should have neither right to write events.

exit 0: done, acknowledged by the broker.  1: the broker refuses, or nobody answers.  2: the call or
the file is wrong.
"""

VARIABLE = "DEPOT_UTILITY_BROKER"
CONNECT_S = 15.0
OPERATIONS = ("create", "update", "delete")


class Said(NamedTuple):
    """A message to be sent: an operation, and the event with its envelope or without."""

    operation: str
    event: dict[str, Any]


class NoAnswer(Exception):
    """The broker does not let us in, or does not take a message."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.epilog = EPILOG
    doing = parser.add_subparsers(dest="doing", metavar="send|example|watch", required=True)
    alike: dict[str, Any] = {"epilog": EPILOG, "formatter_class": Help}
    send = doing.add_parser("send", help="send an event from a file", **alike)
    send.add_argument(
        "file", metavar="FILE", help="an event, a notification, or a list of them; - reads standard input"
    )
    send.add_argument("--as-is", action="store_true", help="send what is there, even if a depot refuses it")
    show = doing.add_parser("example", help="show an example event, or send it", **alike)
    show.add_argument("name", metavar="NAME", nargs="?", help="of the example; without one they are listed")
    show.add_argument("--send", action="store_true", help="send it instead of showing it")
    show.add_argument("--program", default="rehearsal", metavar="ID", help="programID (rehearsal)")
    show.add_argument("--kw", type=float, default=40.0, metavar="KW", help="its power (40)")
    show.add_argument("--minutes", type=int, default=30, metavar="N", help="how long it lasts (30)")
    watch = doing.add_parser(
        "watch", help="show events as a depot reads them, and what depots report", **alike
    )
    watch.add_argument("--reports", default="utility/reports/#", metavar="FILTER", help="topics of reports")
    watch.add_argument("--events", default="utility/events/+", metavar="FILTER", help="topics of events")
    watch.add_argument("--seconds", type=float, metavar="S", help="stop after so long")
    watch.add_argument("--count", type=int, metavar="N", help="stop after so many messages")
    for sub in (send, show):
        sub.add_argument(
            "--topic", default="utility/events", help="the levels before /create … (utility/events)"
        )
        sub.add_argument("--operation", choices=OPERATIONS, help="what is done with the event (create)")
        sub.add_argument("--bare", action="store_true", help="the event without a notification around it")
        sub.add_argument("--retain", action="store_true", help="the broker keeps it for who comes later")
    for sub in (send, show, watch):
        _broker_arguments(sub)
        sub.add_argument("--json", action="store_true", help="one JSON document on standard output")


def _broker_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the broker")
    group.add_argument("--broker", metavar="URL", default=os.environ.get(VARIABLE),
                       help=f"mqtts://user@host:port, mqtt:// without encryption (${VARIABLE})")  # fmt: skip
    group.add_argument("--password-file", default="", metavar="FILE", help="the password of the user")
    group.add_argument("--ca-file", default="", metavar="FILE", help="who may vouch for the broker")
    group.add_argument("--cert-file", default="", metavar="FILE", help="our certificate")
    group.add_argument("--key-file", default="", metavar="FILE", help="its key")
    group.add_argument("--protocol", choices=("3.1.1", "5"), default="5", help="the MQTT version (5)")


def run(args: argparse.Namespace) -> int:
    """Do it.  Returns 0 done, 1 the broker refuses or does not answer."""
    try:
        if args.doing == "watch":
            return asyncio.run(_watch(args))
        if args.doing == "send":
            return asyncio.run(_send(args, _from_file(args)))
        return _example(args)
    except NoAnswer as error:
        print(f"depot: {error}", file=sys.stderr)
        return 1


def _example(args: argparse.Namespace) -> int:
    if args.name is None:
        listed = [(name, each.says) for name, each in EXAMPLES.items()]
        if args.json:
            asking.print_json([{"name": name, "says": says} for name, says in listed])
        else:
            print(asking.table(("NAME", "WHAT"), listed))
        return 0
    if args.name not in EXAMPLES:
        raise CallError(f"example {args.name}: expected one of {', '.join(EXAMPLES)}")
    if args.minutes < 1 or not 0 <= args.kw <= 1e6:
        raise CallError("--minutes: expected 1 or more; --kw: expected 0 or more")
    event = example(args.name, Wish(utc_now(), args.program, args.kw, args.minutes))
    if args.send:
        return asyncio.run(_send(args, [Said(args.operation or "create", event)]))
    json.dump(event, sys.stdout, indent=2)
    print()
    return 0


# --- sending ------------------------------------------------------------------------------------------


def _from_file(args: argparse.Namespace) -> list[Said]:
    """Return what is to be sent.  Raises CallError where a depot would refuse it, unless --as-is."""
    try:
        text = sys.stdin.read() if args.file == "-" else Path(args.file).read_text(encoding="utf-8")
        found = json.loads(text)
    except (OSError, ValueError) as error:
        raise CallError(f"{args.file}: expected an event as JSON: {error}") from None
    said = [_said(args, each) for each in (found if isinstance(found, list) else [found])]
    if not args.as_is:
        for each in said:
            _check(args.file, each)
    return said


def _said(args: argparse.Namespace, value: Any) -> Said:
    """Return one message: out of a notification, or an event with what a server would add."""
    if not isinstance(value, dict):
        raise CallError(f"{args.file}: expected an event as JSON, got {type(value).__name__}")
    operation, event = args.operation, value
    if isinstance(value.get("object"), dict):
        event = value["object"]
        operation = operation or str(value.get("operation", "create")).lower()
    if not args.as_is and "programID" in event and ("id" not in event or "modificationDateTime" not in event):
        event = stamped(event, str(event.get("eventName") or "event"), utc_now())
    return Said(operation if operation in OPERATIONS else "create", event)


def _check(file: str, said: Said) -> None:
    try:
        _, event = openadr.read(_payload(said, bare=False), file, _now_ms())
    except openadr.BadMessage as error:
        raise CallError(f"{error}; --as-is sends it all the same") from None
    why = refused(
        event, "USD" if not event.payload_descriptors else event.payload_descriptors[0].currency or "USD"
    )
    if why and said.operation != "delete":
        raise CallError(f"{file}: a depot refuses it: {why}; --as-is sends it all the same")


def _payload(said: Said, bare: bool) -> bytes:
    """Return the message.  Source: openadr3.yaml, notification."""
    if bare:
        return msgspec.json.encode(said.event)
    operation = said.operation.upper()
    return msgspec.json.encode({"objectType": "EVENT", "operation": operation, "object": said.event})


async def _send(args: argparse.Namespace, messages: list[Said]) -> int:
    """Send, see it acknowledged, and say what a depot makes of it."""
    topic = _checked(TOPIC, "--topic", args.topic)
    link = _link(args, ())
    sent = []
    try:
        await _connected(link)
        for said in messages:
            to, payload = f"{topic}/{said.operation}", _payload(said, args.bare)
            try:
                await link.publish(to, payload, retain=args.retain, within_s=CONNECT_S)
            except NotDelivered as error:
                raise NoAnswer(str(error)) from None
            sent.append({"topic": to, "operation": said.operation, "event": said.event})
            for n, line in enumerate(message_words(to, payload, _now_ms())[1]):
                print(f"{'  ' if n else ''}{line}", file=sys.stderr)
    finally:
        await link.close()
    if args.json:
        asking.print_json(sent)
    return 0


# --- watching -----------------------------------------------------------------------------------------


async def _watch(args: argparse.Namespace) -> int:
    """Show what comes by until it is enough, or until Ctrl-C."""
    topics = [
        each
        for name in ("events", "reports")
        for each in _checked(TOPIC_FILTERS, f"--{name}", getattr(args, name))
    ]
    heard: asyncio.Queue[Incoming] = asyncio.Queue()

    def take(message: Incoming) -> None:
        message.done()
        heard.put_nowait(message)

    link = _link(args, topics, take)
    ends = time.monotonic() + args.seconds if args.seconds else None
    found: list[dict[str, Any]] = []
    try:
        await _connected(link)
        print(f"watching {', '.join(topics)}; Ctrl-C ends it", file=sys.stderr)
        while args.count is None or len(found) < args.count:
            left = None if ends is None else ends - time.monotonic()
            if left is not None and left <= 0:
                break
            try:
                message = await asyncio.wait_for(heard.get(), left)
            except TimeoutError:
                break
            found.append(_shown(message, quiet=args.json))
    except asyncio.CancelledError:  # Ctrl-C: what was seen is still the answer
        pass
    finally:
        await link.close()
    if args.json:
        asking.print_json(found)
    return 0


def _shown(message: Incoming, quiet: bool) -> dict[str, Any]:
    """Print one message in words, and return it as a part of the JSON document."""
    now = utc_now()
    kind, words = message_words(message.topic, message.payload, _now_ms())
    if not quiet:
        kept = " (retained)" if message.retained else ""
        print(f"{now:%H:%M:%S}  {message.topic}{kept}: {words[0]}")
        for line in words[1:]:
            print(asking.hanging(" " * 12, line))
        sys.stdout.flush()
    text = message.payload.decode("utf-8", "replace")
    at = now.isoformat(timespec="milliseconds")
    return {
        "at": at,
        "topic": message.topic,
        "retained": message.retained,
        "kind": kind,
        "words": words,
        "message": text,
    }


# --- the broker ---------------------------------------------------------------------------------------


def _link(args: argparse.Namespace, topics: Any, take: Any = None) -> MqttLink:
    """Open a connection that the broker forgets with its end.  Raises CallError."""
    if not args.broker:
        raise CallError(f"--broker: expected mqtts://user@host:port (or in ${VARIABLE})")
    words = _checked(BROKER, "--broker", args.broker)
    files = {name: getattr(args, name) for name in ("password_file", "ca_file", "cert_file", "key_file")}
    broker = Broker(**{**words, **files, "protocol": args.protocol})
    more = {"on_message": take} if take else {}
    try:
        link = MqttLink("utility", broker, f"depot-utility-{uuid.uuid4().hex[:12]}", subscriptions=topics,
                        persistent=False, **more)  # fmt: skip
    except BadBroker as error:
        raise CallError(str(error)) from None
    link.start()
    return link


async def _connected(link: MqttLink) -> None:
    """Wait until the broker has let us in.  Raises NoAnswer with its reason."""
    ends = time.monotonic() + CONNECT_S
    while not link.connected:
        if time.monotonic() > ends or link.trouble.startswith(("refused:", "certificate:")):
            raise NoAnswer(f"the broker does not let us in: {link.trouble or 'no answer'}")
        await asyncio.sleep(0.02)


def _checked(kind: Kind, option: str, value: str) -> Any:
    try:
        return kind.read(value)
    except Wrong as wrong:
        raise CallError(f"{option} {value}: expected {wrong}") from None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
