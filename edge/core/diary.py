"""What is written down as it unfolds: sessions, port states, decisions; and what the network is told."""

from collections.abc import Collection, Iterable, Mapping

from edge.core import observation, ports, sessions, takes
from edge.core.boards import Boards
from edge.core.decisions import Decisions
from edge.core.departures import Departures
from edge.core.health import Health
from edge.core.observation import Observation
from edge.core.state import State
from edge.core.takes import Taken
from edge.model.flow import AnyCommand, Keep, Restored, Tick
from edge.model.records import Kept, PortInterval, Session, TickRecord
from edge.model.site import Site

NOTHING = Restored(
    at_ms=0, wall_ms=0, boot_id="", last_wall_ms=None, kept=[], windows=[], events=[], opt_outs={}
)

# The main meter answers, and there is no voltage: the mains are gone.  Half of the nominal voltage is far
# below what EN 50160 allows and far above what a dead phase couples in.
DEAD_PER_NOMINAL = 2


class Diary:
    """Keeps the open ends: who is charging since when, which port is in which state."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._decisions = Decisions()
        self._departures = Departures()
        self._health = Health(site)
        self._sessions = sessions.begin(NOTHING, 0)
        self._ports = ports.begin(NOTHING, 0)

    def restored(self, event: Restored) -> list[AnyCommand]:
        """Take over what was open when the gateway last ran."""
        self._sessions = sessions.begin(event, event.at_ms)
        self._ports = ports.begin(event, event.at_ms)
        return []

    def session_wh(self, charger: str) -> int:
        """Return what the vehicle at a charger has got since it came, 0 without one."""
        session = sessions.current(self._sessions, charger)
        return session.energy_wh if session else 0

    def session_since(self, charger: str) -> int | None:
        """Return when the vehicle at a charger came, UTC ms."""
        session = sessions.current(self._sessions, charger)
        return session.start_wall_ms if session else None

    def session(self, charger: str) -> Session | None:
        """Return the session of the vehicle that is at a charger."""
        return sessions.current(self._sessions, charger)

    def sessions(self) -> list[Session]:
        """Return the sessions of the vehicles that are there."""
        there = (sessions.current(self._sessions, charger.id) for charger in self._site.chargers)
        return [session for session in there if session is not None]

    def step(
        self,
        tick: Tick,
        state: State,
        record: TickRecord,
        boards: Boards,
        taken: Mapping[str, Taken],
        holding_back: Collection[str],
    ) -> list[AnyCommand]:
        """Return the rows that a tick adds.

        taken: what vehicles take; holding_back: where one takes less than it is offered.
        """
        seen = self._observed(state, record, boards, taken, holding_back, tick.at_ms)
        clock = (tick.at_ms, tick.wall_ms, tick.wall_trusted)
        self._sessions, session_rows = sessions.step(self._sessions, seen, *clock)
        self._ports, port_rows = ports.step(
            self._ports,
            seen,
            *clock,
            power_lost=self._power_lost(state, tick.at_ms),
            policy=self._site.port_policy,
        )
        others = [
            *self._departures.step(record, tick.wall_trusted),
            *self._health.step(tick, state),
        ]
        rows = [*_kept(session_rows), *_kept(port_rows), *_kept(others)]
        return [*rows, *self._decisions.step(record)]

    def _observed(
        self,
        state: State,
        record: TickRecord,
        boards: Boards,
        taken: Mapping[str, Taken],
        holding_back: Collection[str],
        now_ms: int,
    ) -> list[Observation]:
        seen = []
        for charger, now in zip(self._site.chargers, record.chargers, strict=True):
            known = state.chargers[charger.id]
            stopped = boards.trouble(charger.id, now_ms)
            seen.append(
                observation.of(
                    charger,
                    known.values,
                    online=now.online and "state" in known.values,  # recognised is not yet asked
                    curtailed=now.granted_ma < charger.max_ma,
                    offered=now.granted_ma > 0 and not stopped,
                    why=known.lost_why,
                    voltage_v=self._site.voltage_v,
                    stopped=stopped,
                    guarded=boards.evidence(charger.id),
                    holds_back=charger.id in holding_back,
                    took_phases=takes.bits(taken[charger.id]),
                    took_most_ma=taken[charger.id].most_ma,
                )
            )
        return seen

    def _power_lost(self, state: State, now_ms: int) -> str:
        """Return the evidence that the mains are gone, "" while they are not or nobody can say.

        A meter that has fallen silent is no evidence, whatever it last showed.
        """
        meter = self._site.nodes[0].meter
        if not meter:
            return ""
        known = state.meters[meter]
        age_ms = known.age_ms(now_ms)
        dead_mv = self._site.voltage_v * 1000 // DEAD_PER_NOMINAL
        if age_ms is None or age_ms > self._site.policy.meter_silent_ms:
            return ""
        voltages = known.voltages_mv
        if not voltages or max(voltages) >= dead_mv:
            return ""
        return f"{meter} shows " + ", ".join(f"{mv // 1000} V" for mv in voltages)


def _kept(rows: Iterable[Kept]) -> list[AnyCommand]:
    return [Keep(row, tell="network" if _is_told(row) else "") for row in rows]


def _is_told(row: Kept) -> bool:
    """Say whether the network is told: of sessions that begin, grow or end, and of outages."""
    if isinstance(row, Session):
        return sessions.is_news(row)
    return isinstance(row, PortInterval) and row.state != "up"
