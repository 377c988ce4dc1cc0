"""What pages and commands are told: the answers of the desk, as they stand in JSON.

Rule 1: fields are only added; a name that has once been answered stays (DESIGN.md §6).
Rule 2: every figure is an integer with its unit in its name; `words` beside them are for people, in
        the site's local time, so that the page, the terminal and the API say the same.
Rule 3: nothing is decided here; edge/shell/words.py makes the sentences, edge/shell/desk.py the answers.
"""

import msgspec

from edge.model.units import Triple


class DeskError(Exception):
    """A question or a wish that cannot be answered: says what was wrong and what was expected."""


class NotYetError(DeskError):
    """The daemon has not made its first tick."""


class UnknownError(DeskError):
    """There is nothing of that name."""


class NothingRecordedError(DeskError):
    """Nothing is recorded of that time."""


class NodeStatus(msgspec.Struct, frozen=True):
    """A breaker, feeder or transformer now.

    limit_ma: the lowest limit of all reasons, per phase; because: that reason.
    installed_ma: the installer's limit, which nothing raises.
    flowing_ma: measured; None where no meter measures it or its reading is too old.
    other_ma: what is not charging, as counted; charging_ma: granted to the chargers below.
    full: the phases on which a charger asks for more and there is no room for one more ampere.
    over: the phases that carry more than the limit now, while charging goes down.
    """

    id: str
    parent: str | None
    depth: int
    limit_ma: Triple
    installed_ma: Triple
    because: tuple[str, str, str]
    flowing_ma: Triple | None
    other_ma: Triple
    charging_ma: Triple
    full: list[str]
    over: list[str]
    power_w: int | None
    age_ms: int | None
    metered: bool
    words: str


class ChargerStatus(msgspec.Struct, frozen=True):
    """A charger now.  state: what the device says; kind: one of the six that the page tells apart.

    kind: "charging", "waiting", "paused", "free", "fault", "offline".
    state_words, reason, ready: what a person reads.  late: it will not be ready as asked, or may not;
    promise_words says why, and what would change it.  window_source: "site", "operator", "learned" or
    "default"; "" without a window.  who: the pseudonym of the vehicle or card that the charger has read.
    """

    id: str
    name: str
    node: str
    state: str
    kind: str
    online: bool
    granted_ma: int
    because: str
    asked_ma: int
    asked_because: str
    may_draw_ma: int
    measured_ma: Triple | None
    power_w: int | None
    session_wh: int | None
    session_since_wall_ms: int | None
    vehicle: str
    need_wh: int | None
    ready_by_wall_ms: int | None
    promise: str
    late: bool
    age_ms: int | None
    phases: str
    state_words: str
    reason: str
    ready: str
    promise_why: str = ""
    promise_change: str = ""
    short_wh: int = 0
    promise_words: str = ""
    window_source: str = ""
    who: str = ""


class Price(msgspec.Struct, frozen=True):
    """A stretch of one price, in millionths of the site's currency per kWh."""

    from_wall_ms: int
    to_wall_ms: int
    price_micro: int
    source: str


class ShortStatus(msgspec.Struct, frozen=True):
    """A vehicle that an event leaves without some of what it needs."""

    charger: str
    vehicle: str
    missing_wh: int
    ready_by_wall_ms: int


class EventStatus(msgspec.Struct, frozen=True):
    """An event of the utility: where it stands, what it asks, whether the operator opted out, and why.

    charging_w: a limit on all chargers together.  effect: what it does here, or why it is not applicable.
    comply: will we comply, in words; "" where nothing is forecast.  load_w: the highest that is expected.
    short: the vehicles that will miss something because of it.
    """

    id: str
    name: str
    payload_type: str
    from_wall_ms: int
    to_wall_ms: int | None
    limit_w: int | None
    step: str
    opted_out: str
    words: str
    charging_w: int | None = None
    effect: str = ""
    program: str = ""
    binding: bool = False
    drill: bool = False
    comply: str = ""
    load_w: int | None = None
    short: tuple[ShortStatus, ...] = ()


class OptOutStatus(msgspec.Struct, frozen=True):
    """What stands of the operator's opting out beside single events: "*" is all, "program:ID" a program's."""

    what: str
    reason: str
    words: str


class GridStatus(msgspec.Struct, frozen=True):
    """A limit of the grid operator: its state in its own word, and what it leaves."""

    id: str
    kind: str
    node: str
    state: str
    limit_w: int | None
    words: str


class PlanStatus(msgspec.Struct, frozen=True):
    """The plan of the day that holds.  number 0: there is none, and trouble says why.

    cost_micro: of the energy that is planned and of a higher peak, millionths of the currency.
    gap_ppm: how much dearer than the best possible plan it is at most, millionths.
    steps: what comes next, in words.  forecast_error_w: by how much forecasts of what is not charging were
    off, in the mean.
    """

    number: int
    made_wall_ms: int
    vehicles: int
    expected: int
    cost_micro: int
    gap_ppm: int
    peak_w: int
    unmet_wh: int
    solve_ms: int
    trouble: str
    words: str
    steps: list[str]
    forecast_error_w: int | None = None


class LearnedStatus(msgspec.Struct, frozen=True):
    """What is usual at a bay at a time of day, as in model.learning.LearnedNow, and in words."""

    charger: str
    day_off: bool
    came: int
    days: int
    stays: int
    kept: int
    arrives_min: int
    leaves_min: int
    need_wh: int
    used: bool
    measured: int
    arrival_error_min: int | None
    leaves_error_min: int | None
    need_error_wh: int | None
    left_early: int
    took_more: int
    taper_ms: int
    words: str
    error_words: str


class ForgottenStatus(msgspec.Struct, frozen=True):
    """The stays of a bay that began before this time are not learned from."""

    charger: str
    wall_ms: int


class DemandStatus(msgspec.Struct, frozen=True):
    """A demand price in its period.  already_w: reached, or billed in any case; above it a kW costs this."""

    name: str
    per: str
    per_kw_micro: int
    already_w: int
    words: str


class Status(msgspec.Struct, frozen=True):
    """The depot now.  wall_ms: when this was decided; age_ms: how long ago that is.

    learned: what is usual at each bay.
    demand: the demand prices whose period runs.  quarter_w: the mean of the running quarter of an hour.
    """

    site: str
    name: str
    timezone: str
    currency: str
    wall_ms: int
    time: str
    age_ms: int
    power_w: int | None
    fallback: str
    violations: list[str]
    price_words: str
    nodes: list[NodeStatus]
    chargers: list[ChargerStatus]
    prices: list[Price]
    events: list[EventStatus]
    plan: PlanStatus | None = None
    demand: list[DemandStatus] = []
    quarter_w: int | None = None
    learned: list[LearnedStatus] = []


class Bind(msgspec.Struct, frozen=True):
    """A node that feeds the charger, on its tightest phase: the figures behind a reason."""

    node: str
    phase: str
    limit_ma: int
    because: str
    other_ma: int
    charging_ma: int
    free_ma: int
    full: bool
    chargers: int


class Why(msgspec.Struct, frozen=True):
    """Why a charger gets, or got, what it gets.

    source: "now", "memory" (the last quarter of an hour) or "store" (the latest change of
    its grant).  path: from the charger's node up to the site; empty where only the store knows.
    would_change: what would have to change for it to get more; "" where it gets all that it asks.
    """

    charger: str
    source: str
    wall_ms: int
    time: str
    granted_ma: int
    because: str
    asked_ma: int
    asked_because: str
    detail: str
    path: list[Bind]
    words: str
    would_change: str


class WindowPreview(msgspec.Struct, frozen=True):
    """What would become, or has become, of a window of a file.  what: "added", "replaced" or "refused".

    line: where it stands in the file.  note: a warning; error: why it is refused.
    """

    line: int
    what: str
    words: str
    note: str = ""
    error: str = ""


class WindowStatus(msgspec.Struct, frozen=True):
    """A charge window.  source: "site" (from the site file) or "operator"; note: a warning, or "".

    charger: or the group, or the vehicle, that it is for.  follows: for vehicles, wherever they are.
    """

    id: str
    charger: str
    days: list[str]
    from_time: str
    ready_by: str
    need_wh: int
    priority: int
    vehicle: str
    source: str
    note: str
    words: str
    dates: list[str] = []
    not_on: list[str] = []
    holidays: bool = True
    soc_pm: int = 0
    arrive_wh: int = 0
    must_leave: bool = False
    discharge: bool = False
    keep_pm: int = 0
    follows: bool = False


class UserStatus(msgspec.Struct, frozen=True):
    """Somebody who may sign in.  role: viewer, fleet, electrician or administrator.

    has_password: without one, only a sign-in code from the gateway's console lets in.
    last_wall_ms: when they signed in last; 0 for never.
    """

    name: str
    role: str
    has_password: bool
    made_wall_ms: int
    last_wall_ms: int


class TokenStatus(msgspec.Struct, frozen=True):
    """A program that may ask.  last_wall_ms: its last use, to the hour; 0 for never."""

    id: str
    name: str
    role: str
    made_by: str
    made_wall_ms: int
    last_wall_ms: int


class WindowConsequence(msgspec.Struct, frozen=True):
    """What a window would change, by two plans: with it and without.  Nothing has been saved.

    planned: it begins within the day that plans look ahead; otherwise only words and note say something.
    cost_micro: how much dearer the energy of all becomes, millionths of the currency; negative: cheaper.
    peak_w, peak_before_w: the highest power that is planned.  others: who would get less, and how much.
    """

    words: str
    note: str
    planned: bool
    from_wall_ms: int | None
    ready_by_wall_ms: int | None
    need_wh: int
    missing_wh: int
    cost_micro: int
    peak_w: int
    peak_before_w: int
    others: list[ShortStatus] = []
    summary: str = ""


class DeviceStatus(msgspec.Struct, frozen=True):
    """A device on a line.  state: "found", "lost" or "looked for"; why: it was lost; since_ms: how long so.

    requests … refusals: of its line's quality, since the daemon started; answer_ms: how long it thinks.
    """

    id: str
    driver: str
    unit: int
    state: str
    why: str
    since_ms: int | None
    identity: dict[str, str]
    requests: int
    timeouts: int
    errors: int
    refusals: int
    answer_ms: int


class LineStatus(msgspec.Struct, frozen=True):
    """A serial line or a host.  kind: "serial" or "tcp"."""

    name: str
    kind: str
    connected: bool
    devices: list[DeviceStatus]


class Frame(msgspec.Struct, frozen=True):
    """What went over a line.  direction: "out" from us, "in" to us; hex: its bytes; words: what it says."""

    after_ms: int
    direction: str
    hex: str
    words: str


class Trace(msgspec.Struct, frozen=True):
    """The frames on the line of a device during some seconds."""

    device: str
    line: str
    seconds: int
    frames: list[Frame]


class AuditEntry(msgspec.Struct, frozen=True):
    """A line of the audit log: who or what, did what, and what became of it."""

    id: int
    wall_ms: int
    who: str
    what: str
    outcome: str


class AuditPage(msgspec.Struct, frozen=True):
    """Lines of the audit log, newest first.  before: ask with it for what is older; None at the end."""

    lines: list[AuditEntry]
    before: int | None


class DayLoad(msgspec.Struct, frozen=True):
    """A quarter of an hour that was: means of the site's import, and of what went into vehicles."""

    from_wall_ms: int
    import_w: int
    charging_w: int


class DayStretch(msgspec.Struct, frozen=True):
    """A stretch of one planned current."""

    from_wall_ms: int
    to_wall_ms: int
    current_ma: int
    power_w: int


class DayVehicle(msgspec.Struct, frozen=True):
    """A vehicle that was there, is there or is to come.  kind: "was", "is" or "comes".

    from_wall_ms: it came, or is to come; to_wall_ms: it left, None where it has not.  ready_by_wall_ms,
    need_wh, missing_wh: by its window and the plan, where there is one.  planned: what the plan gives it.
    """

    charger: str
    vehicle: str
    kind: str
    from_wall_ms: int
    to_wall_ms: int | None
    energy_wh: int
    ready_by_wall_ms: int | None = None
    need_wh: int | None = None
    missing_wh: int = 0
    planned: list[DayStretch] = []


class DayForecast(msgspec.Struct, frozen=True):
    """What is expected from now on, slot by slot.  base_w: what is not charging, None where nobody knows.

    planned_w: for the vehicles that are there.  limit_w: the lowest limit on the site as it is known now.
    """

    from_wall_ms: int
    slot_ms: int
    base_w: list[int | None]
    planned_w: list[int]
    limit_w: list[int]


class DayStatus(msgspec.Struct, frozen=True):
    """A local day: prices and events, what flowed, who was there, what is planned.

    forecast: None for a day that is over, and while nobody is planned for.
    """

    date: str
    timezone: str
    currency: str
    from_wall_ms: int
    to_wall_ms: int
    now_wall_ms: int
    load: list[DayLoad]
    vehicles: list[DayVehicle]
    prices: list[Price]
    events: list[EventStatus]
    forecast: DayForecast | None
