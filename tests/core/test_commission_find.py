"""What lines and meters show before anything moves: two under one unit, bad lines, CTs, by hand."""

import pytest

from edge.core import commission_find
from edge.model.commission import Address, Found, Sample, Stranger, Trace
from edge.model.site import Address as At
from edge.model.site import Meter, Node, Site


def address(device: str, errors: int = 0, silences: int = 0, **more) -> Address:
    return Address(device, "rs485", 1, "x", reads=200, errors=errors, silences=silences, **more)


def codes(*addresses: Address, strangers: tuple[Stranger, ...] = ()) -> list[tuple[str, str, str]]:
    result = commission_find.found(Found(list(addresses), list(strangers)))
    return [(f.kind, f.device, f.code) for f in result.findings]


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ([address("a"), address("b", 2, 2)], []),  # 2 % is well
        ([address("a"), address("b", 3, 2)], [("open", "b", "line quality")]),
        ([address("a"), address("b", 150)], [("fault", "b", "doubled unit")]),  # the others are well
        ([address("a", 60), address("b", 80)], [("fault", "a", "bad line"), ("fault", "b", "bad line")]),
        ([address("a", identities=[{"serial": "1"}, {"serial": "2"}])], [("fault", "a", "doubled unit")]),
        ([address("a", identities=[{"serial": "1"}])], []),
        ([address("a", silences=200, why="no answer in time")], [("fault", "a", "not found")]),
        ([address("a", silences=130, why="no answer in time")], [("fault", "a", "doubled unit")]),
        ([address("a", why="it is a meter of another family")], [("fault", "a", "not found")]),
    ],
)
def test_who_is_on_the_line(addresses, expected):
    assert codes(*addresses) == expected


def test_a_stranger_is_an_open_point():
    assert codes(address("a"), strangers=(Stranger("rs485", 7, ("sdm630",)),)) == [("open", "", "stranger")]


# Meters ------------------------------------------------------------------------------------------------

AT = At(1, tcp="192.0.2.1:502")
SITE = Site(
    "s", "s", "UTC",
    (Node("main", None, (100_000,) * 3, meter="M"), Node("panel", "main", (63_000,) * 3, meter="P")),
    (Meter("M", "x", AT), Meter("P", "x", AT)),
)  # fmt: skip


def shows(amps=(10, 10, 10), volts=(230, 231, 229), factors=(0.95, 0.95, 0.95)) -> dict[str, int | str]:
    values: dict[str, int | str] = {}
    for n in range(3):
        values[f"current_l{n + 1}_ma"] = amps[n] * 1000
        values[f"voltage_l{n + 1}_mv"] = volts[n] * 1000
        values[f"power_l{n + 1}_w"] = round(amps[n] * volts[n] * factors[n])
    return values


def meters(main: dict[str, int | str], panel: dict[str, int | str]) -> list[tuple[str, str, str]]:
    samples = [Sample(n * 1000, name, v) for n in range(5) for name, v in (("M", main), ("P", panel)) if v]
    result = commission_find.meters(SITE, Trace(0, 5_000, samples))
    return [(f.kind, f.device, f.code) for f in result.findings]


@pytest.mark.parametrize(
    ("main", "panel", "expected"),
    [
        (shows(), shows((5, 5, 5)), []),
        (shows(), {}, [("open", "P", "meter silent")]),
        (shows(volts=(230, 0, 230)), shows((5, 5, 5)), [("fault", "M", "voltage")]),
        (shows(factors=(0.95, -0.95, 0.95)), shows((5, 5, 5)), [("open", "M", "power flows out")]),
        # currents of L1 and L2 against the other's voltage: cos(120° - 18°), cos(120° + 18°)
        (shows(), shows((5, 5, 5), factors=(-0.21, -0.74, 0.95)), [("fault", "P", "CTs swapped")]),
        (shows((5, 10, 10)), shows((10, 5, 5)), [("open", "M", "less than its branch")]),
        # nothing is said of powers of currents that are hardly there
        (shows(), shows((1, 1, 1), factors=(-1, -1, -1)), []),
    ],
)
def test_meters_at_rest(main, panel, expected):
    assert meters(main, panel) == expected
