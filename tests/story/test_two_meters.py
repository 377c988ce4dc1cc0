"""A panel with a meter of its own below the main one: either of them silent is unknown (I3)."""

import msgspec
import pytest

from edge.model.flow import SetCurrent
from edge.model.site import Meter, Node
from tests.story.sites import NOWHERE, depot, flows, takes, there, tick
from tests.story.story import ANY, Story


@pytest.mark.parametrize(
    ("heard", "amps"), [(("grid", "panel"), 20), (("grid",), 6), (("panel",), 6), ((), 6)]
)
def test_a_silent_meter_anywhere_above_brings_a_charger_to_its_safe_current(
    heard: tuple[str, ...], amps: int
) -> None:
    site = depot(1, limit_ma=100_000)
    site = msgspec.structs.replace(
        site,
        nodes=(*site.nodes, Node("panel-a", "main", (20_000,) * 3, other_max_ma=(8_000,) * 3, meter="panel")),
        meters=(*site.meters, Meter("panel", "eastron_sdm630", NOWHERE)),
        chargers=(msgspec.structs.replace(site.chargers[0], node="panel-a"),),
    )
    (known,) = there(0, "bay-1")
    story = Story(site) >> known >> takes(5_900, "bay-1", 0, state="B", setpoint_a=0)
    for meter in heard:
        story = story >> flows(5_950, 0, 0, 0, meter=meter)
    assert story >> tick(6_000) << SetCurrent("bay-1", amps * 1_000, 10_000, ANY)
