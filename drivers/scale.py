"""Units as manuals print them ("0.1 A") to exact factors to the integer units of the product.

The factor is a Fraction: nothing is lost before the one rounding at the end.  A reading is rounded to
the nearest integer unit (1 mA, 1 W: far finer than these devices measure); what is written is rounded
down, in drivers/device.py.  I8's rounding against us is applied where decisions are made.
"""

import re
from fractions import Fraction

# unit of a quantity -> unit in the manual -> how many of ours one of theirs is
_UNITS: dict[str, dict[str, Fraction]] = {
    "ma": {"A": Fraction(1000), "mA": Fraction(1)},
    "mv": {"V": Fraction(1000), "mV": Fraction(1), "kV": Fraction(1_000_000)},
    # "VA as W": the device only gives apparent power.  It is never less than the active power, so the
    # error is to the safe side; the table must say so in its caveats.
    "w": {"W": Fraction(1), "kW": Fraction(1000), "mW": Fraction(1, 1000), "MW": Fraction(1_000_000),
          "VA as W": Fraction(1), "kVA as W": Fraction(1000)},
    "var": {"var": Fraction(1), "kvar": Fraction(1000), "mvar": Fraction(1, 1000)},
    "va": {"VA": Fraction(1), "kVA": Fraction(1000), "mVA": Fraction(1, 1000)},
    "wh": {"Wh": Fraction(1), "kWh": Fraction(1000), "MWh": Fraction(1_000_000),
           "Ws": Fraction(1, 3600), "VAh as Wh": Fraction(1), "kVAh as Wh": Fraction(1000)},
    "mhz": {"Hz": Fraction(1000), "mHz": Fraction(1)},
    "mc": {"°C": Fraction(1000), "degC": Fraction(1000)},
    "ms": {"s": Fraction(1000), "ms": Fraction(1), "min": Fraction(60_000)},
    "s": {"s": Fraction(1), "ms": Fraction(1, 1000), "min": Fraction(60), "h": Fraction(3600)},
    "pm": {"": Fraction(1000), "%": Fraction(10), "‰": Fraction(1)},
    "": {"": Fraction(1)},
}  # fmt: skip

_PRINTED = re.compile(r"^\s*(?P<number>-?\d+(?:\.\d+)?(?:/\d+)?)?\s*(?P<unit>[^\d\s].*)?$")


def split(printed: str) -> tuple[Fraction, str]:
    """Split "0.1 A" into the number and the unit; a missing number is 1.  Raises ValueError."""
    match = _PRINTED.match(printed)
    if match is None:
        raise ValueError(f'unit {printed!r} is not of the form "0.1 A"')
    return Fraction(match["number"] or 1), (match["unit"] or "").strip()


def factor(printed: str, unit: str) -> Fraction:
    """Return how many of our unit one count of the register is.

    printed: as the manual gives it.  unit: the suffix of the quantity, "ma", "w", …
    Raises ValueError if the manual's unit is none that this quantity can be given in.
    """
    number, theirs = split(printed)
    if theirs not in _UNITS[unit]:
        known = ", ".join(repr(u) for u in _UNITS[unit])
        raise ValueError(f"unit {theirs!r} cannot give {unit or 'a plain number'!r}: expected {known}")
    if not number:
        raise ValueError(f"unit {printed!r} is zero")
    return number * _UNITS[unit][theirs]


def nearest(raw: int | float, factor: Fraction) -> int:
    """Multiply exactly and round to the nearest integer, halves away from zero."""
    above, below = raw.as_integer_ratio()  # plain integers: Fractions cost ten times as much here
    above *= factor.numerator
    below *= factor.denominator
    whole = (2 * abs(above) + below) // (2 * below)
    return whole if above >= 0 else -whole
