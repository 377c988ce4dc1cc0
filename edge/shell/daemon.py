"""The daemon: the only loop.  Events in, commands out; it decides nothing.

    masters, brokers, desk, clock ── say(event) ──> inbox ──> Controller.handle ──> commands ──> do(command)

Rule 1: between an event and its commands there is no await.
Rule 2: a tick a second, and one soon after somebody has spoken.  A second that could not be used is left
        out, not made up for.
Rule 3: the disk, a broker or a device may fail for as long as they like; the loop goes on and says so.
Rule 4: if the loop itself fails, the process ends.  Setpoints then expire, chargers fall back by themselves
        (I4), and systemd starts anew.
"""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from edge.core.controller import Controller
from edge.core.peaks import looks_back_to
from edge.model.flow import (
    AnyCommand,
    AnyEvent,
    Audit,
    Forget,
    GridReset,
    GridSignal,
    Keep,
    MakePlan,
    Noted,
    OperatorLimit,
    OptOut,
    Planned,
    Remember,
    SetCurrent,
    SetRelays,
    Tick,
    UtilitySaid,
    WindowRemoved,
    WindowSet,
)
from edge.model.records import TickRecord
from edge.model.site import Site
from edge.model.tariff import Tariff
from edge.model.units import DAY_MS, SECOND_MS
from edge.shell import buses, control, eventreport, monthpeaks, uptimes
from edge.shell.archive import Archive
from edge.shell.clock import Clock
from edge.shell.desk import Desk
from edge.shell.lines import Lines
from edge.shell.links import Links
from edge.shell.planning import Planning
from edge.shell.pseudonyms import Pseudonyms
from edge.shell.recorder import Recorder
from edge.shell.statedir import ACCOUNTS, CONTROL_SOCKET, PSEUDONYM_KEY, STORE
from edge.shell.store import open_store
from edge.shell.storefile import StoreTrouble
from edge.shell.storeoutbox import Gone

log = logging.getLogger("edge.daemon")

# A utility's limit need not wait for the next second; a flood of messages makes four ticks a second at most.
HURRY_MS = 250

# A violation writes the flight recorder out; not again for the same trouble within this time.
RECORD_AGAIN_MS = 15 * 60 * SECOND_MS

# What somebody has said: it need not wait for the next second.
SPOKEN = (UtilitySaid, OptOut, OperatorLimit, GridSignal, GridReset, WindowSet, WindowRemoved)

Guest = Callable[[Desk], Coroutine[Any, Any, None]]


class Daemon:
    """One depot.  state: the directory that survives.  guests: what else runs beside it, such as the page."""

    def __init__(
        self,
        site: Site,
        tariff: Tariff | None,
        state: Path,
        guests: tuple[Guest, ...] = (),
        clock: Clock | None = None,
    ) -> None:
        """Prepare everything; nothing is opened but the store.

        Raises ValueError, library.UnknownDriver and table.BadTable for a device that cannot be spoken to,
        and mqtt.BadBroker for a broker whose files are not there.
        """
        state.mkdir(parents=True, exist_ok=True)
        names = Pseudonyms(state / PSEUDONYM_KEY)
        self.site = site = names.naming(site)
        self.run_id = uuid.uuid4().hex[:12]
        self.store, self._notes = open_store(state / STORE, self.run_id)
        self.clock = clock or Clock(self.store.meta("last_wall_ms") or 0)
        self._tariff = tariff
        self.controller = Controller(site, tariff)
        self.recorder = Recorder(state / "recordings")
        self.desk = Desk(
            site,
            self.store,
            self.say,
            now_ms=self.clock.now_ms,
            wall_ms=self.clock.wall_ms,
            report=lambda event_id: eventreport.made(
                self.store, event_id, site.timezone, site.utility, self.clock.wall_ms()
            ),
            accounts=state / ACCOUNTS,
            archive=Archive(self.store.path, site, tariff),
            lines=(lines := Lines(self.clock.now_ms)),
        )
        self.links = Links(site, self.store, self.say, self.run_id, self.clock)
        self.planning = Planning(site, self._said_by_thread, self.clock)
        self._runs_in: asyncio.AbstractEventLoop | None = None
        self._notes += [names.trouble] if names.trouble else []
        closed = self.desk.reception.accounts.trouble
        self._notes += [closed] if closed else []
        self._masters = buses.build(site, names.hiding(lines.hearing(self.say)), self.clock)
        lines.masters = self._masters
        self._master_of = {name: master for master in self._masters for name in master.members}
        self._inbox: asyncio.Queue[AnyEvent] = asyncio.Queue()
        self._spoken = asyncio.Event()
        self._guests = guests
        self._state = state
        self._recorded_at_ms = -RECORD_AGAIN_MS
        self._heard_all = False
        self._trouble = ""
        self._pruned_ms = 0

    def say(self, event: AnyEvent) -> None:
        """Hand an event to the core; it is taken in the order of saying."""
        self._inbox.put_nowait(event)
        if isinstance(event, SPOKEN):
            self._spoken.set()

    def _said_by_thread(self, event: AnyEvent) -> None:
        """Hand in an event from another thread; nobody listens any more once the loop has ended."""
        if isinstance(event, Planned) and event.plan is not None:
            self.desk.ahead.plan = event.plan
        with contextlib.suppress(RuntimeError):
            if self._runs_in is not None:
                self._runs_in.call_soon_threadsafe(self.say, event)

    async def run(self) -> None:
        """Run until cancelled.  Raises what the loop itself fails with."""
        now_ms, wall_ms = self.clock.now_ms(), self.clock.wall_ms()
        for note in self._notes:
            log.error("%s", note)
            self.store.audit(wall_ms, "store", "opened", note)
        uptimes.remember(self.store, self.site)
        self.store.audit(wall_ms, "daemon", "started", f"run {self.run_id}")
        self.store.remember("site", self.site.id)
        load_from_ms = looks_back_to(self._tariff, wall_ms) if self._tariff else None
        self.say(self.store.restore(now_ms, wall_ms, load_from_ms))
        self.links.start()
        self._runs_in = asyncio.get_running_loop()
        self.planning.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._loop())
                tasks.create_task(self._ticks())
                tasks.create_task(self._commits())
                for master in self._masters:
                    tasks.create_task(master.run())
                for work in self.links.work():
                    tasks.create_task(work)
                tasks.create_task(monthpeaks.work(self.store, self.site, self._tariff, self.say, self.clock))
                tasks.create_task(control.serve(self.desk, self._state / CONTROL_SOCKET))
                for guest in self._guests:
                    tasks.create_task(guest(self.desk))
        finally:
            await self._end()

    async def _end(self) -> None:
        self.desk.close()
        for master in self._masters:
            master.stop()
        await asyncio.to_thread(self.planning.stop)
        await self.links.stop()
        wall_ms = self.clock.wall_ms()
        self.store.audit(wall_ms, "daemon", "stopped", f"run {self.run_id}")
        try:
            self.store.close(wall_ms if self.clock.wall_trusted() else None)
        except StoreTrouble as error:
            log.error("%s", error)

    async def _loop(self) -> None:
        while True:
            event = await self._inbox.get()
            self.recorder.take(event, self.controller)
            for command in self._handled(event):
                self.do(command)

    def _handled(self, event: AnyEvent) -> list[AnyCommand]:
        """Return what the core says to an event.

        A tick that fails ends the daemon (rule 4).  Anything else that fails is our mistake about something
        that somebody has said; it must not keep the depot from being controlled, nor come back at every
        start from the store.
        """
        try:
            return self.controller.handle(event)
        except Exception as error:
            if isinstance(event, Tick):
                raise
            log.exception("%s was not understood", type(event).__name__)
            return [Audit("daemon", f"{type(event).__name__} left out", f"our mistake: {error!r}")]

    async def _ticks(self) -> None:
        """Say a tick at every whole second of the clock, and soon after a utility or a person has spoken."""
        due_ms = self.clock.now_ms() // SECOND_MS * SECOND_MS + SECOND_MS
        last_ms = 0
        while True:
            hurried = await self._spoken_before(due_ms, last_ms + HURRY_MS)
            last_ms = self.clock.now_ms()
            self.say(Tick(last_ms, self.clock.wall_ms(), self.clock.wall_trusted()))
            if not hurried:  # a timer may fire early: never twice for the same second
                due_ms = max(due_ms, last_ms) // SECOND_MS * SECOND_MS + SECOND_MS

    async def _spoken_before(self, due_ms: int, not_before_ms: int) -> bool:
        """Wait for a second to begin, or for somebody to have spoken; tell whether it was the latter."""
        try:
            async with asyncio.timeout(max(0, due_ms - self.clock.now_ms()) / SECOND_MS):
                await self._spoken.wait()
                await asyncio.sleep(max(0, not_before_ms - self.clock.now_ms()) / SECOND_MS)
        except TimeoutError:
            return False
        self._spoken.clear()
        return True

    async def _commits(self) -> None:
        """Commit what is to be kept, once a second; only then tell the brokers that it was taken."""
        while True:
            await asyncio.sleep(1)
            taken = self.links.taken()
            try:
                if self.clock.wall_trusted():
                    self.store.heartbeat(self.clock.wall_ms())
                gone = await asyncio.to_thread(self._commit)
                self._said("")
            except StoreTrouble as error:
                self.links.untaken(taken)
                self._said(str(error))
                continue
            for done in taken:
                done()
            self.links.gone(gone, "too much waited: the oldest telemetry went")
            self.links.committed()

    def _commit(self) -> list[Gone]:
        """Commit, and prune once a day.  Returns the messages that were given up by that."""
        self.store.commit()
        now_ms = self.clock.now_ms()
        due = now_ms - self._pruned_ms >= DAY_MS or not self._pruned_ms
        if not due or not self.clock.wall_trusted():  # by a wrong clock, everything may look old
            return []
        self._pruned_ms = now_ms
        return self.store.prune(self.clock.wall_ms())

    def _said(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            log.error("store: %s", trouble or "works again")
            self.store.audit(self.clock.wall_ms(), "store", "commit", trouble or "works again")

    def do(self, command: AnyCommand) -> None:
        """Do what the core has decided.  Nothing here waits."""
        match command:
            case SetCurrent():
                until_ms = self.clock.now_ms() + command.valid_for_ms
                self._master_of[command.charger].set_current(command.charger, command.current_ma, until_ms)
            case SetRelays():
                until_ms = self.clock.now_ms() + command.valid_for_ms
                self._master_of[command.board].set_relays(command.board, command.relays, until_ms)
            case Keep():
                self.store.keep(command.row, self.links.message(command))
            case Noted():
                self.links.noted(command.record)
                self.desk.noted(command.record)
                self._look_after(command.record)
            case Remember():
                self.store.event_set(command.event)
            case MakePlan():
                self.desk.ahead.prospect = command.prospect
                self.planning.wish(command)
            case Forget():
                self.store.event_remove(command.event_id)
            case Audit():
                log.info("%s: %s: %s", command.who, command.what, command.outcome)
                self.store.audit(self.clock.wall_ms(), command.who, command.what, command.outcome)

    def _look_after(self, record: TickRecord) -> None:
        """Write the flight recorder out when something has happened.

        Meters that have not answered since the start do not count: nothing has happened before them.
        """
        self._heard_all = self._heard_all or not record.fallback
        why = "; ".join(record.violations) or (record.fallback if self._heard_all else "")
        if why:
            self._record(why)

    def _record(self, why: str) -> None:
        now_ms = self.clock.now_ms()
        if now_ms - self._recorded_at_ms < RECORD_AGAIN_MS:
            return
        self._recorded_at_ms = now_ms
        try:
            path = self.recorder.write(self.site.id, why, self.clock.wall_ms())
            log.warning("%s; the minutes before are in %s", why, path)
        except OSError as error:
            log.error("%s; the flight recorder cannot be written: %s", why, error)
