"""What is learned of bays and vehicles from recorded stays, and what a vehicle without a window gets by it.

    learned = Learned(site, holidays)
    learned.restored(event)          learned.ended(session)          learned.forgotten(charger, wall_ms)
    learned.stay(charger, guest, wall_ms) -> Stay | None      for a vehicle without a window that holds
    learned.expected(wall_ms) -> windows                      who is to come by habit
    learned.taper_ms(charger, vehicle)                        how much longer the last part takes
    learned.now(wall_ms) -> rows for people, with how far the last predictions were off

Rule 1: the operator's default is the least that is promised: what is learned may make it earlier and more.
        Without a default, nothing that is learned is acted upon.
Rule 2: a vehicle that is known, and has stayed often enough, is taken by its own stays; others by the bay's.
Rule 3: what was said of a stay is measured when it is over, before anything is learned from it.
Rule 4: what is said of a stay depends on the stays before it alone, so a restart says the same.
"""

from collections import deque
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from edge.core import habits, holidays
from edge.core.fleet import Fleet, Guest
from edge.core.habits import DAY_MIN, Habit, Past, Usual
from edge.core.windows import Stay, wall_at
from edge.model.flow import Restored
from edge.model.learning import LearnedNow
from edge.model.records import Forgotten, Session
from edge.model.site import Charger, DefaultWindow, Site, Window
from edge.model.units import HOUR_MS, MINUTE_MS

# So many stays are kept of each bay and vehicle, and so many errors.
KEPT = 40
ERRORS = 20

# Less is no stay: a test, a plug that was turned round.
LEAST_MS = 10 * MINUTE_MS

# Who drove off before it was full is taken to have needed so much more than it got.
CUT_SHORT = (5, 4)

# A guess does not promise more than this share of what the charger gives in the time.
AT_MOST = (9, 10)

# The taper is learned from so many of the last stays; it counts where half of them had one.
TAPERS = 10


class Missed(NamedTuple):
    """How far what was said of a stay was off.  arrival_min: None where nobody was expected."""

    arrival_min: int | None
    leaves_min: int
    need_wh: int
    early: bool
    more: bool


class Learned:
    """The stays of every bay and of every vehicle that is known."""

    def __init__(self, site: Site, holiday_rules: tuple[str, ...] = ()) -> None:
        self._site = site
        self._zone = ZoneInfo(site.timezone)
        self._rules = holiday_rules
        self._fleet = Fleet(site)
        self._chargers = {c.id: c for c in site.chargers}
        self._past: dict[str, deque[Past]] = {}
        self._missed: dict[str, deque[Missed]] = {}
        self._forgotten: dict[str, int] = {}
        self._of_day: tuple[date, dict[str, list[Habit]]] | None = None
        self._now: tuple[LearnedNow, ...] | None = None

    # --- learning -----------------------------------------------------------------------------------

    def restored(self, event: Restored) -> None:
        """Take over what the store knew: stays that are over, in order of time, and what was forgotten."""
        for row in event.kept:
            if isinstance(row, Forgotten):
                self.forgotten(row.charger, row.wall_ms)
        ended = [row for row in event.kept if isinstance(row, Session) and row.end_wall_ms is not None]
        for row in sorted(ended, key=lambda row: row.start_wall_ms):
            self.ended(row)

    def forgotten(self, charger: str, wall_ms: int) -> None:
        """Forget the stays of a bay that began before a time."""
        self._forgotten[charger] = wall_ms
        self._past.pop(charger, None)
        self._missed.pop(charger, None)
        self._of_day = self._now = None

    def ended(self, row: Session) -> None:
        """Measure what would have been said of a stay that is over, then learn from it."""
        end_ms = row.end_wall_ms
        if end_ms is None or row.charger not in self._chargers or row.end_reason != "unplugged":
            return
        if row.duration_ms < LEAST_MS:
            return  # who got nothing, because it was made to wait, was there all the same
        past = self._past_of(row, end_ms)
        if row.start_wall_ms >= self._forgotten.get(row.charger, 0):
            missed = self._missed_by(row.charger, past)
            if missed is not None:
                self._missed.setdefault(row.charger, deque(maxlen=ERRORS)).append(missed)
            self._past.setdefault(row.charger, deque(maxlen=KEPT)).append(past)
        vehicle = self._fleet.of_session(row.vehicle, row.driver)
        if vehicle is not None:
            self._past.setdefault(_key(vehicle.id), deque(maxlen=KEPT)).append(past)
        self._of_day = self._now = None

    def _past_of(self, row: Session, end_ms: int) -> Past:
        begin = datetime.fromtimestamp(row.start_wall_ms / 1000, self._zone)
        end = datetime.fromtimestamp(end_ms / 1000, self._zone)
        over, under = CUT_SHORT if row.stop == "unplugged" else (1, 1)
        return Past(
            day=begin.date(),
            off=self._is_off(begin.date()),
            minute=begin.hour * 60 + begin.minute,
            leaves=(end.date() - begin.date()).days * DAY_MIN + end.hour * 60 + end.minute,
            need_wh=row.energy_wh * over // under,
            tapered_ms=row.tapered_ms,
        )

    def _missed_by(self, charger: str, stay: Past) -> Missed | None:
        past = self._past.get(charger, ())
        said = habits.usual(tuple(past), stay.minute, stay.off)
        if said is None:
            return None
        came = [h.minute for h in habits.habits(tuple(past), stay.day) if h.off == stay.off]
        apart = min((abs(minute - stay.minute) for minute in came), default=None)
        return Missed(
            apart,
            abs(stay.leaves - said.typical_leaves),
            abs(stay.need_wh - said.typical_need_wh),
            stay.leaves < said.leaves,
            stay.need_wh > said.need_wh,
        )

    def _is_off(self, day: date) -> bool:
        return day.weekday() >= 5 or day in holidays.of_year(self._rules, day.year)

    # --- who is there -------------------------------------------------------------------------------

    def stay(self, charger: str, guest: Guest, wall_ms: int) -> Stay | None:
        """Return the stay of a vehicle without a window; None without a default, and once it is over."""
        default = self._site.default_window
        if default is None:
            return None
        since = guest.since_wall_ms
        found, whose = self._usual(charger, guest)
        begin = datetime.fromtimestamp(since / 1000, self._zone)
        by_default = self._default_by(default, since, begin)
        ready, need_wh, because = by_default, default.need_wh, "no window: by the default"
        if found is not None:
            leaves = wall_at(begin.date(), found.leaves, self._site.timezone)
            ready, need_wh = min(ready, leaves), max(need_wh, found.need_wh)
            because = self._says(found, whose, leaves, by_default)
        need_wh = min(need_wh, self._most_wh(self._chargers[charger], ready - since))
        if wall_ms >= ready or need_wh <= 0:
            return None
        minute = begin.hour * 60 + begin.minute
        by = datetime.fromtimestamp(ready / 1000, self._zone)
        window = Window(
            id=f"usual/{charger}",
            charger=charger,
            from_min=minute,
            ready_by_min=by.hour * 60 + by.minute,
            need_wh=need_wh,
            priority=default.priority,
            source="default" if found is None else "learned",
        )
        return Stay(window, since, ready, because)

    def _usual(self, charger: str, guest: Guest) -> tuple[Usual | None, str]:
        """Return what is usual of a vehicle, else of the bay, and of which of them it is."""
        begin = datetime.fromtimestamp(guest.since_wall_ms / 1000, self._zone)
        minute, off = begin.hour * 60 + begin.minute, self._is_off(begin.date())
        if guest.vehicle is not None:
            own = self._past.get(_key(guest.vehicle.id), ())
            found = habits.usual(tuple(own), minute, off)
            if found is not None:
                return found, guest.vehicle.name or guest.vehicle.id
        return habits.usual(tuple(self._past.get(charger, ())), minute, off), charger

    def _says(self, found: Usual, whose: str, leaves_ms: int, by_default_ms: int) -> str:
        """Return where a stay is taken from: "… left at 16:40 or later in 13 of 14"."""
        clock = f"{datetime.fromtimestamp(leaves_ms / 1000, self._zone):%H:%M}"
        text = (
            f"no window: taken from {found.stays} stays of {whose}, "
            f"left at {clock} or later in {found.kept} of {found.stays}"
        )
        return text + ("; by the default earlier" if by_default_ms < leaves_ms else "")

    def _default_by(self, default: DefaultWindow, since_ms: int, begin: datetime) -> int:
        """Return by when a vehicle is ready by the default."""
        ends = [since_ms + default.stay_ms] if default.stay_ms else []
        if default.ready_by_min is not None:
            ready = wall_at(begin.date(), default.ready_by_min, self._site.timezone)
            if ready <= since_ms:
                tomorrow = begin.date() + timedelta(days=1)
                ready = wall_at(tomorrow, default.ready_by_min, self._site.timezone)
            ends.append(ready)
        return min(ends)

    def _most_wh(self, charger: Charger, for_ms: int) -> int:
        over, under = AT_MOST
        most_w = charger.max_ma * len(charger.phases) * self._site.voltage_v // 1000
        return most_w * for_ms // HOUR_MS * over // under

    def taper_ms(self, charger: str, guest: Guest) -> int:
        """Return how much longer the last part of a charge takes than at full power, in nine of ten stays."""
        past: Iterable[Past] = ()
        if guest.vehicle is not None:
            past = self._past.get(_key(guest.vehicle.id), ())
        lost = [each.tapered_ms for each in (past or self._past.get(charger, ()))][-TAPERS:]
        lost.sort()
        if len(lost) < 2 or not lost[(len(lost) - 1) // 2]:
            return 0
        return lost[-1 - len(lost) // habits.ONE_IN]

    # --- who is to come -----------------------------------------------------------------------------

    def expected(self, wall_ms: int) -> list[Window]:
        """Return windows for who comes by habit, today and tomorrow; none without a default."""
        if self._site.default_window is None:
            return []
        today = datetime.fromtimestamp(wall_ms / 1000, self._zone).date()
        days = [(day, self._is_off(day)) for day in (today - timedelta(1), today, today + timedelta(1))]
        return [
            self._window(charger, habit, day)
            for charger, own in self._habits(today).items()
            for habit in own
            for day, off in days
            if habit.off == off
        ]

    def _habits(self, today: date) -> dict[str, list[Habit]]:
        if self._of_day is None or self._of_day[0] != today:
            found = {c: habits.habits(tuple(p), today) for c, p in self._past.items() if c in self._chargers}
            self._of_day = (today, found)
            self._now = None
        return self._of_day[1]

    def _window(self, charger: str, habit: Habit, day: date) -> Window:
        default = self._site.default_window
        assert default is not None
        length = min(habit.usual.leaves - habit.minute, DAY_MIN - 1)
        if default.stay_ms:
            length = min(length, default.stay_ms // MINUTE_MS, DAY_MIN - 1)
        return Window(
            id=f"usual/{charger}/{habit.minute}/{day}",
            charger=charger,
            from_min=habit.minute,
            ready_by_min=(habit.minute + max(1, length)) % DAY_MIN,
            need_wh=habit.usual.typical_need_wh,
            priority=default.priority,
            source="learned",
            dates=(day.isoformat(),),
        )

    # --- for people ---------------------------------------------------------------------------------

    def now(self, wall_ms: int) -> tuple[LearnedNow, ...]:
        """Return what is usual at each bay, and how far the last predictions were off."""
        today = datetime.fromtimestamp(wall_ms / 1000, self._zone).date()
        known = self._habits(today)
        if self._now is None:
            used = self._site.default_window is not None
            self._now = tuple(
                self._row(charger, habit, used) for charger, own in known.items() for habit in own
            )
        return self._now

    def _row(self, charger: str, habit: Habit, used: bool) -> LearnedNow:
        missed = list(self._missed.get(charger, ()))
        arrivals = [m.arrival_min for m in missed if m.arrival_min is not None]
        return LearnedNow(
            charger=charger,
            day_off=habit.off,
            came=habit.came,
            days=habit.days,
            stays=habit.usual.stays,
            kept=habit.usual.kept,
            arrives_min=habit.minute,
            leaves_min=habit.usual.leaves,
            need_wh=habit.usual.need_wh,
            used=used,
            measured=len(missed),
            arrival_error_min=_mean(arrivals),
            leaves_error_min=_mean([m.leaves_min for m in missed]),
            need_error_wh=_mean([m.need_wh for m in missed]),
            left_early=sum(m.early for m in missed),
            took_more=sum(m.more for m in missed),
            taper_ms=self.taper_ms(charger, Guest(0)),
        )


def _key(vehicle: str) -> str:
    """Return the key of a vehicle's stays; no charger's id has a blank."""
    return f"vehicle {vehicle}"


def _mean(values: list[int]) -> int | None:
    return sum(values) // len(values) if values else None
