"""OpenADR 3.1 JSON: events in, tolerantly; reports out, strictly.  No I/O, no clock, no chance.

read() takes an MQTT message, either the notification object of the MQTT binding or a bare event as
real deployments publish it, and gives an event in integers.  What published messages get wrong is
accepted as long as there is one meaning (docs/utility.md lists it all); everything else is BadMessage,
which the daemon writes to the audit log while the previous limits stand.

What an event demands is not decided here: see edge/core/timeline.py and edge/core/demand_response.py.

Source: OpenADR 3.1.1, openadr3.yaml and User Guide §7, §8.
"""

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal, NamedTuple

import msgspec

from edge.model.openadr import (
    Interval,
    IntervalPeriod,
    OpenAdrEvent,
    Payload,
    PayloadDescriptor,
    ReportDescriptor,
    Value,
)
from edge.model.records import Compliance
from edge.shell.openadr_fields import MAX_NUMBER, MAX_TEXT, BadMessage, Fields, decode

__all__ = [
    "BadMessage",
    "UtilityMessage",
    "as_copy",
    "draw_random_start",
    "read",
    "read_event",
    "report_key",
    "same",
    "write_report",
]

Operation = Literal["CREATE", "UPDATE", "DELETE"]

MAX_INTERVALS = 10_000  # a year of hourly prices is 8784
MAX_VALUES = 10_000  # of one payload; MAX_BYTES bounds the whole
MAX_LISTED = 256  # targets, descriptors, payloads of one interval

# The words of a notification and of a topic's last level.  The HTTP verbs are seen in the wild.
OPERATIONS: dict[str, Operation] = {
    "create": "CREATE", "created": "CREATE", "post": "CREATE",
    "update": "UPDATE", "updated": "UPDATE", "put": "UPDATE", "read": "UPDATE",
    "delete": "DELETE", "deleted": "DELETE",
}  # fmt: skip

# The User Guide's examples leave out IMPORT_, and say FEE where the enumeration says PRICE.
PAYLOAD_TYPES = {
    "CAPACITY_SUBSCRIPTION": "IMPORT_CAPACITY_SUBSCRIPTION",
    "CAPACITY_RESERVATION": "IMPORT_CAPACITY_RESERVATION",
    "CAPACITY_RESERVATION_FEE": "IMPORT_CAPACITY_RESERVATION_FEE",
    "CAPACITY_AVAILABLE": "IMPORT_CAPACITY_AVAILABLE",
    "CAPACITY_AVAILABLE_FEE": "IMPORT_CAPACITY_AVAILABLE_PRICE",
    "CAPACITY_AVAILABLE_PRICE": "IMPORT_CAPACITY_AVAILABLE_PRICE",
    "IMPORT_CAPACITY_AVAILABLE_FEE": "IMPORT_CAPACITY_AVAILABLE_PRICE",
    "EXPORT_CAPACITY_AVAILABLE_FEE": "EXPORT_CAPACITY_AVAILABLE_PRICE",
}
UNITS = {"VOLTAGE": "VOLTS", "CELCIUS": "CELSIUS", "PERCENTAGE": "PERCENT"}

_OBJECT_ID = re.compile(r"[a-zA-Z0-9_-]{1,128}")


class UtilityMessage(NamedTuple):
    """What a message says: the event, and what is to become of it."""

    operation: Operation
    event: OpenAdrEvent


def read(payload: bytes, topic: str, received_wall_ms: int) -> UtilityMessage:
    """Return the event of a message, and the operation: of the envelope, else of the topic, else CREATE.

    received_wall_ms: UTC; what "now" means in the event.
    Raises BadMessage, and nothing else.
    """
    value = decode(payload, topic)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    fields = Fields(value, topic)
    inner = fields.object("object")
    operation = _operation(fields if inner else None, topic)
    event_fields = inner or fields
    kind = event_fields.text("objectType") or (fields.text("objectType") if inner else "")
    if kind and kind.upper() != "EVENT":
        raise event_fields.bad("objectType", "EVENT", kind)
    return UtilityMessage(operation, read_event(event_fields, received_wall_ms, operation))


def _operation(envelope: Fields | None, topic: str) -> Operation:
    said = envelope.text("operation") if envelope else ""
    if envelope and said:
        if said.lower() not in OPERATIONS:
            raise envelope.bad("operation", "CREATE, UPDATE or DELETE")
        return OPERATIONS[said.lower()]
    return OPERATIONS.get(topic.rsplit("/", 1)[-1].lower(), "CREATE")


def read_event(fields: Fields, received_wall_ms: int, operation: Operation = "CREATE") -> OpenAdrEvent:
    """Return one event object.  A DELETE needs no more than its id.

    Raises BadMessage.
    """
    program_id = _object_id(fields, "programID")
    if not program_id and operation != "DELETE":
        raise fields.bad("programID", "the id of a program")
    period = fields.object("intervalPeriod")
    created, modified = fields.stamp("createdDateTime"), fields.stamp("modificationDateTime")
    return OpenAdrEvent(
        id=_event_id(fields, program_id),
        program_id=program_id,
        name=fields.text("eventName"),
        priority=fields.whole("priority", None, least=0),
        targets=_targets(fields),
        created_wall_ms=created,
        modified_wall_ms=modified or created,
        duration_ms=fields.duration("duration", 0),
        period=_period(period, inherits=False) if period else None,
        intervals=_intervals(fields, has_period=period is not None),
        payload_descriptors=tuple(_descriptor(d) for d in fields.objects("payloadDescriptors", MAX_LISTED)),
        report_descriptors=tuple(_wanted(d) for d in fields.objects("reportDescriptors", MAX_LISTED)),
        received_wall_ms=received_wall_ms,
    )


def _object_id(fields: Fields, name: str) -> str:
    """Return an id, "" if there is none.  The pattern is the schema's: reports must be able to repeat it."""
    found = fields.text(name)
    if found and not _OBJECT_ID.fullmatch(found):
        raise fields.bad(name, "1 to 128 letters, digits, - or _")
    return found


def _event_id(fields: Fields, program_id: str) -> str:
    """Return the event's id; of one without id (a request, as in the User Guide) a name of our own.

    The same program and eventName make the same id, so that such a message can be updated and deleted.
    """
    if found := _object_id(fields, "id") or _object_id(fields, "eventID"):
        return found
    name = fields.text("eventName")
    if not name:
        raise fields.bad("id", "an id, or at least an eventName")
    digest = hashlib.sha256(f"{program_id}\n{name}".encode("utf-8", "replace")).hexdigest()[:16]
    return f"named-{digest}"


def _targets(fields: Fields) -> tuple[str, ...]:
    """Return the targets; OpenADR 3.0's {type, values} objects give their values.

    One that names nobody is refused: no targets at all would mean everybody.
    """
    found: list[str] = []
    for n, item in enumerate(fields.items("targets", MAX_LISTED)):
        values = [item]
        if isinstance(item, dict):
            values = Fields(item, fields.topic, f"{fields.at('targets')}[{n}]").items("values", MAX_LISTED)
        for value in values or [None]:
            if not isinstance(value, str) or not value or len(value) > MAX_TEXT:
                raise fields.bad("targets", "a list of texts", item)
            found.append(value)
    return tuple(found)


def _period(fields: Fields, inherits: bool) -> IntervalPeriod:
    """Return an intervalPeriod.  inherits: an interval's, which may take its duration from the event's."""
    missing = fields.get("duration") is None
    randomize = fields.duration("randomizeStart", 0)
    if randomize is None:
        raise fields.bad("randomizeStart", "a duration shorter than for ever")
    return IntervalPeriod(
        start=fields.time("start"),
        duration_ms=fields.duration("duration", 0),
        randomize_start_ms=abs(randomize),
        inherits_duration=inherits and missing,
    )


def _intervals(fields: Fields, has_period: bool) -> tuple[Interval, ...]:
    intervals = []
    for each in fields.objects("intervals", MAX_INTERVALS):
        period = each.object("intervalPeriod")
        if period is None and not has_period:
            raise each.bad("intervalPeriod", "one here or at the event (User Guide 7.4)")
        number = each.whole("id", None, least=-(2**31))
        if number is None or number >= 2**31:
            raise each.bad("id", "a whole number of 32 bits")
        payloads = tuple(_payload(p) for p in each.objects("payloads", MAX_LISTED))
        intervals.append(Interval(number, payloads, _period(period, inherits=has_period) if period else None))
    return tuple(intervals)


def _payload(fields: Fields) -> Payload:
    values = fields.items("values", MAX_VALUES)
    return Payload(_type(fields, "type"), tuple(_value(fields, v, n) for n, v in enumerate(values)))


def _value(fields: Fields, value: object, n: int) -> Value:
    """Return one value of a valuesMap; a point {x, y} as a pair."""
    if isinstance(value, bool) or (isinstance(value, str) and len(value) <= MAX_TEXT):
        return value
    if isinstance(value, int | float) and abs(value) <= MAX_NUMBER:
        return value
    if isinstance(value, dict):
        point = Fields(value, fields.topic, f"{fields.at('values')}[{n}]")
        x, y = point.get("x"), point.get("y")
        if isinstance(x, int | float) and isinstance(y, int | float) and max(abs(x), abs(y)) <= MAX_NUMBER:
            return (float(x), float(y))
    raise BadMessage(
        fields.topic,
        f"{fields.at('values')}[{n}]",
        f"a number up to {MAX_NUMBER:.0e}, text, true, false or point",
        value,
    )


def _type(fields: Fields, name: str) -> str:
    found = fields.text(name, most=128)
    if not found:
        raise fields.bad(name, "a payload type as PRICE")
    return PAYLOAD_TYPES.get(found, found)


def _units(fields: Fields) -> str:
    found = fields.text("units", most=128).upper()
    return UNITS.get(found, found)


def _descriptor(fields: Fields) -> PayloadDescriptor:
    return PayloadDescriptor(
        _type(fields, "payloadType"), _units(fields), fields.text("currency", most=128).upper()
    )


def _wanted(fields: Fields) -> ReportDescriptor:
    def whole(name: str, default: int) -> int:
        return fields.whole(name, default) or 0

    return ReportDescriptor(
        payload_type=_type(fields, "payloadType"),
        reading_type=fields.text("readingType", most=128) or "DIRECT_READ",
        units=_units(fields),
        targets=_targets(fields),
        aggregate=fields.flag("aggregate", False),
        start_interval=whole("startInterval", -1),
        num_intervals=whole("numIntervals", -1),
        historical=fields.flag("historical", True),
        frequency=whole("frequency", -1),
        repeat=whole("repeat", 1),
        report_intervals=fields.text("reportIntervals", most=128).upper() or "INTERVALS",
    )


def as_copy(event: OpenAdrEvent, topic: str) -> OpenAdrEvent:
    """Return an event that came as a copy kept somewhere, with its "now" where the utility meant it.

    A broker keeps a retained message for years, and a server its events: "now" cannot be when we hear of
    one.  It is when that version was made.
    Raises BadMessage where the event begins now and does not say when it was made.
    """
    if event.modified_wall_ms:
        received = min(event.received_wall_ms, event.modified_wall_ms)
        return msgspec.structs.replace(event, received_wall_ms=received)
    first = event.intervals[0].period if event.intervals else None
    starts = [period.start for period in (event.period, first) if period is not None]
    if event.intervals and not any(isinstance(start, int) for start in starts):
        expected = "a time, for this is a stored copy and the event begins now: nobody else can say when"
        raise BadMessage(topic, "modificationDateTime", expected)
    return event


def same(a: OpenAdrEvent, b: OpenAdrEvent) -> bool:
    """Tell whether two copies say the same, however often and whenever they arrived."""
    return a == msgspec.structs.replace(b, received_wall_ms=a.received_wall_ms, random_ms=a.random_ms)


def draw_random_start(event: OpenAdrEvent, uniform: Callable[[int, int], int]) -> OpenAdrEvent:
    """Return the event with its one draw of randomizeStart; unchanged where it asks for none.

    uniform: as random.randint, both ends included.
    """
    periods = [event.period, *(interval.period for interval in event.intervals)]
    extent_ms = max((p.randomize_start_ms for p in periods if p), default=0)
    return msgspec.structs.replace(event, random_ms=uniform(-extent_ms, extent_ms)) if extent_ms else event


def write_report(row: Compliance, client_name: str) -> bytes:
    """Return what was done in one interval of a limit, as a strict OpenADR 3.1 report.

    client_name: our venName at the utility.  The interval's id is the event's, its period what was measured.
    USAGE in kWh; DEMAND is the mean in kW; SETPOINT the limit that was obeyed, in kW; DATA_QUALITY as
    much as was measured.  Two private types say what the standard has no word for: DEMAND_HIGHEST in kW,
    from 13.2 s after the start on, and COMPLIED_AFTER in seconds, which is left out if it never was.

    Source: openadr3.yaml, reportRequest; Definition, report enumerations.
    """
    length_ms = row.end_wall_ms - row.start_wall_ms
    payloads: list[tuple[str, float | str]] = [
        ("USAGE", row.energy_wh / 1_000),
        ("DEMAND", row.mean_w / 1_000),
        ("SETPOINT", row.limit_w / 1_000),
        ("DEMAND_HIGHEST", row.highest_w / 1_000),
        ("DATA_QUALITY", "OK" if row.measured_ms >= length_ms * 95 // 100 else "ESTIMATED"),
    ]
    if row.complied_after_ms is not None:
        payloads.append(("COMPLIED_AFTER", row.complied_after_ms / 1_000))
    name = named(row.event_name or row.event_id, row.drill)
    report = {
        "reportName": f"{name} interval {row.interval_id} {time_text(row.start_wall_ms)}",
        "eventID": row.event_id,
        "clientName": client_name,
        "payloadDescriptors": [
            _described("USAGE", "DIRECT_READ", "KWH"),
            _described("DEMAND", "MEAN", "KW"),
            _described("SETPOINT", "DIRECT_READ", "KW"),
            _described("DEMAND_HIGHEST", "PEAK", "KW"),
        ],
        "resources": [
            {
                "resourceName": "AGGREGATED_REPORT",
                "intervalPeriod": {
                    "start": time_text(row.start_wall_ms),
                    "duration": duration_text(length_ms),
                },
                "intervals": [
                    {
                        "id": row.interval_id,
                        "payloads": [{"type": kind, "values": [value]} for kind, value in payloads],
                    }
                ],
            }
        ],
    }
    return msgspec.json.encode(report)


def report_key(row: Compliance) -> str:
    """Return the idempotency key of a report: the same interval of the same event is the same report."""
    return f"report/{row.event_id}/{row.interval_id}/{row.start_wall_ms}"


def _described(payload_type: str, reading_type: str, units: str) -> dict[str, str]:
    return {
        "objectType": "REPORT_PAYLOAD_DESCRIPTOR",
        "payloadType": payload_type,
        "readingType": reading_type,
        "units": units,
    }


def named(event_name: str, drill: bool) -> str:
    """Return how a report calls an event: a rehearsal is seen to be one.  OpenADR 3 has no word for it."""
    return f"DRILL: {event_name}" if drill and not event_name.lower().startswith("drill") else event_name


def time_text(wall_ms: int) -> str:
    """Return UTC ms in RFC 3339."""
    seconds, ms = divmod(wall_ms, 1_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ms:03}Z"


def duration_text(length_ms: int) -> str:
    """Return a duration in ISO 8601, as the schema's pattern wants it."""
    seconds, ms = divmod(length_ms, 1_000)
    return f"PT{seconds}.{ms:03}S" if ms else f"PT{seconds}S"
