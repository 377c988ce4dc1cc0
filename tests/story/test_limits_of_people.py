"""What people and devices say of limits: refused where it makes no sense, never above the installer's."""

import msgspec
import pytest

from edge.model.flow import Audit, OperatorLimit, Reading, SetCurrent
from edge.model.site import Node
from tests.story.sites import depot, flows, takes, there, tick
from tests.story.story import ANY, Story


def running(device_a: int | None = None) -> Story:
    """Return a depot of one charger, with a vehicle, whose own maximum is as it says; nothing told yet."""
    (known,) = there(0, "bay-1")
    reading = takes(900, "bay-1", 0, state="B", setpoint_a=0)
    values = dict(reading.values)
    if device_a is not None:
        values["max_current_ma"] = device_a * 1000
    return Story(depot(1)) >> known >> Reading(900, "bay-1", values) >> flows(950, 0, 0, 0)


@pytest.mark.parametrize(
    ("device_a", "amps"),
    [
        (None, 32),
        (16, 16),  # the device's own maximum counts
        (80, 32),  # but does not raise the installer's
        (0, 32),  # 0 is no maximum: a device that says so says nothing
    ],
)
def test_the_lesser_of_two_maxima_counts(device_a: int | None, amps: int) -> None:
    assert running(device_a) >> tick(1_000) << SetCurrent("bay-1", amps * 1000, 10_000, ANY)


def test_a_negative_limit_is_refused_and_changes_nothing() -> None:
    said = running() >> OperatorLimit(960, 960, "main", -1_000, who="shift lead")
    assert said << Audit("shift lead", "limit at main", "refused: a limit is 0 or more")
    assert said >> tick(1_000) << SetCurrent("bay-1", 32_000, 10_000, ANY)


def test_a_limit_at_a_place_that_is_not_there_is_refused() -> None:
    said = running() >> OperatorLimit(960, 960, "mian", 10_000, who="shift lead")
    assert said << Audit("shift lead", "limit at mian", "refused: no such node")
    assert said >> tick(1_000) << SetCurrent("bay-1", 32_000, 10_000, ANY)


def test_a_cap_in_watts_is_divided_by_what_is_asked_below_the_node() -> None:
    """A one-phase charger under a panel is all that asks: a site's 5 kW are its 19.7 A, not a third of them.

    5000 W at the highest plausible voltage of 253 V (230 V and a tenth) are 19.76 A; steps of 0.1 A: 19.7.
    """
    site = depot(1, limit_w=5_000)
    panel = Node("panel-a", "main", (63_000,) * 3)
    site = msgspec.structs.replace(
        site,
        nodes=(*site.nodes, panel),
        chargers=(msgspec.structs.replace(site.chargers[0], node="panel-a", phases=(1,)),),
    )
    (known,) = there(0, "bay-1")
    story = Story(site) >> known >> takes(900, "bay-1", 0, state="B", setpoint_a=0) >> flows(950, 0, 0, 0)
    assert story >> tick(1_000) << SetCurrent("bay-1", 19_700, 10_000, ANY)
