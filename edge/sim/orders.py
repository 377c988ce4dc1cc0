"""What a scenario, a test or the demonstration may do to the simulated depot, by name.

    {"do": "kill", "device": "panel-a-meter"}        its communication dies; its power side lives on
    {"do": "restore", "device": "panel-a-meter"}
    {"do": "freeze", "device": "main-meter"}         answers, but its values stand still; thaw ends it
    {"do": "thaw", "device": "main-meter"}
    {"do": "power_cycle", "device": "bay-1"}
    {"do": "fault", "device": "bay-1"}               state F; repair ends it
    {"do": "repair", "device": "bay-1"}
    {"do": "load", "node": "panel-a", "add_a": [10, 0, 0]}   on top of the node's other load, until set again
    {"do": "hold", "on": true}                       the building switches nothing on while this holds
    {"do": "plug", "device": "bay-1", "need_wh": 5000, "stay_s": 600, "phases": 3, "max_a": 16}
                                                     with "card": "04a2b3c4" its driver shows that one
    {"do": "unplug", "device": "bay-1"}
    {"do": "traffic", "on": false}                   vehicles no longer come and go by themselves
    {"do": "look"}                                   answers with the truth of this moment

The same words stand in a scenario file (TOML), each with `at_s`, seconds after the start:

    [[step]]
    at_s = 20
    do = "kill"
    device = "panel-a-meter"

and the faults that the installer has left in it from the start (edge/sim/faults.py has the kinds):

    [[fault]]
    fault = "reversed_ct"
    device = "panel-a-meter"
    phases = [1]                     # of its own: 0 is L1
"""

import tomllib
from pathlib import Path
from typing import Any, Literal

import msgspec

from edge.sim.charger import Charger
from edge.sim.depot import Depot
from edge.sim.faults import Fault
from edge.sim.meter import Meter
from edge.sim.vehicle import Vehicle


class BadOrder(Exception):
    """An order cannot be followed: which key, and what was expected."""


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """One order; which of the fields it needs depends on what it does."""

    do: Literal[
        "kill", "restore", "freeze", "thaw", "power_cycle", "fault", "repair", "load", "plug", "unplug",
        "traffic", "hold", "look",
    ]  # fmt: skip
    device: str = ""
    node: str = ""
    add_a: tuple[float, float, float] = (0.0, 0.0, 0.0)
    need_wh: float = 10_000.0
    stay_s: float = 3_600.0
    phases: Literal[1, 2, 3] = 3
    max_a: float = 16.0
    reaction_ms: int = 2_000
    card: str = ""
    on: bool = True


class Step(Order, forbid_unknown_fields=True, kw_only=True):
    """An order at a time.  at_s: seconds after the start of the simulator."""

    at_s: float


def read_scenario(path: Path) -> list[Step]:
    """Return the steps of a scenario file in the order of their times.  Raises BadOrder."""
    try:
        return sorted(
            msgspec.convert(tomllib.loads(path.read_text()).get("step", []), list[Step]),
            key=lambda step: step.at_s,
        )
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise BadOrder(f"{path}: {error}") from error


def read_faults(path: Path) -> list[Fault]:
    """Return the faults that a scenario file hides in the depot.  Raises BadOrder."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text()).get("fault", []), list[Fault])
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise BadOrder(f"{path}: {error}") from error


def obey(depot: Depot, order: Order) -> dict[str, Any]:
    """Do it, and return what there is to say.  Raises BadOrder and changes nothing."""
    if order.do == "look":
        return {"look": msgspec.to_builtins(depot.look(glance=True))}
    if order.do == "traffic":
        depot.traffic = order.on
    elif order.do == "hold":
        for load in depot.grid.loads.values():
            load.held = order.on
    elif order.do == "load":
        if order.node not in depot.grid.loads:
            raise BadOrder(f"node: {order.node!r} is none of {', '.join(depot.grid.loads)}")
        depot.grid.loads[order.node].extra_a = list(order.add_a)
    else:
        try:
            device = depot.device(order.device)
        except KeyError:
            known = ", ".join([*depot.meters, *depot.chargers])
            raise BadOrder(f"device: {order.device!r} is none of {known}") from None
        _to_device(depot, device, order)
    return {"done": order.do}


def _to_device(depot: Depot, device: Charger | Meter, order: Order) -> None:
    if order.do in ("kill", "restore"):
        device.silent = order.do == "kill"
    elif order.do in ("freeze", "thaw"):
        if not isinstance(device, Meter):
            raise BadOrder(f"device: {order.device!r} is no meter")
        device.frozen = order.do == "freeze"
    elif not isinstance(device, Charger):
        raise BadOrder(f"device: {order.device!r} is no charger")
    elif order.do in ("fault", "repair"):
        device.fault = order.do == "fault"
    elif order.do == "power_cycle":
        device.power_cycle()
    elif order.do == "unplug":
        depot.unplug(device.id)
    elif order.do == "plug":
        depot.unplug(device.id)
        stay_ms = round(order.stay_s * 1000)
        device.plug(
            Vehicle(
                f"{device.id}-ordered",
                order.need_wh,
                stay_ms,
                order.phases,
                order.max_a,
                order.reaction_ms,
                card=order.card,
            )
        )
