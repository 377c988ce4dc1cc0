"""One device on a bus: what it is due, and when.  Times are now_ms; nothing here waits.

The bus master (bus.py) asks every member for its tasks, does the most urgent one that is ready, and
tells the member how it went.

    unknown --identify--> recognised --arm--> in service: polls, setpoints, feeding
       ^                                          |
       +---- three failures, new connection ------+      what was learned is forgotten (I9)

Rule 1: nothing is due to be written before the device is recognised.
Rule 2: a setpoint that has expired is neither written nor refreshed (I4).  Where nothing but our own
        silence would make the device fall back, the fallback current is written instead.
"""

from collections import Counter
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal, NamedTuple

from drivers.device import Device, Supervision
from drivers.wire import Read, Reply, Write
from edge.shell.outcome import Counts

# So many failures in a row, and the device is lost.
LOST_AFTER = 3

# So many refused writes in a row, and the device is not one that can be relied on.
REFUSED_MAX = 3

# A lost device is looked for after 1, 2, 4 … s; one that is something else after the longest time.
LOOK_AGAIN_MAX_MS = 10_000

# After a write that failed, and after one that was refused.
WRITE_AGAIN_MS = 250
REFUSED_AGAIN_MS = 2_000

# A setpoint that reads back differently is written again after 1, 2, 4 … s, at most so long.
DISAGREES_AGAIN_MAX_MS = 60_000

# A device whose fallback reads back differently is armed again, but not more often than this.
ARM_AGAIN_MS = 15_000

# A charger that nobody has told a current for so long after it was found gets its fallback current.
UNTOLD_MS = 10_000

# After this many hang-ups in a row at the same read it is split, or given up if it is only one row.
HANG_UPS = 2

# Watchdogs that our own reads feed, and none at all: silence about the setpoint changes nothing there.
FED_BY_READING = ("any_request", "station_poll", "none")


class Rank(IntEnum):
    """What comes first: reductions, other writes, what feeds a watchdog, then reading."""

    REDUCE = 0
    WRITE = 1
    FEED = 2
    IDENTIFY = 3
    FAST = 4
    SLOW = 5


class Task(NamedTuple):
    """Something that a member is due.  since_ms: at equal rank the oldest goes first.  at_ms: not before."""

    rank: Rank
    since_ms: int
    at_ms: int


class Relays(NamedTuple):
    """The relays that the core wants closed (bits) and when that expires."""

    pattern: int
    expires_at_ms: int
    since_ms: int


class Told(NamedTuple):
    """A setpoint of the core and when it expires."""

    current_ma: int
    expires_at_ms: int
    since_ms: int


@dataclass
class Round:
    """Reads that belong together, and the replies so far.

    due_ms: when they were due.  skipped: reads that the device is silent about.
    """

    reads: list[Read]
    due_ms: int
    replies: dict[Read, Reply] = field(default_factory=dict)
    skipped: set[Read] = field(default_factory=set)
    began_ms: int = 0


@dataclass
class Pace:
    """What the device bears, as times before which it is not asked."""

    ask_after_ms: int = 0
    read_after_ms: int = 0
    write_after_ms: int = 0
    raise_after_ms: int = 0


class Member:
    """One device on a bus.

    charger: whether it takes setpoints.  fallback_ma: what it is to draw at most without us.
    supervision_ms: its watchdog's time as the installer set it, 0 for the table's.
    """

    def __init__(
        self, member_id: str, device: Device, *, charger: bool, fallback_ma: int = 0, supervision_ms: int = 0
    ) -> None:
        self.id, self.device, self.charger = member_id, device, charger
        self.fallback_ma, self.supervision_ms = fallback_ma, supervision_ms
        self.pacing = device.pacing()
        self.counts = Counts()
        self.pace = Pace()
        self.hang_ups: Counter[Read] = Counter()
        self.values: dict[str, int | str] = {}
        self.identifying: Round | None = None
        self.fast: Round | None = None
        self.slow: Round | None = None
        self.arming: list[Write] = []
        self.kept: set[Write] = set()  # written once to memory that wears out
        self.told: Told | None = None
        self.relays: Relays | None = None  # of a board
        self.beats = 0  # its heartbeat's counter
        self.beaten: int | None = None  # the pattern that it was told last, None while that is not sure
        self.written_ma: int | None = None  # the setpoint in force, None while that is not sure
        self.lost_told = False
        self.muted: Literal["", "writes", "all"] = ""  # commissioning: what it is not to hear from us
        self.failures = 0
        self.look_after_ms = 0
        self.fast_tick = -1  # the tick for which it was read last
        self.slow_at_ms = 0
        self._written_at_ms = 0
        self._fed_at_ms = 0
        self._found_at_ms = 0
        self._disagreed = 0
        self._armed_at_ms = 0
        self._refusals = 0
        self.supervision: Supervision = device.supervision(supervision_ms)
        self.polls_fast: tuple[Read, ...] = ()
        self.polls_slow: tuple[Read, ...] = ()
        self.fast_every_ms = self.slow_every_ms = 0

    # What it is due ----------------------------------------------------------------------------

    def tasks(self, now_ms: int, fast_at_ms: int) -> list[Task]:
        """Return what is due, now or later.  fast_at_ms: when its fast reads are."""
        if self.muted == "all":
            return []
        ask_ms = self.pace.ask_after_ms
        read_ms = max(ask_ms, self.pace.read_after_ms)
        if not self.device.recognised:
            look_ms = 0 if self.identifying else self.look_after_ms
            return [Task(Rank.IDENTIFY, look_ms, max(read_ms, look_ms))]
        write_ms = max(ask_ms, self.pace.write_after_ms)
        writes_due = self._writes_due if self.charger else self._beats_due
        due = [] if self.muted else writes_due(now_ms, write_ms)
        for rank, poll, reads, poll_ms in (
            (Rank.FAST, self.fast, self.polls_fast, fast_at_ms),
            (Rank.SLOW, self.slow, self.polls_slow, self.slow_at_ms),
        ):
            if poll:  # what was begun is finished before others of the same age begin
                due.append(Task(rank, poll.due_ms - 1, read_ms))
            elif reads:
                due.append(Task(rank, poll_ms, max(read_ms, poll_ms)))
        return due

    def _writes_due(self, now_ms: int, write_ms: int) -> list[Task]:
        if self.arming:
            return [Task(Rank.WRITE, self._found_at_ms, write_ms)]
        goal = self.goal(now_ms)
        if goal is None:
            return []
        if self.written_ma != goal:
            since_ms = self.told.since_ms if self.told else now_ms
            if self.reduces(goal):
                return [Task(Rank.REDUCE, since_ms, write_ms)]
            return [Task(Rank.WRITE, since_ms, max(write_ms, self.pace.raise_after_ms))]
        if self.supervision.every_ms and not self.expired(now_ms):
            feed_ms = self._fed_at_ms + self.supervision.every_ms
            return [Task(Rank.FEED, feed_ms, max(write_ms, feed_ms))]
        return []

    def _beats_due(self, now_ms: int, write_ms: int) -> list[Task]:
        """Return the heartbeat of a board: at once when its relays are to change, openings first."""
        relays = self.relays
        if relays is None or now_ms >= relays.expires_at_ms:
            return []  # the core is silent: so are we, and the board opens (I4)
        if self.beaten is not None and self.beaten & ~relays.pattern:
            return [Task(Rank.REDUCE, relays.since_ms, write_ms)]
        if self.beaten != relays.pattern:
            return [Task(Rank.WRITE, relays.since_ms, write_ms)]
        beat_ms = self._fed_at_ms + self.supervision.every_ms
        return [Task(Rank.FEED, beat_ms, max(write_ms, beat_ms))]

    def beat(self, now_ms: int, pattern: int) -> None:
        """Note that a heartbeat was accepted."""
        self.beaten = pattern
        self._fed_at_ms = now_ms

    def goal(self, now_ms: int) -> int | None:
        """Return the setpoint that should be in force, None where that is no longer ours to say."""
        if self.told is not None and not self.expired(now_ms):
            return self.told.current_ma
        if self.supervision.kind not in FED_BY_READING:
            return None
        if self.told is None and now_ms < self._found_at_ms + UNTOLD_MS:
            return None
        lowest = self.fallback_ma if self.written_ma is None else min(self.written_ma, self.fallback_ma)
        return self.device.lawful(max(0, lowest))  # a discharge ends when nobody asks for it any more

    def expired(self, now_ms: int) -> bool:
        """Say whether the core's setpoint no longer holds, or never came."""
        return self.told is None or now_ms >= self.told.expires_at_ms

    def reduces(self, goal_ma: int) -> bool:
        """Say whether a setpoint lowers what the charger may draw; if unsure, it does."""
        return self.written_ma is None or goal_ma < self.written_ma

    def overdue(self, now_ms: int) -> bool:
        """Say whether the device has been let fall back, though it was told something."""
        return self.charger and self.told is not None and self.expired(now_ms)

    # How it went -------------------------------------------------------------------------------

    def asked(self, now_ms: int, question: Read | Write) -> None:
        """Keep to what the device bears, from the end of a question on."""
        pacing, pace = self.pacing, self.pace
        pace.ask_after_ms = now_ms + pacing.gap_ms
        if isinstance(question, Read):
            pace.read_after_ms = now_ms + pacing.read_every_ms
        else:
            pace.write_after_ms = now_ms + pacing.write_every_ms

    def answered(self, now_ms: int) -> None:
        """Note that it has heard us."""
        if self.supervision.kind == "any_request":
            self._fed_at_ms = now_ms

    def found(self, now_ms: int) -> None:
        """Begin to serve a device that has been recognised; what it was told is no longer sure."""
        for read, count in self.hang_ups.items():
            if count >= HANG_UPS:
                self.device.refuse(read)
        self.identifying = None
        self.failures = 0
        self.values = {}
        self.written_ma = self.beaten = None
        self._found_at_ms = self._fed_at_ms = now_ms
        self.supervision = self.device.supervision(self.supervision_ms)
        self.arm(now_ms)
        self.plan()
        self.fast_tick = -1
        self.slow_at_ms = now_ms

    def arm(self, now_ms: int) -> None:
        """Have its watchdog and fallback written."""
        self._armed_at_ms = now_ms
        fallback_ma = self.fallback_ma if self.charger else None
        self.arming = self.device.arm(fallback_ma, self.supervision_ms)

    def plan(self) -> None:
        """Take over the device's polls, after it was recognised or has refused one."""
        polls = {poll.name: poll for poll in self.device.polls()}
        fast, slow = polls.get("fast"), polls.get("slow")
        self.polls_fast = self._without_hang_ups(fast.reads) if fast else ()
        self.polls_slow = self._without_hang_ups(slow.reads) if slow else ()
        self.fast_every_ms = fast.every_ms if fast else 0
        self.slow_every_ms = slow.every_ms if slow else 0
        self.fast = self.slow = None

    def _without_hang_ups(self, reads: tuple[Read, ...]) -> tuple[Read, ...]:
        """Leave out what makes the device hang up: it would take everything else with it."""
        return tuple(read for read in reads if self.hang_ups[read] < HANG_UPS)

    def wrote(self, now_ms: int, goal_ma: int) -> None:
        """Note that a setpoint was accepted."""
        if self.written_ma is None or goal_ma != self.written_ma:
            self.pace.raise_after_ms = now_ms + self.pacing.change_every_ms
        self.written_ma = goal_ma
        self._written_at_ms = self._fed_at_ms = now_ms

    def accepted(self) -> None:
        """Note that a write was accepted."""
        self.failures = self._refusals = 0

    def fed(self, now_ms: int) -> None:
        """Note that the watchdog was fed."""
        self._fed_at_ms = now_ms

    def unsure(self) -> None:
        """Note that nobody knows which setpoint is in force: a write was not answered."""
        self.written_ma = None

    def read(self, now_ms: int, values: dict[str, int | str], began_ms: int) -> None:
        """Take in a reading: how long its watchdog waits, and whether it still does what it was told.

        began_ms: when the first of its reads was sent; an earlier write is in it, a later one is not.
        """
        self.failures = 0
        self.values.update(values)
        time_ms = values.get("supervision_time_ms")
        if isinstance(time_ms, int) and time_ms > 0 and time_ms != self.supervision.time_ms:
            self.supervision = self.device.supervision(time_ms)
        if self.charger and began_ms > self._written_at_ms:
            self._compare(now_ms, values)

    def in_force(self, values: dict[str, int | str]) -> dict[str, int | str]:
        """Return a reading whose setpoint is the one that holds: 0 in a pause that has its own register.

        Such a device goes on to show the setpoint from before the pause, and its room would never come free.
        """
        paused = self.written_ma is not None and self.device.lawful(self.written_ma) == 0
        enabled = values.get("enabled", self.values.get("enabled", 0))
        if paused and not enabled and "setpoint_ma" in values and self.device.pauses_elsewhere():
            return {**values, "setpoint_ma": 0}
        return values

    def _compare(self, now_ms: int, values: dict[str, int | str]) -> None:
        control = self.device.table.control
        back = values.get("setpoint_ma")
        if control and self.written_ma is not None and isinstance(back, int):
            if abs(back - self.device.lawful(self.written_ma)) <= control.step_ma:
                self._disagreed = 0
            elif now_ms >= self._written_at_ms + min(1_000 << self._disagreed, DISAGREES_AGAIN_MAX_MS):
                self._disagreed = min(self._disagreed + 1, 6)
                self.written_ma = None
        written = self.device.table.supervision.fallback == "written"
        armed = self.device.armed(values, self.fallback_ma, self.supervision_ms)
        if written and armed is False and now_ms >= self._armed_at_ms + ARM_AGAIN_MS:
            self.arm(now_ms)  # it restarted without our noticing: its defaults are back

    def failed(self, now_ms: int) -> bool:
        """Note a failure; return whether the device is lost by it, or still is."""
        self.failures += 1
        self.fast = self.slow = self.identifying = None
        if self.device.recognised and self.failures < LOST_AFTER:
            return False
        self.forget()
        self.look_after_ms = now_ms + min(1_000 << min(self.failures - 1, 6), LOOK_AGAIN_MAX_MS)
        return self.failures >= LOST_AFTER

    def refused(self, now_ms: int) -> bool:
        """Note a write that was refused; return whether the device is given up for it."""
        self.pace.write_after_ms = now_ms + REFUSED_AGAIN_MS
        self._refusals += 1
        if self._refusals < REFUSED_MAX:
            return False
        self.give_up(now_ms)
        return True

    def give_up(self, now_ms: int) -> None:
        """Note a failure that asking again at once will not mend."""
        self._refusals = 0
        self.failures = max(self.failures, LOST_AFTER - 1)
        self.failed(now_ms)
        self.look_after_ms = now_ms + LOOK_AGAIN_MAX_MS

    def forget(self) -> None:
        """Drop what was learned; it must be recognised again before it is written (I9)."""
        self.device.forget()
        self.identifying = self.fast = self.slow = None
        self.arming = []
        self.written_ma = None
        self.beaten = None
