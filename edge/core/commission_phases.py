"""Which phases are swapped where: the fewest wrong wires that explain what one-phase vehicles have shown.

A charger whose L1 is on another phase than drawn looks wrong to all of its meters; a meter whose phases are
swapped sees all of its chargers wrong.  Hypotheses are meters with another order of phases; what they leave
unexplained are chargers.  One is taken up after the other while it leaves fewer devices to blame.
"""

from collections.abc import Mapping
from itertools import permutations

Order = tuple[int, ...]

AS_DRAWN: Order = (0, 1, 2)

# Other orders, those that move fewest phases first.
ORDERS: list[Order] = sorted(permutations(range(3)), key=lambda o: sum(o[p] != p for p in range(3)))[1:]

# What a charger costs that is not as drawn, and one whose meters contradict each other: that cannot be.
ROTATED, CONTRADICTED = 1, 3

Sees = Mapping[tuple[str, str], int]


def orders(drawn: Mapping[str, int], sees: Sees) -> dict[str, Order]:
    """Return the order of phases at every meter that has seen somebody.

    drawn: the site phase that each charger's vehicle should be on.  sees: (charger, meter) -> site phase on
    which the meter, as drawn, has seen it.
    Returns meter -> at which of its phases, as drawn, each phase of the site really is.
    """
    found = {meter: AS_DRAWN for _, meter in sees}
    cost = _cost(drawn, sees, found)
    while cost:
        tried = [{**found, m: order} for m in found if found[m] == AS_DRAWN for order in ORDERS]
        costs = [_cost(drawn, sees, one) for one in tried]
        if not costs or min(costs) >= cost:
            break
        cost = min(costs)
        found = tried[costs.index(cost)]
    return found


def real(charger: str, sees: Sees, at: Mapping[str, Order]) -> set[int]:
    """Return the phases on which a charger really is, as its meters say when their order is undone."""
    return {at[meter].index(phase) for (name, meter), phase in sees.items() if name == charger}


def _cost(drawn: Mapping[str, int], sees: Sees, at: Mapping[str, Order]) -> int:
    cost = sum(order != AS_DRAWN for order in at.values())
    for charger, phase in drawn.items():
        found = real(charger, sees, at)
        cost += CONTRADICTED if len(found) > 1 else ROTATED if found - {phase} else 0
    return cost
