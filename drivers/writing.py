"""From steps to writes, and the allow-list: nothing leaves that a table's write rows do not accept.

Rule 1: what is written is rounded down, to the register's own resolution (I8).
Rule 2: every write is checked against the allow-list, the engine's own too.
"""

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from drivers import registers
from drivers.condition import Value
from drivers.scale import nearest
from drivers.table import Control, Setting, Step, Table
from drivers.wire import Words, Write
from edge.model.quantities import CURRENT_KEYS

# The lowest voltage at which a setpoint in watts may become amperes: nominal less 10 %.
# Source: EN 50160, 4.2.2.
LOWEST_VOLTAGE_PERCENT = 90

# From here on a phase counts as used by the vehicle.
PHASE_IN_USE_MA = 1_000


class NotAllowed(ValueError):
    """A write that the device's allow-list does not hold."""


class Asked(NamedTuple):
    """What the steps' words mean this time.

    watts: what current_ma is at a setting that is in W.  beat: a board's counter (high word) and relays.
    """

    current_ma: int = 0
    fallback_ma: int = 0
    time_ms: int = 0
    watts: int = 0
    fallback_watts: int = 0
    beat: int = 0


class Placing(NamedTuple):
    """Where the settings are on this device: its unit, and what connector n adds to addresses."""

    unit: int
    offset: int

    def of(self, setting: Setting) -> tuple[int, int]:
        """Return unit and address of a setting."""
        unit = self.unit if setting.unit is None else setting.unit
        return unit, setting.address + (0 if setting.station else self.offset)


def writes(
    table: Table, steps: tuple[Step, ...], at: Placing, asked: Asked, known: Mapping[str, Value]
) -> list[Write]:
    """Make the writes of some steps.  Raises NotAllowed if a value is not accepted."""
    return [
        _write(table, step, at, asked, known)
        for step in steps
        if _due(step, table.settings[step.setting], known)
    ]


def _due(step: Step, setting: Setting, known: Mapping[str, Value]) -> bool:
    """Say whether a step is due: unless a condition is known not to hold.

    What wears out is written only if its condition is known to hold.
    """
    if setting.when and setting.when.holds(known) is False:
        return False
    if step.only_when is None:
        return True
    holds = step.only_when.holds(known)
    return holds is True or (holds is None and setting.memory == "volatile")


def _write(table: Table, step: Step, at: Placing, asked: Asked, known: Mapping[str, Value]) -> Write:
    setting = table.settings[step.setting]
    factor = _factor(setting, known)
    if isinstance(step.what, Fraction):
        value = step.what if step.raw else step.what * setting.printed
        raw = value if step.raw else value / factor
    else:
        raw = Fraction(_value(setting, step.what, asked)) / factor
    # int() cuts off towards 0: a discharge is rounded down as well.
    count: int | float = _float(raw) if setting.type.is_float else int(raw)
    words = registers.encode(setting.type, count, setting.order, setting.swap)
    unit, address = at.of(setting)
    write = Write(unit, setting.function, address, words, setting.memory == "volatile")
    if not accepts(setting, words, known):
        raise NotAllowed(f"{table.name}: {setting.name} does not accept {step.what} ({asked})")
    return write


def _float(value: Fraction) -> float:
    """Return the nearest float that is not beyond the value, seen from 0: not more of a discharge either."""
    near = float(value)
    return near if abs(Fraction(near)) <= abs(value) else math.nextafter(near, 0)


def _value(setting: Setting, what: str, asked: Asked) -> int:
    if what == "beat":
        return asked.beat
    if what == "time":
        return _fitting(setting, asked.time_ms, shortest=True)
    if what == "fallback":
        return _fitting(setting, asked.fallback_watts if setting.dimension == "w" else asked.fallback_ma)
    current = asked.watts if setting.dimension == "w" else asked.current_ma
    return abs(current) if what == "discharge" else current


def _fitting(setting: Setting, value: int, shortest: bool = False) -> int:
    """Return the highest accepted value that is not above the asked one.

    shortest: where all are above it, the lowest accepted one, for times; else the value as it is, which
    is then refused.
    """
    below = [min(high, Fraction(value)) for low, high in setting.accepts if low <= value]
    if below:
        return int(max(below))
    return int(min(low for low, _ in setting.accepts)) if shortest else value


def _factor(setting: Setting, known: Mapping[str, Value]) -> Fraction:
    """Return the dimension's units per count.  Raises NotAllowed while that is not known."""
    for condition, other in setting.unit_if:
        holds = condition.holds(known)
        if holds is None:
            raise NotAllowed(f"{setting.name}: its scale depends on {condition.text!r}, not known yet")
        if holds:
            return other
    return setting.factor


def accepts(setting: Setting, words: Words, known: Mapping[str, Value]) -> bool:
    """Say whether a setting accepts these registers, whole and within its ranges."""
    if len(words) != setting.type.count or any(not 0 <= w <= 0xFFFF for w in words):
        return False
    raw = registers.decode(setting.type, words, setting.order, setting.swap)
    if raw is None or isinstance(raw, str):
        return False
    if raw in setting.raw:
        return True
    try:
        value = Fraction(raw) * _factor(setting, known)
    except NotAllowed:
        return False
    # The float just below 6 A is still 6 A: a hundredth of a mA of room.
    room = Fraction(1, 100) if setting.type.is_float else Fraction(0)
    return any(low - room <= value <= high for low, high in setting.accepts)


def watts(
    control: Control | None, current_ma: int, phases: int, voltage_v: int, seen: Mapping[str, Value]
) -> int:
    """Return the power that never is more than a current, at the lowest voltage; W, rounded towards 0.

    phases: conductors that the device is wired to.  seen: readings, to count those that the vehicle uses
    where the table wants that.
    """
    if control and control.phases == "seen":
        currents = [seen.get(key) for key in CURRENT_KEYS]
        used = sum(isinstance(ma, int) and ma >= PHASE_IN_USE_MA for ma in currents)
        phases = used or min(control.unseen_phases, phases)
    magnitude_w = abs(current_ma) * phases * voltage_v * LOWEST_VOLTAGE_PERCENT // 100_000
    return -magnitude_w if current_ma < 0 else magnitude_w


def find(table: Table, write: Write, at: Placing) -> Setting | None:
    """Return the row of the allow-list that a write is for, None if there is none."""
    for setting in table.settings.values():
        if at.of(setting) == (write.unit, write.address) and setting.function == write.function:
            return setting
    return None


def worth(setting: Setting, words: Words, known: Mapping[str, Value]) -> int | None:
    """Return what some registers mean in the setting's dimension, to compare with a reading."""
    raw = registers.decode(setting.type, words, setting.order, setting.swap)
    if raw is None or isinstance(raw, str):
        return None
    return nearest(raw, _factor(setting, known))
