"""Small depots for stories, and short words for readings."""

from edge.model.flow import Identified, Reading, Tick, Written
from edge.model.site import Address, Charger, Meter, Node, Policy, Site, Window

WALL_MS = 1_796_000_000_000  # 2026-11-30T00:53:20Z; in Los Angeles the 29th, a Sunday, 16:53

NOWHERE = Address(unit=1, tcp="127.0.0.1:1")


def depot(
    chargers: int = 2,
    limit_ma: int = 63_000,
    other_max_ma: int = 40_000,
    limit_w: int | None = None,
    windows: tuple[Window, ...] = (),
    **policy: int,
) -> Site:
    """Return one node with one meter and three-phase chargers bay-1, bay-2 …"""
    return Site(
        id="yard",
        name="Yard",
        timezone="America/Los_Angeles",
        nodes=(
            Node(
                "main",
                None,
                (limit_ma, limit_ma, limit_ma),
                limit_w=limit_w,
                other_max_ma=(other_max_ma, other_max_ma, other_max_ma),
                meter="grid",
            ),
        ),
        meters=(Meter("grid", "janitza_umg604", NOWHERE),),
        chargers=tuple(
            Charger(f"bay-{n + 1}", "main", "alfen_eve", NOWHERE, port=f"bay-{n + 1}")
            for n in range(chargers)
        ),
        windows=windows,
        policy=Policy(**policy),
    )


def tick(at_ms: int) -> Tick:
    """Return a tick whose wall clock runs with the monotonic one."""
    return Tick(at_ms, WALL_MS + at_ms)


def flows(at_ms: int, l1_a: int, l2_a: int, l3_a: int, meter: str = "grid") -> Reading:
    """Return a meter's reading: whole amps, 230 V, unity power factor."""
    return Reading(
        at_ms,
        meter,
        {
            "current_l1_ma": l1_a * 1000,
            "current_l2_ma": l2_a * 1000,
            "current_l3_ma": l3_a * 1000,
            "power_w": (l1_a + l2_a + l3_a) * 230,
        },
    )


def takes(at_ms: int, charger: str, amps: int, *, state: str = "C", setpoint_a: int | None = None) -> Reading:
    """Return a charger's reading: a three-phase vehicle that draws amps on each."""
    values: dict[str, int | str] = {
        "state": state,
        "current_l1_ma": amps * 1000,
        "current_l2_ma": amps * 1000,
        "current_l3_ma": amps * 1000,
        "power_w": amps * 690,
    }
    if setpoint_a is not None:
        values["setpoint_ma"] = setpoint_a * 1000
    return Reading(at_ms, charger, values)


def there(at_ms: int, *chargers: str) -> list[Identified]:
    """Return that chargers were recognised."""
    return [Identified(at_ms, charger, {"manufacturer": "Alfen NV"}) for charger in chargers]


def wrote(at_ms: int, charger: str, amps: int) -> Written:
    """Return that a charger accepted a setpoint."""
    return Written(at_ms, charger, amps * 1000)
