"""Between the utility's signals and the tick, by hand: who counts with what, and which limit is of what."""

from edge.core.demand_effects import Hold
from edge.core.demand_terms import WHOLE
from edge.core.grid import OtherLoad
from edge.core.limits import Cap
from edge.core.obeying import Floors, caps, seen
from edge.core.state import State
from edge.model.flow import Lost
from tests.story.sites import depot, flows

SITE = depot(chargers=2)


def known(at_ms: int = 1_000) -> State:
    state = State(SITE)
    for n in (1, 2):
        state.identified(f"bay-{n}", {})
        state.read(f"bay-{n}", at_ms, {"state": "C", "power_w": 5_000})
    grid = flows(at_ms, 30, 30, 30)
    state.read("grid", at_ms, grid.values)
    return state


def charging_w(state: State, now_ms: int = 1_500) -> int:
    return seen(SITE, state, OtherLoad(SITE).at(state, now_ms), now_ms).charging_w


def test_a_silent_charger_counts_with_all_that_it_may_draw() -> None:
    """I3: what it drew when it was last heard proves nothing.  32 A x 3 x 230 V are 22 080 W."""
    state = known()
    assert charging_w(state) == 10_000
    lost = Lost(1_200, "bay-2", "no answer")
    state.lost(lost.device, lost.why)
    assert charging_w(state) == 5_000 + 22_080


def test_a_limit_on_charging_is_no_limit_on_what_else_flows() -> None:
    def cap_of(what: str, capacity: bool = False) -> Cap:
        hold = Hold(what, WHOLE, 20_000, "event x", "x", None, capacity)  # type: ignore[arg-type]
        (found,), quotas = caps(SITE, [hold], Floors({"bay-1": 6_000}, {"main": (6_000, 6_000, 6_000)}))
        assert quotas == []
        return found

    assert (cap_of("charging").charging_w, cap_of("charging").limit_w) == (20_000, None)
    assert (cap_of("site").charging_w, cap_of("site").limit_w) == (None, 20_000)
    # an exempt vehicle is exempt from signals, and not from what the grid can bear
    assert cap_of("site").floor_ma == (6_000, 6_000, 6_000)
    assert cap_of("site", capacity=True).floor_ma == (0, 0, 0)
