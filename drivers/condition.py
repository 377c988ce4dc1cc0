"""Conditions in device tables: a closed little language, so that data cannot run.

    x_state == 2                       x_cable & 4            (any of these bits is set)
    x_state in 2,3,10..12              x_cable !& 4           (none of them is)
    manufacturer starts Alfen          firmware older 1.2.1
    x_probe refused                    x_probe answered       (by a Modbus exception, or by a value)

Clauses are joined by " and ".  Names are the keys of readings ("voltage_l1_mv") or the table's own
points ("x_…").  The answer is True, False, or None where a name has no value.
"""

import re
from collections.abc import Callable, Collection, Mapping

import msgspec

Value = int | str

_CLAUSE = re.compile(r"^(?P<name>[a-z][a-z0-9_]*)\s+(?P<op>\S+)(?:\s+(?P<value>.+))?$")


def ranges(text: str) -> tuple[tuple[int, int], ...]:
    """Read "2,3,10..12" or "0x100..0x10F" into inclusive ranges.  Raises ValueError."""
    found = []
    for part in text.split(","):
        low, dots, high = part.strip().partition("..")
        try:
            found.append((int(low, 0), int(high if dots else low, 0)))
        except ValueError:
            raise ValueError(f'{part.strip()!r} is not of the form "2, 3, 10..12"') from None
    return tuple(found)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", text))


_NUMBERS: dict[str, Callable[[int, int], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "&": lambda a, b: bool(a & b),
    "!&": lambda a, b: not a & b,
}
_TEXTS: dict[str, Callable[[str, str], bool]] = {
    "is": lambda a, b: a == b,
    "starts": lambda a, b: a.lower().startswith(b.lower()),
    "contains": lambda a, b: b.lower() in a.lower(),
    "older": lambda a, b: _version(a) < _version(b),
    "newer": lambda a, b: _version(a) > _version(b),
    "within": lambda a, b: a in [word.strip() for word in b.split(",")],
}
_ANSWERS = ("refused", "answered")


class Clause(msgspec.Struct, frozen=True):
    """One comparison.  number, text or ranges, by the operator."""

    name: str
    op: str
    number: int = 0
    text: str = ""
    spans: tuple[tuple[int, int], ...] = ()

    def holds(self, values: Mapping[str, Value], refused: Collection[str]) -> bool | None:
        """Say whether it holds; None if the name has no value."""
        value = values.get(self.name)
        if self.op in _ANSWERS:
            if value is None and self.name not in refused:
                return None
            return (value is None) == (self.op == "refused")
        if value is None:
            return None
        if self.op in _TEXTS:
            return _TEXTS[self.op](str(value), self.text)
        if self.op == "in":
            return isinstance(value, int) and any(low <= value <= high for low, high in self.spans)
        return isinstance(value, int) and _NUMBERS[self.op](value, self.number)


class Condition(msgspec.Struct, frozen=True):
    """Clauses that must all hold.  text: as the table says it."""

    text: str
    clauses: tuple[Clause, ...]

    @property
    def names(self) -> set[str]:
        """What it asks about."""
        return {clause.name for clause in self.clauses}

    def holds(self, values: Mapping[str, Value], refused: Collection[str] = ()) -> bool | None:
        """Say whether all clauses hold; None if none fails but one is not known."""
        answers = [clause.holds(values, refused) for clause in self.clauses]
        if False in answers:
            return False
        return None if None in answers else True


def condition(text: str) -> Condition:
    """Read a condition.  Raises ValueError that quotes the clause."""
    return Condition(text, tuple(_clause(part.strip()) for part in text.split(" and ")))


def _clause(text: str) -> Clause:
    match = _CLAUSE.match(text)
    if match is None:
        raise ValueError(f"condition {text!r} is not of the form NAME OPERATOR VALUE")
    name, op, value = match["name"], match["op"], (match["value"] or "").strip()
    try:
        if op in _ANSWERS and not value:
            return Clause(name, op)
        if op == "in":
            return Clause(name, op, spans=ranges(value))
        if op in _TEXTS and value:
            return Clause(name, op, text=value)
        if op in _NUMBERS:
            return Clause(name, op, number=int(value, 0))
    except ValueError:
        raise ValueError(f"condition {text!r}: {value!r} is not a whole number, nor a list") from None
    known = " ".join([*_NUMBERS, "in", *_TEXTS, *_ANSWERS])
    raise ValueError(f"condition {text!r}: operator {op!r} is none of: {known}")
