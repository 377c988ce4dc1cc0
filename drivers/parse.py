"""A device table from TOML to drivers/table.py.  What is wrong is refused with file, row and reason.

Text in, Table out; drivers/library.py reads the files.  The format is described in drivers/README.md.
"""

import tomllib
from fractions import Fraction
from typing import Any, get_args

from drivers.check import check
from drivers.condition import Condition, condition
from drivers.registers import Order
from drivers.rows import Defaults, number, point, setting
from drivers.scale import split
from drivers.section import Section
from drivers.table import (
    BadTable,
    Caveat,
    Confidence,
    Connectors,
    Control,
    Derived,
    Every,
    Fallback,
    Group,
    Kind,
    Limits,
    Point,
    Setting,
    Step,
    Supervised,
    Supervision,
    Table,
    Transport,
    Valued,
    Zero,
)
from drivers.wire import Space
from edge.model.quantities import QUANTITIES


def table(name: str, text: str) -> Table:
    """Read a device table.  name: of the file, without its ending.  Raises BadTable."""
    file = f"{name}.toml"
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadTable(file, "", f"is not TOML: {error}") from None
    top = Section(file, "", data)
    defaults = Defaults(top)
    made = Table(
        name=name,
        kind=top.pick("kind", get_args(Kind)),
        vendor=top.take("vendor", str),
        model=top.take("model", str),
        confidence=top.pick("confidence", get_args(Confidence)),
        source=top.texts("source"),
        firmware=top.take("firmware", str, ""),
        setup_note=top.take("setup_note", str, ""),
        transports=tuple(_transport(s) for s in _list(top, "transport")),
        points=_points(top, defaults),
        settings=_settings(top, defaults),
        words_if=tuple(_words_if(top)),
        limits=_plain(top, "limits", Limits),
        connectors=_plain(top, "connectors", Connectors),
        exceptions=_exceptions(top),
        caveats=tuple(_caveat(s) for s in _list(top, "caveat")),
        derived=tuple(_derived(top)),
        **_behaviour(top),
    )
    top.done()
    check(file, made)
    return made


def _list(top: Section, key: str) -> list[Section]:
    given = top.take(key, list, [])
    return [Section(top.file, f"[[{key}]] {n}", one) for n, one in enumerate(given, 1)]


def _section(top: Section, key: str) -> Section:
    return Section(top.file, f"[{key}]", top.take(key, dict, {}))


def _plain(top: Section, key: str, kind: Any) -> Any:
    """Read a section of numbers and flags into a struct with the same names."""
    section = _section(top, key)
    values = {k: section.take(k, type(getattr(kind(), k))) for k in section.left() if hasattr(kind(), k)}
    section.done()
    return kind(**values)


def _transport(section: Section) -> Transport:
    kind = section.pick("type", ("tcp", "rtu", "ascii"))
    values: dict[str, Any] = {}
    for key, like in (("unit", int), ("port", int), ("baud", int), ("format", str), ("sure", bool),
                      ("answer_start", str), ("send_twice", bool), ("note", str)):  # fmt: skip
        if section.has(key):
            values[key] = section.take(key, like)
    made = Transport(kind, bauds=section.numbers("bauds"), units=section.numbers("units"), **values)
    section.done()
    return made


def _caveat(section: Section) -> Caveat:
    made = Caveat(section.take("text", str), section.take("seen", str, ""))
    section.done()
    return made


def _exceptions(top: Section) -> dict[int, str]:
    section = _section(top, "exceptions")
    found: dict[int, str] = {}
    for key in section.left():
        if not key.isdigit():
            raise section.bad(key, "expected the number of an exception")
        found[int(key)] = section.take(key, str)
    return found


def _words_if(top: Section) -> list[tuple[Condition, Order]]:
    found: list[tuple[Condition, Order]] = []
    for pair in top.take("words_if", list, []):
        if not isinstance(pair, list) or len(pair) != 2 or pair[1] not in ("big", "little"):
            raise top.bad("words_if", f'expected [["condition", "big" or "little"], …], found {pair!r}')
        found.append((top.read("words_if", condition, pair[0]), pair[1]))
    return found


# What can be read and written ------------------------------------------------------------------


def _points(top: Section, defaults: Defaults) -> tuple[Point, ...]:
    found = []
    for n, section in enumerate(_list(top, "read"), 1):
        group = _group(section, n)
        mine = defaults.of(section)
        for m, row in enumerate(section.take("registers", list), 1):
            where = Section(top.file, f"[[read]] {n} row {m}: {row!r}", {})
            found.append(point(where, row, group, mine))
        section.done()
    return tuple(found)


def _group(section: Section, n: int) -> Group:
    space: Space = section.pick("space", ("holding", "input", "coil", "discrete"))
    every: Every = section.pick("every", get_args(Every))
    unit = section.take("unit", int) if section.has("unit") else None
    return Group(
        number=n,
        what=section.take("what", str, ""),
        space=space,
        every=every,
        unit=unit,
        station=section.take("station", bool, False) or unit is not None,
        optional=section.take("optional", bool, False),
        single=section.take("single", bool, False),
        when=_condition(section, "when"),
        models=section.numbers("models"),
    )


def _settings(top: Section, defaults: Defaults) -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    section = _section(top, "write")
    for m, row in enumerate(section.take("registers", list, []), 1):
        where = Section(top.file, f"[write] row {m}: {row!r}", {})
        one = setting(where, row, defaults)
        if one.name in found:
            raise where.bad("", f"{one.name!r} is there twice")
        found[one.name] = one
    section.done()
    return found


# What it does ----------------------------------------------------------------------------------


def _behaviour(top: Section) -> dict[str, Any]:
    identify = _section(top, "identify")
    setup = _section(top, "setup")
    values = {
        "expect": tuple(identify.read("expect", condition, e) for e in identify.texts("expect")),
        "sequence": identify.take("sequence", str, ""),
        "arm": _steps(setup, "arm"),
        "commission": _steps(setup, "commission"),
        "control": _control(_section(top, "control")) if top.has("control") else None,
        "supervision": _supervision(_section(top, "supervision")),
    }
    identify.done()
    setup.done()
    return values


def _condition(section: Section, key: str) -> Condition | None:
    text = section.take(key, str, "")
    return section.read(key, condition, text) if text else None


def _steps(section: Section, key: str) -> tuple[Step, ...]:
    """Read [["setting", what, "only when"?], …]."""
    found = []
    for step in section.take(key, list, []):
        if not isinstance(step, list) or len(step) not in (2, 3) or not isinstance(step[0], str):
            raise section.bad(key, f'expected ["setting", what, "only when"], found {step!r}')
        when = section.read(key, condition, step[2]) if len(step) == 3 else None
        what, raw = _what(section, key, step[1])
        found.append(Step(step[0], what, raw, when))
    return tuple(found)


def _what(section: Section, key: str, what: Any) -> tuple[Any, bool]:
    if what in get_args(Valued):
        return what, False
    if isinstance(what, str) and what.startswith("raw "):
        return section.read(key, number, what[4:]), True
    if isinstance(what, int | float) and not isinstance(what, bool):
        return Fraction(str(what)), False
    raise section.bad(
        key, f'{what!r} is no number, "raw N", "current", "discharge", "fallback", "time" or "beat"'
    )


def _ma(section: Section, key: str) -> int:
    """Read "6 A" into mA."""
    value, unit = section.read(key, split, section.take(key, str))
    if unit not in ("A", "mA"):
        raise section.bad(key, 'expected a current like "6 A"')
    return int(value * (1000 if unit == "A" else 1))


def _control(section: Section) -> Control:
    discharges = section.has("discharge")
    made = Control(
        min_ma=_ma(section, "min"),
        max_ma=_ma(section, "max"),
        step_ma=_ma(section, "step"),
        zero=section.pick("zero", get_args(Zero)),
        set=_steps(section, "set"),
        pause=_steps(section, "pause"),
        resume=_steps(section, "resume"),
        resume_unless=_condition(section, "resume_unless"),
        phases_1=_steps(section, "phases_1"),
        phases_3=_steps(section, "phases_3"),
        phases=section.pick("phases", ("seen", "fixed"), "fixed"),
        unseen_phases=section.take("unseen_phases", int, 3),
        discharge=_steps(section, "discharge"),
        discharge_min_ma=_ma(section, "discharge_min") if discharges else 0,
        discharge_max_ma=_ma(section, "discharge_max") if discharges else 0,
    )
    section.done()
    return made


def _supervision(section: Section) -> Supervision:
    made = Supervision(
        kind=section.pick("kind", get_args(Supervised), "none"),
        time_ms=section.take("time_ms", int, 0),
        share=section.take("share", int, 2),
        every_ms=section.take("every_ms", int, 0),
        keep=_steps(section, "keep"),
        fallback=section.pick("fallback", get_args(Fallback), "none"),
        note=section.take("note", str, ""),
    )
    section.done()
    return made


def _derived(top: Section) -> list[Derived]:
    section = _section(top, "derive")
    found = []
    for name in section.left():
        one = Section(top.file, f"[derive.{name}]", section.take(name, dict))
        if name not in QUANTITIES and not name.startswith("x_"):
            raise one.bad("", f"{name!r} is no quantity; the table's own points begin with x_")
        key = QUANTITIES[name].key if name in QUANTITIES else name
        pairs = one.take("volts_amps", list, [])
        found.append(
            Derived(
                key=key,
                rules=tuple(_rule(one, rule) for rule in one.take("rules", list, [])),
                otherwise=one.raw("otherwise"),
                sum=one.texts("sum"),
                volts_amps=tuple((str(v), str(a)) for v, a in pairs),
                join=one.texts("join"),
            )
        )
        one.done()
    return found


def _rule(section: Section, rule: Any) -> tuple[Condition, int | str]:
    if not isinstance(rule, list) or len(rule) != 2 or not isinstance(rule[1], int | str):
        raise section.bad("rules", f'expected ["condition", value], found {rule!r}')
    return section.read("rules", condition, rule[0]), rule[1]
