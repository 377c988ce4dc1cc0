"""Mutants of OpenADR messages: seeded, and aware of what stands where.

    mutant(Random(seed), seeds) -> bytes

A mutation knows whether it meets a time, a duration, a payload type, a unit, an id, a list of intervals …
and puts there what is right elsewhere, on the edge, just past it, or of another type.  Some messages are
also broken as bytes.
"""

import copy
import json
from collections.abc import Sequence
from random import Random
from typing import Any

from edge.core.signals import SIGNALS

Json = Any
Place = tuple[list[Any] | dict[str, Any], Any]

TIMES = (
    "0001-01-01", "0001-01-01T00:00:00", "0001-01-01T00:00:00Z", "0000-00-00", "2026-07-01T16:00:00Z",
    "2026-07-01 16:00:00", "2026-07-01T16:00:00.123456789Z", "2026-07-01T16:00Z", "2026-07-01T18:00:00+02:00",
    "2026-07-01T18:00:00+0200", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-02-30T00:00:00Z",
    "2026-07-01T24:00:00Z", "2026-06-30T23:59:60Z", "0001-01-02T00:00:00Z", "17:15:16", "2026-07-01", "",
    "2026-11-01T09:30:00Z", "20260701T160000Z", "2026-07-01T16:00:00-99:99", "2026-07-01T16:00:00Zulu",
)  # fmt: skip
DURATIONS = (
    "PT0S", "PT1S", "PT0.5S", "PT1H", "PT15M", "P1D", "P1W", "P1W2D", "P1DT2H3M4.5S", "P1M", "P1Y", "P9999Y",
    "P99Y", "P100Y", "-PT15M", "+PT15M", "-P9999Y", "PT", "P", "PT0H", "1H", "PT1H ", "P1H", "PT-1H", "P1,5D",
    "PT999999999999999999S", "P1Y1M1DT1H1M1S", "pt1h", "PT1.S", "", "PT0.0001S", "P0D", "PT24H",
)  # fmt: skip
NUMBERS = (0, 1, -1, 0.5, -0.5, 1e-9, 2, 3, 4, 10, 11, -10, -11, 40, 1e6, 1e15, 1.0000001e15, 2**31 - 1,
           2**31, 2**53, 2**63, 1e308, -1e308, 10**400, 1.5, True, False)  # fmt: skip
TEXTS = ("", "x", "e-1", "ö", "\u0000", "a b", "e/1", "x" * 128, "x" * 129, "x" * 5000, "\ud800", "0", "-5",
         "null", "{}", "Drill", "${jndi:ldap://x}", "'; DROP TABLE event; --")  # fmt: skip
UNITS = (
    "KW",
    "kW",
    "W",
    "MW",
    "KWH",
    "kWh",
    "MWH",
    "PERCENT",
    "AMPS",
    "VOLTS",
    "VOLTAGE",
    "",
    "GHG",
    "THERMS",
    "€",
)
CURRENCIES = ("USD", "usd", "EUR", "", "US Dollar")
OPERATIONS = ("CREATE", "UPDATE", "DELETE", "READ", "POST", "PUT", "create", "EAT", "", 3)
TYPES = (*SIGNALS, "CAPACITY_SUBSCRIPTION", "CAPACITY_AVAILABLE_FEE", "PRIVATE_THING", "", "price", "USAGE")
KINDS = (
    "EVENT",
    "event",
    "PROGRAM",
    "REPORT",
    "",
    3,
    "EVENT_PAYLOAD_DESCRIPTOR",
    "REPORT_PAYLOAD_DESCRIPTOR",
)
ANYTHING = (None, True, [], {}, [[]], {"x": 1}, {"object": {}}, [None], 10**400, "", "x")

BY_KEY: dict[str, Sequence[Any]] = {
    "start": TIMES, "createdDateTime": TIMES, "modificationDateTime": TIMES,
    "duration": DURATIONS, "randomizeStart": DURATIONS,
    "type": TYPES, "payloadType": TYPES, "units": UNITS, "currency": CURRENCIES,
    "operation": OPERATIONS, "objectType": KINDS,
    "id": (*NUMBERS, *TEXTS), "programID": TEXTS, "eventName": TEXTS, "priority": NUMBERS,
    "targets": (["group-1"], [], "all", [3], [{"type": "VEN_NAME", "values": ["v"]}], [""], [None]),
    "values": ([], [1], [1, 2, 3], [-1], ["x"], [None], [True], [{"x": 1, "y": 2}], [1e15], [{"x": 1}],
               [0] * 50, 3),
    "x": NUMBERS, "y": NUMBERS,
    "startInterval": NUMBERS, "numIntervals": NUMBERS, "frequency": NUMBERS, "repeat": NUMBERS,
}  # fmt: skip


def mutant(random: Random, seeds: Sequence[Json]) -> bytes:
    """Return one message, made of one of the seeds by one to six mutations."""
    value = copy.deepcopy(random.choice(seeds))
    for _ in range(random.choice((1, 1, 2, 2, 3, 6))):
        _mutate(random, value, seeds)
    value = _wrapped(random, value)
    payload = json.dumps(value).encode()
    if random.random() < 0.05:
        n = random.randrange(len(payload) + 1)
        payload = payload[:n] + random.randbytes(random.randrange(4)) + payload[n + random.randrange(4) :]
    return payload


def _wrapped(random: Random, value: Json) -> Json:
    """Put a notification, a list or a string around it, now and then."""
    chance = random.random()
    if chance < 0.3:
        envelope = {"objectType": "EVENT", "operation": random.choice(OPERATIONS[:6]), "object": value}
        return envelope
    if chance < 0.33:
        return [value]
    if chance < 0.36:
        return json.dumps(value)
    return value


def _places(value: Json) -> list[Place]:
    """Return every place in a document: its container, and its key or index."""
    found: list[Place] = []
    left = [value]
    while left:
        each = left.pop()
        keys = each.keys() if isinstance(each, dict) else range(len(each)) if isinstance(each, list) else ()
        for key in keys:
            found.append((each, key))
            if isinstance(each[key], dict | list):
                left.append(each[key])
    return found


def _mutate(random: Random, value: Json, seeds: Sequence[Json]) -> None:
    places = _places(value)
    if not places:
        return
    where, key = random.choice(places)
    match random.randrange(12):
        case 0:
            del where[key]
        case 1 if isinstance(where, dict):
            snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in str(key))
            where[random.choice((str(key).upper(), snake, str(key) + "_"))] = where.pop(key)
        case 2 if isinstance(where, list):
            where.insert(random.randrange(len(where) + 1), copy.deepcopy(where[key]))
        case 3 if isinstance(where, list):
            random.shuffle(where)
        case 4:
            where[key] = copy.deepcopy(random.choice(ANYTHING))
        case 5:
            _graft(random, value, seeds)
        case 6:
            _time_it(random, value)
        case _:
            fit = BY_KEY.get(str(key), NUMBERS if isinstance(where[key], int | float) else ANYTHING)
            where[key] = copy.deepcopy(random.choice(fit))


def _graft(random: Random, value: Json, seeds: Sequence[Json]) -> None:
    """Take what stands under a key in another message."""
    other = random.choice(seeds)
    if isinstance(value, dict) and isinstance(other, dict) and other:
        key = random.choice(sorted(other))
        value[key] = copy.deepcopy(other[key])


def _time_it(random: Random, value: Json) -> None:
    """Give the event, or an interval, another period."""
    period = {}
    for key, fit in (("start", TIMES), ("duration", DURATIONS), ("randomizeStart", DURATIONS)):
        if random.random() < 0.6:
            period[key] = random.choice(fit)
    targets = [value] if isinstance(value, dict) else []
    intervals = value.get("intervals") if isinstance(value, dict) else None
    targets += [each for each in intervals if isinstance(each, dict)] if isinstance(intervals, list) else []
    if targets:
        random.choice(targets)["intervalPeriod"] = period
