"""What is kept: rows of the store, messages to the broker, and what one tick saw and decided.

A row that ends later (a session, a port interval) is kept again under the same key with its end: the
store replaces it, and the outbox sends it with a higher version.  All times are UTC ms; durations come
from the monotonic clock and are kept beside them, because a wall clock may be set in between.
"""

import msgspec

from edge.model.learning import LearnedNow
from edge.model.units import Triple


class Kept(msgspec.Struct, frozen=True, tag=True):
    """A row that must survive (I11)."""


class Session(Kept, frozen=True):
    """A vehicle was there.  id is made by us: charger, boot and start; it never changes.

    end_wall_ms: None while it lasts.  energy_wh: by the charger's counter where it has one, else by
    integration of its power.  energy_source: "counter", "session counter" or "integrated".
    counter_wh: that counter when the row was kept: what flows while the gateway is off is not lost.
    charging_ms: power flowed.  starts: how often it began to.  power_w_max: the highest that was read.
    end_reason: "unplugged", "lost", "gateway off"; OCPI and EV-ChART words are made in edge/report.
    error: every error that was shown, in that order, separated by commas; MREC codes where known.
    vehicle, driver: pseudonyms (shell/pseudonyms.py), never what the charger has read.
    offered_ms: current was offered.  failed_starts: how often none was taken that was asked for.
    first_power_ms, last_power_ms: after the start, None where power never flowed.
    stop: how the last charging ended: "vehicle", "paused", "fault", "unplugged", "lost", "gateway off".
    soc_start_pm, soc_end_pm: state of charge in thousandths, as first and last read.
    tapered_ms: how much longer it took than at the highest power, because the vehicle took less by itself.
    took_phases, took_most_ma: what it took (core/takes.py): bits of the site's phases, 0 while unknown; its
    own maximum, None where it is not known to have one.
    """

    id: str
    charger: str
    start_wall_ms: int
    end_wall_ms: int | None = None
    duration_ms: int = 0
    charging_ms: int = 0
    energy_wh: int = 0
    energy_source: str = "counter"
    power_w_max: int = 0
    starts: int = 0
    end_reason: str = ""
    error: str = ""
    vehicle: str = ""
    counter_wh: int | None = None
    port: str = ""
    driver: str = ""
    offered_ms: int = 0
    failed_starts: int = 0
    first_power_ms: int | None = None
    last_power_ms: int | None = None
    stop: str = ""
    soc_start_pm: int | None = None
    soc_end_pm: int | None = None
    tapered_ms: int = 0
    took_phases: int = 0
    took_most_ma: int | None = None


class PortInterval(Kept, frozen=True):
    """A port was in one state from start to end.  state: "up", "down", "unknown".

    cause: "available", "in use", "curtailed", "fault", "comms", "power", "gateway off", "clock", …
    excluded: "" or the reason for which 23 CFR 680.116(b) takes the minutes out.
    """

    port: str
    start_wall_ms: int
    state: str
    cause: str
    end_wall_ms: int | None = None
    duration_ms: int = 0
    excluded: str = ""
    evidence: str = ""


class Decision(Kept, frozen=True):
    """A charger's grant changed, and why: what `depot why CHARGER --at TIME` looks up (I7)."""

    wall_ms: int
    charger: str
    current_ma: int
    because: str
    asked_ma: int
    asked_because: str
    detail: str = ""


class EventStep(Kept, frozen=True):
    """An event of the utility moved: received, far, near, active, superseded; done, expired, cancelled.

    Also "acknowledged" (on the disk, and the utility's broker knows), "refused", "opted out", "opted in",
    and "unmeasured": a limit ended of which no measurement was there.
    """

    event_id: str
    wall_ms: int
    step: str
    cause: str = ""


class Compliance(Kept, frozen=True):
    """What was done in one interval of a limit: asked, measured, when it was complied with.

    mean_w, highest_w: import at the site, the highest of what came 13.2 s after the start (I5); where the
    limit is on charging (SIMPLE, offsets, alerts), what all chargers took together.
    drill: it was a rehearsal, and is told so.
    start_wall_ms: of the interval, or since when it was obeyed if that was later.
    complied_after_ms: from there until the site was first within the limit; None if it never was.
    measured_ms: for how long of it there were measurements.
    """

    event_id: str
    program_id: str
    event_name: str
    interval_id: int
    start_wall_ms: int
    end_wall_ms: int
    payload_type: str
    limit_w: int
    mean_w: int
    highest_w: int
    energy_wh: int
    complied_after_ms: int | None
    measured_ms: int = 0
    drill: bool = False


class LoadBlock(Kept, frozen=True):
    """A quarter of an hour of the site by its main meter: what bills, peaks and baselines count.

    start_wall_ms: a whole quarter of UTC, and so of every time zone in use.  import_wh, export_wh: the
    meter's power over time; charging_wh: of it into vehicles.  measured_ms: for how long of it the meter
    was known; the rest is in no figure.  counter_wh: the meter's import counter at the end, where it has
    one: what flowed while the gateway was off is not lost to the month's sum.
    """

    start_wall_ms: int
    import_wh: int
    export_wh: int = 0
    charging_wh: int = 0
    measured_ms: int = 0
    counter_wh: int | None = None


class ChargeBlock(Kept, frozen=True):
    """What a session got in a quarter of an hour: the vehicle's part of a LoadBlock.

    given_wh: what it gave back meanwhile, by its charger's power over time.
    """

    session_id: str
    start_wall_ms: int
    charger: str
    energy_wh: int
    given_wh: int = 0


class LoadSlot(Kept, frozen=True):
    """What flowed at the site's root in a minute or less: what reports and pictures of events are made of.

    A slot never straddles a minute, nor the beginning or end of an interval of the utility's events, so sums
    of slots are exact.  Energies in Ws (J): import, export, and what went into vehicles.  measured_ms: for
    how long of it the site was measured; energies are of that time.  highest_w: the highest import that was
    read, None where nothing was.  limit_w: the lowest limit of the utility on the site that held in it, None
    without one; charging_limit_w: the same on all charging together.
    """

    start_wall_ms: int
    duration_ms: int
    measured_ms: int = 0
    energy_ws: int = 0
    export_ws: int = 0
    charging_ws: int = 0
    highest_w: int | None = None
    limit_w: int | None = None
    charging_limit_w: int | None = None


class ChargerSlot(Kept, frozen=True):
    """What went into the vehicle at a charger in up to a quarter of an hour of an event of the utility.

    Kept while an event limits the site or asks for reports, and a vehicle is there.
    held_ms: for how long it got less than it could use while a limit of the utility held.
    """

    charger: str
    start_wall_ms: int
    duration_ms: int
    measured_ms: int = 0
    energy_ws: int = 0
    highest_w: int = 0
    held_ms: int = 0
    vehicle: str = ""


class GridCount(Kept, frozen=True):
    """The counters of a limit of the grid operator, which a restart must not forget (ENA EREC G100).

    ran_ms: a clock that runs only while we do.  On it: excursions counted since the last reset, when the
    lockout began (None without one), and when users took one back.
    """

    id: str
    wall_ms: int
    ran_ms: int
    excursions: str = ""
    locked_ms: int | None = None
    resets: str = ""


class GridNow(msgspec.Struct, frozen=True):
    """A limit of the grid operator in this tick.  state: its own word; limit_w: None where it sets none."""

    id: str
    kind: str
    node: str
    state: str
    limit_w: int | None
    says: str


class NodeLoad(Kept, frozen=True):
    """What a node took that was not charging, in the latest of each quarter of the week (0: Monday 00:00).

    What forecasts are made of (core/forecast.py): a week for each node, written over week by week.
    """

    week_at: int
    node: str
    wall_ms: int
    l1_ma: int
    l2_ma: int
    l3_ma: int
    power_w: int


class Promise(Kept, frozen=True):
    """What a vehicle was promised, whenever that changed.

    promise: "yes" (certain), "at risk", "no" or "ready".  short_wh: what will be missing.  why, change: in
    words, and what would change it.
    """

    charger: str
    ready_by_wall_ms: int
    wall_ms: int
    vehicle: str
    need_wh: int
    promise: str
    short_wh: int = 0
    why: str = ""
    change: str = ""


class Forgotten(Kept, frozen=True):
    """Somebody has had the stays of a bay forgotten: what began before is not learned from."""

    charger: str
    wall_ms: int


AnyKept = (
    Session
    | Forgotten
    | PortInterval
    | Decision
    | EventStep
    | Compliance
    | LoadBlock
    | ChargeBlock
    | LoadSlot
    | ChargerSlot
    | GridCount
    | Promise
    | NodeLoad
)


class NodeNow(msgspec.Struct, frozen=True):
    """A node in this tick, per phase.  flowing: measured, None while unknown.

    limit_ma: the lowest limit of all reasons; other_ma: what is not charging, as counted;
    charging_ma: granted below it; because: the reason of the lowest limit, per phase.
    """

    id: str
    limit_ma: Triple
    because: tuple[str, str, str]
    flowing_ma: Triple | None
    other_ma: Triple
    charging_ma: Triple
    power_w: int | None
    age_ms: int | None


class ChargerNow(msgspec.Struct, frozen=True):
    """A charger in this tick.

    asked: what it could use, and why not more; granted: what it gets, and what holds it back;
    may_draw_ma: the worst case that the depot counts with (I1).  soc_pm: state of charge in thousandths,
    where the charger knows it.  promise, its reason and what would change it, short_wh: as in Promise.
    giving_ma: what it is told to give back, per phase.
    window_source: as in Window, of the one that holds; "" without one.  who: what the charger has read of
    vehicle or driver, as a pseudonym.
    """

    id: str
    node: str
    state: str
    online: bool
    asked_ma: int
    asked_because: str
    granted_ma: int
    because: str
    may_draw_ma: int
    measured_ma: Triple | None
    power_w: int | None
    session_wh: int | None
    session_since_wall_ms: int | None
    vehicle: str = ""
    ready_by_wall_ms: int | None = None
    need_wh: int | None = None
    promise: str = ""
    age_ms: int | None = None
    soc_pm: int | None = None
    promise_why: str = ""
    promise_change: str = ""
    short_wh: int = 0
    window_source: str = ""
    giving_ma: int = 0
    who: str = ""


class PriceNow(msgspec.Struct, frozen=True):
    """A stretch of one price.  price_micro: millionths of the currency per kWh."""

    from_wall_ms: int
    to_wall_ms: int
    price_micro: int
    source: str


class DemandNow(msgspec.Struct, frozen=True):
    """A charge on the highest demand, from now on, in one of its periods.

    per_kw_micro: what one kW more than already_w costs, in millionths of the currency; per year: for all of
    it.  already_w: reached in this period, or billed in any case; already_wall_ms: when, None if not yet.
    before_w: the peak of the period before, None if nobody knows.  minutes: of the metering interval.
    open_wall_ms: the times from from_wall_ms to to_wall_ms in which demand counts.
    """

    name: str
    per_kw_micro: int
    already_w: int
    already_wall_ms: int | None
    before_w: int | None
    minutes: int
    per: str
    from_wall_ms: int
    to_wall_ms: int
    open_wall_ms: list[tuple[int, int]]


class Short(msgspec.Struct, frozen=True):
    """A vehicle that an event will leave without some of what it needs (I12)."""

    charger: str
    vehicle: str
    missing_wh: int
    ready_by_wall_ms: int


class Outlook(msgspec.Struct, frozen=True):
    """Will we comply?  load_w: the highest that the site is expected to take while the limit holds.

    least_w: of it, what cannot be lowered.  short: who will miss something because of the event.
    """

    load_w: int
    least_w: int
    complies: bool
    short: tuple[Short, ...] = ()


class EventNow(msgspec.Struct, frozen=True):
    """A stretch in which an event of the utility says something.

    limit_w: import of the whole site; charging_w: of all chargers together; None where it is no such limit.
    effect: what it does here, in words, or why it is not applicable.  binding: no opting out.
    """

    event_id: str
    name: str
    from_wall_ms: int
    to_wall_ms: int | None
    payload_type: str
    limit_w: int | None
    step: str
    charging_w: int | None = None
    effect: str = ""
    program_id: str = ""
    binding: bool = False
    drill: bool = False
    outlook: Outlook | None = None


class PlannedStep(msgspec.Struct, frozen=True):
    """A charger is to get another current at a time; 0 is a pause, or that its vehicle is ready."""

    wall_ms: int
    charger: str
    current_ma: int


class PlanNow(msgspec.Struct, frozen=True):
    """The plan that holds.  number 0: there is none, because of trouble.

    vehicles: those that are there; expected: those to come by their windows.  cost_micro: of all of them,
    with the charge on a higher peak.  gap_ppm: how much dearer it is than the best possible one at most.
    unmet_wh: what the limits do not leave.  steps: the changes that come next.
    forecast_error_w: by how much forecasts of what is not charging at the site were off in the mean, of
    quarters of an hour; None before one was measured.
    """

    number: int = 0
    made_wall_ms: int = 0
    vehicles: int = 0
    expected: int = 0
    cost_micro: int = 0
    gap_ppm: int = 0
    peak_w: int = 0
    unmet_wh: int = 0
    solve_ms: int = 0
    steps: tuple[PlannedStep, ...] = ()
    trouble: str = ""
    forecast_error_w: int | None = None


class TickRecord(msgspec.Struct, frozen=True):
    """What one tick saw and decided.

    learned: what is usual at each bay.
    demand: what demand costs and has reached.  quarter_w: the mean of the running quarter of an hour.
    grid: the grid operator's limits.
    """

    at_ms: int
    wall_ms: int
    nodes: list[NodeNow]
    chargers: list[ChargerNow]
    prices: list[PriceNow]
    events: list[EventNow]
    violations: list[str]
    fallback: str = ""
    demand: list[DemandNow] = []
    quarter_w: int | None = None
    plan: PlanNow | None = None
    grid: list[GridNow] = []
    learned: tuple[LearnedNow, ...] = ()
