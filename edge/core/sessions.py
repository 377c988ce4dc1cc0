"""Sessions as they unfold: from plugging in to unplugging, over silence, counter resets and reboots.

    begin(restored, now_ms) -> Sessions
    step(sessions, observations, now_ms, wall_ms, wall_trusted) -> (Sessions, rows to keep)
    current(sessions, charger) -> Session | None       the vehicle that is there now

A row is kept when a session starts, at most once a minute while something but its length changes, and when
it has ended.  It ends SETTLE_MS after the vehicle was last there: a loose contact does not make two sessions
of one, and a counter that is read every few seconds has its last word.

Rule 1: durations are monotonic; start and end differ by exactly the duration.  Only over a reboot
        does the wall clock say how long it was.
Rule 2: energy is what the charger's counter says, else its session counter, else power over time.  A
        counter that goes back was reset and counts from 0; one that jumps by more than can flow is
        not believed.  While a counter cannot be read power over time stands in for it, and gives way to it
        when it is back.
Rule 3: a silent charger says nothing: the session stays open.
"""

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from edge.core import attempts
from edge.core.attempts import Attempt, Before
from edge.core.observation import Observation
from edge.model.flow import Restored
from edge.model.records import Kept, Session
from edge.model.units import DAY_MS, HOUR_MS, MINUTE_MS

SETTLE_MS = 10_000
KEEP_EVERY_MS = MINUTE_MS

# Power is not taken for longer than this from one look to the next.
HOLD_MS = 10_000

# A counter may step by its own resolution, up to 1 kWh, at any time.
COUNTER_STEP_WH = 1_000

# The last heartbeat may be older than the row by so much.
HEARTBEAT_MS = 2 * MINUTE_MS

# A vehicle that takes less than this share of its highest power holds back; readings are not so far apart.
TAPERS = (9, 10)

# No vehicle stays longer; a session that seems to was dated by a clock that nobody had set.
LONGEST_MS = 30 * DAY_MS


class Counter(msgspec.Struct, frozen=True):
    """A counter as last read.  kind: the words of Session.energy_source.  changed_ms: monotonic.

    stand_in_wh: what was taken from power over time since it could not be read any more.
    """

    kind: str
    value_wh: int
    changed_ms: int
    stand_in_wh: int = 0


class Open(msgspec.Struct, frozen=True):
    """A session that has not ended.  All _ms are monotonic, and before 0 if the machine has restarted.

    carried: it comes from before the start of the daemon, and its charger has not been seen since.
    wall_sure, start_sure: whether row.start_wall_ms and start_ms are right; one of them always is.
    rest: energy that is not yet a whole Wh, in half W·ms.
    """

    row: Session
    start_ms: int
    seen_ms: int
    gone_ms: int | None = None
    kept: Session | None = None
    kept_ms: int = 0
    rest: int = 0
    flowing: bool = False
    power_w: int = 0
    carried: bool = False
    wall_sure: bool = True
    start_sure: bool = True
    attempt: Attempt = Attempt()


class Bay(msgspec.Struct, frozen=True):
    """A charger: its counter, and the session that is open there."""

    counter: Counter | None = None
    open: Open | None = None


class Sessions(msgspec.Struct, frozen=True):
    """All chargers.  boot_id: makes the ids of sessions different from those before a reboot."""

    bays: dict[str, Bay] = {}
    boot_id: str = ""
    last_wall_ms: int | None = None


class Now(msgspec.Struct, frozen=True):
    """The clocks of one tick."""

    ms: int
    wall_ms: int
    trusted: bool


def begin(restored: Restored, now_ms: int) -> Sessions:
    """Take over the sessions that were open when the gateway last ran."""
    bays: dict[str, Bay] = {}
    for row in restored.kept:
        if isinstance(row, Session) and row.end_wall_ms is None:
            start_ms = now_ms - row.duration_ms
            carried = Open(row, start_ms, now_ms, carried=True, start_sure=False, kept=row, kept_ms=now_ms)
            bays[row.charger] = Bay(open=carried)
    return Sessions(bays, restored.boot_id, restored.last_wall_ms)


def current(sessions: Sessions, charger: str) -> Session | None:
    """Return the session of the vehicle that is at a charger, None without one."""
    bay = sessions.bays.get(charger)
    return bay.open.row if bay and bay.open and bay.open.gone_ms is None else None


def is_news(row: Session) -> bool:
    """Whether others should hear of a row: a start or an end, and not each minute between."""
    return row.end_wall_ms is not None or row.duration_ms == 0


def step(
    sessions: Sessions,
    observations: Iterable[Observation],
    now_ms: int,
    wall_ms: int,
    wall_trusted: bool = True,
) -> tuple[Sessions, list[Kept]]:
    """Fold one tick.  Returns the new state, and the rows to keep in the order of happening."""
    now = Now(now_ms, wall_ms, wall_trusted)
    bays = dict(sessions.bays)
    rows: list[Kept] = []
    for seen in observations:
        bay = bays.get(seen.charger, Bay())
        bay, own = _step_bay(sessions, bay, seen, now)
        bays[seen.charger] = bay
        rows += own
    return replace(sessions, bays=bays), rows


def _step_bay(sessions: Sessions, bay: Bay, seen: Observation, now: Now) -> tuple[Bay, list[Session]]:
    rows: list[Session] = []
    there = seen.vehicle_there
    if bay.open is not None and bay.open.carried and there is not None:
        bay, row = _pick_up(sessions, bay.open, seen, now)
        rows += [row] if row else []
    if bay.open is not None:
        bay = replace(bay, open=_placed(bay.open, now))
    last = bay.counter
    counter, flowed_wh = _count(last, seen, now.ms)
    bay = replace(bay, counter=counter)
    if bay.open is not None and seen.online and not bay.open.carried:
        before = bay.open
        another = bool(seen.vehicle and before.row.vehicle and seen.vehicle != before.row.vehicle)
        opened = _with_vehicle(before, seen, there and not another, now)
        if before.gone_ms is None and not another:
            clock = Before(before.flowing, before.start_ms, before.seen_ms, now.ms, HOLD_MS)
            row, attempt = attempts.fold(opened.row, before.attempt, clock, seen)
            opened = replace(opened, row=row, attempt=attempt)
        opened = _with_energy(opened, seen, counter, flowed_wh, now)
        if flowed_wh is None and counter is not None and counter is last:  # it could not be read
            added_wh = opened.row.energy_wh - before.row.energy_wh
            counter = replace(counter, stand_in_wh=counter.stand_in_wh + added_wh)
        elif counter is not None and last is not None and last.stand_in_wh:
            opened = replace(opened, row=replace(opened.row, energy_source=counter.kind))
        bay = Bay(counter, opened)
    if bay.open is not None and _is_over(bay.open, seen, now):
        rows.append(_ended(bay.open))
        bay = replace(bay, open=None)
    if bay.open is None and there:
        opened = _opened(sessions, bay, seen, now)
        rows.append(opened.row)
        bay = replace(bay, open=opened)
    elif bay.open is not None and _worth_keeping(bay.open, now):
        rows.append(bay.open.row)
        bay = replace(bay, open=replace(bay.open, kept=bay.open.row, kept_ms=now.ms))
    return bay, rows


# --- start and end ----------------------------------------------------------------------------------


def _opened(sessions: Sessions, bay: Bay, seen: Observation, now: Now) -> Open:
    boot = sessions.boot_id.replace("-", "")[:8]
    row = Session(
        id=f"{seen.charger}-{now.wall_ms}-{boot or now.ms}",
        charger=seen.charger,
        start_wall_ms=now.wall_ms,
        energy_source=bay.counter.kind if bay.counter else "integrated",
        power_w_max=max(0, seen.power_w or 0),
        starts=int(seen.flowing),
        error=seen.error,
        vehicle=seen.vehicle,
        counter_wh=bay.counter.value_wh if bay.counter else None,
        port=seen.port,
        driver=seen.driver,
        first_power_ms=0 if seen.flowing else None,
        last_power_ms=0 if seen.flowing else None,
        soc_start_pm=seen.soc_pm,
        soc_end_pm=seen.soc_pm,
    )
    return Open(
        row=row,
        start_ms=now.ms,
        seen_ms=now.ms,
        kept=row,
        kept_ms=now.ms,
        flowing=seen.flowing,
        power_w=max(0, seen.power_w or 0),
        wall_sure=now.trusted,
        attempt=attempts.begun(seen, now.ms),
    )


def _is_over(opened: Open, seen: Observation, now: Now) -> bool:
    if opened.carried or opened.gone_ms is None:
        return False
    another = bool(seen.online and seen.vehicle_there)  # somebody is there, and it is not this vehicle
    return another or now.ms - opened.gone_ms >= SETTLE_MS


def _ended(opened: Open) -> Session:
    """Return the last row.  After a silence the end is when the vehicle was last seen."""
    gone_ms = opened.gone_ms if opened.gone_ms is not None else opened.seen_ms
    lost = gone_ms - opened.seen_ms > HOLD_MS
    duration_ms = (opened.seen_ms if lost else gone_ms) - opened.start_ms
    row = replace(
        opened.row,
        duration_ms=duration_ms,
        end_wall_ms=opened.row.start_wall_ms + duration_ms,
        end_reason="lost" if lost else "unplugged",
        stop="lost" if lost and opened.row.starts and not opened.row.stop else opened.row.stop,
    )
    return attempts.given_up(row)


def _pick_up(sessions: Sessions, opened: Open, seen: Observation, now: Now) -> tuple[Bay, Session | None]:
    """See a charger for the first time since the daemon started, with a session left open there.

    Returns the bay, and the row where that session has ended meanwhile.
    """
    row = opened.row
    silent_ms = -LONGEST_MS
    if sessions.last_wall_ms is not None:
        silent_ms = sessions.last_wall_ms - row.start_wall_ms - row.duration_ms
    dated = -HEARTBEAT_MS <= silent_ms <= LONGEST_MS  # else nobody had set the clock that dated the start
    known_ms = row.duration_ms + (max(0, silent_ms) if dated else 0)
    another = bool(seen.vehicle and row.vehicle and seen.vehicle != row.vehicle)
    counter = None
    if row.counter_wh is not None:
        gap_ms = now.wall_ms - row.start_wall_ms - row.duration_ms if now.trusted and dated else LONGEST_MS
        counter = Counter(row.energy_source, row.counter_wh, now.ms - max(0, gap_ms))
    if not seen.vehicle_there or another:
        flowed_wh = None if another else _count(counter, seen, now.ms)[1]
        return Bay(), replace(
            row,
            energy_wh=row.energy_wh + (flowed_wh or 0),
            duration_ms=known_ms,
            end_wall_ms=row.start_wall_ms + known_ms,
            end_reason="gateway off",
            stop=row.stop or ("gateway off" if row.starts else ""),
        )
    opened = replace(
        opened,
        carried=False,
        start_ms=now.ms - known_ms,
        seen_ms=now.ms,
        wall_sure=dated,
        start_sure=not dated,
        power_w=max(0, seen.power_w or 0),
        flowing=seen.flowing,
    )
    return Bay(counter, opened), None


def _placed(opened: Open, now: Now) -> Open:
    """Correct what was only assumed about the start, once the clock is trusted; let the length grow."""
    row, start_ms = opened.row, opened.start_ms
    if now.trusted and not opened.start_sure:
        start_ms = min(start_ms, now.ms - (now.wall_ms - row.start_wall_ms))
    if now.trusted and not opened.wall_sure:
        row = replace(row, start_wall_ms=now.wall_ms - (now.ms - start_ms))
    if opened.carried:
        return opened
    until_ms = now.ms if opened.gone_ms is None else opened.gone_ms
    return replace(
        opened,
        row=replace(row, duration_ms=max(0, until_ms - start_ms)),
        start_ms=start_ms,
        start_sure=opened.start_sure or now.trusted,
        wall_sure=opened.wall_sure or now.trusted,
    )


def _worth_keeping(opened: Open, now: Now) -> bool:
    """Whether more than the length has changed since the last row, and that is a while ago."""
    if opened.kept is None or now.ms - opened.kept_ms < KEEP_EVERY_MS:
        return False
    now_row, kept = (replace(row, duration_ms=0, offered_ms=0) for row in (opened.row, opened.kept))
    return now_row != kept


# --- what happens in between ------------------------------------------------------------------------


def _with_vehicle(opened: Open, seen: Observation, there: bool | None, now: Now) -> Open:
    """Note whether the vehicle is there; None leaves what was last known."""
    if there is None:
        return replace(opened, row=replace(opened.row, error=attempts.errors(opened.row.error, seen.error)))
    if not there:
        return opened if opened.gone_ms is not None else replace(opened, gone_ms=now.ms, flowing=False)
    row = replace(
        opened.row,
        starts=opened.row.starts + int(seen.flowing and not opened.flowing),
        power_w_max=max(opened.row.power_w_max, seen.power_w or 0),
        error=attempts.errors(opened.row.error, seen.error),
        vehicle=opened.row.vehicle or seen.vehicle,
        driver=opened.row.driver or seen.driver,
        took_phases=seen.took_phases or opened.row.took_phases,
        took_most_ma=seen.took_most_ma,
    )
    return replace(opened, row=row, gone_ms=None)


def _with_energy(
    opened: Open, seen: Observation, counter: Counter | None, flowed_wh: int | None, now: Now
) -> Open:
    """Add what has flowed since the charger was last seen.

    flowed_wh: by the counter, None where there is none; power over time then.
    """
    row, rest = opened.row, opened.rest
    held_ms = now.ms - opened.seen_ms
    power_w = max(0, seen.power_w or 0)
    if opened.gone_ms is None and held_ms <= HOLD_MS and seen.flowing and opened.flowing:
        row = replace(row, charging_ms=row.charging_ms + held_ms)
        row = replace(row, tapered_ms=row.tapered_ms + _tapered(row, seen, power_w, held_ms))
    if flowed_wh is not None:
        row = replace(row, energy_wh=row.energy_wh + flowed_wh)
    elif opened.gone_ms is None and held_ms <= HOLD_MS:
        # The mean of both ends of the stretch; twice the mean, to stay with integers.
        whole, rest = divmod(rest + (power_w + opened.power_w) * held_ms, 2 * HOUR_MS)
        source = "integrated" if whole else row.energy_source
        row = replace(row, energy_wh=row.energy_wh + whole, energy_source=source)
    row = replace(row, counter_wh=counter.value_wh if counter else None)
    if opened.gone_ms is not None:
        return replace(opened, row=row, rest=rest)
    return replace(opened, row=row, rest=rest, seen_ms=now.ms, flowing=seen.flowing, power_w=power_w)


def _tapered(row: Session, seen: Observation, power_w: int, held_ms: int) -> int:
    """Return how much of a stretch was lost because the vehicle held back from what it took before."""
    over, under = TAPERS
    if not seen.holds_back or power_w * under >= row.power_w_max * over:
        return 0
    return held_ms * (row.power_w_max - power_w) // row.power_w_max


def _count(last: Counter | None, seen: Observation, now_ms: int) -> tuple[Counter | None, int | None]:
    """Read the counter.  Returns it, and what has flowed since it was last read.

    None has flowed where there is no counter, or none to compare with.
    """
    if not seen.online:
        return last, None
    if seen.counter_wh is not None:
        kind, value_wh = "counter", seen.counter_wh
    elif seen.session_wh is not None:
        kind, value_wh = "session counter", seen.session_wh
    else:
        return last, None
    if last is None or last.kind != kind:
        return Counter(kind, value_wh, now_ms), None
    if value_wh == last.value_wh:
        return last, 0
    step_wh = value_wh - last.value_wh if value_wh > last.value_wh else value_wh
    most_wh = seen.highest_w * (now_ms - last.changed_ms) // HOUR_MS + COUNTER_STEP_WH
    believed_wh = step_wh if step_wh <= most_wh else 0
    owed_wh = max(0, last.stand_in_wh - believed_wh)
    return Counter(kind, value_wh, now_ms, owed_wh), max(0, believed_wh - last.stand_in_wh)
