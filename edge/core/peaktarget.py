"""How high the month's demand will be in any case, and who is still to come today: learned, never certain.

    learned = PeakTarget(timezone); learned.restored(event); learned.came(session); learned.months(rows)
    learned.aim(wall_ms, windows) -> PeakAim      a few tuples, made in a tick
    later(aim) -> list[Later]                     in the planner's thread: who comes later, as groups
    most_w(aim, slot_ms, slots) -> list[int]      the load of who comes later, on one day in twenty

A demand charge is on the month's one highest interval.  A planner that sees only who is there pays for it a
bit every day: first it holds the peak lower than the month will allow, for nothing; then it raises it late,
when those who come later have nowhere else to go.  So it is told both what the month will need, and whom to
expect.

Rule 1: the target is a little less than the mean of the optimal peaks of up to three months before, as they
        would have been under this month's prices (MonthPeak): what is too high is paid for in full, what is
        too low is raised when somebody needs it.  What is reached already counts where it is more.
Rule 2: who comes later is who came later on recent days of this kind, working days or not: on average to
        plan for, and on one day in twenty to leave room for.
Rule 3: nobody is expected on fewer than three days of history, nor at a charger with a charge window: who
        comes there is known by it.
Rule 4: all of this only moves when is charged.  No vehicle goes short for who may come.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from edge.core.windows import day_and_minute
from edge.model.dayplan import Came, PeakAim
from edge.model.flow import AnyCommand, Keep, MonthsLearned, Restored
from edge.model.records import Session
from edge.model.site import Window
from edge.model.trends import MonthPeak
from edge.model.units import MINUTE_MS

MONTHS = 3
SHARE_PM = 950
DAYS = 20
DAYS_LEAST = 3

# So far back rows are of use: twenty days of a weekend kind are ten weeks.
LOOKS_BACK_MS = 75 * 24 * 60 * MINUTE_MS

# Groups of who comes: by half hours, and by stays up to two hours, up to five, longer.
GROUP_MIN = 30
STAYS_MIN = (120, 300)

# The load that stays below this on so many days of a hundred.
DAYS_OF_100 = 95

_SATURDAY = 5


class Later(NamedTuple):
    """A group that is expected, in minutes from now.  energy_wh: on average.  most_w: all it can take."""

    from_min: int
    to_min: int
    energy_wh: int
    most_w: int


class PeakTarget:
    """What one site has learned of its peaks.  Rows in, what a plan is to know out."""

    def __init__(self, timezone: str) -> None:
        self._timezone = timezone
        self._days: dict[date, dict[str, Came]] = {}  # by session
        self._peaks: dict[str, MonthPeak] = {}

    def restored(self, event: Restored) -> None:
        """Take over what the store knew: sessions of the last weeks, peaks of the last months."""
        for row in event.kept:
            if isinstance(row, Session):
                self.came(row)
            elif isinstance(row, MonthPeak):
                self._peaks[row.month] = row

    def fold(self, commands: list[AnyCommand]) -> list[AnyCommand]:
        """Take in the sessions among rows that are to be kept; return the same commands."""
        for command in commands:
            if isinstance(command, Keep) and isinstance(command.row, Session):
                self.came(command.row)
        return commands

    def came(self, session: Session) -> None:
        """Take in a session that is over."""
        if session.end_wall_ms is None or session.energy_wh <= 0:
            return
        day, at_min = day_and_minute(session.start_wall_ms, self._timezone)
        stay_min = max(1, (session.end_wall_ms - session.start_wall_ms) // MINUTE_MS)
        came = Came(at_min, stay_min, session.energy_wh, session.charger)
        self._days.setdefault(day, {})[session.id] = came
        if len(self._days) > LOOKS_BACK_MS // (24 * 60 * MINUTE_MS):
            del self._days[min(self._days)]

    def months(self, event: MonthsLearned) -> None:
        """Take in what the months before would have needed under this month's prices."""
        self._peaks = {row.month: row for row in event.peaks}

    def aim(self, wall_ms: int, windows: Iterable[Window] = ()) -> PeakAim | None:
        """Return what a plan is to know; None where nothing is known.

        windows: who comes to their chargers is known by them.
        """
        today, now_min = day_and_minute(wall_ms, self._timezone)
        planned = {window.charger for window in windows}
        alike = sorted(day for day in self._days if day < today and _rests(day) == _rests(today))[-DAYS:]
        days = [tuple(c for c in self._days[day].values() if c.charger not in planned) for day in alike]
        months = [self._peaks[name] for name in sorted(self._peaks) if name < f"{today:%Y-%m}"]
        target = target_w([row.peak_w for row in months])
        if target == 0 and len(days) < DAYS_LEAST:
            return None
        return PeakAim(target, now_min, tuple(days) if len(days) >= DAYS_LEAST else ())


def _rests(day: date) -> bool:
    return day.weekday() >= _SATURDAY


def target_w(peaks_w: Sequence[int]) -> int:
    """Return the demand that will be reached in any case.  peaks_w: of the months before, in their order."""
    last = peaks_w[-MONTHS:]
    return sum(last) * SHARE_PM // (1000 * len(last)) if last else 0


def later(aim: PeakAim, full_w: Mapping[str, int]) -> list[Later]:
    """Return who is expected today after this minute, in groups that come and go about together.

    full_w: what each charger can give.
    """
    groups: dict[tuple[int, int], list[Came]] = {}
    for day in aim.days:
        for came in day:
            if came.at_min > aim.now_min:
                kind = sum(came.stay_min > most for most in STAYS_MIN)
                groups.setdefault((came.at_min // GROUP_MIN, kind), []).append(came)
    found = [_group(groups[key], aim, full_w) for key in sorted(groups)]
    return [group for group in found if group.energy_wh > 0]


def _group(those: list[Came], aim: PeakAim, full_w: Mapping[str, int]) -> Later:
    days, energy_wh = len(aim.days), sum(c.energy_wh for c in those)
    from_min = sum(c.at_min for c in those) // len(those) - aim.now_min
    stay_min = sum(c.energy_wh * c.stay_min for c in those) // energy_wh
    mean_w = -(-energy_wh * 60 // (days * stay_min))
    most_w_ = sum(full_w.get(c.charger, 0) for c in those) // days
    return Later(from_min, from_min + stay_min, energy_wh // days, max(mean_w, most_w_))


def most_w(aim: PeakAim, slot_ms: int, slots: int) -> list[int]:
    """Return the load of who comes later, slot by slot from now on, that one day in twenty exceeds.

    Everybody counts with the mean power that he needed while he was there.
    """
    if not aim.days:
        return [0] * slots
    loads = [_load(day, aim.now_min, slot_ms // MINUTE_MS, slots) for day in aim.days]
    at = (len(loads) - 1) * DAYS_OF_100 / 100
    below, share = int(at), at - int(at)
    found = []
    for values in zip(*loads, strict=True):
        ordered = sorted(values)
        above = ordered[min(below + 1, len(ordered) - 1)]
        found.append(round(ordered[below] + (above - ordered[below]) * share))
    return found


def _load(day: tuple[Came, ...], now_min: int, slot_min: int, slots: int) -> list[int]:
    """Return one day's load of those who came after this minute."""
    change = [0] * (slots + 1)
    for came in day:
        first = (came.at_min - now_min) // slot_min
        if came.at_min <= now_min or first >= slots:
            continue
        last = min(slots, max(first + 1, first + came.stay_min // slot_min))
        mean_w = came.energy_wh * 60 // came.stay_min
        change[first] += mean_w
        change[last] -= mean_w
    found, load = [], 0
    for step in change[:slots]:
        load += step
        found.append(load)
    return found
