"""Units and the few conversions between them.  Integers everywhere; rounding is against us (I8).

    _ma mA   _mv mV   _w W   _wh Wh   _ms ms   _mhz mHz   _mc m°C   _pm ‰   money: millionths

Signs: positive is import at a node and into the vehicle at a charger.
Clocks: `now_ms`, `at_ms` are monotonic; `wall_ms` is UTC since 1970; local time exists only in tariff
and window rules.
"""

from collections.abc import Iterable
from decimal import Decimal

PHASES = (0, 1, 2)  # indices of L1, L2, L3 in every triple
PHASE_NAMES = ("L1", "L2", "L3")

Triple = tuple[int, int, int]

# IEC 61851-1 cannot tell a vehicle less than this; below it means pause.
IEC_61851_MIN_MA = 6_000

# EN 50160: 230 V ± 10 %.  A power cap becomes a current at the highest plausible voltage, so that the
# current stays below the cap wherever the voltage really is.
HIGHEST_VOLTAGE_PER_NOMINAL = (11, 10)

SECOND_MS = 1_000
MINUTE_MS = 60_000
QUARTER_MS = 900_000  # the step of load records; metering intervals of 30 and 60 min are whole ones
HOUR_MS = 3_600_000
DAY_MS = 86_400_000


def ma_from_amps(amps: Decimal | int | float) -> int:
    """Return amps as whole milliamps.

    Raises ValueError if the figure is finer than a milliamp: a limit is written, not rounded.
    """
    exact = Decimal(str(amps)) * 1000
    if exact != exact.to_integral_value():
        raise ValueError(f"{amps} A is finer than 1 mA")
    return int(exact)


def amps_text(current_ma: int) -> str:
    """Return a current as people read it: 16000 → "16 A", 6250 → "6.25 A"."""
    whole, thousandths = divmod(abs(current_ma), 1000)
    text = f"{whole}.{thousandths:03}".rstrip("0").rstrip(".")
    return f"{'-' if current_ma < 0 else ''}{text} A"


def kw_text(power_w: int) -> str:
    """Return a power as people read it: 23500 → "23.5 kW"."""
    whole, rest = divmod(power_w, 1000)
    return f"{whole}" + (f".{rest:03}".rstrip("0") if rest else "") + " kW"


def ma_down_from_w(power_w: int, voltage_mv: int) -> int:
    """Return the current that `power_w` is at `voltage_mv`, rounded down to whole mA."""
    return max(0, power_w) * 1_000_000 // voltage_mv


def w_up_from_ma(current_ma: int, voltage_mv: int) -> int:
    """Return the power that `current_ma` is at `voltage_mv`, rounded up to whole W."""
    return -(-current_ma * voltage_mv // 1_000_000)


def add(a: Triple, b: Triple) -> Triple:
    """Return the sum, phase by phase."""
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2])


def above_delta_wye(flows_ma: Triple) -> Triple:
    """Return the most that flows in any line above a delta-wye transformer, for sums of magnitudes below.

    Referred to the wye side: the difference of two windings' currents over √3, so at most 2/√3 < 7/6 of one.
    """
    most_ma = -(-max(flows_ma) * 7 // 6)
    return (most_ma, most_ma, most_ma)


def total(triples: Iterable[Triple]) -> Triple:
    """Return the sum of many triples, phase by phase."""
    l1 = l2 = l3 = 0
    for a, b, c in triples:
        l1, l2, l3 = l1 + a, l2 + b, l3 + c
    return (l1, l2, l3)
