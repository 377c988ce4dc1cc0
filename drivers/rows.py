"""The rows of a device table: [address, type, what, "unit as the manual prints it", {options}].

Read rows (of [[read]]) become Points, write rows (of [[write]]) become Settings: the allow-list.
"""

from copy import copy
from fractions import Fraction
from typing import Any

from drivers.condition import Condition, condition, ranges
from drivers.registers import SENTINELS, Order, Type, type_of
from drivers.scale import factor, split
from drivers.section import Section
from drivers.table import Group, Point, Setting
from drivers.wire import WRITE_FUNCTIONS, Space
from edge.model.quantities import QUANTITIES

NUMBERINGS = ("wire", "from_1", "modicon")
_MODICON = {"coil": 1, "discrete": 10_001, "input": 30_001, "holding": 40_001}


class Defaults:
    """What holds for every row unless it says otherwise: the top of the file."""

    def __init__(self, top: Section) -> None:
        self._layout(top, "big", "big", "wire")
        self.none: dict[str, tuple[str | int, ...]] = {}
        given = Section(top.file, "none", top.take("none", dict, {}))
        for kind in given.left():
            top.read("none", type_of, kind)
            self.none[kind] = sentinels(given, kind, given.raw(kind))

    def _layout(self, section: Section, words: str, bytes_: str, numbering: str) -> None:
        self.order: Order = section.pick("words", ("big", "little"), words)
        self.swap = section.pick("bytes", ("big", "little"), bytes_) == "little"
        self.numbering = section.pick("numbering", NUMBERINGS, numbering)

    def of(self, section: Section) -> "Defaults":
        """Return what holds for the rows of one [[read]], which may say otherwise."""
        mine = copy(self)
        mine._layout(section, self.order, "little" if self.swap else "big", self.numbering)
        return mine

    def wire(self, section: Section, address: int, space: Space, offset: bool = False) -> int:
        """Turn an address as the manual prints it into the 0-based one on the wire."""
        if not offset:
            address -= {"wire": 0, "from_1": 1, "modicon": _MODICON[space]}[self.numbering]
        if not 0 <= address <= 0xFFFF:
            raise section.bad("", f"address {address} is not within 0..65535 ({self.numbering})")
        return address


def sentinels(section: Section, key: str, value: Any) -> tuple[str | int, ...]:
    """Read what means "none": words of SENTINELS, numbers, or a list of them."""
    values = value if isinstance(value, list) else [] if value is None else [value]
    for word in values:
        if isinstance(word, bool) or not (isinstance(word, int) or word in SENTINELS):
            raise section.bad(key, f"{word!r} is no number and none of: {' '.join(SENTINELS)}")
    return tuple(values)


def _row(section: Section, row: Any) -> tuple[int, Type, str, str, Section]:
    """Take a row apart.  Its unit and options may be left out."""
    if not isinstance(row, list) or len(row) < 3:
        raise section.bad("", 'expected [address, type, what, "unit", {options}]')
    address, kind, what, *rest = row
    if not isinstance(address, int) or isinstance(address, bool):
        raise section.bad("", f"address {address!r} is not a whole number")
    if not isinstance(kind, str) or not isinstance(what, str):
        raise section.bad("", "type and what are texts")
    options = rest.pop() if rest and isinstance(rest[-1], dict) else {}
    unit = rest.pop(0) if rest else ""
    if rest or not isinstance(unit, str):
        raise section.bad("", f'expected "unit" and {{options}} after {what!r}, found {row[3:]!r}')
    opts = Section(section.file, section.name, options)
    return address, opts.read("", type_of, kind), what, unit, opts


def point(section: Section, row: Any, group: Group, top: Defaults) -> Point:
    """Read a row of [[read]].  Raises BadTable."""
    address, kind, what, unit, options = _row(section, row)
    quantity = QUANTITIES.get(what)
    if quantity is None and not what.startswith("x_"):
        raise section.bad("", f"{what!r} is no quantity; the table's own points begin with x_")
    ours = quantity.unit if quantity else ""
    text = bool(quantity and quantity.kind == "text")
    codes, letters = _codes(options, kind)
    if quantity is None:
        scale = options.read("", lambda u: split(u)[0], unit) if unit else Fraction(1)
    else:
        scale = Fraction(1) if text or codes or letters else options.read("", lambda u: factor(u, ours), unit)
    otherwise = options.raw("otherwise")
    _check_kinds(section, what, kind, quantity is not None and not text, bool(codes or letters))
    made = Point(
        row=section.name,
        key=quantity.key if quantity else what,
        address=top.wire(section, address, group.space, offset=bool(group.models)),
        type=kind,
        factor=scale,
        group=group,
        order=options.pick("words", ("big", "little"), top.order),
        swap=options.pick("bytes", ("big", "little"), "little" if top.swap else "big") == "little",
        none=_none(options, kind, top),
        codes=codes,
        letters=letters,
        otherwise=otherwise,
        mask=options.take("mask", int, 0),
        shift=options.take("shift", int, 0),
        times=options.texts("times"),
        sf=options.take("sf", str, ""),
        unit_if=tuple(
            (c, options.read("unit_if", lambda u: factor(u, ours), u)) for c, u in _unit_if(options)
        ),
        when=_when(options),
        text=text,
    )
    options.done()
    return made


def _check_kinds(section: Section, what: str, kind: Type, number: bool, coded: bool) -> None:
    if number and kind.is_text and not coded:
        raise section.bad("", f"{what!r} is a number: type {kind} needs a map")


def _none(options: Section, kind: Type, top: Defaults) -> tuple[str | int, ...]:
    if options.has("none"):
        return sentinels(options, "none", options.raw("none"))
    return top.none.get(kind.name, ())


Codes = tuple[tuple[tuple[int, int], int | str], ...]


def _codes(options: Section, kind: Type) -> tuple[Codes, tuple[tuple[str, int | str], ...]]:
    """Read map = {2 = "A", "240..255" = "F"}, or {A = "A", "B1" = "B"} of a text type."""
    given = options.take("map", dict, {})
    if kind.is_text:
        return (), tuple(given.items())
    found = [(span, value) for key, value in given.items() for span in options.read("map", ranges, key)]
    return tuple(found), ()


def _unit_if(options: Section) -> list[tuple[Condition, str]]:
    found = []
    for pair in options.take("unit_if", list, []):
        if not isinstance(pair, list) or len(pair) != 2:
            raise options.bad("unit_if", 'expected [["condition", "unit"], …]')
        found.append((options.read("unit_if", condition, pair[0]), pair[1]))
    return found


def _when(options: Section) -> Condition | None:
    text = options.take("when", str, "")
    return options.read("when", condition, text) if text else None


_DIMENSIONS = {"A": "ma", "mA": "ma", "W": "w", "kW": "w", "ms": "ms", "s": "ms", "min": "ms", "": ""}


def setting(section: Section, row: Any, top: Defaults) -> Setting:
    """Read a row of [[write]].  Raises BadTable."""
    address, kind, name, unit, options = _row(section, row)
    theirs = options.read("", split, unit)[1]
    if theirs not in _DIMENSIONS:
        raise section.bad("", f"unit {theirs!r} is none of: {' '.join(_DIMENSIONS)}")
    dimension = _DIMENSIONS[theirs]
    one = factor(f"1 {theirs}", dimension) if theirs else Fraction(1)
    function = options.take("function", int)
    if function not in WRITE_FUNCTIONS or (function == 6 and kind.count > 1):
        raise section.bad("function", f"{function} cannot write {kind}: expected 5, 6, 15 or 16")
    if (kind.name == "bit") != (function in (5, 15)):
        raise section.bad("function", f"{function} and type {kind} do not fit: coils are bits")
    accepts, raw = _accepts(options, one)
    other_unit = options.take("unit", int) if options.has("unit") else None
    made = Setting(
        row=section.name,
        name=name,
        address=top.wire(section, address, "coil" if kind.name == "bit" else "holding"),
        type=kind,
        function=function,
        dimension=dimension,
        factor=factor(unit, dimension),
        printed=one,
        accepts=accepts,
        raw=raw,
        order=options.pick("words", ("big", "little"), top.order),
        swap=options.pick("bytes", ("big", "little"), "little" if top.swap else "big") == "little",
        memory=options.pick("memory", ("volatile", "kept"), "volatile"),
        read_back=options.take("read_back", str, ""),
        unit=other_unit,
        station=options.take("station", bool, False) or other_unit is not None,
        when=_when(options),
        unit_if=tuple(
            (c, options.read("unit_if", lambda u: factor(u, dimension), u)) for c, u in _unit_if(options)
        ),
    )
    options.done()
    return made


def _accepts(
    options: Section, one: Fraction
) -> tuple[tuple[tuple[Fraction, Fraction], ...], tuple[int, ...]]:
    """Read accepts = "0, 6..32, raw 1000": values in the manual's unit, and bare counts."""
    spans, raw = [], []
    for part in options.take("accepts", str).split(","):
        word = part.strip()
        try:
            if word.startswith("raw "):
                raw.append(int(word[4:], 0))
                continue
            low, dots, high = word.partition("..")
            spans.append((number(low) * one, number(high if dots else low) * one))
        except ValueError:
            raise options.bad("accepts", f'{word!r} is not of the form "0, 6..32, raw 1000"') from None
    return tuple(spans), tuple(raw)


def number(text: str) -> Fraction:
    """Read a decimal number or a hexadecimal one.  Raises ValueError."""
    word = text.strip()
    return Fraction(int(word, 16)) if word.lower().startswith("0x") else Fraction(word)
