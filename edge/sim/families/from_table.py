"""Registers of any family, from its driver table and what is true of the device.

The table says where a quantity is and how it is written; here it is turned round (edge/sim/families/encode.py
and answers.py).  Table and twin share a source, so these twins prove engines, buses and behaviour, not the
tables: golden bytes and other people's clients do that (tests/vectors/devices, tests/drivers/test_peers.py).
"""

import math
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from functools import partial

from drivers.table import Point, Table
from edge.model.quantities import BY_KEY
from edge.sim.families import encode
from edge.sim.families.answers import Answers, Value
from edge.sim.registers import Registers, Words

Truth = Mapping[str, Value]

# What a device is recognised by, beside its private registers: the twin says what the table expects.
IDENTITY = {"manufacturer", "model", "serial", "firmware", "map_version", "connectors"}

SUNSPEC_BASE = 40_000
SUNSPEC_COMMON = 1
SUNSPEC_LENGTHS = {1: 66, **dict.fromkeys(range(201, 205), 105), **dict.fromkeys(range(211, 215), 124)}
SUNSPEC_NOTHING = 0x8000  # an int16 that is not implemented

# What a scale factor is chosen for: the largest value of a unit that is to be shown.
LARGEST = {"ma": 400_000, "mv": 500_000, "w": 300_000, "va": 300_000, "var": 300_000, "wh": 2_000_000_000}


class Map:
    """The registers of one device, by unit.  truth: asked at every read; wanted: its derived quantities."""

    def __init__(
        self,
        table: Table,
        unit: int,
        connector: int,
        known: Iterable[str],
        truth: Callable[[], Truth],
    ) -> None:
        self.table, self.unit = table, unit
        self.offset = (connector - 1) * table.connectors.stride
        self._truth = truth
        shown = set(known)
        self.answers = Answers(table, shown | _beside(table, shown - IDENTITY))
        self.by_unit: dict[int, Registers] = {}
        self._bases, models = sunspec(table) if table.sequence == "sunspec" else ({}, {})
        for address, words in models.items():
            self._of(unit).add("holding", address, partial(_given, words))
        self._scales = {name: self._scale_factor(name) for name in {p.sf for p in table.points if p.sf}}
        self._place(self._sorted(shown))
        self._fill_models()

    def _of(self, unit: int) -> Registers:
        limits = self.table.limits
        return self.by_unit.setdefault(
            unit,
            Registers(
                gap=0 if limits.gaps else None,
                inside=True,
                even=limits.even,
                single=limits.single,
                per_read=limits.read_max,
            ),
        )

    # -- where ------------------------------------------------------------------------------------------

    def _sorted(self, known: set[str]) -> list[Point]:
        """Return the rows, those first whose words decide: what rules ask about, then what is known."""
        decided = set(self.answers.names) | set(self._scales)

        def rank(point: Point) -> int:
            return 0 if point.key in decided else 1 if point.key in known else 2

        return sorted(self.table.points, key=rank)

    def _place(self, points: list[Point]) -> None:
        masked: dict[tuple[int, str, int], list[Point]] = {}
        absent = {clause.name for c in self.table.expect for clause in c.clauses if clause.op == "refused"}
        for point in points:
            place = self._where(point)
            if place is None or point.key in absent:
                continue
            unit, address = place
            fields = self._of(unit).fields[point.group.space]
            if point.mask and (unit, point.group.space, address) in masked:
                masked[unit, point.group.space, address].append(point)
            elif not any(at in fields for at in range(address, address + point.type.count)):
                together = [point]
                if point.mask:
                    masked[unit, point.group.space, address] = together
                self._of(unit).add(point.group.space, address, partial(self._words, together))

    def _fill_models(self) -> None:
        """Give models their whole length: clients read them as a whole, unimplemented points included."""
        fields = self._of(self.unit).fields["holding"]
        for model, base in self._bases.items():
            nothing = (0,) if model == SUNSPEC_COMMON else (SUNSPEC_NOTHING,)
            for at in range(base, base + 2 + SUNSPEC_LENGTHS[model]):
                if at not in fields:
                    self._of(self.unit).add("holding", at, partial(_given, nothing))

    def _where(self, point: Point) -> tuple[int, int] | None:
        group = point.group
        unit = self.unit if group.unit is None else group.unit
        if group.models:
            base = next((self._bases[m] for m in group.models if m in self._bases), None)
            return None if base is None else (unit, base + point.address)
        return unit, point.address + (0 if group.station else self.offset)

    # -- what -------------------------------------------------------------------------------------------

    def values(self) -> dict[str, Value]:
        """Return what all rows show now, private ones included."""
        truth = dict(self._truth())
        return {**truth, **self._scales, **self.answers.find(truth, truth)}

    def _words(self, points: list[Point]) -> Words:
        values = self.values()
        if len(points) == 1 and not points[0].mask:
            return self._row(points[0], values)
        word = 0
        for point in points:
            word |= (int(self._raw(point, values)) & point.mask) << point.shift
        return encode.number(points[0].type.name, word, points[0].order == "little", points[0].swap)

    def _row(self, point: Point, values: Mapping[str, Value]) -> Words:
        little = self._order(point, values) == "little"
        kind = point.type
        if kind.name in encode.TEXTS:
            return encode.text(kind.name, kind.count, self._text(point, values), point.swap)
        return encode.number(kind.name, self._raw(point, values), little, point.swap)

    def _order(self, point: Point, values: Mapping[str, Value]) -> str:
        return next((order for c, order in self.table.words_if if c.holds(values)), point.order)

    def _text(self, point: Point, values: Mapping[str, Value]) -> str:
        value = values.get(point.key)
        if value is None:
            return "1.0" if point.key == "firmware" else "SIM"
        return next((text for text, answer in point.letters if answer == value), str(value))

    def _raw(self, point: Point, values: Mapping[str, Value]) -> Fraction | int:
        """Return the count that the register shows, exactly: some are 64 bits long."""
        value = values.get(point.key)
        if point.codes:
            return next((low for (low, _), answer in point.codes if answer == value), point.codes[0][0][0])
        if not isinstance(value, int):
            return 1 if point.key in point.times or self._is_ratio(point.key) else 0
        factor = next((f for c, f in point.unit_if if c.holds(values)), point.factor)
        if point.sf:
            factor *= Fraction(10) ** int(self._scales[point.sf])
        for key in point.times:
            ratio = values.get(key, 1)
            factor *= ratio if isinstance(ratio, int) else 1
        return value / factor

    def _is_ratio(self, key: str) -> bool:
        return any(key in point.times for point in self.table.points)

    def _scale_factor(self, name: str) -> int:
        """Return the finest power of ten with which the largest value still fits into 16 bits."""
        for exponent in range(-3, 7):
            if all(self._fits(p, exponent) for p in self.table.points if p.sf == name):
                return exponent
        return 0

    @staticmethod
    def _fits(point: Point, exponent: int) -> bool:
        quantity = BY_KEY.get(point.key)
        largest = LARGEST.get(quantity.unit, 100_000) if quantity else 1
        most = 32_000 if point.type.count == 1 else 2**31
        return largest / point.factor / Fraction(10) ** exponent <= most


def _beside(table: Table, shown: set[str]) -> set[str]:
    """Return the private rows whose registers show something known: their value is not ours to choose."""

    def place(point: Point) -> tuple[object, ...]:
        group = point.group
        return group.unit, group.space, group.models, point.address, point.type.count

    taken = {place(p) for p in table.points if p.key in shown}
    return {p.key for p in table.points if p.private and place(p) in taken and not p.mask}


def known_of(table: Table, truth: Truth) -> set[str]:
    """Return what a twin says of itself; what the table recognises it by has to be found."""
    asked = {clause.name for c in table.expect for clause in c.clauses if clause.op != "answered"}
    return set(truth) - (asked & IDENTITY)


def _given(words: Words) -> Words:
    return words


def sunspec(table: Table) -> tuple[dict[int, int], dict[int, Words]]:
    """Return where the models are, and the words that lead to them.

    The common model, then the first that the table knows of another kind, then the end.
    Source: SunSpec Device Information Model Specification 1.1, 6.2.
    """
    others = [
        p.group.models[0] for p in table.points if p.group.models and SUNSPEC_COMMON not in p.group.models
    ]
    bases: dict[int, int] = {}
    words: dict[int, Words] = {SUNSPEC_BASE: (0x5375, 0x6E53)}
    at = SUNSPEC_BASE + 2
    for model in (SUNSPEC_COMMON, *others[:1]):
        length = SUNSPEC_LENGTHS[model]
        bases[model] = at
        words[at] = (model, length)
        at += 2 + length
    words[at] = (0xFFFF, 0)
    return bases, words


def nominal(value: float) -> int:
    """Return a float of the physics as the whole number that a reading has."""
    return 0 if math.isnan(value) else round(value)
