"""Bus masters: one for every serial line and every TCP host, each asking one question at a time.

    core's tick      set_current()                                                next tick
      |----------------|-- reductions, other writes --|-- slow reads --|-- fast reads --|
                         as early as possible              idle          as late as possible

Rule 1: before every question the most urgent task is chosen anew, so a reduction overtakes whatever
        else the line has to do.  At equal rank the oldest task goes first.
Rule 2: only what the device's allow-list accepts is sent, and only after it was recognised (I9).
Rule 3: a device that does not answer costs the others next to nothing: after three failures it is
        only looked for, more and more rarely (member.py), when nobody else needs the line.
Rule 4: whatever a device says, the master goes on; a mistake of ours in one device's table too.

Source of the cycle and of the back-off: OpenEMS' Modbus bridge does the same and it serves it well.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Protocol

from drivers.device import Device, NotAllowed, NotRecognised
from drivers.wire import Read, Reply, Write
from edge.model.flow import AnyEvent, Identified, Lost, Reading, Written
from edge.shell.member import (
    REFUSED_AGAIN_MS,
    WRITE_AGAIN_MS,
    Member,
    Rank,
    Relays,
    Round,
    Task,
    Told,
)
from edge.shell.modbus import Wire
from edge.shell.outcome import Garbage, Refused, Silent, Unplugged, WireError

log = logging.getLogger(__name__)

# How long a device may think where its table does not say.
THINK_SERIAL_MS = 300
THINK_TCP_MS = 1_000

# The fast reads are to be over so long before the next tick.
MARGIN_MS = 60

# A connection that cannot be had is tried again after 1, 2, 3, 3 s …
CONNECT_AGAIN_MAX_MS = 3_000

# A connection that was lost sooner than this was never good.
SHORT_MS = 2_000

# Lost devices are looked for while nobody else needs the line; on a full line so rarely that, together,
# they cost the others 1/40 of its time.
DEAD_TIME_SHARE = 40

# Nothing is raised while a reduction waits for its device's pacing, if it does not wait longer.
REDUCE_FIRST_MS = 250

# Exceptions of a gateway that say: the device behind me does not answer.
GATEWAY = (10, 11)

# Exceptions that say nothing about the register: acknowledged and not done yet, busy.
NOT_NOW = (5, 6)

Emit = Callable[[AnyEvent], None]


class Clock(Protocol):
    """The monotonic clock that events are stamped with."""

    def now_ms(self) -> int: ...


class Master:
    """One line or host and the devices on it.

    emit: gets Identified, Reading, Lost and Written, in the loop, and must not wait.
    tick_ms: the core ticks when now_ms is this modulo cycle_ms; reading is done just before.
    """

    def __init__(
        self,
        wire: Wire,
        members: list[Member],
        emit: Emit,
        clock: Clock,
        *,
        cycle_ms: int = 1_000,
        tick_ms: int = 0,
    ) -> None:
        self.name = wire.name
        self.wire = wire
        self.members = {member.id: member for member in members}
        self.cycle_ms, self.tick_ms = cycle_ms, tick_ms
        self._emit, self._clock = emit, clock
        self._think_ms = THINK_SERIAL_MS if wire.serial else THINK_TCP_MS
        self._twice = {m.id: _sends_twice(m.device, wire) for m in members}
        self._sleeper: asyncio.Future[None] | None = None
        self._stopped = asyncio.Event()
        self._look_ms = 0  # no lost device is looked for before
        self._lead_ms = MARGIN_MS
        self._reading: tuple[int, int] = (-1, 0)  # the tick that is being read for, and since when
        self._connected_ms = 0
        self._connect_failures = 0

    # What the daemon calls ---------------------------------------------------------------------

    def set_current(self, charger: str, current_ma: int, expires_at_ms: int) -> None:
        """Have a charger told its current; a newer call replaces this one.  KeyError if it is not here."""
        member = self.members[charger]
        since_ms = self._clock.now_ms()
        if member.told is not None and member.told.current_ma == current_ma:
            since_ms = member.told.since_ms
        member.told = Told(current_ma, expires_at_ms, since_ms)
        if member.written_ma != current_ma:
            self._awake()

    def set_relays(self, board: str, pattern: int, expires_at_ms: int) -> None:
        """Have a board's heartbeat ask for these relays; a newer call replaces this one.  KeyError."""
        member = self.members[board]
        before = member.relays
        since_ms = before.since_ms if before and before.pattern == pattern else self._clock.now_ms()
        member.relays = Relays(pattern, expires_at_ms, since_ms)
        if member.beaten != pattern:
            self._awake()

    def stop(self) -> None:
        """End run() after the question that is being asked.  The devices fall back by themselves."""
        self._stopped.set()
        self._awake()

    async def run(self) -> None:
        """Serve the devices until stop()."""
        try:
            while not self._stopped.is_set():
                if self.wire.connected or await self._connect():
                    await self._step()
        finally:
            self.wire.close()

    # The line ----------------------------------------------------------------------------------

    async def _connect(self) -> bool:
        """Open the line; every device on it has to be recognised again, for it may have restarted."""
        now_ms = self._clock.now_ms()
        if self._connected_ms and now_ms - self._connected_ms > SHORT_MS:
            self._connect_failures = 0  # an idle or aged connection that the device closed is renewed at once
        elif self._connect_failures:
            wait_ms = min(500 << min(self._connect_failures, 4), CONNECT_AGAIN_MAX_MS)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), wait_ms / 1000)
                return False
        self._connected_ms = 0
        try:
            await self.wire.open()
        except Unplugged as error:
            self._connect_failures += 1
            for member in self.members.values():
                self._failed(member, str(error))
                member.look_after_ms = 0  # the connection is what has to be waited for
            return False
        self._connected_ms = self._clock.now_ms()
        self._connect_failures += 1  # until it has lasted
        for member in self.members.values():
            member.forget()
            member.look_after_ms = 0
        return True

    async def _step(self) -> None:
        """Do the most urgent task that is ready, or rest until there is one."""
        now_ms = self._clock.now_ms()
        chosen, until_ms = self._choose(now_ms)
        if chosen is None:
            await self._rest(until_ms - now_ms)
            return
        task, member = chosen
        await self._guarded(member, self._do(task.rank, member, now_ms))

    def _choose(self, now_ms: int) -> tuple[tuple[Task, Member] | None, int]:
        """Return the most urgent task that is ready, or None and when to choose again."""
        ready: tuple[Task, Member] | None = None
        look: tuple[Task, Member] | None = None  # for a lost device: may take the line's time for nothing
        next_ms = now_ms + self.cycle_ms
        reduced_ms = 0  # a reduction that its device's pacing still holds back is due then
        for member in self.members.values():
            for task in member.tasks(now_ms, self._fast_at(member)):
                if task.at_ms > now_ms:
                    next_ms = min(next_ms, task.at_ms)
                    reduced_ms = max(reduced_ms, task.at_ms if task.rank is Rank.REDUCE else 0)
                elif member.lost_told and member.identifying is None and now_ms < self._look_ms:
                    look = min(look or (task, member), (task, member), key=lambda one: one[0])
                elif ready is None or task < ready[0]:
                    ready = (task, member)
        if ready and ready[0].rank is Rank.WRITE and now_ms < reduced_ms <= now_ms + REDUCE_FIRST_MS:
            return None, reduced_ms
        if ready is None and look is not None:
            if next_ms - now_ms > self._timeout_ms(look[1]) + MARGIN_MS:
                return look, next_ms  # nobody else needs the line meanwhile
            next_ms = min(next_ms, self._look_ms)
        return ready, next_ms

    def _do(self, rank: Rank, member: Member, now_ms: int) -> Coroutine[None, None, None]:
        if member.relays is not None and rank in (Rank.REDUCE, Rank.WRITE, Rank.FEED):
            return self._beat(member, member.relays.pattern)
        if rank in (Rank.REDUCE, Rank.WRITE):
            return self._arm(member) if member.arming else self._tell(member, now_ms)
        if rank is Rank.FEED:
            return self._feed(member)
        if rank is Rank.IDENTIFY:
            return self._identify(member, now_ms)
        return self._read(member, rank, now_ms)

    async def _guarded(self, member: Member, work: Coroutine[None, None, None]) -> None:
        """Do a task of one member; nothing that goes wrong in it ends the master."""
        try:
            await work
        except Unplugged as error:
            if self._clock.now_ms() - self._connected_ms < SHORT_MS:
                self._failed(member, str(error))
        except Refused as error:
            if member.refused(self._clock.now_ms()):
                self._lost(member, f"a setting was {error}")
        except WireError as error:
            cost_ms = self._timeout_ms(member) if len(self.members) > 1 else 0
            self._failed(member, f"{error} (unit {member.device.unit} on {self.name})", cost_ms)
        except (NotAllowed, NotRecognised) as error:
            member.give_up(self._clock.now_ms())
            self._lost(member, str(error))
        except Exception as error:
            log.exception("%s: a mistake in serving it", member.id)
            member.give_up(self._clock.now_ms())
            self._lost(member, f"internal: {type(error).__name__}: {error}")

    async def _rest(self, wait_ms: int) -> None:
        """Wait, but not longer than until there is something new to write, or nothing more to do."""
        if self._stopped.is_set():
            return
        loop = asyncio.get_running_loop()
        self._sleeper = loop.create_future()
        timer = loop.call_later(wait_ms / 1000, self._awake)
        try:
            await self._sleeper
        finally:
            timer.cancel()

    def _awake(self) -> None:
        """End the rest.  What changes while the master does not rest is seen before the next one."""
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)

    def _fast_at(self, member: Member) -> int:
        """Return when the fast reads of a member begin: just early enough for the tick they are for."""
        if member.fast_tick < 0:
            return 0
        every = max(1, -(-member.fast_every_ms // self.cycle_ms))
        return self.tick_ms + (member.fast_tick + every) * self.cycle_ms - self._lead_ms

    def _failed(self, member: Member, why: str, cost_ms: int = 0) -> None:
        """Note a failure that took so long of the line's time."""
        now_ms = self._clock.now_ms()
        if member.failed(now_ms):
            self._look_ms = now_ms + cost_ms * DEAD_TIME_SHARE
            self._lost(member, why)

    def _lost(self, member: Member, why: str) -> None:
        if not member.lost_told:
            member.lost_told = True
            self._emit(Lost(self._clock.now_ms(), member.id, why))

    # Asking ------------------------------------------------------------------------------------

    def _timeout_ms(self, member: Member) -> int:
        return member.pacing.timeout_ms or self._think_ms

    async def _ask(self, member: Member, question: Read | Write) -> Reply:
        """Ask once; a refusal is a reply.  Raises Silent, Garbage, Unplugged."""
        try:
            reply: Reply = await self.wire.ask(
                question, self._timeout_ms(member), member.counts, twice=self._twice[member.id]
            )
        except Refused as error:
            if error.code in GATEWAY:
                raise Silent(str(error)) from None
            reply = error.code
        finally:
            member.asked(self._clock.now_ms(), question)
        member.answered(self._clock.now_ms())
        return reply

    async def _fetch(self, member: Member, read: Read) -> Reply:
        """Ask, and once more if what came was garbled on the way."""
        try:
            reply = await self._ask(member, read)
        except Garbage:
            await asyncio.sleep(member.pacing.gap_ms / 1000)
            reply = await self._ask(member, read)
        except Unplugged:
            member.hang_ups[read] += 1
            raise
        member.hang_ups.pop(read, None)
        return reply

    async def _write(self, member: Member, write: Write, *, commissioning: bool = False) -> None:
        """Write what the allow-list accepts.  Raises NotAllowed, Refused, Silent, Garbage, Unplugged."""
        if not member.device.allowed(write, commissioning=commissioning):
            member.pace.write_after_ms = self._clock.now_ms() + REFUSED_AGAIN_MS
            raise NotAllowed(f"{write} is not on the allow-list of {member.device.table.name}")
        await asyncio.sleep(max(0, member.pace.ask_after_ms - self._clock.now_ms()) / 1000)
        try:
            reply = await self._ask(member, write)
        except WireError:
            member.pace.write_after_ms = max(
                member.pace.write_after_ms, self._clock.now_ms() + WRITE_AGAIN_MS
            )
            raise
        if isinstance(reply, int):
            raise Refused(reply)
        member.accepted()

    # Tasks -------------------------------------------------------------------------------------

    async def _identify(self, member: Member, now_ms: int) -> None:
        """Ask the next thing that tells what the device is; recognise it when nothing is left to ask."""
        device = member.device
        if member.identifying is None:
            device.forget()
            member.identifying = Round(device.identify(), now_ms, began_ms=now_ms)
        known = member.identifying
        if not known.reads:
            known.reads = [r for r in device.identify(known.replies) if r not in known.skipped]
        if known.reads:
            read = known.reads.pop(0)
            try:
                known.replies[read] = await self._fetch(member, read)
            except Silent:
                if not known.replies:
                    raise
                known.skipped.add(read)  # some devices are silent about what they have not
            return
        identity = device.recognise(known.replies)
        member.found(now_ms)
        member.lost_told = False
        self._emit(Identified(now_ms, member.id, identity))
        if identity:
            member.read(now_ms, identity, known.began_ms)

    async def _arm(self, member: Member) -> None:
        """Write watchdog and fallback; a charger that refuses them cannot be relied on (I4).

        What the device keeps in memory that wears out is written where it differs, and once a run (I9).
        """
        write = member.arming[0]
        if write.volatile or write not in member.kept:
            await self._write(member, write, commissioning=not write.volatile)
            if not write.volatile:
                member.kept.add(write)
        if member.arming:
            member.arming.pop(0)

    async def _tell(self, member: Member, now_ms: int) -> None:
        """Write the setpoint that should be in force."""
        goal_ma = member.goal(now_ms)
        if goal_ma is None:
            return
        device = member.device
        if member.written_ma is None or device.lawful(member.written_ma) != device.lawful(goal_ma):
            try:
                for write in device.set_current(goal_ma, member.values):
                    await self._write(member, write)
            except WireError:
                member.unsure()
                raise
        done_ms = self._clock.now_ms()
        member.wrote(done_ms, goal_ma)
        if member.told is not None and member.told.current_ma == goal_ma:
            self._emit(Written(done_ms, member.id, goal_ma))

    async def _beat(self, member: Member, pattern: int) -> None:
        """Tell a board that we live, and which relays are to be closed."""
        member.beats += 1
        member.beaten = None
        for write in member.device.beat(member.beats, pattern):
            await self._write(member, write)
        member.beat(self._clock.now_ms(), pattern)

    async def _feed(self, member: Member) -> None:
        """Refresh what the device would otherwise let expire; never beyond the core's setpoint (I4)."""
        current_ma = member.written_ma or 0
        for question in member.device.keep_alive(current_ma, member.values):
            if isinstance(question, Write):
                await self._write(member, question)
            else:
                await self._fetch(member, question)
        member.fed(self._clock.now_ms())

    async def _read(self, member: Member, rank: Rank, now_ms: int) -> None:
        """Send the next read of a poll; when it was the last, tell what the device said."""
        poll = member.fast if rank is Rank.FAST else member.slow
        if poll is None:
            poll = self._begin(member, rank, now_ms)
        if not poll.replies:
            poll.began_ms = now_ms
        read = poll.reads.pop(0)
        reply = await self._fetch(member, read)
        poll.replies[read] = reply
        if isinstance(reply, int) and reply not in NOT_NOW and member.device.refuse(read):
            member.plan()  # what was refused is left out, or asked one by one
        elif poll.reads and not member.pacing.read_every_ms:
            return
        elif not poll.reads:
            self._end(member, rank)
        self._tell_reading(member, rank, poll)

    def _begin(self, member: Member, rank: Rank, now_ms: int) -> Round:
        if rank is Rank.SLOW:
            member.slow = Round(list(member.polls_slow), member.slow_at_ms, began_ms=now_ms)
            member.slow_at_ms = now_ms + member.slow_every_ms
            return member.slow
        due_ms = self._fast_at(member)
        tick = (now_ms + self._lead_ms - self.tick_ms) // self.cycle_ms
        member.fast_tick = max(tick, 0)
        if tick != self._reading[0]:
            self._reading = (tick, now_ms)
        member.fast = Round(list(member.polls_fast), due_ms, began_ms=now_ms)
        return member.fast

    def _end(self, member: Member, rank: Rank) -> None:
        """Learn how long the reads before a tick take, to begin them no earlier than needed."""
        if rank is Rank.SLOW:
            member.slow = None
            return
        member.fast = None
        took_ms = self._clock.now_ms() - self._reading[1] + MARGIN_MS
        self._lead_ms = min(self.cycle_ms, max(took_ms, self._lead_ms - 5))

    def _tell_reading(self, member: Member, rank: Rank, poll: Round) -> None:
        """Tell what the replies say; as of when the first was asked for, so that no value looks too young."""
        values = member.in_force(member.device.decode(poll.replies))
        refused = all(isinstance(reply, int) for reply in poll.replies.values())
        if member.pacing.read_every_ms:
            poll.replies = {}  # such a device takes seconds: what it says is told as it comes
        elif refused and rank is Rank.FAST:
            raise Garbage("it refuses whatever it is asked")
        if refused:
            return
        member.read(self._clock.now_ms(), values, poll.began_ms)
        self._emit(Reading(poll.began_ms, member.id, {**values, **member.counts.values()}))


def _sends_twice(device: Device, wire: Wire) -> bool:
    """Say whether the first of two equal requests only wakes the device."""
    kind = wire.kind
    return any(t.send_twice for t in device.table.transports if t.type == kind)
