"""The controller against a world of greedy vehicles and slow devices; the world shares no code with it.

Every vehicle draws what its charger's own register says, as soon as it may, and lets go as late as IEC
61851-1 allows (5 s for the charger, 5 s for the vehicle).  Writes are late, readings are old, chargers and
meters fall silent.  What is checked is the sum of the currents that flow.
"""

import random
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.controller import Controller
from edge.model.flow import AnyCommand, AnyEvent, Identified, Lost, Reading, SetCurrent, Tick, Written
from edge.model.site import Site
from tests.story.sites import WALL_MS, depot

LIMIT_MA = 63_000
FOLLOWS_MS = 10_000
SETTLED_MS = 13_200  # I5: from the reading that shows it
UNSEEN_MS = 5_000  # I3: a meter may be silent for this long before it counts as such


@dataclass
class Bay:
    """register: what the device was last told.  draws: what flows.  falls_to: what will flow, and when."""

    plugged: bool = False
    online: bool = True
    register: int = 0
    draws: int = 0
    falls_to: list[tuple[int, int]] = field(default_factory=list)
    writes: list[tuple[int, int]] = field(default_factory=list)
    told_until: int = 0


class World:
    """A depot in steps of 100 ms.  seed decides everything."""

    def __init__(self, site: Site, seed: int) -> None:
        self.random = random.Random(seed)
        self.site = site
        self.now = 0
        self.bays = {c.id: Bay() for c in site.chargers}
        self.other = 20_000
        self.rose = False
        self.rose_at = -SETTLED_MS
        self.unseen = False
        self.meter_online = True

    def step(self) -> list[AnyEvent]:
        """Let 100 ms pass; return what devices answer in them."""
        self.now += 100
        events: list[AnyEvent] = []
        for name, bay in self.bays.items():
            events += self._bay(name, bay)
        if self.meter_online and self.now % 1_000 == 900:
            total = self.total()
            values: dict[str, int | str] = {f"current_l{p}_ma": total for p in (1, 2, 3)}
            values["power_w"] = total * 3 * 230 // 1000
            events.append(Reading(self.now, "grid", values))
            if self.rose:
                self.rose, self.rose_at = False, self.now
        return events

    def _bay(self, name: str, bay: Bay) -> list[AnyEvent]:
        events: list[AnyEvent] = []
        while bay.writes and bay.writes[0][0] <= self.now and bay.online:
            _, current = bay.writes.pop(0)
            bay.register = current
            bay.told_until = self.now + 60_000
            events.append(Written(self.now, name, current))
        if self.now > bay.told_until:
            bay.register = 6_000  # its own timer: the fallback
        goal = bay.register if bay.plugged else 0
        if goal >= bay.draws:
            bay.draws, bay.falls_to = goal, []  # greedy: up at once
        elif not bay.falls_to or bay.falls_to[-1][1] != goal:
            bay.falls_to.append((self.now + FOLLOWS_MS, goal))
        if bay.falls_to and bay.falls_to[0][0] <= self.now:
            bay.draws = max(goal, bay.falls_to.pop(0)[1])
        if bay.online and self.now % 1_000 == 700:
            values: dict[str, int | str] = {f"current_l{p}_ma": bay.draws for p in (1, 2, 3)}
            values |= {"setpoint_ma": bay.register, "state": "C" if bay.plugged else "A"}
            events.append(Reading(self.now, name, values))
        return events

    def total(self) -> int:
        return self.other + sum(b.draws for b in self.bays.values())

    def beyond_reach(self) -> int:
        """Return what silent chargers draw above their fallback: nobody can lower it but their own timers."""
        return sum(max(0, b.draws - 6_000) for b in self.bays.values() if not b.online)

    def happen(self) -> list[AnyEvent]:
        """Let something happen, now and then."""
        name = self.random.choice(list(self.bays))
        bay = self.bays[name]
        match self.random.randrange(40):
            case 0 | 1 | 2:
                bay.plugged = not bay.plugged
            case 3:
                bay.online = False
                return [Lost(self.now, name, "no answer")]
            case 4 | 5 if not bay.online:
                bay.online = True
                bay.writes = bay.writes[-1:]
                self.rose_at = self.now  # from now on it can be lowered, and not before
                return [Identified(self.now, name, {})]
            case 6:
                self.other = max(0, self.other - self.random.randrange(15_000))
            case 7:
                more = self.random.randrange(15_000)
                if self.other + more <= 39_000:
                    self.other += more
                    self.rose, self.rose_at = True, self.now
                    self.unseen = not self.meter_online
            case 8:
                self.meter_online = not self.meter_online
                self.unseen = True
        return []

    def obey(self, commands: list[AnyCommand]) -> None:
        """Put setpoints on their way: each arrives within 2 s, in order."""
        for command in commands:
            if isinstance(command, SetCurrent):
                writes = self.bays[command.charger].writes
                if not writes or writes[-1][1] != command.current_ma:
                    at = self.now + self.random.randrange(2_000)
                    writes.append((max(at, writes[-1][0] if writes else 0), command.current_ma))


def play(seed: int, seconds: int = 240) -> tuple[list[str], list[AnyEvent], list[AnyCommand]]:
    """Run a world and return what went wrong, every event, and every command."""
    site = depot(4, limit_ma=LIMIT_MA, other_max_ma=39_000)  # 39 + 4 × 6 = 63: the fallbacks just fit
    world, controller = World(site, seed), Controller(site)
    wrong: list[str] = []
    events: list[AnyEvent] = [Identified(0, c.id, {}) for c in site.chargers]
    commands: list[AnyCommand] = []
    for event in events:
        controller.handle(event)
    for _ in range(seconds * 10):
        new = world.step()
        if world.now % 1_000 == 0:
            new += [*world.happen(), Tick(world.now, WALL_MS + world.now)]
        for event in new:
            done = controller.handle(event)
            commands += done
            world.obey(done)
        events += new
        settled_ms = SETTLED_MS + (UNSEEN_MS if world.unseen else 0)
        if world.total() - world.beyond_reach() > LIMIT_MA and world.now - world.rose_at > settled_ms:
            wrong.append(
                f"seed {seed}, {world.now} ms: {world.total()} mA flow, {world.other} of them other load"
            )
    return wrong, events, commands


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_no_overload_but_by_a_load_that_has_just_risen(seed: int) -> None:
    """I1, I5."""
    wrong, _, _ = play(seed)
    assert not wrong, wrong[0]


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32))
def test_setpoints_are_lawful_and_expire(seed: int) -> None:
    """I2, I4."""
    _, _, commands = play(seed, 60)
    for command in commands:
        if isinstance(command, SetCurrent):
            assert command.current_ma == 0 or 6_000 <= command.current_ma <= 32_000
            assert 0 < command.valid_for_ms <= 10_000


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32))
def test_the_same_events_give_the_same_commands(seed: int) -> None:
    """I6."""
    _, events, commands = play(seed, 60)
    again = Controller(depot(4, limit_ma=LIMIT_MA, other_max_ma=39_000))
    assert [c for e in events for c in again.handle(e)] == commands
