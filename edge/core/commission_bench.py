"""One bench for all tests: takes events in, has somebody decide, and keeps what happened as a Trace.

Events in, commands out, as everywhere; the wires are edge/shell/commissionbench.py's, or the simulator's.
While a Hold has core = True, the depot's own controller decides, fresh as after a start of the daemon.
"""

import msgspec

from edge.core.commission_hold import Holder
from edge.core.controller import Controller
from edge.model.commission import Hold, Sample, Told, Trace
from edge.model.flow import (
    AnyCommand,
    AnyEvent,
    Identified,
    Lost,
    Noted,
    Reading,
    SetCurrent,
    SetRelays,
    Tick,
    UtilitySaid,
    Written,
)
from edge.model.openadr import Interval, IntervalPeriod, OpenAdrEvent, Payload, PayloadDescriptor
from edge.model.site import Response, Site

# A site without what would keep vehicles from charging at full ask: windows, prices, events of the utility.
FULL_ASK = {"windows": (), "tariff": "", "utility": None, "network": None, "without_window": "now",
            "response": Response(ramp_down_ms=0, ramp_up_ms=0)}  # fmt: skip


class Bench:
    """begin() a Hold, handle() every event of its time, end() it."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.holder = Holder(site)
        self._core: Controller | None = None
        self._identified: dict[str, Identified] = {}
        self._hold = Hold(0, "")
        self._from_ms = 0
        self._samples: list[Sample] = []
        self._told: list[Told] = []
        self._lost: list[tuple[str, str]] = []
        self._violations: list[str] = []
        self.states: dict[str, str] = {}
        self.identities: dict[str, dict[str, int | str]] = {}

    def begin(self, hold: Hold, now_ms: int, wall_ms: int) -> str:
        """Take up a Hold; return why it cannot be, "" where it can."""
        refused = self.holder.refuses(hold.reserve_ma, now_ms) if hold.reserve_ma else ""
        if refused:
            return refused
        if hold.core and self._core is None:
            self._core = Controller(msgspec.structs.replace(self.site, **FULL_ASK))
            for event in self._identified.values():
                self._core.handle(event)
        elif not hold.core:
            self._core = None
        if self._core is not None and hold.event_w is not None:
            self._core.handle(_event(hold.event_w, hold.for_ms, now_ms, wall_ms))
        self._hold, self._from_ms = hold, now_ms
        self.holder.wish_ma, self.holder.silent = dict(hold.wish_ma), frozenset(hold.silent)
        self.holder.violations = []
        self._samples, self._told, self._lost, self._violations = [], [], [], []
        return ""

    def handle(self, event: AnyEvent) -> list[AnyCommand]:
        """Take in an event; return setpoints and relays to be written, in this order."""
        match event:
            case Reading():
                self._samples.append(Sample(event.at_ms, event.device, event.values))
                if "state" in event.values:
                    self.states[event.device] = str(event.values["state"])
            case Written():
                self._told.append(Told(event.at_ms, event.charger, event.current_ma))
            case Identified():
                self._identified[event.device] = event
                self.identities[event.device] = event.identity
            case Lost():
                self._identified.pop(event.device, None)
                self._lost.append((event.device, event.why))
            case _:
                pass
        core = self._core
        kept = self.holder.handle(event) if core is None or not isinstance(event, Tick) else []
        commands = core.handle(event) if core is not None else kept
        wires: list[AnyCommand] = []
        for command in commands:
            if isinstance(command, Noted):
                self._violations += command.record.violations
            if isinstance(command, SetCurrent) and core is not None:
                self.holder.told(command.charger, command.current_ma, event.at_ms)
            if isinstance(command, SetCurrent | SetRelays) and self._heard(command):
                wires.append(command)
        return wires

    def _heard(self, command: SetCurrent | SetRelays) -> bool:
        name = command.charger if isinstance(command, SetCurrent) else command.board
        return name not in self._hold.silent

    def end(self, now_ms: int) -> Trace:
        """Return what happened since begin()."""
        violations = [*self._violations, *self.holder.violations]
        samples = sorted(self._samples, key=lambda s: s.at_ms)
        return Trace(self._from_ms, now_ms, samples, list(self._told), list(self._lost), violations)


def _event(limit_w: int, for_ms: int, now_ms: int, wall_ms: int) -> UtilitySaid:
    """Return an event of a utility that is only rehearsed: import no more, from now on, for so long."""
    event = OpenAdrEvent(
        id=f"rehearsal-{now_ms}",
        program_id="rehearsal",
        period=IntervalPeriod(wall_ms, for_ms),
        intervals=(Interval(0, (Payload("IMPORT_CAPACITY_LIMIT", (limit_w / 1000,)),)),),
        payload_descriptors=(PayloadDescriptor("IMPORT_CAPACITY_LIMIT", "KW"),),
        created_wall_ms=wall_ms,
        modified_wall_ms=wall_ms,
        received_wall_ms=wall_ms,
    )
    return UtilitySaid(now_ms, wall_ms, "CREATE", event)
