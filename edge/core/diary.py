"""What is written down as it unfolds: sessions, port states, decisions."""

from edge.core.decisions import Decisions
from edge.core.state import State
from edge.model.flow import AnyCommand, Restored, Tick
from edge.model.records import TickRecord
from edge.model.site import Site


class Diary:
    """Keeps the open ends: who is charging since when, which port is in which state."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._decisions = Decisions()

    def restored(self, event: Restored) -> list[AnyCommand]:
        """Take over what was open when the gateway last ran."""
        return []

    def session_wh(self, charger: str) -> int:
        """Return what the vehicle at a charger has got since it came, 0 without one."""
        return 0

    def session_since(self, charger: str) -> int | None:
        """Return when the vehicle at a charger came, UTC ms."""
        return None

    def step(self, tick: Tick, state: State, record: TickRecord) -> list[AnyCommand]:
        """Return what a tick adds."""
        return self._decisions.step(record)
