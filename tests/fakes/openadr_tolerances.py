"""The tolerances of docs/utility.md, one function each, written apart from the reader.

    explained(message) -> the strict event that a tolerated message stands for

A message that the depot obeys must be valid by openadr3.yaml once these, and nothing else, have been applied
to it.  What they cannot mend stays as it is, and the schema says what is wrong with it.
"""

import json
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

Json = Any

# Every key of an event, as the schema spells it.
KEYS = (
    "objectType", "operation", "object", "id", "eventID", "createdDateTime", "modificationDateTime",
    "programID", "eventName", "duration", "priority", "targets", "reportDescriptors", "payloadDescriptors",
    "intervalPeriod", "intervals", "start", "randomizeStart", "payloads", "type", "values", "x", "y",
    "payloadType", "units", "currency", "readingType", "aggregate", "startInterval", "numIntervals",
    "historical", "frequency", "repeat", "reportIntervals",
)  # fmt: skip
SPELT = {key.lower(): key for key in KEYS}

ALIASES = {
    "CAPACITY_SUBSCRIPTION": "IMPORT_CAPACITY_SUBSCRIPTION",
    "CAPACITY_RESERVATION": "IMPORT_CAPACITY_RESERVATION",
    "CAPACITY_RESERVATION_FEE": "IMPORT_CAPACITY_RESERVATION_FEE",
    "CAPACITY_AVAILABLE": "IMPORT_CAPACITY_AVAILABLE",
    "CAPACITY_AVAILABLE_FEE": "IMPORT_CAPACITY_AVAILABLE_PRICE",
    "CAPACITY_AVAILABLE_PRICE": "IMPORT_CAPACITY_AVAILABLE_PRICE",
    "IMPORT_CAPACITY_AVAILABLE_FEE": "IMPORT_CAPACITY_AVAILABLE_PRICE",
    "EXPORT_CAPACITY_AVAILABLE_FEE": "EXPORT_CAPACITY_AVAILABLE_PRICE",
}


def explained(payload: bytes) -> tuple[Json, Json]:
    """Return the strict event, and what was around it (None for nothing).  Raises ValueError for no JSON."""
    value = json.loads(payload)
    if isinstance(value, str):  # JSON within a JSON string
        value = json.loads(value)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    value = _keys(value)
    envelope = None
    if isinstance(value, dict) and isinstance(value.get("object"), dict):
        envelope, value = {key: each for key, each in value.items() if key != "object"}, value["object"]
    return _event(value), envelope


def _keys(value: Json) -> Json:
    """Spell keys as the schema does; the exact spelling wins, then the first.  null is the same as absent."""
    if isinstance(value, list):
        return [_keys(each) for each in value]
    if not isinstance(value, dict):
        return value
    found: dict[str, Json] = {}
    for key, each in value.items():
        spelt = SPELT.get(key.replace("_", "").lower(), key)
        if spelt == key or (spelt not in found and spelt not in value):
            found[spelt] = _keys(each)
    return {key: each for key, each in found.items() if each is not None}


def _event(event: Json) -> Json:
    if not isinstance(event, dict):
        return event
    found = dict(event)
    if "id" not in found and "eventID" in found:
        found["id"] = found["eventID"]
    for key in ("id", "programID", "eventName"):
        _mend(found, key, _text)
    for key in ("createdDateTime", "modificationDateTime"):
        _mend(found, key, _time)
        if key in found and not (isinstance(found[key], str) and _TIME.fullmatch(found[key])):
            del found[key]  # "17:15:16" is taken as unknown
    _mend(found, "duration", _duration)
    _mend(found, "intervalPeriod", _period)
    _mend(found, "targets", _targets)
    _mend(found, "payloadDescriptors", lambda many: _each(many, _descriptor))
    _mend(found, "reportDescriptors", lambda many: _each(many, _wanted))
    _mend(found, "intervals", lambda many: _each(many, _interval))
    # The schema's discriminator; the envelope's may stand for it.
    if isinstance(found.get("objectType"), str) and found["objectType"].upper() in ("EVENT", ""):
        found["objectType"] = "EVENT"
    return found


def _mend(found: dict[str, Json], key: str, how: Callable[[Json], Json]) -> None:
    if key in found:
        found[key] = how(found[key])


def _each(many: Json, how: Callable[[dict[str, Json]], Json]) -> Json:
    if not isinstance(many, list):
        return many
    return [how(dict(each)) if isinstance(each, dict) else each for each in many]


def _text(value: Json) -> Json:
    """Ids and names come as whole numbers too."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _targets(targets: Json) -> Json:
    """OpenADR 3.0: {type, values}."""
    if not isinstance(targets, list):
        return targets
    found: list[Json] = []
    for each in targets:
        values = each.get("values") if isinstance(each, dict) else None
        found += values if isinstance(values, list) and values else [each]
    return found


def _interval(interval: dict[str, Json]) -> Json:
    _mend(interval, "intervalPeriod", _period)
    _mend(interval, "payloads", lambda many: _each(many, _payload))
    interval.setdefault("payloads", [])  # an interval without payloads says nothing
    return interval


def _payload(payload: dict[str, Json]) -> Json:
    _mend(payload, "type", _type)
    payload.setdefault("values", [])
    return payload


def _type(name: Json) -> Json:
    name = _text(name)
    return ALIASES.get(name, name) if isinstance(name, str) else name


def _descriptor(descriptor: dict[str, Json]) -> Json:
    """objectType may be missing, or say what a report's does: it stands where an event's belongs."""
    descriptor["objectType"] = "EVENT_PAYLOAD_DESCRIPTOR"
    _mend(descriptor, "payloadType", _type)
    for key in ("units", "currency"):
        _mend(descriptor, key, _text)
        if descriptor.get(key) == "":
            del descriptor[key]
    return descriptor


def _wanted(descriptor: dict[str, Json]) -> Json:
    descriptor.pop("reportIntervals", None)  # is not read, so it is not checked
    _mend(descriptor, "payloadType", _type)
    _mend(descriptor, "targets", _targets)
    for key in ("units", "readingType"):
        _mend(descriptor, key, _text)
        if descriptor.get(key) == "":
            del descriptor[key]
    return descriptor


def _period(period: Json) -> Json:
    if not isinstance(period, dict):
        return period
    found = dict(period)
    _mend(found, "start", _time)
    _mend(found, "duration", _duration)
    _mend(found, "randomizeStart", _duration)
    return found


_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_LOOSE = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(:\d\d)?(?:[.,](\d+))?\s*(?:([Zz])|([+-]\d\d):?(\d\d))?"
)
_SENTINEL = re.compile(
    r"(0001-01-01|0000-00-00|0000-01-01)([Tt ]00:00(:00([.,]0+)?)?\s*(Z|z|[+-]\d\d:?\d\d)?)?"
)


def _time(text: Json) -> Json:
    """A space for the T, no zone, no seconds, +0100; the sentinels."""
    if not isinstance(text, str):
        return text
    text = text.strip()
    if _SENTINEL.fullmatch(text):
        return "0001-01-01T00:00:00Z"
    found = _LOOSE.fullmatch(text)
    if found is None:
        return text
    day, hour, second, fraction, _, ahead, minutes = found.groups()
    zone = f"{ahead}:{minutes}" if ahead else "Z"
    return f"{day}T{hour}{second or ':00'}{'.' + fraction if fraction else ''}{zone}"


_UNITS = {"Y": 31_536_000, "M": 2_592_000, "W": 604_800, "D": 86_400, "h": 3_600, "m": 60, "s": 1}
_NUMBER = r"([+-]?\d+(?:[.,]\d+)?)"
_DURATION = re.compile(
    rf"([+-]?)P(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}W)?(?:{_NUMBER}D)?"
    rf"(?:T(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?"
)
_STRICT = re.compile(
    r"^(-?)P(?=\d|T\d)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)([DW]))?"
    r"(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$"
)


def _duration(text: Json) -> Json:
    """Weeks with days, signs, fractions: the same length in seconds."""
    if not isinstance(text, str) or _STRICT.fullmatch(text):
        return text
    found = _DURATION.fullmatch(text)
    if found is None or text[-1] in "PT":
        return text
    parts = [Fraction((part or "0").replace(",", ".")) for part in found.groups()[1:]]
    seconds = sum(part * unit for part, unit in zip(parts, _UNITS.values(), strict=True))
    seconds = -seconds if found[1] == "-" else seconds
    whole = f"{float(abs(seconds)):.6f}".rstrip("0").rstrip(".")
    return f"{'-' if seconds < 0 else ''}PT{whole}S"
