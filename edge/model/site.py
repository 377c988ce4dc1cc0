"""The site as the installer drew it: nodes, meters, chargers, boards, lines, windows, brokers.

          grid                          positive is import at a node
           |                            and into the vehicle at a charger
        [ main ]--- meter
        /      \\
   [panel-a]  [panel-b]                 a node is a breaker, feeder or transformer
     |   |       |
    bay  bay    bay                     phases: where a device's L1, L2, L3 are on the site

edge/shell/sitefile.py reads a TOML file into these and checks what concerns more than one of them.
"""

from typing import Literal

import msgspec

from edge.model.portpolicy import PortPolicy
from edge.model.units import IEC_61851_MIN_MA, PHASES, Triple

Days = tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...]
EVERY_DAY: Days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Address(msgspec.Struct, frozen=True):
    """Where a device is: a TCP host and port, or a serial line by its id; and its unit.

    tcp: "HOST:PORT" or "".  line: the id of a Line, or "".
    """

    unit: int
    tcp: str = ""
    line: str = ""


class Line(msgspec.Struct, frozen=True):
    """A serial line.  format: data bits, parity, stop bits, as "8E1".  framing: rtu or ascii."""

    id: str
    port: str
    baud: int = 19200
    format: str = "8E1"
    framing: Literal["rtu", "ascii"] = "rtu"


class Node(msgspec.Struct, frozen=True):
    """A breaker, feeder or transformer.

    limit_ma: the installer's limit per phase; nothing from a network raises it (I10).
    limit_w: the installer's cap on the power through it, None for none.
    other_max_ma: the highest plausible load below it that is not charging: what an unknown meter
        counts as (I3).
    meter: the id of the meter that measures it, "" for none; without one, other_max_ma always counts.
    delta: how line-to-line currents count there, as in docs/formats/balance.md.
    """

    id: str
    parent: str | None
    limit_ma: Triple
    limit_w: int | None = None
    other_max_ma: Triple = (0, 0, 0)
    meter: str = ""
    delta: Literal["arithmetic", "phasor", "delta-wye"] = "arithmetic"

    @property
    def adds(self) -> str:
        """How currents count there while the daemon shares: as `delta` says where nothing is measured.

        What a meter shows besides charging has no known angle; a highest other load counts in full, which
        covers any angle.
        """
        return "arithmetic" if self.meter else self.delta


class Meter(msgspec.Struct, frozen=True):
    """A meter.  phases: site phase index of its L1, L2, L3.  ratio: multiplies currents and powers."""

    id: str
    driver: str
    at: Address
    phases: tuple[int, ...] = PHASES
    ratio: int = 1


class Charger(msgspec.Struct, frozen=True):
    """A charger with one port.

    phases: the site phase index of its L1 (and L2, L3), as wired.
    fallback_ma: what it draws at most when we are silent: set in the device, or written to it.
    valid_for_ms: how long the device holds a setpoint, where the installer set it in the device.
    port: the id that uptime and sessions are reported under.
    keep_on: its vehicle must not see 0 A, or it falls asleep for good: kept at min_ma.
    on_off_ms: minimum on and off time, None for the policy's.
    commissioned: the day from which it is reported on, YYYY-MM-DD; "" for that of its first record.
    groups: what the utility's targets may call it together with others.
    must_leave: whoever stands here is exempt from the utility's signals, as far as it needs.
    discharge_ma: what may be taken out of the vehicle at most, per phase; 0 for nothing.
    step_ma: its setpoints are min_ma and then by so much more; finer ones it would round down.
    """

    id: str
    node: str
    driver: str
    at: Address
    phases: tuple[int, ...] = PHASES
    min_ma: int = IEC_61851_MIN_MA
    max_ma: int = 32_000
    fallback_ma: int = IEC_61851_MIN_MA
    valid_for_ms: int = 0
    connector: int = 1
    port: str = ""
    name: str = ""
    keep_on: bool = False
    on_off_ms: int | None = None
    commissioned: str = ""
    groups: tuple[str, ...] = ()
    must_leave: bool = False
    discharge_ma: int = 0
    step_ma: int = 100

    def watts(self, current_ma: int, used: tuple[int, ...], voltage_v: int) -> int:
        """Return what a current on the phases in use takes, W at the nominal voltage.

        A charger that is wired to two phases stands between them, at √3 times the voltage to neutral; a
        vehicle that uses two phases of three takes two currents to neutral.
        """
        if len(self.phases) == 2 and len(used) == 2:
            return current_ma * voltage_v * 1732 // 1_000_000
        return current_ma * len(used) * voltage_v // 1000


class Relay(msgspec.Struct, frozen=True):
    """A relay of a board, and what it guards.

    number: as at the terminals, from 1.  chargers: that it stops (or limits) when it opens.
    falls_to_ma: what each of them draws at most while it is open: 0 where it breaks the supply or the
        charger's enable, else what the charger's own limiting input leaves.
    blind: those of the chargers that do not supervise us: while one is silent, the relay opens.
    """

    number: int
    chargers: tuple[str, ...]
    falls_to_ma: int = 0
    blind: tuple[str, ...] = ()

    @property
    def bit(self) -> int:
        """Its bit in a pattern."""
        return 1 << (self.number - 1)


class Board(msgspec.Struct, frozen=True):
    """A fail-safe I/O board: the last line when the gateway, the line or the daemon dies.

    timeout_ms: as set in the board: after so long without our heartbeat its relays open.
    limit_node, limit_ma: what the grid operator's relay at its limit input leaves, per phase; "" where
        nothing is wired there.
    """

    id: str
    driver: str
    at: Address
    timeout_ms: int = 10_000
    limit_node: str = ""
    limit_ma: int = 0
    relays: tuple[Relay, ...] = ()


class FleetVehicle(msgspec.Struct, frozen=True):
    """A vehicle that is known wherever it is plugged in, by what the charger reads of it.

    ids: what chargers tell (RFID, EVCCID); the daemon's core has pseudonyms here, never what was read.
    battery_wh, wh_per_km: 0 where nobody has said.  priority: of a window of its that states none.
    groups: names by which windows may mean it together with others.
    """

    id: str
    ids: tuple[str, ...] = ()
    name: str = ""
    battery_wh: int = 0
    wh_per_km: int = 0
    groups: tuple[str, ...] = ()
    priority: int = 0


class DefaultWindow(msgspec.Struct, frozen=True):
    """What a vehicle without a window is promised: so much, so long after it came, or by a time of day.

    stay_ms: 0 for no such bound; ready_by_min: minutes after local midnight, None for none; one of them is
    there.  What is learned of a bay (core/learned.py) may only make it earlier and more.
    """

    need_wh: int
    stay_ms: int = 0
    ready_by_min: int | None = None
    priority: int = 0


class Window(msgspec.Struct, frozen=True):
    """When a vehicle is there and what it needs.

    charger: by bay; or group: of every charger of that group that has no window of its own on that day.
    follows: instead, for the vehicle of the fleet with that id, or every vehicle of that group, wherever it
    is plugged in; then battery_wh 0 is its own battery, and distance_m the way that it is to have energy for.
    arrives_pm: the state of charge that is assumed where the charger does not tell it.
    from_min, ready_by_min: minutes after local midnight; ready_by before from is the next day.  days: of the
    `from` side.  priority: lower is served first.
    must_leave: exempt from the utility's signals, as far as it needs.
    dates: where there are any, these days and no weekdays; not_on: never on these; holidays: False for not on
    the tariff's holidays either.  Days as "2026-12-24".
    soc_pm: to be reached, thousandths of battery_wh, where the charger tells its vehicle's; need_wh counts
    where it does not.  arrive_wh: so much at once, whatever it costs.
    discharge: the vehicle may give back, down to keep_pm of battery_wh, as long as its charger tells the
    state of charge and it is ready in time all the same.  cycle_micro: wear of a kWh given back.
    """

    id: str
    charger: str
    from_min: int
    ready_by_min: int
    need_wh: int
    days: Days = EVERY_DAY
    priority: int = 0
    vehicle: str = ""
    source: Literal["site", "operator", "learned", "default"] = "operator"
    must_leave: bool = False
    group: str = ""
    dates: tuple[str, ...] = ()
    not_on: tuple[str, ...] = ()
    holidays: bool = True
    soc_pm: int = 0
    battery_wh: int = 0
    arrive_wh: int = 0
    discharge: bool = False
    keep_pm: int = 0
    cycle_micro: int = 0
    follows: bool = False
    distance_m: int = 0
    arrives_pm: int = 200

    @property
    def stated(self) -> bool:
        """Whether somebody has said it, rather than it being learned or the default."""
        return self.source in ("site", "operator")


class Broker(msgspec.Struct, frozen=True):
    """An MQTT broker and our credentials there.  Secrets are files, not values (0600).

    login: "bearer" where an OAuth2 access token (Token) is the password.
    """

    host: str
    port: int = 8883
    tls: bool = True
    protocol: Literal["3.1.1", "5"] = "5"
    client_id: str = ""
    username: str = ""
    password_file: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    keepalive_s: int = 30
    login: Literal["password", "bearer"] = "password"


class Token(msgspec.Struct, frozen=True):
    """Where OAuth2 access tokens come from: client credentials.  url: "" where the VTN names it."""

    client_id: str
    secret_file: str
    url: str = ""
    scope: str = ""


class Vtn(msgspec.Struct, frozen=True):
    """The utility's REST server.  url: its base address, without a slash at the end.

    poll_ms: how often it is asked while no broker tells what is new.
    """

    url: str
    poll_ms: int = 60_000
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""


class Utility(msgspec.Struct, frozen=True):
    """The utility: where its events come from and where reports go.

    broker: None where the VTN names it, or there is none.
    event_topics: filters; a topic's last level create, update or delete says the operation where the
    message has no envelope; empty where the VTN names them.  report_topic: "" where reports go by REST.
    targets: events with targets that name none of these are not for us.
    vtn: its REST server, None where it has MQTT alone.  token: our credentials for OAuth2, None for none.
    baseline, holidays: what an event's load is compared with, and the programme's holidays: rules of
    core/holidays.py, or "NERC" (docs/baselines.md).
    """

    broker: Broker | None
    event_topics: tuple[str, ...]
    report_topic: str
    ven_name: str
    programs: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    vtn: Vtn | None = None
    token: Token | None = None
    baseline: Literal["10 of 10", "5 of 10"] = "10 of 10"
    holidays: tuple[str, ...] = ()


class Contingency(msgspec.Struct, frozen=True):
    """What the depot does when the utility raises an alert.

    alert: the payload type.  action: "limit" charging to a share, "charge now" (do not wait for a lower
    price: power may be gone later), or only "note" it.  percent: of the chargers' full power.
    """

    alert: str
    action: Literal["limit", "charge now", "note"]
    percent: int = 0


# What the words of the enumeration suggest to somebody whose vehicles must leave in the morning.
CONTINGENCIES = (
    Contingency("ALERT_GRID_EMERGENCY", "limit", 0),
    Contingency("ALERT_BLACK_START", "limit", 0),
    Contingency("ALERT_FLEX_ALERT", "limit", 30),
    Contingency("ALERT_POSSIBLE_OUTAGE", "charge now"),
    Contingency("ALERT_FIRE", "charge now"),
    Contingency("ALERT_WIND", "charge now"),
    Contingency("ALERT_TSUNAMI", "charge now"),
    Contingency("ALERT_FREEZING", "note"),
    Contingency("ALERT_AIR_QUALITY", "note"),
    Contingency("ALERT_OTHER", "note"),
)


class Response(msgspec.Struct, frozen=True):
    """What the depot makes of the utility's signals; docs/signals.md has the table.

    simple_percent: of the chargers' full power at SIMPLE 1, 2 and 3.
    less: the sign with which CONTROL_LEVEL_OFFSET_PERCENT asks for less; its definition says both.
    carbon_price: what a tonne of CO2 counts as, in the site's currency: GHG becomes a part of the price.
    fallback_w: what the site may import while the utility cannot be heard and its schedule is used up.
    binding, drills: programs whose events may not be opted out of; programs whose events are drills.
    ramp_down_ms, ramp_up_ms: before a limit begins and after it ended.  rebound_w: the highest import
    within an hour after it.  must_leave_over_limits: exempt vehicles may exceed capacity limits as well.
    contingencies: of alerts; what is not listed is only noted.
    """

    simple_percent: tuple[int, int, int] = (70, 40, 0)
    less: Literal["negative", "positive"] = "negative"
    carbon_price: int = 1
    fallback_w: int | None = None
    binding: tuple[str, ...] = ()
    drills: tuple[str, ...] = ()
    ramp_down_ms: int = 60_000
    ramp_up_ms: int = 120_000
    rebound_w: int | None = None
    must_leave_over_limits: bool = False
    contingencies: tuple[Contingency, ...] = CONTINGENCIES


class GridLimit(msgspec.Struct, frozen=True):
    """A limit that the grid operator sets by other means than the utility's signals.

    kind: "contact", a limit while a contact says so; "enwg14a", German EnWG section 14a: controllable devices
    go down to their guaranteed minimum by contact, or to what a heartbeat says; "g100", a British import
    limit (ENA EREC G100) with its lockout.
    device, quantity, input: the contact: of the bits in the quantity that the device tells, that one, from
    1.  active: what the contact is while the limit holds; "open" survives a cut wire.
    limit_w, limit_ma: at the node.  failsafe_w: of a lost heartbeat; None for the guaranteed minimum.
    heat_pump_w: heat pumps above 11 kW that count with the chargers.  premises: whose rules of resetting.
    """

    id: str
    kind: Literal["contact", "enwg14a", "g100"]
    node: str
    device: str = ""
    quantity: str = "inputs"
    input: int = 1
    active: Literal["open", "closed"] = "open"
    limit_w: int | None = None
    limit_ma: int | None = None
    failsafe_w: int | None = None
    heat_pump_w: int = 0
    premises: Literal["commercial", "domestic"] = "commercial"

    @property
    def by_heartbeat(self) -> bool:
        """Whether it follows a box with heartbeats."""
        return self.kind == "enwg14a" and not self.device


class Network(msgspec.Struct, frozen=True):
    """The regional charging network.  root: the topic below which all of our messages stand.

    ack_topic: where the receiving application acknowledges; "" where PUBACK has to do.
    """

    broker: Broker
    root: str
    ack_topic: str = ""


class HomeAssistant(msgspec.Struct, frozen=True):
    """Where the depot is shown in Home Assistant.  prefix: of its discovery; root: of our own topics."""

    broker: Broker
    prefix: str = "homeassistant"
    root: str = "depot-edge"


class Page(msgspec.Struct, frozen=True):
    """Where the page is served beside the gateway itself, over HTTPS, and who may look without signing in.

    address: an address of the gateway, or all of them (0.0.0.0, ::); "" for nowhere else.
    cert_file, key_file: "" for a certificate that the gateway makes itself.
    open_view: "local" (whoever sits at the gateway), "everybody" or "nobody".
    """

    address: str = ""
    port: int = 8443
    cert_file: str = ""
    key_file: str = ""
    open_view: Literal["local", "everybody", "nobody"] = "local"


class Policy(msgspec.Struct, frozen=True):
    """The installer's settings of time.  All in ms.

    meter_silent_ms: a meter older than this is unknown (I3: 5 s, by setting up to 10 s).
    charger_silent_ms: a charger older than this counts with its fallback as well.
    setpoint_ms: how long a setpoint holds without a newer one (I4).
    raise_hold_ms: a charger is raised at most this often.
    on_off_ms: minimum on and off time of a charger, against short cycling.
    random_delay_ms: a vehicle starts, or takes up a new rate, so much later at most; 0 is off.
    """

    meter_silent_ms: int = 5_000
    charger_silent_ms: int = 5_000
    setpoint_ms: int = 10_000
    raise_hold_ms: int = 10_000
    on_off_ms: int = 300_000
    random_delay_ms: int = 0


class Site(msgspec.Struct, frozen=True):
    """A depot.  nodes: parents before children; nodes[0] is the site itself.

    voltage_v: nominal, line to neutral.  tariff: path of its file, "" for none.
    without_window: what a vehicle without a charge window gets: "now", or nothing.
    port_policy: what of a port counts as up and down.
    export_w: what vehicles may feed into the grid, all together, where the main meter shows it; 0: nothing.
    fleet: the vehicles that are known by what chargers read of them.
    default_window: what a vehicle without a window is promised, in place of without_window; None for nothing.
    """

    id: str
    name: str
    timezone: str
    nodes: tuple[Node, ...]
    meters: tuple[Meter, ...] = ()
    chargers: tuple[Charger, ...] = ()
    lines: tuple[Line, ...] = ()
    windows: tuple[Window, ...] = ()
    voltage_v: int = 230
    tariff: str = ""
    currency: str = "USD"
    utility: Utility | None = None
    response: Response = Response()
    grid_limits: tuple[GridLimit, ...] = ()
    network: Network | None = None
    home_assistant: HomeAssistant | None = None
    page: Page = Page()
    policy: Policy = Policy()
    without_window: Literal["now", "never"] = "now"
    port_policy: PortPolicy = PortPolicy()
    boards: tuple[Board, ...] = ()
    export_w: int = 0
    fleet: tuple[FleetVehicle, ...] = ()
    default_window: DefaultWindow | None = None

    def path(self, node_id: str) -> tuple[str, ...]:
        """Return the node and everything that feeds it, up to the site."""
        parents = {n.id: n.parent for n in self.nodes}
        path = [node_id]
        while (parent := parents[path[-1]]) is not None:
            path.append(parent)
        return tuple(path)
