"""What a node will take that is not charging: the same weekday and recent days, with a margin.

Rule 1: a forecast is the mean of what that quarter of an hour was on the same weekday and on recent days,
        and the mean error of earlier forecasts on top of it.
Rule 2: what is different now fades over two hours.
Rule 3: nobody is believed above the installer's highest plausible load, nor is a node without history
        forecast: it goes on as it is.
Rule 4: power is with its sign: where a roof makes more than the node takes, it is negative, and error and
        margin make it less so.  Currents never are: what flows back makes no room.  While a meter is silent
        nothing is taken to flow back.

    fold(others, tick)      each tick; returns rows to keep, which restored() takes over at the next start
    profiles()              what a plan is to know; frozen, so that a thread may read it
    ahead(profile, ...)     one node's forecast, slot by slot
"""

from collections.abc import Mapping, Sequence

import msgspec

from edge.core.grid import Other
from edge.core.windows import quarter_of_week
from edge.model.dayplan import Four, Profile
from edge.model.flow import AnyCommand, Keep, Restored, Tick
from edge.model.records import NodeLoad
from edge.model.site import Site
from edge.model.units import HOUR_MS, MINUTE_MS

QUARTER_MS = 15 * MINUTE_MS
QUARTERS_OF_DAY = 96

# A new day counts so much against the days before it; the mean error is that of so many quarters.
NEW_DAY = (1, 3)
ERRORS = 20

FADES_MS = 2 * HOUR_MS

WATTS = 3  # the place of the power in a Four


class BaseLoad:
    """Learns the load of every metered node that is not charging."""

    def __init__(self, site: Site) -> None:
        self._timezone = site.timezone
        self._profiles = {node.id: Profile() for node in site.nodes if node.meter}
        self._sums: dict[str, list[int]] = {node: [0, 0, 0, 0, 0] for node in self._profiles}
        self._quarter = -1  # since 1970
        self._whole = False  # the quarter was seen from its beginning
        self.errors = dict.fromkeys(self._profiles, 0)  # how many forecasts were measured

    def restored(self, event: Restored) -> None:
        """Take over what the store knew: the last week, quarter by quarter."""
        for row in event.kept:
            if isinstance(row, NodeLoad) and row.node in self._profiles and 0 <= row.week_at < 672:
                self._learn(row.node, row.week_at, (row.l1_ma, row.l2_ma, row.l3_ma, row.power_w))

    def fold(self, others: Mapping[str, Other], tick: Tick) -> list[AnyCommand]:
        """Take in what flows now and is not charging; return what is to be kept of a quarter that is over."""
        if not tick.wall_trusted:
            return []
        kept: list[AnyCommand] = []
        quarter = tick.wall_ms // QUARTER_MS
        if quarter != self._quarter:
            if quarter == self._quarter + 1 and self._whole:
                kept = self._close()
            self._whole = quarter == self._quarter + 1
            self._quarter = quarter
            self._sums = {node: [0, 0, 0, 0, 0] for node in self._profiles}
        for node, sums in self._sums.items():
            other = others[node]
            if other.known:
                for n, value in enumerate((*other.now_ma, _watts(other), 1)):
                    sums[n] += value
        return kept

    def _close(self) -> list[AnyCommand]:
        """Put the quarter that has ended into the profiles."""
        begun_ms = self._quarter * QUARTER_MS
        week_at = quarter_of_week(begun_ms, self._timezone)
        kept: list[AnyCommand] = []
        for node, (l1, l2, l3, watts, count) in self._sums.items():
            if not count:
                continue
            mean: Four = (l1 // count, l2 // count, l3 // count, watts // count)
            self._learn(node, week_at, mean)
            kept.append(Keep(NodeLoad(week_at, node, begun_ms, *mean)))
        return kept

    def _learn(self, node: str, week_at: int, mean: Four) -> None:
        """Measure what was said of a quarter of the week, then learn from it."""
        day_at = week_at % QUARTERS_OF_DAY
        was = self._profiles[node]
        said = _usual(was, week_at)
        error = was.error
        if said is not None:
            a, b, c, d = (abs(m - s) for m, s in zip(mean, said, strict=True))
            self.errors[node] += 1
            error = _blend(error, (a, b, c, d), (1, min(self.errors[node], ERRORS)))
        day, week = list(was.day), list(was.week)
        day[day_at] = _blend(day[day_at], mean, NEW_DAY)
        week[week_at] = _blend(week[week_at], mean, NEW_DAY)
        self._profiles[node] = Profile(None, tuple(day), tuple(week), error)

    def profiles(self, others: Mapping[str, Other]) -> dict[str, Profile]:
        """Return what is known of every metered node, with what flows now."""
        return {
            node: msgspec.structs.replace(profile, now=_now(others[node]))
            for node, profile in self._profiles.items()
        }

    def error_w(self, node: str) -> int | None:
        """Return by how much forecasts of a node were off in the mean; None before one was measured."""
        return self._profiles[node].error[3] if self.errors.get(node) else None


def _watts(other: Other) -> int:
    return other.now_w if other.net_w is None else other.net_w


def _now(other: Other) -> Four | None:
    return (*other.now_ma, _watts(other)) if other.known else None


def _blend(old: Four | None, new: Four, share: tuple[int, int]) -> Four:
    if old is None:
        return new
    over, under = share
    a, b, c, d = (o + (n - o) * over // under for o, n in zip(old, new, strict=True))
    return (a, b, c, d)


def _usual(profile: Profile, week_at: int) -> Four | None:
    """Return what that quarter of the week usually is; None where there is no history."""
    known = [v for v in (profile.week[week_at], profile.day[week_at % QUARTERS_OF_DAY]) if v is not None]
    if not known:
        return None
    a, b, c, d = (sum(column) // len(known) for column in zip(*known, strict=True))
    return (a, b, c, d)


def quarters(wall_ms: int, slot_ms: int, slots: int, timezone: str) -> list[int]:
    """Return the quarter of the local week now, and then those of the middles of the slots from now on."""
    moments = [wall_ms, *(wall_ms + slot * slot_ms + slot_ms // 2 for slot in range(slots))]
    return [quarter_of_week(moment, timezone) for moment in moments]


def ahead(profile: Profile, most: Four, slot_ms: int, quarters_: Sequence[int]) -> list[Four]:
    """Return a node's forecast for every slot from now on.

    most: the highest plausible load, which counts where nothing is known.  quarters_: of quarters().
    """
    usually = {quarter: _usual(profile, quarter) for quarter in set(quarters_)}
    usual_now = usually[quarters_[0]]
    found: list[Four] = []
    for slot, quarter in enumerate(quarters_[1:]):
        into_ms = slot * slot_ms
        usual = usually[quarter]
        if usual is None:
            l1, l2, l3, watts = profile.now or most
            found.append(_at_most((l1, l2, l3, max(0, watts)), most))
            continue
        values = []
        for n in range(4):
            more = 0
            if profile.now is not None and usual_now is not None and into_ms < FADES_MS:
                more = (profile.now[n] - usual_now[n]) * (FADES_MS - into_ms) // FADES_MS
            value = usual[n] + more + profile.error[n]
            values.append(value if n == WATTS and profile.now is not None else max(0, value))
        found.append(_at_most((values[0], values[1], values[2], values[3]), most))
    return found


def _at_most(four: Four, most: Four) -> Four:
    return (min(four[0], most[0]), min(four[1], most[1]), min(four[2], most[2]), min(four[3], most[3]))
