"""Messages to the charging network: what is said, under which topic, and what tells one from another.

    root/status     retained: online (birth), offline (farewell), lost (the broker's last will)
    root/session    a session began, and again when it has ended
    root/outage     a port went down or unknown, and again when it is over
    root/uptime     a port's uptime of a month
    root/promise    whether a vehicle will be ready in time, and again whenever that changes
    root/telemetry  a quarter of an hour of the site, and what each session got in it
    root/gone       numbers that will not come any more, and why

Rule 1: every message says its schema with version, site, boot_id, seq, key and when it was made (UTC ms).
Rule 2: key is the idempotency key: the same key is the same message, however often it comes.  id names the
    thing; of several messages about one thing the highest seq counts.
Rule 3: seq counts the messages of the network link without gaps, over restarts.  It is set when a message
    leaves the outbox (numbered), because only the store gives numbers.  A status is not in the sequence: 0;
    its last_seq says how far the numbers go, so that the end of the sequence can be missed, too.
Rule 4: stream names the store that counts.  A gateway with a new disk begins a new stream at 1; numbers of
    different streams have nothing to do with each other.
Rule 5: what is here is described in docs/asyncapi.yaml; changes are additive, or the version goes up.

Source for the uptime figures: 23 CFR 680.116(b).
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, NamedTuple

import msgspec

from edge.model.records import ChargeBlock, Kept, LoadBlock, PortInterval, Promise, Session


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What every message has, besides the schema with its version.  made_wall_ms: UTC ms."""

    site: str
    boot_id: str
    seq: Annotated[int, msgspec.Meta(ge=0)] = 0
    key: str
    made_wall_ms: int
    stream: str = ""


class Status(Message, frozen=True, kw_only=True):
    """Whether the gateway is there.  made_wall_ms of a last will is when the connection was prepared."""

    schema: Literal["depot-edge/status/1"] = "depot-edge/status/1"
    state: Literal["online", "offline", "lost"]
    version: str
    last_seq: int = 0


class SessionMessage(Message, frozen=True, kw_only=True):
    """A session, while it lasts (end_wall_ms is null) or when it has ended.

    duration_ms is by the monotonic clock and does not follow corrections of the wall clock.
    """

    schema: Literal["depot-edge/session/1"] = "depot-edge/session/1"
    id: str
    charger: str
    port: str
    start_wall_ms: int
    end_wall_ms: int | None
    duration_ms: int
    charging_ms: int
    energy_wh: int
    energy_source: str
    power_w_max: int
    starts: int
    end_reason: str
    error: str
    vehicle: str
    driver: str = ""
    failed_starts: int = 0
    offered_ms: int = 0
    first_power_ms: int | None = None
    last_power_ms: int | None = None
    stop: str = ""


class OutageMessage(Message, frozen=True, kw_only=True):
    """A time in which a port was down, or in which nobody can say (unknown).

    excluded: "" or the reason for which the minutes do not count against the port, with its evidence.
    """

    schema: Literal["depot-edge/outage/1"] = "depot-edge/outage/1"
    id: str
    port: str
    state: Literal["down", "unknown"]
    cause: str
    start_wall_ms: int
    end_wall_ms: int | None
    duration_ms: int
    excluded: str
    evidence: str


class UptimeMessage(Message, frozen=True, kw_only=True):
    """The uptime of a port in a month, computed per 23 CFR 680.116(b).

    uptime_ppm: of this month, in millionths, by evidence; uptime_conservative_ppm: what is unknown counts as
    down.  None where there is nothing to compute from.  outage_ms and excluded_ms are of the conservative
    figure, and outage_ms includes what excluded_ms takes out again.  version: 1, 2, 3 … of a whole month: a
    later one takes the place of an earlier one; 0 while the month runs.
    """

    schema: Literal["depot-edge/uptime/1"] = "depot-edge/uptime/1"
    id: str
    port: str
    month: str
    from_wall_ms: int
    to_wall_ms: int
    outage_ms: int
    excluded_ms: int
    unknown_ms: int
    uptime_ppm: int | None
    uptime_conservative_ppm: int | None
    version: int = 0


class PromiseMessage(Message, frozen=True, kw_only=True):
    """Whether a vehicle at a charger will have what it needs by its departure, as far as can be known.

    promise: "yes" (certain), "at risk", "no", or "ready": it has it.  short_wh: what will be missing.  Who
    the vehicle is, is not said.
    """

    schema: Literal["depot-edge/promise/1"] = "depot-edge/promise/1"
    id: str
    charger: str
    port: str
    ready_by_wall_ms: int
    wall_ms: int
    need_wh: int
    promise: Literal["yes", "at risk", "no", "ready"]
    short_wh: int
    why: str
    change: str


class Charged(msgspec.Struct, frozen=True):
    """What a session got at a port in a quarter of an hour."""

    port: str
    session: str
    energy_wh: int


class TelemetryMessage(Message, frozen=True, kw_only=True):
    """A quarter of an hour of the site's grid connection, and what each session got in it.

    measured_ms: for how long of it the main meter was known; the rest is in no figure.
    The only messages that are given up when too much waits: oldest first, and `gone` says which.
    """

    schema: Literal["depot-edge/telemetry/1"] = "depot-edge/telemetry/1"
    id: str
    start_wall_ms: int
    import_wh: int
    export_wh: int
    charging_wh: int
    measured_ms: int
    charged: list[Charged]


class GoneMessage(Message, frozen=True, kw_only=True):
    """Numbers that will not come any more: of its own stream, from first to last, both included."""

    schema: Literal["depot-edge/gone/1"] = "depot-edge/gone/1"
    id: str
    first: int
    last: int
    why: str


AnyMessage = (
    Status | SessionMessage | OutageMessage | PromiseMessage | UptimeMessage | TelemetryMessage | GoneMessage
)


class Sender(NamedTuple):
    """Who speaks.  root: the topic below which everything stands.  ports: charger id -> port id.

    stream: of the store that numbers the messages.
    """

    root: str
    site: str
    boot_id: str
    ports: Mapping[str, str]
    stream: str = ""


class Told(NamedTuple):
    """A message ready for the outbox, or to be published at once.

    lane: messages of one lane, a port, are told one after the other.  telemetry: may be given up.
    """

    topic: str
    payload: bytes
    key: str
    lane: str = ""
    telemetry: bool = False


def status(
    sender: Sender,
    state: Literal["online", "offline", "lost"],
    version: str,
    wall_ms: int,
    last_seq: int = 0,
) -> Told:
    """Return a birth, farewell or last will.  Published retained.  last_seq: the highest number given."""
    key = f"status/{sender.boot_id}/{state}/{wall_ms}"
    message = Status(
        site=sender.site,
        boot_id=sender.boot_id,
        key=key,
        made_wall_ms=wall_ms,
        stream=sender.stream,
        state=state,
        version=version,
        last_seq=last_seq,
    )
    return Told(f"{sender.root}/status", msgspec.json.encode(message), key)


def told(sender: Sender, row: Kept, wall_ms: int) -> Told | None:
    """Return the message of a row that is kept; None of a row that the network is not told."""
    body = msgspec.structs.asdict(row)
    if isinstance(row, Session):
        body["port"] = sender.ports.get(row.charger, row.charger)
        return _told(sender, "session", SessionMessage, body, wall_ms)
    if isinstance(row, PortInterval) and row.state in ("down", "unknown"):
        body["id"] = f"{row.port}/{row.start_wall_ms}"
        return _told(sender, "outage", OutageMessage, body, wall_ms)
    if isinstance(row, Promise):
        body["id"] = f"{row.charger}/{row.ready_by_wall_ms}"
        body["port"] = sender.ports.get(row.charger, row.charger)
        del body["vehicle"]
        return _told(sender, "promise", PromiseMessage, body, wall_ms)
    return None


def uptime(
    sender: Sender,
    port: str,
    month: str,
    from_wall_ms: int,
    to_wall_ms: int,
    outage_ms: int,
    excluded_ms: int,
    unknown_ms: int,
    uptime_ppm: int | None,
    uptime_conservative_ppm: int | None,
    wall_ms: int,
    version: int = 0,
) -> Told:
    """Return the message of a port's uptime.  month: as "2026-07", in the site's time zone."""
    body = {
        "id": f"{port}/{month}",
        "port": port,
        "month": month,
        "from_wall_ms": from_wall_ms,
        "to_wall_ms": to_wall_ms,
        "outage_ms": outage_ms,
        "excluded_ms": excluded_ms,
        "unknown_ms": unknown_ms,
        "uptime_ppm": uptime_ppm,
        "uptime_conservative_ppm": uptime_conservative_ppm,
        "version": version,
    }
    return _told(sender, "uptime", UptimeMessage, body, wall_ms)


def telemetry(sender: Sender, site: LoadBlock, charged: Iterable[ChargeBlock], wall_ms: int) -> Told:
    """Return the message of a quarter of an hour that is over."""
    body = {
        "id": f"quarter/{site.start_wall_ms}",
        "start_wall_ms": site.start_wall_ms,
        "import_wh": site.import_wh,
        "export_wh": site.export_wh,
        "charging_wh": site.charging_wh,
        "measured_ms": site.measured_ms,
        "charged": [
            Charged(sender.ports.get(row.charger, row.charger), row.session_id, row.energy_wh)
            for row in charged
        ],
    }
    return _told(sender, "telemetry", TelemetryMessage, body, wall_ms)._replace(telemetry=True)


def gone(sender: Sender, first: int, last: int, why: str, wall_ms: int) -> Told:
    """Return the message that says which numbers will not come any more."""
    body = {"id": f"{sender.stream}/{first}-{last}", "first": first, "last": last, "why": why}
    return _told(sender, "gone", GoneMessage, body, wall_ms)


def _told(sender: Sender, kind: str, struct: type[Message], body: dict[str, object], wall_ms: int) -> Told:
    """Return a message whose key names the thing and what is said of it, but not when it is said."""
    digest = hashlib.sha256(msgspec.json.encode(body)).hexdigest()[:16]
    key = f"{kind}/{body['id']}/{digest}"
    head = {
        "site": sender.site,
        "boot_id": sender.boot_id,
        "key": key,
        "made_wall_ms": wall_ms,
        "stream": sender.stream,
    }
    message = msgspec.convert(head | body, struct)
    return Told(f"{sender.root}/{kind}", msgspec.json.encode(message), key, str(body.get("port", "")))


def numbered(payload: bytes, seq: int) -> bytes:
    """Return a message of the outbox with its number."""
    message = msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    return msgspec.json.encode(message | {"seq": msgspec.Raw(str(seq).encode())})
