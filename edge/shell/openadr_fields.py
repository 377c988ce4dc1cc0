"""JSON of other people, read field by field: types, bounds, times and durations.

Rule 1: whatever comes in, either a plain value comes out, or BadMessage that names topic, key path and
    expectation.  No other exception.
Rule 2: keys are found in camelCase, snake_case or any mixture, because published messages use all of
    them; the exact spelling wins.  null is the same as not there.
Rule 3: work and memory are bounded by MAX_BYTES.

What the fields mean is not here: see edge/shell/openadr.py.
"""

import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, Literal

import msgspec

from edge.model.openadr import FOREVER, NOW
from edge.model.units import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

# A year of hourly prices is about 0.9 MB in the wordiest spelling; more is not an event.
MAX_BYTES = 1 << 20
MAX_TEXT = 4_096

# Beyond any power in W, price or count; keeps all sums inside int64.
MAX_NUMBER = 10**15

# "P9999Y" is for ever (User Guide 7.3), and so is whatever outlives the depot.
FOREVER_FROM_MS = 100 * 365 * DAY_MS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?"
    r"\s*(Z|z|[+-](?:[01]\d|2[0-3]):?[0-5]\d)?",
    re.ASCII,
)
_SENTINEL = re.compile(
    r"(0001-01-01|0000-00-00|0000-01-01)([Tt ]00:00(:00([.,]0+)?)?\s*(Z|z|[+-]\d\d:?\d\d)?)?"
)
_PART = r"(?:([+-]?\d{1,18}(?:[.,]\d{1,9})?)%s)?"
_DURATION = re.compile(
    r"([+-]?)P(?=.)"
    + "".join(_PART % unit for unit in "YMWD")
    + r"(?:T(?=.)"
    + "".join(_PART % unit for unit in "HMS")
    + ")?",
    re.ASCII,
)
# A month is 30 days and a year 365: the User Guide (7.3) asks utilities to avoid months.
_DURATION_MS = (365 * DAY_MS, 30 * DAY_MS, 7 * DAY_MS, DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS)


class BadMessage(Exception):
    """A message that is not what its topic promises.  Says topic, key path and expectation."""

    def __init__(self, topic: str, path: str, expected: str, got: object = None) -> None:
        shown = "" if got is None else f", got {_short(got)}"
        super().__init__(f"{topic or 'message'}: {path}: expected {expected}{shown}")
        self.topic = topic
        self.path = path


def _short(value: object) -> str:
    """Return what was found, short enough for a log line, without control characters."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def decode(payload: bytes, topic: str) -> Any:
    """Return the JSON of a message; JSON inside a JSON string is unpacked once.

    Some servers encode twice (clj-oa3-test, notes on the VTN reference implementation).
    Raises BadMessage.
    """
    if len(payload) > MAX_BYTES:
        raise BadMessage(topic, "$", f"at most {MAX_BYTES} bytes", len(payload))
    if not payload.strip():
        raise BadMessage(topic, "$", "a JSON object, got an empty message")
    value = _json(payload, topic)
    return _json(value.encode("utf-8", "replace"), topic) if isinstance(value, str) else value


def _json(payload: bytes, topic: str) -> Any:
    try:
        return msgspec.json.decode(payload)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise BadMessage(topic, "$", f"JSON ({why})") from None


class Fields:
    """One JSON object, read key by key.  path says where it stands, for error messages."""

    def __init__(self, value: object, topic: str, path: str = "") -> None:
        if not isinstance(value, dict):
            raise BadMessage(topic, path or "$", "an object", value if value is not None else "null")
        self.topic = topic
        self.path = path
        self._exact: dict[str, Any] = value
        self._loose: dict[str, Any] | None = None  # made only where a spelling is missed

    def get(self, name: str) -> Any:
        """Return what stands under the name in any spelling; None if nothing does."""
        found = self._exact.get(name)
        if found is not None or name in self._exact:
            return found
        if self._loose is None:
            self._loose = {_plain(key): value for key, value in reversed(self._exact.items())}
        return self._loose.get(_plain(name))

    def at(self, name: str) -> str:
        """Return the path of one of its keys."""
        return f"{self.path}.{name}" if self.path else name

    def bad(self, name: str, expected: str, got: object = None) -> BadMessage:
        """Return the error for one of its keys, to be raised."""
        return BadMessage(self.topic, self.at(name), expected, self.get(name) if got is None else got)

    def object(self, name: str) -> "Fields | None":
        """Return a nested object, None if it is not there."""
        found = self.get(name)
        return None if found is None else Fields(found, self.topic, self.at(name))

    def items(self, name: str, most: int) -> list[Any]:
        """Return a list of at most `most` items; empty if it is not there."""
        found = self.get(name)
        if found is None:
            return []
        if not isinstance(found, list):
            raise self.bad(name, "a list")
        if len(found) > most:
            raise self.bad(name, f"at most {most} items")
        return found

    def objects(self, name: str, most: int) -> list["Fields"]:
        """Return a list of nested objects; empty if it is not there."""
        return [Fields(v, self.topic, f"{self.at(name)}[{n}]") for n, v in enumerate(self.items(name, most))]

    def text(self, name: str, most: int = MAX_TEXT) -> str:
        """Return a text, "" if it is not there.  Whole numbers are taken as text: ids come as both."""
        found = self.get(name)
        if found is None:
            return ""
        if isinstance(found, int) and not isinstance(found, bool):
            found = str(found) if abs(found) <= MAX_NUMBER else None
        if not isinstance(found, str) or len(found) > most:
            raise self.bad(name, f"a text of at most {most} characters")
        return found

    def whole(self, name: str, default: int | None, least: int = -MAX_NUMBER) -> int | None:
        """Return a whole number of at least `least`, the default if it is not there."""
        found = self.get(name)
        if found is None:
            return default
        if isinstance(found, float) and found.is_integer():
            found = int(found)
        if not isinstance(found, int) or isinstance(found, bool) or not least <= found <= MAX_NUMBER:
            raise self.bad(
                name, f"a whole number of at least {least}" if least > -MAX_NUMBER else "a whole number"
            )
        return found

    def flag(self, name: str, default: bool) -> bool:
        """Return true or false, the default if it is not there."""
        found = self.get(name)
        if found is None:
            return default
        if not isinstance(found, bool):
            raise self.bad(name, "true or false")
        return found

    def time(self, name: str) -> int | Literal["now"] | None:
        """Return a time as UTC ms, NOW for 0001-01-01, None if it is not there.

        A time without zone is UTC; a space does for the T; 0000-00-00 is OpenADR 3.0's sentinel.
        """
        found = self.get(name)
        if found is None:
            return None
        ms = wall_ms(found) if isinstance(found, str) else None
        if ms is None:
            raise self.bad(name, "a time as 2026-07-01T16:00:00Z, or 0001-01-01 for now")
        return ms

    def stamp(self, name: str) -> int:
        """Return createdDateTime or modificationDateTime as UTC ms; 0 where it is not there or no date.

        The User Guide's own examples write "17:15:16" here, so it is no reason to refuse an event.
        """
        found = self.get(name)
        ms = wall_ms(found) if isinstance(found, str) else None
        return ms if isinstance(ms, int) else 0

    def duration(self, name: str, default_ms: int | None) -> int | None:
        """Return an ISO 8601 duration in ms, FOREVER from 100 years on; may be negative."""
        found = self.get(name)
        if found is None:
            return default_ms
        match = _DURATION.fullmatch(found) if isinstance(found, str) and len(found) <= 64 else None
        if match is None:
            raise self.bad(name, "an ISO 8601 duration as PT1H")
        parts = (Fraction(part.replace(",", ".")) if part else 0 for part in match.groups()[1:])
        ms = int(sum(part * unit for part, unit in zip(parts, _DURATION_MS, strict=True)))
        ms = -ms if match[1] == "-" else ms
        if ms <= -FOREVER_FROM_MS:
            raise self.bad(name, "a duration that is not a century backwards")
        return FOREVER if ms >= FOREVER_FROM_MS else ms


def _plain(key: str) -> str:
    return key.replace("_", "").lower()


def wall_ms(text: str) -> int | Literal["now"] | None:
    """Return an RFC 3339 time as UTC ms, NOW for the sentinels, None for anything else."""
    text = text.strip()
    if len(text) > 64:
        return None
    if _SENTINEL.fullmatch(text):
        return NOW
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    fraction_ms = int((match[7] or "").ljust(3, "0")[:3])
    try:
        at = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return (at - _EPOCH) // timedelta(milliseconds=1) + fraction_ms - _offset_ms(match[8])


def _offset_ms(zone: str | None) -> int:
    """Return how far a zone is ahead of UTC; a time without zone is UTC."""
    if zone is None or zone in "Zz":
        return 0
    digits = zone.replace(":", "")
    ms = int(digits[1:3]) * HOUR_MS + int(digits[3:5]) * MINUTE_MS
    return -ms if digits[0] == "-" else ms
