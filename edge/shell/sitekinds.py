"""What a value of a site file may be: one kind each, from the TOML value to the integer of the model.

Rule: a kind is exact or raises Wrong with what it expected.  It knows nothing of other keys.
Numbers with a point arrive as Decimal (tomllib's parse_float), so 62.5 A is exact.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from edge.core import holidays
from edge.model.site import EVERY_DAY
from edge.model.units import PHASE_NAMES, ma_from_amps
from edge.report.holidays import NERC


class Wrong(Exception):
    """A value is not what its key expects.  The text says what was expected."""


@dataclass(frozen=True)
class Kind:
    """What a value may be.

    read: the TOML value to the model's value; raises Wrong.  schema: the same rule as JSON Schema.
    """

    read: Callable[[Any], Any]
    schema: dict[str, Any]


# Ids become levels of MQTT topics, keys of the store and words of commands.
IDENT = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?")
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]"
DAY_WORDS = {"daily": EVERY_DAY, "weekdays": EVERY_DAY[:5], "weekend": EVERY_DAY[5:]}
MODBUS_PORT = 502

# Beyond this a figure is a slip of the pen: 100 kA per phase, 100 MW.
_AMPS_MAX, _KW_MAX = 100_000, 100_000


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _finite(value: object, expected: str) -> Decimal:
    if not _is_number(value):
        raise Wrong(expected)
    number = Decimal(str(value))
    if not number.is_finite():
        raise Wrong(expected)
    return number


def _scaled(value: object, per_unit: int, unit: str, finer: str, highest: int) -> int:
    """Return the value in whole small units; refuses what is finer or out of range."""
    expected = f"a number from 0 to {highest} {unit}"
    number = _finite(value, expected)
    if not 0 <= number <= highest:
        raise Wrong(expected)
    exact = number * per_unit
    if exact != exact.to_integral_value():
        raise Wrong(f"not finer than {finer}: a figure is written, not rounded")
    return int(exact)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Wrong("a text in quotes")
    return value


def _ident(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(IDENT, value):
        raise Wrong('a short name of letters, digits, ".", "_" and "-", such as "bay-1"')
    return value


def _amps(value: object) -> int:
    number = _finite(value, f"amps: a number from 0 to {_AMPS_MAX}, such as 63 or 62.5")
    if not 0 <= number <= _AMPS_MAX:
        raise Wrong(f"amps: a number from 0 to {_AMPS_MAX}, such as 63 or 62.5")
    try:
        return ma_from_amps(number)
    except ValueError:
        raise Wrong("not finer than 1 mA (0.001): a limit is written, not rounded") from None


def _amps3(value: object) -> tuple[int, int, int]:
    if not isinstance(value, list):
        one = _amps(value)
        return (one, one, one)
    if len(value) != 3:
        raise Wrong("amps: one number for all phases, or three for L1, L2 and L3, such as [63, 63, 50]")
    l1, l2, l3 = (_amps(each) for each in value)
    return (l1, l2, l3)


def _kw(value: object) -> int:
    return _scaled(value, 1000, "kW", "1 W (0.001 kW)", _KW_MAX)


def _kwh(value: object) -> int:
    need = _scaled(value, 1000, "kWh", "1 Wh (0.001 kWh)", 10_000)
    if need == 0:
        raise Wrong("more than 0 kWh")
    return need


def _minutes(value: object) -> int:
    if not isinstance(value, str) or not re.fullmatch(_CLOCK, value):
        raise Wrong('a local time from "00:00" to "23:59", such as "18:00"')
    return int(value[:2]) * 60 + int(value[3:])


def _days(value: object) -> tuple[str, ...]:
    words = f'days such as ["mon", "tue"], or one of {", ".join(map(repr, DAY_WORDS))}'.replace("'", '"')
    if isinstance(value, str) and value in DAY_WORDS:
        return DAY_WORDS[value]
    if not isinstance(value, list) or not value or not set(map(str, value)) <= set(EVERY_DAY):
        raise Wrong(words)
    return tuple(day for day in EVERY_DAY if day in value)


def _phases(value: object) -> tuple[int, ...]:
    names = [value] if isinstance(value, str) else value
    expected = 'where its L1 (L2, L3) are on the site: "L2", or ["L2", "L3", "L1"]; each at most once'
    if not isinstance(names, list) or not names or not set(map(str, names)) <= set(PHASE_NAMES):
        raise Wrong(expected)
    if len(set(names)) != len(names):
        raise Wrong(expected)
    return tuple(PHASE_NAMES.index(name) for name in names)


def _currency(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch("[A-Z]{3}", value):
        raise Wrong('three capital letters as in ISO 4217, such as "USD"')
    return value


def _date(value: object) -> str:
    text = value.isoformat() if isinstance(value, date) and not isinstance(value, datetime) else value
    try:
        return date.fromisoformat(text).isoformat() if isinstance(text, str) else _no_date()
    except ValueError:
        return _no_date()


def _no_date() -> str:
    raise Wrong("a day such as 2026-03-01") from None


def _tcp(value: object) -> str:
    found = _HOST_PORT.fullmatch(value) if isinstance(value, str) else None
    if found is None or not 1 <= int(found[2] or MODBUS_PORT) <= 65535:
        raise Wrong('a host and port, such as "192.168.1.20:502"')
    return f"{found[1]}:{int(found[2] or MODBUS_PORT)}"


def _broker(value: object) -> dict[str, Any]:
    """Return the broker's own fields: host, port, tls, username."""
    expected = 'a broker such as "mqtts://user@broker.example:8883" (mqtt:// is without encryption)'
    scheme, mark, rest = value.partition("://") if isinstance(value, str) else ("", "", "")
    if scheme not in ("mqtts", "mqtt") or not mark:
        raise Wrong(expected)
    user, at, host_port = rest.rpartition("@")
    if ":" in user:
        raise Wrong(
            "no password here: write it to a file of its own (mode 0600) and name it as password_file"
        )
    port = 8883 if scheme == "mqtts" else 1883
    found = _HOST_PORT.fullmatch(host_port.rstrip("/"))
    if found is None or (at and not user) or not 1 <= int(found[2] or port) <= 65535:
        raise Wrong(expected)
    host, port = found[1].strip("[]"), int(found[2] or port)
    return {"host": host, "port": port, "tls": scheme == "mqtts", "username": user}


def _address(value: object) -> str:
    text = _text(value)
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise Wrong('an IP address of the gateway, such as "192.168.1.20", or "0.0.0.0" for all') from None


_URL = re.compile(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?(/[!-\[\]-~]*)?")
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def _url(value: object) -> str:
    """Return a web address without a slash at its end; without encryption only on this machine."""
    found = _URL.fullmatch(value) if isinstance(value, str) else None
    path, port = ((found[4] or ""), int((found[3] or ":1")[1:])) if found else ("", 1)
    if found is None or "?" in path or "#" in path or not 1 <= port <= 65535:
        raise Wrong('an address such as "https://vtn.example.com/openadr3/3.1.1"')
    if found[1] == "http" and found[2] not in _LOOPBACK:
        raise Wrong("https://: OpenADR wants TLS everywhere; http:// is for a server on this machine alone")
    return found[0].rstrip("/")


def _topic(value: object) -> str:
    if not isinstance(value, str) or not value or set(value) & set("+#\0") or value.startswith("/"):
        raise Wrong('a topic without wildcards, such as "depots/north"')
    return value


def _topic_filter(value: object) -> str:
    levels = value.split("/") if isinstance(value, str) else [""]
    bad = any(("+" in level or "#" in level) and len(level) > 1 for level in levels)
    if not isinstance(value, str) or not value or bad or "#" in levels[:-1] or "\0" in value:
        raise Wrong('a topic filter, such as "openadr/events/+"')
    return value


def _holiday(value: object) -> str:
    rule = value.isoformat() if isinstance(value, date) else str(value)  # TOML has dates of its own
    if rule != NERC:
        try:
            holidays.on(rule, 2000)
        except ValueError:
            raise Wrong(f'{holidays.EXPECTED}, or "{NERC}"') from None
    return rule


def _list_of(one: Kind) -> Kind:
    def read(value: object) -> tuple[Any, ...]:
        return tuple(one.read(each) for each in (value if isinstance(value, list) else [value]))

    return Kind(read, {"anyOf": [one.schema, {"type": "array", "items": one.schema}]})


def list_of(one: Kind, count: int) -> Kind:
    """A list of so many values of a kind."""

    def read(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) != count:
            raise Wrong(f"a list of {count} values")
        return tuple(one.read(each) for each in value)

    return Kind(read, {"type": "array", "items": one.schema, "minItems": count, "maxItems": count})


def whole(low: int, high: int, factor: int = 1, unit: str = "") -> Kind:
    """Whole numbers in a range, multiplied by `factor` on the way in."""

    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise Wrong(f"a whole number from {low} to {high}{unit}")
        return value * factor

    return Kind(read, {"type": "integer", "minimum": low, "maximum": high})


def seconds(low: int, high: int) -> Kind:
    """Seconds, to the millisecond."""

    def read(value: object) -> int:
        expected = f"seconds from {low} to {high}"
        if not low <= _finite(value, expected) <= high:
            raise Wrong(expected)
        return _scaled(value, 1000, "s", "1 ms", high)

    return Kind(read, {"type": "number", "minimum": low, "maximum": high})


def percent(low: int, high: int) -> Kind:
    """Percent, to the thousandth of the whole."""

    def read(value: object) -> int:
        expected = f"a percentage from {low} to {high}"
        if not low <= _finite(value, expected) <= high:
            raise Wrong(expected)
        return _scaled(value, 10, "%", "0.1 %", high)

    return Kind(read, {"type": "number", "minimum": low, "maximum": high})


def hours(low: int, high: int) -> Kind:
    """Hours, to the second, as ms."""

    def read(value: object) -> int:
        expected = f"hours from {low} to {high}, such as 10 or 7.5"
        if not low <= _finite(value, expected) <= high:
            raise Wrong(expected)
        return _scaled(value, 3600, "h", "a second", high) * 1000

    return Kind(read, {"type": "number", "minimum": low, "maximum": high})


def _money(value: object) -> int:
    return _scaled(value, 1_000_000, "of the site's currency", "a millionth", 1_000)


def above_0(high: int, what: str) -> Kind:
    """A number above 0, as written."""

    def read(value: object) -> Decimal:
        number = _finite(value, what)
        if not 0 < number <= high:
            raise Wrong(what)
        return number

    return Kind(read, {"type": "number", "exclusiveMinimum": 0, "maximum": high})


def choice(*words: str | int) -> Kind:
    """One of a few words."""

    def read(value: object) -> object:
        if isinstance(value, bool) or value not in words:
            raise Wrong("one of " + ", ".join(f'"{w}"' if isinstance(w, str) else str(w) for w in words))
        return value

    return Kind(read, {"enum": list(words)})


_NUMBER_OF_AMPS = {"type": "number", "minimum": 0, "maximum": _AMPS_MAX}


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Wrong("true or false")
    return value


FLAG = Kind(_flag, {"type": "boolean"})
TEXT = Kind(_text, {"type": "string", "minLength": 1})
NAME = Kind(_ident, {"type": "string", "pattern": f"^{IDENT}$"})
AMPS = Kind(_amps, _NUMBER_OF_AMPS)
AMPS3 = Kind(
    _amps3,
    {"anyOf": [_NUMBER_OF_AMPS, {"type": "array", "items": _NUMBER_OF_AMPS, "minItems": 3, "maxItems": 3}]},
)
KW = Kind(_kw, {"type": "number", "minimum": 0, "maximum": _KW_MAX})
MONEY = Kind(_money, {"type": "number", "minimum": 0, "maximum": 1_000})
KWH = Kind(_kwh, {"type": "number", "exclusiveMinimum": 0, "maximum": 10_000})
CLOCK = Kind(_minutes, {"type": "string", "pattern": f"^{_CLOCK}$"})
DAYS = Kind(
    _days,
    {
        "anyOf": [
            {"enum": list(DAY_WORDS)},
            {"type": "array", "minItems": 1, "items": {"enum": list(EVERY_DAY)}},
        ]
    },
)
_ONE_PHASE = {"enum": list(PHASE_NAMES)}
PHASES_AS_WIRED = Kind(
    _phases,
    {
        "anyOf": [
            _ONE_PHASE,
            {"type": "array", "items": _ONE_PHASE, "minItems": 1, "maxItems": 3, "uniqueItems": True},
        ]
    },
)
DATE = Kind(_date, {"type": "string", "format": "date"})
DATES = _list_of(DATE)
KM = above_0(2000, "a number above 0, up to 2000")
KWH_PER_KM = above_0(10, "kWh per km above 0, up to 10, such as 0.22")
CURRENCY = Kind(_currency, {"type": "string", "pattern": "^[A-Z]{3}$"})
TCP = Kind(_tcp, {"type": "string", "pattern": rf"^{_HOST_PORT.pattern}$"})
ADDRESS = Kind(_address, {"type": "string", "pattern": r"^([0-9.]+|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)$"})
BROKER = Kind(_broker, {"type": "string", "pattern": "^mqtts?://"})
URL = Kind(_url, {"type": "string", "pattern": "^https?://"})
TOPIC = Kind(_topic, {"type": "string", "pattern": "^[^/+#][^+#]*$"})
TOPIC_FILTERS = _list_of(Kind(_topic_filter, {"type": "string", "minLength": 1}))
TEXTS = _list_of(TEXT)
NAMES = _list_of(NAME)
HOLIDAYS = _list_of(Kind(_holiday, {"type": "string", "minLength": 5}))
