"""The words of sharing a limited supply: a tree of nodes, what chargers ask, what each gets.

Currents are integers in mA per phase conductor; triples are L1, L2, L3 of the site, phase rotation
already resolved.  Values only: edge/core/balance.py checks and computes.
"""

from dataclasses import dataclass


class BadProblem(ValueError):
    """The problem is malformed.  The message names id, key and what was expected."""


@dataclass(frozen=True, slots=True)
class Node:
    """A breaker, feeder or transformer.

    parent: the node that feeds it; None for exactly one node, the site.
    limit_ma: what is left there for charging; None: no limit on that phase; negative counts as 0.
    delta: how line-to-line loads count: "arithmetic", in full on both conductors, or "phasor", as
        the exact phasor sum at unity power factor (up to 15.5 % less); "delta-wye", as they load the
        lines that feed a delta-wye transformer above them: docs/formats/balance.md.
    """

    id: str
    parent: str | None
    limit_ma: tuple[int | None, int | None, int | None]
    delta: str = "arithmetic"


@dataclass(frozen=True, slots=True)
class Ask:
    """What one charger could use.

    A lawful grant is 0, or min_ma + k * step_ma <= max_ma with k >= 0; max_ma 0 asks for nothing.
    phases: the conductors that carry the grant: (2,) one phase, (1, 2, 3) three, (1, 2) line to line.
    priority, rank: lower is served first; equal ranks go by the order of the asks.
    weight: share within the priority, 1 to 1000.
    planned_ma: what of it a plan has room for, None where none does; edge/core/claims.py knows what for.
    """

    id: str
    node: str
    phases: tuple[int, ...]
    min_ma: int
    max_ma: int
    step_ma: int = 1
    priority: int = 0
    rank: int = 0
    weight: int = 1
    planned_ma: int | None = None


@dataclass(frozen=True, slots=True)
class Shares:
    """One grant per ask, what holds each back, and what every node then carries.

    because: `max`, `<node> L<n>`, `no room for the minimum at <node> L<n>` or `asks nothing`.
    used_ma: a phasor sum is rounded up to the next mA.
    """

    grants_ma: dict[str, int]
    because: dict[str, str]
    used_ma: dict[str, tuple[int, int, int]]
