"""The day as it is planned: what the planner is to be told (Prospect), and what it says (DayPlan).

Times are UTC ms, currents mA on each phase conductor of a charger, energies Wh.  Values only:
edge/core/prospect.py makes a problem of an prospect, edge/core/dayplan.py a day plan of the solution.
"""

import msgspec

from edge.model.records import DemandNow, PriceNow
from edge.model.site import Window

# The most slots of a plan, and how long they are up to a day and up to two.
SLOTS_MAX = 288
SLOT_MS = 5 * 60_000
LONG_SLOT_MS = 10 * 60_000

Four = tuple[int, int, int, int]  # mA on L1, L2, L3, and W


class Giver(msgspec.Struct, frozen=True):
    """What a vehicle may give back: it has now_wh of full_wh, keeps keep_wh, and is to have target_wh.

    gives_w: at most.  cycle_micro: what a kWh given back wears, in millionths.
    """

    now_wh: int
    keep_wh: int
    full_wh: int
    target_wh: int
    gives_w: int
    cycle_micro: int


class Stayer(msgspec.Struct, frozen=True):
    """A vehicle that is there, or will come by its window, and what it still needs.

    takes_w: what it draws at max_ma; less than the charger's phases say where it uses fewer of them.
    giver: None where nothing may be taken out of it.  part: of two needs of one vehicle, "<" the first.
    taper_ms: how much longer than at takes_w it needs, because the last part goes slower.
    """

    charger: str
    from_wall_ms: int
    ready_by_wall_ms: int
    need_wh: int
    min_ma: int
    max_ma: int
    takes_w: int
    phases: tuple[int, ...]
    priority: int
    present: bool
    giver: Giver | None = None
    part: str = ""
    taper_ms: int = 0


class Draw(msgspec.Struct, frozen=True):
    """What takes room below a node and is not planned: until when.  phases: site indices."""

    node: str
    phases: tuple[int, ...]
    current_ma: int
    until_wall_ms: int


class Ceiling(msgspec.Struct, frozen=True):
    """A limit on everything that flows through a node, for a time.  to_wall_ms: None without an end.

    charging: limit_w is on what charges below it, whatever else flows.
    """

    node: str
    from_wall_ms: int
    to_wall_ms: int | None
    limit_w: int | None = None
    limit_ma: int | None = None
    charging: bool = False


class Profile(msgspec.Struct, frozen=True):
    """What a node took that was not charging; W are negative where more is made than taken.

    now: at this moment; None while its meter is silent.
    day: by quarter of the day, of the recent days.  week: by quarter of the week, of that weekday.
    error: the mean of how far the forecast was off, each way.
    """

    now: Four | None = None
    day: tuple[Four | None, ...] = (None,) * 96
    week: tuple[Four | None, ...] = (None,) * 672
    error: Four = (0, 0, 0, 0)


class Came(msgspec.Struct, frozen=True, array_like=True):
    """Somebody who was there on a day: minutes after local midnight, for how long, and what it got."""

    at_min: int
    stay_min: int
    energy_wh: int
    charger: str


class PeakAim(msgspec.Struct, frozen=True):
    """What has been learned of a month's peak and of who is still to come (core/peaktarget.py).

    target_w: a demand of the site that will be reached in any case; 0 where nobody knows.
    days: who came on recent days of today's kind.  now_min: minutes after local midnight.
    """

    target_w: int
    now_min: int
    days: tuple[tuple[Came, ...], ...]


class Prospect(msgspec.Struct, frozen=True):
    """All that a plan is made of, as the core knew it at wall_ms.

    stayers: the vehicles that are there.  windows: who is expected.  other: of metered nodes.
    export: what is paid for what flows back, where anything is.
    aim: None where no demand is charged for by the month, or nothing is known of it.
    """

    wall_ms: int
    stayers: tuple[Stayer, ...]
    windows: tuple[Window, ...] = ()
    draws: tuple[Draw, ...] = ()
    prices: tuple[PriceNow, ...] = ()
    ceilings: tuple[Ceiling, ...] = ()
    other: dict[str, Profile] = {}
    demand: tuple[DemandNow, ...] = ()
    export: tuple[PriceNow, ...] = ()
    aim: PeakAim | None = None


class Stretch(msgspec.Struct, frozen=True, array_like=True):
    """Slots of one current, which may be 0, or below it: then it gives back.

    left_wh: what the plan gives from here on until the departure, less what it takes out.

    ahead: taking more now costs nothing: no later slot of this vehicle is cheaper, no peak is paid for.
    """

    from_slot: int
    to_slot: int
    current_ma: int
    left_wh: int
    ahead: bool


class Row(msgspec.Struct, frozen=True):
    """What one vehicle gets.  need_wh: what was planned for; unmet_wh: what the limits do not leave it.

    held: what holds it back then, in words, "" for its own maximum; later_ms: about how much later it would
    have the rest, None where nobody can say.
    """

    charger: str
    ready_by_wall_ms: int
    need_wh: int
    unmet_wh: int
    stretches: tuple[Stretch, ...]
    held: str = ""
    later_ms: int | None = None


class DayPlan(msgspec.Struct, frozen=True):
    """A plan.  rows: of the vehicles that are there, one per charger.

    cost_micro: energy, demand charge above the peak so far, of all that is planned; unmet energy not.
    gap_ppm: how much dearer than the best possible plan it is at most, millionths.
    """

    from_wall_ms: int
    slot_ms: int
    slots: int
    rows: tuple[Row, ...]
    expected: int
    cost_micro: int
    gap_ppm: int
    peak_w: int
    unmet_wh: int
    solve_ms: int = 0
