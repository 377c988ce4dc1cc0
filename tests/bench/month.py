"""Months in closed loop: the real core in simulated time.

An assembly: every part says in its own file what it measures, and against what.
"""

from typing import Any

from tests.bench import _parts

PARTS = _parts.there(
    {
        "cost": "_month_cost",  # what a month costs with a demand charge, against hindsight
        "second": "_month_second",  # a month of decisions at 1 Hz
    }
)


def figures(quick: bool, only: str | None = None) -> dict[str, Any]:
    """Measure every part, or the one."""
    return _parts.figures(PARTS, quick, only)


def words(found: dict[str, Any]) -> str:
    """Return the figures as tables."""
    return _parts.words(PARTS, found)
