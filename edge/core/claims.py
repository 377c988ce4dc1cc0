"""Who gets the room first: what is planned, then whoever can start, then all who can use more.

A plan that keeps every limit for hours ahead is only worth something if the second follows it: were all the
room shared by what vehicles could use, those that the plan has wait would take it from those that it serves.

Rule 1: where everybody gets all that they ask for, there is nothing to decide.
Rule 2: first comes what is planned, each rounded down to a setpoint; who follows no plan, or has fallen
        behind it, claims all that it asks for.  Among these priority, rank and weight hold.
Rule 3: then minimums for those who have nothing yet, and at last more for everybody, in the same order.
        Nobody loses what an earlier round gave.
"""

from collections.abc import Sequence
from dataclasses import replace

from edge.core import balance
from edge.model.sharing import Ask, Node, Shares

# Before every stated priority: what an earlier round has given is not given anew.
GIVEN = -(2**31 - 1)

SATISFIED = ("max", "asks nothing")


def share(nodes: Sequence[Node], asks: Sequence[Ask]) -> Shares:
    """Return the share of every charger."""
    shares = balance.share(nodes, asks)
    if all(a.planned_ma is None for a in asks) or all(b in SATISFIED for b in shares.because.values()):
        return shares
    planned = balance.share(nodes, [_planned(a) for a in asks]).grants_ma
    started = balance.share(nodes, [_start(a, planned[a.id]) for a in asks])
    last = balance.share(nodes, [_more(a, started.grants_ma[a.id]) for a in asks])
    because = {a.id: last.because[a.id] if started.grants_ma[a.id] else started.because[a.id] for a in asks}
    return Shares(last.grants_ma, because, last.used_ma)


def _planned(ask: Ask) -> Ask:
    """Return an ask for what is planned."""
    if ask.planned_ma is None or ask.max_ma == 0:
        return ask
    most_ma = min(ask.planned_ma, ask.max_ma)
    if most_ma < ask.min_ma:
        return replace(ask, max_ma=0)
    return replace(ask, max_ma=most_ma - (most_ma - ask.min_ma) % ask.step_ma)


def _start(ask: Ask, given_ma: int) -> Ask:
    """Return an ask for what has been given, or else for the minimum."""
    if given_ma:
        return replace(ask, min_ma=given_ma, max_ma=given_ma, priority=GIVEN)
    return replace(ask, max_ma=min(ask.min_ma, ask.max_ma))


def _more(ask: Ask, given_ma: int) -> Ask:
    """Return an ask for more than has been given; for nothing where that was nothing."""
    return replace(ask, min_ma=given_ma) if given_ma else replace(ask, max_ma=0)
