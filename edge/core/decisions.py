"""Which decisions are kept: one whenever a charger's grant or what holds it back has changed (I7).

The figures inside a reason move every second; a row a second for each charger would wear out an SD card and
tell nobody more.  So a reason counts as the same as long as the place and the kind are the same, and a grant
that wanders under the same reasons, by less than WANDERS_MA, is kept once in AGAIN_MS: what it follows then,
the load beside it, is in the reason's figures.  To nothing and from nothing is always kept.
"""

from typing import NamedTuple

from edge.model.flow import AnyCommand, Keep
from edge.model.records import ChargerNow, Decision, TickRecord
from edge.model.units import MINUTE_MS

WANDERS_MA = 1_000
AGAIN_MS = MINUTE_MS


class _Kept(NamedTuple):
    """What was last kept of a charger."""

    granted_ma: int
    kinds: tuple[str, str]
    at_ms: int


class Decisions:
    """Remembers what was last kept of every charger."""

    def __init__(self) -> None:
        self._last: dict[str, _Kept] = {}

    def step(self, record: TickRecord) -> list[AnyCommand]:
        """Return the decisions of a tick that are worth keeping."""
        rows: list[AnyCommand] = []
        for charger in record.chargers:
            now = _Kept(
                charger.granted_ma, (kind(charger.because), kind(charger.asked_because)), record.at_ms
            )
            if _is_news(self._last.get(charger.id), now):
                self._last[charger.id] = now
                rows.append(Keep(_decision(charger, record.wall_ms)))
        return rows


def _is_news(last: _Kept | None, now: _Kept) -> bool:
    if last is None or last.kinds != now.kinds:
        return True
    if last.granted_ma == now.granted_ma:
        return False
    wandered = abs(now.granted_ma - last.granted_ma) < WANDERS_MA and last.granted_ma and now.granted_ma
    return not wandered or now.at_ms - last.at_ms >= AGAIN_MS


def kind(because: str) -> str:
    """Return a reason without its figures: the words before the first colon that are no numbers."""
    return " ".join(word for word in because.split(":", 1)[0].split() if not word[0].isdigit())


def _decision(charger: ChargerNow, wall_ms: int) -> Decision:
    return Decision(
        wall_ms=wall_ms,
        charger=charger.id,
        current_ma=charger.granted_ma,
        because=charger.because,
        asked_ma=charger.asked_ma,
        asked_because=charger.asked_because,
        detail=f"state {charger.state}, may draw {charger.may_draw_ma} mA",
    )
