"""What the parts of the desk share: the store, the core's ear, the clocks, the audit log."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from edge.model.exclusion import Exclusion
from edge.model.flow import AnyEvent
from edge.model.records import Decision, Kept
from edge.model.site import Site, Window
from edge.shell.answers import DeskError

REASON_MAX = 200


class HasDecisions(Protocol):
    """What "why" needs of the store."""

    def decisions(self, charger: str, at_wall_ms: int, limit: int = 1) -> list[Decision]:
        """Return the latest decisions on a charger at or before a time, newest first."""


class DeskStore(HasDecisions, Protocol):
    """What the desk needs of the store."""

    def windows(self) -> list[Window]:
        """Return the operator's windows."""

    def window_set(self, window: Window) -> None:
        """Keep a window of the operator, in place of one with the same id."""

    def window_remove(self, window_id: str) -> bool:
        """Forget a window of the operator; tell whether there was one."""

    def opt_out(self, event_id: str, reason: str | None) -> None:
        """Keep that an event was opted out of; None opts back in."""

    def opt_outs(self) -> dict[str, str]:
        """Return the reasons of opting out, by event id."""

    def exclusions(self) -> list[Exclusion]:
        """Return the entries of people about outages."""

    def keep(self, row: Kept) -> None:
        """Keep a row, in place of one under the same key."""

    def audit(self, wall_ms: int, who: str, what: str, outcome: str) -> None:
        """Write a line of the audit log."""


class DeskBase:
    """A site, its store, and how to tell the core something.  Clocks: monotonic, and UTC."""

    def __init__(
        self,
        site: Site,
        store: DeskStore,
        say: Callable[[AnyEvent], None],
        now_ms: Callable[[], int],
        wall_ms: Callable[[], int],
    ) -> None:
        self.site = site
        self._store = store
        self._say = say
        self._now_ms = now_ms
        self._wall_ms = wall_ms

    @contextmanager
    def _audited(self, who: str, what: str) -> Iterator[None]:
        """Write down what became of a wish."""
        try:
            yield
        except DeskError as error:
            self._store.audit(self._wall_ms(), who, what[:REASON_MAX], f"refused: {error}")
            raise
        self._store.audit(self._wall_ms(), who, what[:REASON_MAX], "done")
