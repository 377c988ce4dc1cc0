"""Which decisions are kept: one whenever a charger's grant or what holds it back has changed (I7).

The figures inside a reason move every second, and at a full node under a load that moves, grants wander by a
tenth of an ampere while two or three reasons take turns.  A row a second for each charger would wear out an
SD card (fifty bays: 600 MB a day) and tell nobody more.  So

Rule 1: a reason counts as the same as long as the place and the kind are the same.
Rule 2: a grant that moves by WANDERS_MA, or to or from nothing, is kept at once; so is a reason that was not
        kept within TURNS_MS.
Rule 3: what wanders by less, under reasons that take turns, is kept once in AGAIN_MS.
"""

from typing import NamedTuple

from edge.model.flow import AnyCommand, Keep
from edge.model.records import ChargerNow, Decision, TickRecord
from edge.model.units import MINUTE_MS

WANDERS_MA = 1_000
AGAIN_MS = MINUTE_MS
TURNS_MS = 10 * MINUTE_MS

Kinds = tuple[str, str]


class _Kept(NamedTuple):
    """What was last kept of a charger, and when each of its reasons was.  Times are monotonic."""

    granted_ma: int
    kinds: Kinds
    at_ms: int
    turns: dict[Kinds, int]


class Decisions:
    """Remembers what was last kept of every charger."""

    def __init__(self) -> None:
        self._last: dict[str, _Kept] = {}

    def step(self, record: TickRecord) -> list[AnyCommand]:
        """Return the decisions of a tick that are worth keeping."""
        rows: list[AnyCommand] = []
        for charger in record.chargers:
            kinds = (kind(charger.because), kind(charger.asked_because))
            last = self._last.get(charger.id)
            if last is None or _is_news(last, charger.granted_ma, kinds, record.at_ms):
                turns = {**(last.turns if last else {}), kinds: record.at_ms}
                turns = {k: at_ms for k, at_ms in turns.items() if record.at_ms - at_ms < TURNS_MS}
                self._last[charger.id] = _Kept(charger.granted_ma, kinds, record.at_ms, turns)
                rows.append(Keep(_decision(charger, record.wall_ms)))
        return rows


def _is_news(last: _Kept, granted_ma: int, kinds: Kinds, at_ms: int) -> bool:
    if (granted_ma, kinds) == (last.granted_ma, last.kinds):
        return False
    moved = abs(granted_ma - last.granted_ma) >= WANDERS_MA or (granted_ma == 0) != (last.granted_ma == 0)
    new = kinds not in last.turns or at_ms - last.turns[kinds] >= TURNS_MS
    return moved or new or at_ms - last.at_ms >= AGAIN_MS


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
