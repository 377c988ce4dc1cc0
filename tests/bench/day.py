"""Days in closed loop: the real core in simulated time, against published algorithms and hindsight.

An assembly: every part says in its own file what it measures, and against what.
"""

from typing import Any

from tests.bench import _parts

PARTS = _parts.there(
    {
        "transformer": "_day_transformer",  # energy under a tight, unbalanced transformer
        "fleets": "_day_fleets",  # depots of trucks, buses, vans with the utility's events
    }
)


def figures(quick: bool, only: str | None = None) -> dict[str, Any]:
    """Measure every part, or the one."""
    return _parts.figures(PARTS, quick, only)


def words(found: dict[str, Any]) -> str:
    """Return the figures as tables."""
    return _parts.words(PARTS, found)
