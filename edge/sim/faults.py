"""Faults as installers leave them, put into a simulated depot where the site file says otherwise.

A scenario file names them in [[fault]] tables (edge/sim/orders.py).  They are what commissioning has to find
(docs/commissioning.md); nothing of the product may read them here.
"""

from typing import Literal, get_args

import msgspec

from edge.sim.charger import Charger
from edge.sim.depot import Depot
from edge.sim.meter import Meter

Kind = Literal[
    "swapped_meter", "swapped_charger", "reversed_ct", "wrong_ratio", "doubled_unit", "ignores_limits",
    "unarmed_fallback", "wrong_parent",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)

# What each of them is called when commissioning finds it.
FOUND_AS: dict[Kind, str] = {
    "swapped_meter": "meter phases swapped",
    "swapped_charger": "charger phases swapped",
    "reversed_ct": "reversed CT",
    "wrong_ratio": "wrong ratio",
    "doubled_unit": "doubled unit",
    "ignores_limits": "ignores limits",
    "unarmed_fallback": "fallback not armed",
    "wrong_parent": "wrong parent",
}


class BadFault(ValueError):
    """A fault cannot be put in: which key, and what was expected."""


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One fault.

    phases: of a reversed CT, its phases; of swapped phases, the two that are swapped; 0 is the device's L1.
    factor: of a wrong ratio, what the meter shows for 1.  node: of a wrong parent, what really feeds it.
    """

    fault: Kind
    device: str
    phases: tuple[int, ...] = ()
    factor: float = 1.0
    node: str = ""

    def __post_init__(self) -> None:
        if any(p not in (0, 1, 2) for p in self.phases):
            raise ValueError(f"phases: {list(self.phases)}, expected some of 0, 1, 2")


def put(depot: Depot, fault: Fault) -> None:
    """Put one fault in.  Raises BadFault and changes nothing."""
    try:
        device = depot.device(fault.device)
    except KeyError:
        known = ", ".join([*depot.meters, *depot.chargers])
        raise BadFault(f"device: {fault.device!r} is none of {known}") from None
    if fault.fault == "doubled_unit":
        device.doubled = True
    elif isinstance(device, Meter):
        _in_meter(device, fault)
    else:
        _in_charger(depot, device, fault)


def _in_meter(meter: Meter, fault: Fault) -> None:
    match fault.fault:
        case "swapped_meter" if len(set(fault.phases)) == 2:
            one, other = fault.phases
            order = list(meter.phases)
            order[one], order[other] = order[other], order[one]
            meter.phases = tuple(order)
        case "reversed_ct" if fault.phases:
            meter.reversed = frozenset(fault.phases)
        case "wrong_ratio":
            meter.factor = fault.factor
        case _:
            raise BadFault(f"fault: {fault.fault!r} with phases {list(fault.phases)} is none of a meter")


def _in_charger(depot: Depot, charger: Charger, fault: Fault) -> None:
    match fault.fault:
        case "swapped_charger" if len(set(fault.phases)) == 2 and len(charger.phases) == 3:
            one, other = fault.phases
            order = list(charger.phases)
            order[one], order[other] = order[other], order[one]
            charger.phases = tuple(order)
        case "ignores_limits":
            charger.ignores = True
        case "unarmed_fallback":
            charger.unarmed = True
        case "wrong_parent":
            try:
                depot.rewire(charger.id, fault.node)
            except KeyError:
                raise BadFault(f"node: {fault.node!r} is no node of the site") from None
        case _:
            raise BadFault(f"fault: {fault.fault!r} with phases {list(fault.phases)} is none of a charger")
