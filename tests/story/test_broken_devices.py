"""Devices that do not do what they say: what the rest of the depot does about it.  Figures by hand."""

import msgspec

from edge.model.flow import Lost, Reading, SetCurrent
from edge.model.site import Site
from tests.story.sites import depot, flows, takes, there, tick, wrote
from tests.story.story import Story

STATES = {True: "C", False: "B"}


def charging(chargers: int = 2, **more: int) -> Story:
    """Two vehicles that take 20 A each of 40 A, for 30 s; nothing else flows."""
    story = Story(depot(chargers, limit_ma=40_000, other_max_ma=0, **more))
    bays = [f"bay-{n + 1}" for n in range(chargers)]
    for known in there(0, *bays):
        story = story >> known
    for second in range(30):
        amps = 0 if second < 2 else 40 // chargers
        for bay in bays:
            story = story >> takes(second * 1_000 + 700, bay, amps, state=STATES[amps > 0], setpoint_a=amps)
        total = amps * chargers
        story = story >> flows(second * 1_000 + 900, total, total, total) >> tick(second * 1_000 + 1_000)
        for bay in bays:
            story = story >> wrote(second * 1_000 + 1_100, bay, 40 // chargers)
    assert told(story >> tick(30_001)) == dict.fromkeys(bays, 40_000 // chargers)
    return story


def told(story: Story) -> dict[str, int]:
    return {c.charger: c.current_ma for c in story.last if isinstance(c, SetCurrent)}


def test_what_one_takes_beyond_its_setpoint_is_taken_from_the_others() -> None:
    """I1, I5: bay-1 takes 32 A although it was told 20; the breaker carries 52 A of 40 A.

    12 A are not ours to give: 28 A are left for both, 14 A each; 32 A and 8 A flow once bay-2 has followed,
    if bay-1 never does.
    """
    story = charging()
    story = story >> takes(30_700, "bay-1", 32, setpoint_a=20) >> takes(30_700, "bay-2", 20, setpoint_a=20)
    story = story >> flows(30_900, 52, 52, 52) >> tick(31_000)
    assert told(story)["bay-2"] <= 14_500
    at = 31_000
    for second in range(30):  # bay-1 takes what it likes, bay-2 follows at once
        at = 31_000 + second * 1_000
        now = told(story)
        bay_2 = now["bay-2"] // 1_000
        for bay in now:
            story = story >> wrote(at + 100, bay, now[bay] // 1_000)
        story = story >> takes(at + 700, "bay-1", 32, setpoint_a=now["bay-1"] // 1_000)
        story = story >> takes(at + 700, "bay-2", bay_2, setpoint_a=bay_2)
        flowing = 32 + bay_2
        story = story >> flows(at + 900, flowing, flowing, flowing) >> tick(at + 1_000)
        assert story
    assert flowing <= 40


def test_a_charger_whose_meter_shows_nonsense_hides_no_other_load() -> None:
    """I3, I5: bay-1 says 6553.5 A (a register that is not there); 30 A of other load come."""
    story = charging()
    for second in range(30, 34):
        at = second * 1_000
        nonsense = takes(at + 700, "bay-1", 20, setpoint_a=20)
        nonsense.values.update(dict.fromkeys(("current_l1_ma", "current_l2_ma", "current_l3_ma"), 6_553_500))
        story = story >> nonsense >> takes(at + 700, "bay-2", 20, setpoint_a=20)
        story = story >> flows(at + 900, 70, 70, 70) >> tick(at + 1_000)
    assert story
    assert sum(told(story).values()) <= 10_000 + 1_000  # 40 A less 30 A, and half an amp of doubt each


def test_two_on_one_host_that_die_together_keep_the_room_of_both() -> None:
    """I1: both may still draw their 10 A; the other two may not have it."""
    story = charging(4)
    for bay in ("bay-1", "bay-2"):
        story = story >> Lost(30_100, bay, "no answer")
    for second in range(30, 45):
        at = second * 1_000
        for bay in ("bay-3", "bay-4"):
            story = story >> takes(at + 700, bay, 10, setpoint_a=10)
        story = story >> flows(at + 900, 20, 20, 20) >> tick(at + 1_000)  # they have let go, but may return
        now = told(story)
        assert now["bay-3"] + now["bay-4"] <= 20_000
        assert (now["bay-1"], now["bay-2"]) == (6_000, 6_000)
    assert story


def one_phase_meter() -> Site:
    site = depot(1, other_max_ma=40_000)
    return msgspec.structs.replace(site, meters=(msgspec.structs.replace(site.meters[0], phases=(0,)),))


def test_a_phase_that_the_meter_does_not_measure_counts_with_the_highest_plausible_load() -> None:
    """I3: unknown is never 0.  63 A less 40 A are 23 A; L1 alone would leave 32 A."""
    story = Story(one_phase_meter())
    for known in there(0, "bay-1"):
        story = story >> known
    reading = Reading(900, "grid", {"current_l1_ma": 2_000, "power_w": 460})
    story = story >> takes(700, "bay-1", 0, state="B", setpoint_a=0) >> reading >> tick(1_000)
    assert told(story) == {"bay-1": 23_000}
    assert story


def test_a_phase_that_does_not_answer_makes_the_meter_as_good_as_silent() -> None:
    """I3."""
    story = Story(depot(1))
    for known in there(0, "bay-1"):
        story = story >> known
    story = story >> takes(700, "bay-1", 0, state="B", setpoint_a=0)
    story = story >> Reading(900, "grid", {"current_l1_ma": 2_000, "current_l2_ma": 2_000}) >> tick(1_000)
    assert told(story) == {"bay-1": 6_000}
    assert story


def test_a_tick_that_is_late_gives_nothing_away() -> None:
    """I3, I4: the loop stood still for 6 s; what was read before is too old, and the tick says so."""
    story = charging()
    assert set(told(story >> tick(36_500)).values()) == {6_000}
    assert story
