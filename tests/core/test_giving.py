"""What a vehicle is told to give back this second, rule by rule; figures by hand.

bay-2 may give 16 A on three phases: at most 12.144 kW at the highest voltage of 253 V, which is 759 W an
ampere.  Of what the site imports, 200 W are left to import.
"""

from typing import Any

import msgspec
import pytest

from edge.core.asks import Want
from edge.core.giving import Giving
from edge.core.grid import Other
from edge.core.guard import Setpoint, Verdict
from edge.core.state import State
from edge.model.site import Site
from tests.story.sites import depot, tick

AT_MS = 20_000
UNTRUSTED = msgspec.structs.replace(tick(AT_MS), wall_trusted=False)


def yard(**more: Any) -> Site:
    drawn = depot(2)
    bay_1, bay_2 = drawn.chargers
    return msgspec.structs.replace(
        drawn, chargers=(bay_1, msgspec.structs.replace(bay_2, discharge_ma=16_000)), **more
    )


def known(site: Site, at_ms: int = AT_MS, state: str = "C", given_ma: int = 0) -> State:
    found = State(site)
    for bay in ("bay-1", "bay-2"):
        found.identified(bay, {})
        currents = {f"current_l{p}_ma": -given_ma if bay == "bay-2" else 0 for p in (1, 2, 3)}
        found.read(bay, at_ms - 500, {"state": state, "power_w": -given_ma * 690 // 1000, **currents})
    return found


def main(power_w: int | None = 30_000, **more: Any) -> dict[str, Other]:
    return {
        "main": Other(
            (0, 0, 0), (0, 0, 0), 0, 0, **{"known": True, "power_w": power_w, "net_w": power_w, **more}
        )
    }


def want(**more: Any) -> dict[str, Want]:
    idle = Want("bay-1", 0, "", 0, None, None, "")
    return {"bay-1": idle, "bay-2": Want(**{"charger": "bay-2", "max_ma": 0, "because": "", "priority": 0,
            "left_ms": None, "need_wh": None, "promise": "", "give_ma": 16_000, **more})}  # fmt: skip


def told(site: Site | None = None, **given: Any) -> dict[str, int]:
    """Return what a first step tells, with everything well but what is given."""
    site = site or yard()
    parts = {
        "state": known(site),
        "wants": want(),
        "verdict": Verdict([], []),
        "others": main(),
        "tick": tick(AT_MS),
        **given,
    }
    return Giving(site).step(**parts)


def test_with_everything_well_it_gives_what_is_planned() -> None:
    assert told() == {"bay-2": 16_000}


@pytest.mark.parametrize(
    "wrong",
    [
        {"others": main(known=False)},  # the main meter is silent: its last power proves nothing (I3)
        {"others": main(power_w=None, net_w=None)},
        {"others": main(net_w=None)},
        {"verdict": Verdict([], ["the check found something"])},
        {"verdict": Verdict([Setpoint("bay-2", 6_000, "charges")], [])},  # never both ways
        {"stopped": frozenset({"bay-2"})},  # an I/O board holds it back
        {"state": known(yard(), at_ms=AT_MS - 9_000)},  # the charger does not answer
        {"state": known(yard(), state="A")},
        {"wants": want(max_ma=6_000)},
        {"tick": UNTRUSTED},  # nobody knows whether it is the dear hour
    ],
)
def test_nothing_is_given(wrong: dict[str, Any]) -> None:
    assert told(**wrong) == {}


def test_never_more_than_the_site_file_allows() -> None:
    assert told(wants=want(give_ma=32_000)) == {"bay-2": 16_000}


@pytest.mark.parametrize(
    ("import_w", "given_ma"),
    [
        (12_344, 16_000),  # 12 144 W and the 200 W that stay
        (12_300, 15_900),  # 12 100 W / 759 W: 15.94 A
        (4_754, 6_000),
        (4_753, 0),  # 5.9 A is no lawful current
        (200, 0),
        (-3_000, 0),
    ],
)
def test_only_as_much_as_is_imported(import_w: int, given_ma: int) -> None:
    assert told(others=main(import_w)).get("bay-2", 0) == given_ma


def test_what_may_be_exported_is_room_as_well() -> None:
    site = yard(export_w=5_000)
    assert told(site, state=known(site), others=main(0)) == {"bay-2": 6_300}  # 4 800 W / 759 W


def test_less_at_once_and_more_only_when_the_last_change_has_been_seen() -> None:
    site = yard()
    giving = Giving(site)

    def step(at_ms: int, import_w: int, shown_ma: int) -> int:
        state = known(site, at_ms, given_ma=shown_ma)
        return giving.step(state, want(), Verdict([], []), main(import_w), tick(at_ms)).get("bay-2", 0)

    assert step(20_000, 6_272, 0) == 8_000  # 6 072 W / 759 W
    assert step(21_000, 6_272, 0) == 8_000  # nothing of it is seen yet: the same room is not used twice
    assert step(22_000, 6_272, 7_500) == 16_000  # seen: as much again, 16 A at most
    assert step(23_000, -500, 16_000) == 15_000  # 700 W too much: 0.92 A less, rounded away from it


def test_a_change_that_is_never_seen_has_its_time() -> None:
    """5 s for the charger and 5 s for the vehicle (IEC 61851-1)."""
    site = yard()
    giving = Giving(site)
    found = []
    for second in range(12):
        at_ms = 20_000 + second * 1_000
        step = giving.step(known(site, at_ms), want(), Verdict([], []), main(6_272), tick(at_ms))
        found.append(step["bay-2"])
    assert found == [8_000] * 10 + [16_000] * 2


def test_what_was_told_to_give_may_be_given_before_anybody_has_seen_it() -> None:
    """It falls silent right after: what it was told counts as load that is not seen until it answers (I1)."""
    state = known(yard())
    bay = state.chargers["bay-2"]
    bay.give(16_000)
    assert bay.around(AT_MS + 9_000, 2_000)[0] == (-16_000,) * 3
    bay.give(0)
    assert bay.around(AT_MS + 9_000, 2_000)[0] == (-16_000,) * 3, "nobody has seen that it ended"
