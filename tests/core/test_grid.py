"""What is not charging, from readings at different moments; expectations worked out by hand."""

import msgspec

from edge.core.grid import OtherLoad
from edge.core.state import State
from edge.model.site import Node
from tests.story.sites import depot, flows, takes


def depot_state() -> tuple[State, OtherLoad]:
    site = depot(2)
    state = State(site)
    state.identified("bay-1", {})
    return state, OtherLoad(site)


def read(state: State, *readings: object) -> None:
    for reading in readings:
        state.read(reading.device, reading.at_ms, reading.values)  # type: ignore[attr-defined]


def test_what_the_meter_shows_less_what_goes_into_vehicles() -> None:
    state, load = depot_state()
    read(state, takes(0, "bay-1", 10), flows(500, 30, 25, 20))
    other = load.at(state, 1_000)["main"]
    assert other.now_ma == (20_000, 15_000, 10_000)
    assert other.known and other.age_ms == 500
    # 75 A at 230 V is 17 250 W; 30 A went into the vehicle, at 207 V at least: 6 210 W
    assert other.now_w == 17_250 - 6_210


def test_a_meter_that_never_answered_counts_as_the_highest_plausible_load() -> None:
    """I3."""
    state, load = depot_state()
    other = load.at(state, 0)["main"]
    assert not other.known and other.age_ms is None
    assert other.now_ma == (40_000,) * 3
    assert other.now_w == 3 * 40 * 253 + 1


def test_a_meter_is_silent_after_five_seconds_and_not_before() -> None:
    """I3: 5 s."""
    state, load = depot_state()
    read(state, flows(1_000, 30, 25, 20))
    assert load.at(state, 6_000)["main"].known
    assert not load.at(state, 6_001)["main"].known
    assert load.at(state, 6_001)["main"].now_ma == (40_000,) * 3


def test_a_vehicle_that_stops_is_not_taken_for_a_new_load() -> None:
    state, load = depot_state()
    read(state, takes(0, "bay-1", 16), flows(500, 36, 36, 36))
    assert load.at(state, 1_000)["main"].now_ma == (20_000,) * 3
    # It has stopped; the meter was read just before and still shows its 16 A.
    read(state, flows(1_500, 36, 36, 36), takes(1_600, "bay-1", 0))
    other = load.at(state, 2_000)["main"]
    assert other.now_ma == (20_000,) * 3
    assert other.high_ma == (36_000,) * 3  # but nobody is raised on it
    read(state, flows(2_500, 20, 20, 20), takes(2_600, "bay-1", 0))
    assert load.at(state, 3_000)["main"].now_ma == (20_000,) * 3


def test_a_new_load_counts_at_once_while_no_vehicle_starts_or_stops() -> None:
    state, load = depot_state()
    read(state, takes(300, "bay-1", 10), flows(500, 20, 20, 20))
    load.at(state, 1_000)
    read(state, takes(1_300, "bay-1", 10), flows(1_500, 30, 20, 20))
    assert load.at(state, 2_000)["main"].now_ma == (20_000, 10_000, 10_000)


def test_a_new_load_counts_with_the_second_reading_while_a_vehicle_may_be_starting() -> None:
    state, load = depot_state()
    read(state, takes(300, "bay-1", 0), flows(500, 20, 20, 20))
    load.at(state, 1_000)
    read(state, takes(1_300, "bay-1", 6), flows(1_500, 40, 26, 26))  # 14 A on L1 are not explained
    first = load.at(state, 2_000)["main"]
    assert first.now_ma == (34_000, 20_000, 20_000)  # 40 less the 6 A that may have flowed by then
    assert first.high_ma == (40_000, 26_000, 26_000)  # or none of it


def test_an_overload_is_believed_at_once() -> None:
    """I5."""
    state, load = depot_state()
    read(state, flows(500, 20, 20, 20))
    load.at(state, 1_000)
    read(state, flows(1_500, 64, 20, 20))
    assert load.at(state, 2_000)["main"].now_ma[0] == 64_000


def test_a_load_that_has_gone_holds_increases_back_for_five_seconds() -> None:
    state, load = depot_state()
    read(state, flows(0, 30, 20, 20))
    load.at(state, 500)
    for second in range(1, 7):
        read(state, flows(second * 1_000, 20, 20, 20))
        high = load.at(state, second * 1_000 + 500)["main"].high_ma[0]
        assert high == (30_000 if second <= 5 else 20_000)


def test_power_that_flows_back_makes_no_room() -> None:
    state, load = depot_state()
    read(state, flows(0, -15, 20, 20))
    assert load.at(state, 500)["main"].now_ma == (0, 20_000, 20_000)


def test_the_same_reading_is_looked_at_again_with_newer_ones_of_the_chargers() -> None:
    state, load = depot_state()
    read(state, flows(0, 36, 36, 36))
    assert load.at(state, 500)["main"].now_ma == (36_000,) * 3
    read(state, takes(600, "bay-1", 16))
    assert load.at(state, 1_500)["main"].now_ma == (20_000,) * 3


def test_in_an_overload_all_that_may_be_other_load_counts() -> None:
    """I5, rule 3: 70 A flow; whether the 16 A of the vehicle that starts are in them, nobody knows."""
    state, load = depot_state()
    read(state, takes(300, "bay-1", 0), flows(500, 20, 20, 20))
    load.at(state, 1_000)
    read(state, takes(1_300, "bay-1", 16), flows(1_500, 70, 36, 36))
    assert load.at(state, 2_000)["main"].now_ma[0] == 70_000


def test_more_power_than_the_site_may_take_is_an_overload_too() -> None:
    """I5: 25 kW of 20 kW, while no breaker carries too much; 48 A at 207 V are 9936 W."""
    site = depot(2, limit_w=20_000)
    state, load = State(site), OtherLoad(site)
    read(state, takes(300, "bay-1", 0), flows(500, 10, 10, 10))
    load.at(state, 1_000)
    read(state, takes(1_300, "bay-1", 16), flows(1_500, 36, 36, 36))
    assert load.at(state, 2_000)["main"].now_w == 36 * 3 * 230
    read(state, takes(2_300, "bay-1", 16), takes(2_700, "bay-1", 16), flows(3_000, 36, 36, 36))
    assert load.at(state, 3_000)["main"].now_w == 36 * 3 * 230 - 9_936


def test_a_node_without_a_meter_counts_with_the_highest_plausible_load() -> None:
    """I3."""
    site = depot(1)
    site = msgspec.structs.replace(site, nodes=(msgspec.structs.replace(site.nodes[0], meter=""),))
    other = OtherLoad(site).at(State(site), 0)["main"]
    assert other.now_ma == other.high_ma == (40_000,) * 3
    assert other.now_w == other.high_w == 3 * 40 * 253 + 1
    assert other.known


def test_power_that_flows_back_makes_no_room_in_watts_either() -> None:
    state, load = depot_state()
    read(state, takes(0, "bay-1", 16), flows(100, 2, 2, 2))
    assert load.at(state, 500)["main"].now_w == 0


def test_a_meter_of_currents_only_counts_with_the_highest_power_that_they_can_be() -> None:
    """I3, I8: 60 A at 253 V."""
    state, load = depot_state()
    reading = flows(0, 10, 20, 30)
    del reading.values["power_w"]
    read(state, reading)
    assert load.at(state, 500)["main"].now_w == 60 * 253


def test_chargers_below_a_node_below_count_as_charging_too() -> None:
    site = depot(1)
    panel = Node("panel", "main", (40_000,) * 3)
    charger = msgspec.structs.replace(site.chargers[0], node="panel")
    site = msgspec.structs.replace(site, nodes=(*site.nodes, panel), chargers=(charger,))
    state = State(site)
    read(state, takes(0, "bay-1", 10), flows(500, 30, 30, 30))
    assert OtherLoad(site).at(state, 1_000)["main"].now_ma == (20_000,) * 3


def test_what_flows_back_has_a_sign_in_the_net_figure_and_makes_no_room() -> None:
    """Rule 5: 20 A back on each phase while 10 A go into a vehicle: 30 A of sun, no headroom from it."""
    state, load = depot_state()
    back = flows(500, -20, -20, -20)
    read(
        state,
        takes(0, "bay-1", 10),
        msgspec.structs.replace(back, values={**back.values, "power_w": -13_800}),
    )
    other = load.at(state, 1_000)["main"]
    assert other.net_w == -13_800 - 3 * 10 * 230
    assert (other.now_ma, other.high_ma, other.now_w, other.high_w) == ((0, 0, 0), (0, 0, 0), 0, 0)


def test_a_silent_meter_tells_of_no_sun() -> None:
    """I3: PV counts as 0 while nobody measures it."""
    state, load = depot_state()
    read(state, flows(0, -20, -20, -20))
    silent = load.at(state, 6_000)["main"]
    assert silent.net_w is None and silent.now_ma == (40_000,) * 3
