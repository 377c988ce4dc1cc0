"""What a vehicle needs, as people say it: energy, a state of charge, or a distance.

    need("40", "", "", "", "", "20") -> Need          40 kWh
    need("", "80", "60", …)                           80 % of 60 kWh
    need("", "", "", "180", "0.22", …)                180 km at 0.22 kWh/km

A state of charge is followed where the charger tells it; where it does not, the vehicle is taken to arrive
with 20 %, or what is said.  Energies are rounded up: who needs 37.5001 kWh is not ready with less (I8).
"""

from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import NamedTuple

from edge.shell.answers import DeskError

NEED_WH_MAX = 2_000_000
ARRIVES_WITH = "20"

Said = str | int | float


class Need(NamedTuple):
    """need_wh: of energy.  soc_pm, battery_wh: 0 where no state of charge is meant."""

    need_wh: int
    soc_pm: int = 0
    battery_wh: int = 0


def need(
    kwh: Said, soc: Said, battery_kwh: Said, km: Said, kwh_per_km: Said, arrives_with: Said = ARRIVES_WITH
) -> Need:
    """Return the need.  Raises DeskError unless exactly one way of saying it is used, and whole."""
    ways = [name for name, value in (("need", kwh), ("soc", soc), ("km", km)) if value != ""]
    if len(ways) != 1:
        said = " and ".join(ways) or "nothing"
        raise DeskError(
            f"need: {said}: expected an energy in kWh above 0, up to {NEED_WH_MAX // 1000}; or soc (%) with "
            "battery (kWh); or km with kWh/km"
        )
    if kwh != "":
        return Need(energy("need", kwh))
    if km != "":
        far = number("km", km, Decimal(2_000), "a distance in km")
        per = number("kwh-per-km", kwh_per_km, Decimal(10), "a consumption in kWh/km, such as 0.22")
        return Need(energy("km", str(far * per)))
    percent = number("soc", soc, Decimal(100), "a state of charge in %")
    battery_wh = energy("battery", battery_kwh)
    begins = number("arrives-with", arrives_with, Decimal(100), "a state of charge in %", least=Decimal(0))
    if begins >= percent:
        raise DeskError(f"soc: {percent} %: expected more than the {begins} % that it arrives with")
    need_wh = (percent - begins) * battery_wh / 100
    return Need(int(need_wh.to_integral_value(ROUND_CEILING)), int(percent * 10), battery_wh)


def energy(key: str, said: Said) -> int:
    """Return an energy in Wh, rounded up.  Raises DeskError."""
    expected = f"an energy in kWh above 0, up to {NEED_WH_MAX // 1000}, such as 40 or 37.5"
    found = number(key, said, Decimal(NEED_WH_MAX) / 1000, expected) * 1000
    return int(found.to_integral_value(ROUND_CEILING))


def number(key: str, said: Said, most: Decimal, expected: str, least: Decimal | None = None) -> Decimal:
    """Return a number above 0 (or from `least` on) up to `most`.  Raises DeskError."""
    try:
        value = Decimal(str(said).strip())
    except InvalidOperation:
        raise DeskError(f"{key}: {said!r}: expected {expected}") from None
    if not value.is_finite() or value > most or (value <= 0 if least is None else value < least):
        raise DeskError(f"{key}: {said!r}: expected {expected}")
    return value


def may_give(discharge: bool, keep_soc: Said, cycle_per_kwh: Said, needs: Need) -> tuple[bool, int, int]:
    """Return whether a vehicle may give back, what it keeps in thousandths, and what a kWh wears, millionths.

    Raises DeskError.
    """
    if not discharge:
        if keep_soc != "" or cycle_per_kwh != "":
            raise DeskError("discharge: keep-soc and cycle-cost are for a vehicle that may discharge")
        return False, 0, 0
    if not needs.soc_pm:
        raise DeskError("discharge: expected soc and battery: how full it is to be, and what it holds")
    if keep_soc == "":
        raise DeskError("keep-soc: expected a state of charge in %: it never gives back below that")
    keeps = number("keep-soc", keep_soc, Decimal(100), "a state of charge in %", least=Decimal(0))
    wears = Decimal(0)
    if cycle_per_kwh != "":
        wears = number("cycle-cost", cycle_per_kwh, Decimal(1_000), "money per kWh", least=Decimal(0))
    up = ROUND_CEILING
    return True, int((keeps * 10).to_integral_value(up)), int((wears * 1_000_000).to_integral_value(up))
