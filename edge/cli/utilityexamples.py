"""Events as a utility's server sends them, for rehearsals: strict OpenADR 3.1.1, beginning now.

    EXAMPLES["limit"].make(Wish(...)) -> the event as a JSON object

Every example is held against openadr3.yaml and the depot's reader (tests/shell/test_utility_command.py).

Source: OpenADR 3.1.1 User Guide, section 8; programmes as named beside each.
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

Json = dict[str, Any]
NOW = "0001-01-01T00:00:00Z"
FOR_EVER = "P9999Y"


class Wish(NamedTuple):
    """What a person may choose.  now: UTC."""

    now: datetime
    program: str = "rehearsal"
    kw: float = 40.0
    minutes: int = 30
    currency: str = "USD"


class Example(NamedTuple):
    """says: for the list.  make: the event, without id and stamps."""

    says: str
    make: Callable[[Wish], Json]


def stamped(event: Json, name: str, now: datetime) -> Json:
    """Return an event as a server keeps it: with an id that the same example always has, and its stamps.

    So an example that is sent again changes the one before, and `--operation delete` ends it.
    """
    digest = hashlib.sha256(f"{event['programID']}/{name}".encode()).hexdigest()[:12]
    stamp = now.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    stamps = {"createdDateTime": stamp, "modificationDateTime": stamp, "objectType": "EVENT"}
    return {"id": f"try-{digest}", **stamps, "eventName": name, **event}


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _described(kind: str, units: str = "", currency: str = "") -> Json:
    found = {"objectType": "EVENT_PAYLOAD_DESCRIPTOR", "payloadType": kind}
    return found | ({"units": units} if units else {}) | ({"currency": currency} if currency else {})


def _one(wish: Wish, kind: str, value: Any, units: str = "", **more: Any) -> Json:
    """Return an event of one interval that begins with the next whole second."""
    return {
        "programID": wish.program,
        "payloadDescriptors": [_described(kind, units)],
        "intervalPeriod": {
            "start": _time(wish.now + timedelta(seconds=1)),
            "duration": f"PT{wish.minutes}M",
        },
        "intervals": [{"id": 0, "payloads": [{"type": kind, "values": [value]}]}],
    } | more


def _now(wish: Wish, kind: str, value: Any, duration: str, units: str = "") -> Json:
    return _one(wish, kind, value, units, intervalPeriod={"start": NOW, "duration": duration})


def _many(wish: Wish, kind: str, values: list[float], units: str, currency: str = "", **more: Any) -> Json:
    """Return an event of whole hours, from the one that is running."""
    hour = wish.now.replace(minute=0, second=0, microsecond=0)
    return {
        "programID": wish.program,
        "payloadDescriptors": [_described(kind, units, currency)],
        "intervalPeriod": {"start": _time(hour), "duration": "PT1H"},
        "intervals": [
            {"id": n, "payloads": [{"type": kind, "values": [value]}]} for n, value in enumerate(values)
        ],
    } | more


_DAY_PRICES = [0.17872] * 9 + [0.15754] * 5 + [0.20199] * 2 + [0.41522] * 5 + [0.20199] * 3


def _envelope(wish: Wish) -> Json:
    """A dynamic operating envelope: what is left of the subscription, hour by hour.  User Guide 8.10.1."""
    return _many(wish, "IMPORT_CAPACITY_LIMIT", [wish.kw] * 8 + [wish.kw / 2] * 8 + [wish.kw] * 8, "KW")


def _prices(wish: Wish) -> Json:
    """Three prices a day for ever, cheap by night and at noon."""
    midnight = wish.now.replace(hour=0, minute=0, second=0, microsecond=0)
    steps = ((0, 9, 0.17872), (1, 5, 0.15754), (2, 2, 0.20199), (3, 5, 0.41522), (4, 3, 0.20199))
    return {
        "programID": wish.program,
        "duration": FOR_EVER,
        "payloadDescriptors": [_described("PRICE", "KWH", wish.currency)],
        "intervalPeriod": {"start": _time(midnight), "duration": "PT9H"},
        "intervals": [
            {
                "id": n,
                "intervalPeriod": {"start": NOW, "duration": f"PT{hours}H"},
                "payloads": [{"type": "PRICE", "values": [price]}],
            }
            for n, hours, price in steps
        ],
    }


def _asked(kind: str, reading: str, units: str, **more: Any) -> Json:
    return {"payloadType": kind, "readingType": reading, "units": units, **more}


def _reported(wish: Wish) -> Json:
    """A limit in quarter-hours, with a report for each and one of the whole."""
    event = _one(wish, "IMPORT_CAPACITY_LIMIT", wish.kw, "KW")
    event["intervalPeriod"]["duration"] = "PT15M"
    event["intervals"] = [{**event["intervals"][0], "id": n} for n in range(max(1, wish.minutes // 15))]
    wanted = [
        _asked("USAGE", "DIRECT_READ", "KWH", numIntervals=1, frequency=1, repeat=-1),
        _asked("DEMAND", "MEAN", "KW", numIntervals=1, frequency=1, repeat=-1),
        _asked("BASELINE", "ESTIMATED", "KW"),
    ]
    return event | {"reportDescriptors": [{"aggregate": True, **each} for each in wanted]}


def _cancelled(wish: Wish) -> Json:
    return _now(wish, "IMPORT_CAPACITY_LIMIT", wish.kw, "PT0S", "KW")


EXAMPLES: dict[str, Example] = {
    "limit": Example("the site imports no more than KW for MINUTES",
                     lambda w: _one(w, "IMPORT_CAPACITY_LIMIT", w.kw, "KW")),
    "limit-now": Example("the same, beginning when it is heard",
                         lambda w: _now(w, "IMPORT_CAPACITY_LIMIT", w.kw, f"PT{w.minutes}M", "KW")),
    "limit-stop": Example("ends `limit-now` by a duration of PT0S (User Guide 7.9)", _cancelled),
    "envelope": Example("a limit for each of 24 hours (dynamic operating envelope)", _envelope),
    "subscription": Example("the site may import KW, until further notice",
                            lambda w: _now(w, "IMPORT_CAPACITY_SUBSCRIPTION", w.kw, FOR_EVER, "KW")),
    "random-start": Example("a limit whose start each depot shifts by up to 5 minutes",
                            lambda w: _one(w, "IMPORT_CAPACITY_LIMIT", w.kw, "KW", intervalPeriod={
                                "start": _time(w.now + timedelta(minutes=6)), "duration": f"PT{w.minutes}M",
                                "randomizeStart": "PT5M"})),
    "reports": Example("a limit in quarter-hours that asks for USAGE, DEMAND and BASELINE", _reported),
    "drill": Example("a limit that is reported as a drill, by its name",
                     lambda w: _one(w, "IMPORT_CAPACITY_LIMIT", w.kw, "KW", eventName="Drill of the peak")),
    "simple": Example("load shedding, level 2 of 3", lambda w: _one(w, "SIMPLE", 2)),
    "dispatch": Example("the site is to take KW, no more",
                        lambda w: _one(w, "DISPATCH_SETPOINT", w.kw, "KW")),
    "emergency": Example("an alert until it is deleted",
                         lambda w: _now(w, "ALERT_GRID_EMERGENCY", "Transmission line lost", FOR_EVER)),
    "prices": Example("time-of-use prices that repeat every day", _prices),
    "prices-hourly": Example("a price for each of 24 hours",
                             lambda w: _many(w, "PRICE", _DAY_PRICES, "KWH", w.currency)),
    "ghg": Example("grams of CO2 per kWh for each of 24 hours",
                   lambda w: _many(w, "GHG", [320.0] * 9 + [90.0] * 6 + [410.0] * 9, "GHG")),
    "gac": Example("a DSO's limit after the Dutch GAC profile: no priority, one descriptor, one value",
                   lambda w: _many(w, "IMPORT_CAPACITY_LIMIT", [w.kw] * 24, "KW")),
}  # fmt: skip


def example(name: str, wish: Wish) -> Json:
    """Return an example as a server keeps it."""
    return stamped(EXAMPLES[name].make(wish), "limit-now" if name == "limit-stop" else name, wish.now)


def utc_now() -> datetime:
    """Return the time of day that an example begins at."""
    return datetime.now(UTC)
