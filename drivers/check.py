"""What concerns more than one row of a device table: references, zero, supervision, wear.

Rule: every refusal names the section and says what was expected.
"""

import re
from collections.abc import Callable, Iterable
from functools import partial

from drivers.condition import Condition
from drivers.quirks import SEQUENCES
from drivers.table import BadTable, Step, Table
from edge.model.quantities import BY_KEY

Bad = Callable[[str, str], BadTable]


_MREC = re.compile(r"^(CX\d{3})?$")
_STATES = ("A", "B", "C", "D", "E", "F", "X")


def check(file: str, table: Table) -> None:
    """Refuse a table whose parts do not fit together.  Raises BadTable."""
    bad = partial(BadTable, file)  # (row, reason)
    if not table.source:
        raise bad("", "source: is missing: expected where the numbers come from")
    if not table.transports:
        raise bad("", "[[transport]]: expected at least one")
    if not table.points:
        raise bad("", "[[read]]: expected at least one row")
    if not table.expect and not table.sequence:
        raise bad("[identify]", "expect: is missing: nothing is written to what is not recognised (I9)")
    if table.sequence and table.sequence not in SEQUENCES:
        raise bad("[identify]", f"sequence: {table.sequence!r} is none of: {' '.join(SEQUENCES)}")
    _names(bad, table)
    _values(bad, table)
    _steps(bad, table)
    _control(bad, table)
    _supervision(bad, table)


def _names(bad: Bad, table: Table) -> None:
    known = {p.key for p in table.points} | {d.key for d in table.derived}
    once = {p.key for p in table.points if p.group.every == "once"}
    for d in table.derived:
        if d.inputs <= once:
            once.add(d.key)

    def all_known(row: str, what: Iterable[str]) -> None:
        for name in what:
            if name not in known:
                close = [k for k in known if k.startswith(name)]
                hint = f" (do you mean {close[0]!r}?)" if close else ""
                raise bad(row, f"{name!r} is read by no row{hint}")

    for p in table.points:
        conditions = [c for c, _ in p.unit_if] + [c for c in (p.when,) if c]
        all_known(p.row, [*p.times, *([p.sf] if p.sf else []), *_named(conditions)])
        if p.group.when:
            for name in p.group.when.names - once:
                raise bad(f"[[read]] {p.group.number}", f'when: {name!r} is not read every = "once"')
    for s in table.settings.values():
        all_known(s.row, _named(c for c, _ in s.unit_if))
        if s.read_back:
            all_known(s.row, [s.read_back])
        if s.when:
            all_known(s.row, s.when.names)
    for d in table.derived:
        row = f"[derive] {d.key}"
        pairs = [name for pair in d.volts_amps for name in pair]
        all_known(row, [*d.sum, *pairs, *d.join, *_named(c for c, _ in d.rules)])
    all_known("[identify] expect", _named(table.expect))
    all_known("words_if", _named(c for c, _ in table.words_if))
    if table.connectors.count:
        all_known("[connectors] count", ["connectors"])
    if table.control and table.control.resume_unless:
        all_known("[control] resume_unless", table.control.resume_unless.names)


def _named(conditions: Iterable[Condition]) -> list[str]:
    return [name for c in conditions for name in sorted(c.names)]


def _values(bad: Bad, table: Table) -> None:
    """Refuse enumerations that give what the quantity cannot be."""
    for p in table.points:
        given = [*(v for _, v in p.codes), *(v for _, v in p.letters), p.otherwise]
        _fits(bad, p.row, p.key, given)
    for d in table.derived:
        _fits(bad, f"[derive] {d.key}", d.key, [*(v for _, v in d.rules), d.otherwise])


def _fits(bad: Bad, row: str, key: str, values: Iterable[int | str | None]) -> None:
    quantity = BY_KEY.get(key)
    for value in values:
        if value is None or quantity is None:
            continue
        if key == "state" and value not in _STATES:
            raise bad(row, f"state {value!r} is none of: {' '.join(_STATES)}")
        if key == "mrec" and not _MREC.match(str(value)):
            raise bad(row, f"mrec {value!r} is no ChargeX code like CX014, nor empty")
        if quantity.kind == "flag" and value not in (0, 1):
            raise bad(row, f"{key} is a flag: expected 0 or 1, found {value!r}")
        if (quantity.kind == "text") != isinstance(value, str):
            raise bad(row, f"{key} is {quantity.kind}: {value!r} does not fit")


def _all_steps(table: Table) -> list[tuple[str, Step]]:
    found = [("[setup] arm", s) for s in table.arm] + [("[setup] commission", s) for s in table.commission]
    found += [("[supervision] keep", s) for s in table.supervision.keep]
    if c := table.control:
        for name in ("set", "pause", "resume", "phases_1", "phases_3", "discharge"):
            found += [(f"[control] {name}", s) for s in getattr(c, name)]
    return found


def _steps(bad: Bad, table: Table) -> None:
    for where, step in _all_steps(table):
        setting = table.settings.get(step.setting)
        if setting is None:
            raise bad(where, f"{step.setting!r} is no row of write")
        differs = where == "[setup] arm" and step.only_when is not None
        if setting.memory == "kept" and where != "[setup] commission" and not differs:
            raise bad(
                where,
                f"{step.setting!r} wears out: expected it in commission, or in arm with a condition (I9)",
            )
        if step.what in ("current", "discharge", "fallback") and setting.dimension not in ("ma", "w"):
            raise bad(where, f"{step.setting!r} is not in A or W")
        if step.what == "time" and setting.dimension != "ms":
            raise bad(where, f"{step.setting!r} is not in ms or s")
        if step.what == "beat" and (table.kind != "board" or setting.type.name != "u32"):
            raise bad(where, f"{step.setting!r} is no u32 of a board: counter and relays in one request")


def _control(bad: Bad, table: Table) -> None:
    control = table.control
    if control is None:
        if table.kind not in ("meter", "board"):
            raise bad("[control]", "is missing: expected how a current is set, and what zero means")
        return
    if not 0 < control.min_ma <= control.max_ma or control.step_ma <= 0:
        raise bad("[control]", "expected 0 < min ≤ max and step > 0")
    if control.discharge and not 0 < control.discharge_min_ma <= control.discharge_max_ma:
        raise bad("[control]", "expected 0 < discharge_min ≤ discharge_max")
    if not control.set:
        raise bad("[control]", "set: is missing")
    if not control.pause:
        raise bad("[control]", f"pause: is missing (zero = {control.zero!r} says what a written 0 does)")
    if control.zero != "pauses":
        current = {s.setting for s in control.set}
        for step in control.pause:
            if step.setting in current and step.what == 0 and not step.raw:
                raise bad("[control] pause", f"writes 0 to {step.setting!r}, where zero = {control.zero!r}")


_NEEDS_KEEP = ("alive_bit", "token", "rewritten_timeout")


def _supervision(bad: Bad, table: Table) -> None:
    s = table.supervision
    if table.kind == "board" and not any(step.what == "beat" for step in s.keep):
        raise bad("[supervision]", 'keep: expected a "beat": a board lives by its heartbeat (I4)')
    if s.kind in _NEEDS_KEEP and not s.keep:
        raise bad("[supervision]", f"keep: is missing: kind {s.kind!r} has to be fed")
    if s.share < 2:
        raise bad("[supervision]", "share: expected 2 or more: it is fed at least twice in its time (I4)")
    if s.kind != "none" and not s.note and not s.time_ms and "supervision_time_ms" not in table.keys:
        raise bad("[supervision]", "time_ms: is missing, and no row reads supervision_time")
    if s.kind == "none" and s.fallback != "none":
        raise bad("[supervision]", f"fallback {s.fallback!r} without supervision")
