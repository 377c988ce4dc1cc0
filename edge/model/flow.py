"""Event and Command: the only way into the core, and the only way out.

Telemetry events only update what is known; only Tick decides.  All of them are plain frozen values
that can be written to a file and read again, so any minute can be replayed (I6).

`at_ms` is monotonic and says when the shell saw it happen; `wall_ms` is UTC.
"""

from typing import Literal

import msgspec

from edge.model.dayplan import DayPlan, Prospect
from edge.model.openadr import OpenAdrEvent
from edge.model.records import Kept, TickRecord
from edge.model.site import Window
from edge.model.trends import MonthPeak


class Event(msgspec.Struct, frozen=True, tag=True):
    """Something that the shell saw."""

    at_ms: int


class Tick(Event, frozen=True):
    """Decide now, for the whole depot at once.  wall_trusted: the wall clock is set."""

    wall_ms: int
    wall_trusted: bool = True


class Reading(Event, frozen=True):
    """A device has answered.  values: keys of model.quantities.BY_KEY; a missing key was not read."""

    device: str
    values: dict[str, int | str]


class Identified(Event, frozen=True):
    """A device was recognised and may be written (I9).  identity: manufacturer, model, serial …"""

    device: str
    identity: dict[str, int | str]


class Lost(Event, frozen=True):
    """A device does not answer, or is not what the site file says.  why: for people and records."""

    device: str
    why: str


class Written(Event, frozen=True):
    """A charger has accepted a setpoint; it may not have acted on it yet."""

    charger: str
    current_ma: int


class UtilitySaid(Event, frozen=True):
    """An OpenADR event was created or updated, or (event without intervals) deleted.

    seen_id: what told it apart from a stale copy: id and modificationDateTime.
    """

    wall_ms: int
    operation: Literal["CREATE", "UPDATE", "DELETE"]
    event: OpenAdrEvent
    topic: str = ""


class UtilityTaken(Event, frozen=True):
    """What the utility said of an event is on the disk, and its broker has been told so."""

    wall_ms: int
    event_id: str


class ProgramSaid(Event, frozen=True):
    """The utility's server says whether the events of a program are binding (BINDING_EVENTS)."""

    program_id: str
    binding: bool


class OptOut(Event, frozen=True):
    """The operator opts out of an event of the utility, with a reason; or back in.

    event_id: of one event; "program:ID" of all that a program sends; "*" of all.
    """

    wall_ms: int
    event_id: str
    reason: str
    back_in: bool = False


class WindowSet(Event, frozen=True):
    """A charge window was added, or replaced where the id exists."""

    window: Window


class WindowRemoved(Event, frozen=True):
    """A charge window was removed."""

    window_id: str


class StaysForgotten(Event, frozen=True):
    """The stays of a bay that began before this are not to be learned from."""

    wall_ms: int
    charger: str


class OperatorLimit(Event, frozen=True):
    """The operator lowers a node's limit for a while; None takes it back.  Never above the installer's."""

    wall_ms: int
    node: str
    limit_ma: int | None
    until_wall_ms: int | None = None
    who: str = ""


class Planned(Event, frozen=True):
    """A plan that was wished for, or (plan None) why there is none."""

    number: int
    plan: DayPlan | None
    why: str = ""


class GridSignal(Event, frozen=True):
    """A heartbeat of the grid operator's box, and what it limits to; None where nothing is limited.

    for_ms: how long that limit holds; None until the next word.
    """

    limit_id: str
    limit_w: int | None
    for_ms: int | None = None


class GridReset(Event, frozen=True):
    """Somebody takes a lockout back.  installer: with the right to do so at any time."""

    wall_ms: int
    limit_id: str
    who: str
    installer: bool = False


class Link(Event, frozen=True):
    """The connection to a broker came up or went down."""

    link: Literal["utility", "network"]
    up: bool
    why: str = ""


class Restored(Event, frozen=True):
    """What the store knew when the daemon started, before the first tick.

    last_wall_ms: when the gateway was last known to be running; None on the first start.
    """

    wall_ms: int
    boot_id: str
    last_wall_ms: int | None
    kept: list[Kept]
    windows: list[Window]
    events: list[OpenAdrEvent]
    opt_outs: dict[str, str]


class MonthsLearned(Event, frozen=True):
    """What the months before would have needed at best under this month's prices (core/peaktarget.py)."""

    peaks: tuple[MonthPeak, ...]


AnyEvent = (
    Tick
    | Reading
    | Identified
    | Lost
    | Written
    | UtilitySaid
    | UtilityTaken
    | ProgramSaid
    | OptOut
    | WindowSet
    | WindowRemoved
    | StaysForgotten
    | OperatorLimit
    | Planned
    | GridSignal
    | GridReset
    | Link
    | Restored
    | MonthsLearned
)


class Command(msgspec.Struct, frozen=True, tag=True):
    """Something that the shell is to do.  The order of commands is the order of doing."""


class SetCurrent(Command, frozen=True):
    """Tell a charger its current.  After valid_for_ms without a newer one the shell stops refreshing it.

    current_ma: per phase conductor; 0 is a pause, written the way the device wants it.
    because: what holds it back, for people and records (I7).
    """

    charger: str
    current_ma: int
    valid_for_ms: int
    because: str


class SetRelays(Command, frozen=True):
    """Have a board's heartbeat ask for these relays to be closed (bits); unknown to it, they open.

    After valid_for_ms without a newer one the heartbeat stops, and the board goes to its safe pattern (I4).
    """

    board: str
    relays: int
    valid_for_ms: int


class Keep(Command, frozen=True):
    """Write a row to the store; with `tell`, also to the outbox of a broker, in one transaction (I11)."""

    row: Kept
    tell: Literal["", "network", "utility"] = ""


class Noted(Command, frozen=True):
    """What the tick saw and decided: for the page, the flight recorder and `depot why`."""

    record: TickRecord


class Audit(Command, frozen=True):
    """A line of the audit log: who or what, did what, and what became of it."""

    who: str
    what: str
    outcome: str


class Remember(Command, frozen=True):
    """Keep an event of the utility over restarts, in place of what was known under its id."""

    event: OpenAdrEvent


class Forget(Command, frozen=True):
    """An event of the utility is over, cancelled or deleted: a restart need not know it."""

    event_id: str


class MakePlan(Command, frozen=True):
    """Plan the day, in place of an earlier wish that is not answered yet; answer with Planned."""

    number: int
    prospect: Prospect


AnyCommand = SetCurrent | SetRelays | Keep | Noted | Audit | Remember | Forget | MakePlan
