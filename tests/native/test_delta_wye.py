"""The lines that feed a delta-wye transformer: what README.md claims, by complex numbers alone."""

import cmath
import math
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core import balance
from edge.model.sharing import Ask, Node

KINDS = [(1,), (2,), (1, 2), (3,), (1, 3), (2, 3), (1, 2, 3)]
VOLT = {p: cmath.rect(1, -2 * math.pi / 3 * (p - 1)) for p in (1, 2, 3)}


def feeds(amounts):
    """Return the three line currents, referred to the secondary side; amounts in the order of KINDS."""
    winding = dict.fromkeys((1, 2, 3), 0j)
    for kind, amount in zip(KINDS, amounts, strict=True):
        for p in kind:
            others = [VOLT[q] for q in kind if q != p]
            winding[p] += amount * ((VOLT[p] - others[0]) / math.sqrt(3) if len(kind) == 2 else VOLT[p])
    return [abs(winding[p] - winding[q]) / math.sqrt(3) for p, q in ((1, 3), (2, 1), (3, 2))]


def test_the_highest_line_never_rises_when_any_load_falls():
    dice = random.Random(20260101)
    fell_and_rose = 0
    for _ in range(20_000):
        before = [dice.choice([0.0, dice.random(), 10 * dice.random()]) for _ in KINDS]
        after = [ma * dice.choice([0.0, 1.0, 1.0, dice.random()]) for ma in before]
        was, now = feeds(before), feeds(after)
        assert max(now) <= max(was) * (1 + 1e-12)
        fell_and_rose += any(b > a + 1e-9 for a, b in zip(was, now, strict=True))
    assert fell_and_rose > 100  # a single line does rise: the lowest limit must hold for all three


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 40_000), min_size=7, max_size=7), st.integers(0, 200_000))
def test_what_is_granted_keeps_every_line_within_the_lowest_limit(most, limit_ma):
    limits = (limit_ma, None, limit_ma + 5_000)
    nodes = [Node("feed", None, limits, "delta-wye"), Node("panel", "feed", (60_000,) * 3, "phasor")]
    asks = [Ask(f"c{n}", "panel", kind, 0, ma) for n, (kind, ma) in enumerate(zip(KINDS, most, strict=True))]
    shares = balance.share(nodes, asks)
    carried = feeds([shares.grants_ma[ask.id] for ask in asks])
    assert max(carried) <= limit_ma + 1e-6
    for used, figure in zip(shares.used_ma["feed"], carried, strict=True):
        assert figure - 1e-6 <= used <= figure + 1 + 1e-6


def test_a_transformer_by_its_rating():
    """30 kVA, 480 to 208 V: 36.08 A in each line above, 83.27 A below.  One pair alone has 15 kVA."""
    rating = round(30_000 / (math.sqrt(3) * 208) * 1000)
    nodes = [
        Node("primary", None, (rating,) * 3, "delta-wye"),
        Node("bus", "primary", (rating,) * 3, "phasor"),
    ]
    one = balance.share(nodes, [Ask("ab", "bus", (1, 2), 0, 400_000)])
    assert one.grants_ma["ab"] == math.floor(rating * math.sqrt(3) / 2)
    every = [Ask(str(kind), "bus", kind, 0, 400_000) for kind in ((1, 2), (2, 3), (1, 3))]
    grants = balance.share(nodes, every).grants_ma
    assert all(abs(ma - rating / math.sqrt(3)) < 2 for ma in grants.values())
