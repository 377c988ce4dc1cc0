"""From replies to quantities: scales, sentinels, enumerations, ratios, derived values.

A value that is not there (no reply, refused, sentinel, NaN, unknown ratio) has no key: absent is
unknown, and unknown is never 0 (I3).
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import NamedTuple

from drivers import registers
from drivers.registers import Order
from drivers.scale import nearest
from drivers.table import Derived, Point
from drivers.wire import Read, Replies, Words

Value = int | str


class Placed:
    """A row and where its registers are on this device."""

    __slots__ = ("address", "order", "point", "unit")

    def __init__(self, point: Point, unit: int, address: int, order: Order | None = None) -> None:
        self.point, self.unit, self.address = point, unit, address
        self.order: Order = order or point.order

    def within(self, read: Read) -> bool:
        """Say whether a read fetches this row.

        A row of a single group only by itself: on some devices the same address means another thing
        within a block (Carlo Gavazzi's model code stands where a voltage does).
        """
        size = self.point.type.count
        if self.point.group.single and (read.address != self.address or read.count > size + 1):
            return False
        return (
            (read.unit, read.space) == (self.unit, self.point.group.space)
            and read.address <= self.address
            and self.address + self.point.type.count <= read.end
        )

    def read(self) -> Read:
        """Return the read that fetches this row alone."""
        return Read(self.unit, self.point.group.space, self.address, self.point.type.count)


class Located(NamedTuple):
    """A row, and where in which reads its registers are."""

    placed: Placed
    sources: tuple[tuple[Read, int], ...]

    def words(self, replies: Replies) -> Words | int | None:
        """Return its registers, the exception code that came instead, or None."""
        count = self.placed.point.type.count
        refused: int | None = None
        for read, offset in self.sources:
            reply = replies[read]
            if isinstance(reply, int):
                refused = reply
            elif len(reply) >= offset + count:
                return reply[offset : offset + count]
        return refused

    def is_refused(self, replies: Replies) -> bool:
        """Say whether this row is optional and the device has refused it."""
        return self.placed.point.group.optional and isinstance(self.words(replies), int)


def locate(placed: Iterable[Placed], reads: Iterable[Read]) -> list[Located]:
    """Find the rows that some reads fetch.  It only depends on the reads: callers keep the answer."""
    asked = list(reads)
    found = []
    for place in placed:
        sources = tuple((r, place.address - r.address) for r in asked if place.within(r))
        if sources:
            found.append(Located(place, sources))
    return found


class Values:
    """What replies say, private points included.

    values: by key.  refused: keys that the device answered with a Modbus exception.
    """

    def __init__(self, known: Mapping[str, Value]) -> None:
        self.values: dict[str, Value] = {}
        self.refused: set[str] = set()
        self._known = known

    def all(self) -> dict[str, Value]:
        """Return the values with what was known before."""
        return {**self._known, **self.values}


def read(located: Iterable[Located], derived: Iterable[Derived], known: Mapping[str, Value],
         replies: Replies) -> Values:  # fmt: skip
    """Decode replies.  known: what identification found, for ratios, scales and conditions."""
    found = Values(known)
    waiting = []
    for row in located:
        raw = _raw(row, replies, found)
        if raw is None:
            continue
        point = row.placed.point
        if _depends(point):
            waiting.append((point, raw))
        else:
            _keep(found, point, _value(point, raw, point.factor))
    for point, raw in waiting:
        factor = _factor(point, found)
        if factor is not None:
            _keep(found, point, _value(point, raw, factor))
    for one in derived:
        made = _derive(one, found)
        if made is not None:
            found.values.setdefault(one.key, made)  # what a row gives goes first
    return found


def _keep(found: Values, point: Point, value: Value | None) -> None:
    """Keep a value.  Of several rows for one quantity the first that has one wins."""
    if value is not None:
        found.values.setdefault(point.key, value)


def _depends(point: Point) -> bool:
    return bool(point.times or point.sf or point.unit_if or point.when)


def _raw(row: Located, replies: Replies, found: Values) -> registers.Raw | None:
    point = row.placed.point
    words = row.words(replies)
    if words is None:
        return None
    if isinstance(words, int):
        found.refused.add(point.key)
        return None
    raw = registers.decode(point.type, words, row.placed.order, point.swap)
    if raw is None or registers.is_none(point.type, words, raw, point.none):
        return None
    if isinstance(raw, int):
        raw >>= point.shift
        if point.mask:
            raw &= point.mask
    return raw


def _factor(point: Point, found: Values) -> Fraction | None:
    """Decide the factor at run time; None if something that it needs is not known."""
    values = found.all()
    if point.when and not point.when.holds(values, found.refused):
        return None
    factor = point.factor
    for condition, other in point.unit_if:
        holds = condition.holds(values, found.refused)
        if holds is None:
            return None
        if holds:
            factor = other
            break
    for key in point.times:
        ratio = values.get(key)
        if not isinstance(ratio, int):
            return None
        factor *= ratio
    if point.sf:
        exponent = values.get(point.sf)
        if not isinstance(exponent, int) or abs(exponent) > 10:
            return None
        factor *= Fraction(10) ** exponent
    return factor


def _value(point: Point, raw: registers.Raw, factor: Fraction) -> Value | None:
    if point.letters:
        return dict(point.letters).get(str(raw), point.otherwise)
    if point.codes:
        code = int(raw)
        found = [value for (low, high), value in point.codes if low <= code <= high]
        return found[0] if found else point.otherwise
    if isinstance(raw, str):
        return raw
    if point.text:
        return str(raw)
    return nearest(raw, factor)


def _derive(one: Derived, found: Values) -> Value | None:
    """Make a quantity of others; None if they do not say."""
    values = found.all()
    if not any(name in found.values or name in found.refused for name in one.inputs):
        return None
    if one.sum:
        parts = [values.get(key) for key in one.sum]
        return sum(p for p in parts if isinstance(p, int)) if None not in parts else None
    if one.volts_amps:
        return _watts([(values.get(v), values.get(a)) for v, a in one.volts_amps])
    if one.join:
        parts = [values.get(key) for key in one.join]
        return None if None in parts else ".".join(str(p) for p in parts)
    unknown = False
    for condition, value in one.rules:
        holds = condition.holds(values, found.refused)
        if holds:
            return None if unknown else value
        unknown = unknown or holds is None
    return None if unknown else one.otherwise


def _watts(pairs: list[tuple[Value | None, Value | None]]) -> int | None:
    """Add mV times mA, in W.  A phase without a value makes the sum unknown."""
    total = 0
    for mv, ma in pairs:
        if not isinstance(mv, int) or not isinstance(ma, int):
            return None
        total += mv * ma
    return nearest(total, Fraction(1, 1_000_000))
