"""The two brokers of a depot: the utility, which speaks of events, and the network, which is told.

    links = Links(site, store, say, run_id, clock)
    links.start()                       opens the connections
    links.work()                        what drains the outboxes: for the daemon's task group
    links.message(keep)                 what of a kept row goes to a broker, None for nothing
    links.taken(), links.untaken(…)     acknowledgements that wait for the store's next commit

Rule 1: an event of the utility is acknowledged to its broker only when it is on the disk (I11).
Rule 2: a message that cannot be read changes nothing, and is on the audit log.

How the utility is heard and answered is in utility.py: by its broker, by REST, or both.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from edge.model import messages
from edge.model.flow import AnyEvent, Keep, Link
from edge.model.records import ChargeBlock, Compliance, Kept, LoadBlock, TickRecord
from edge.model.site import Network, Site, Utility
from edge.shell import openadr, uptimes
from edge.shell.budget import Budget
from edge.shell.clock import Clock
from edge.shell.mqtt import Incoming, MqttLink, Presence
from edge.shell.outbox import Outbox
from edge.shell.release import release
from edge.shell.reporter import Reporter
from edge.shell.store import Store
from edge.shell.storeoutbox import Gone, Message
from edge.shell.utility import UtilityLine

log = logging.getLogger("edge.links")

Done = Callable[[], None]

# Lines of the audit log about messages that cannot be read.
REFUSALS_PER_HOUR = 100


class Links:
    """The connections of one site; a site without brokers has none, and lacks nothing else."""

    def __init__(
        self, site: Site, store: Store, say: Callable[[AnyEvent], None], run_id: str, clock: Clock
    ) -> None:
        """Prepare the connections.  Raises mqtt.BadBroker where a file of one is missing."""
        self._site = site
        self._store = store
        self._say = say
        self._clock = clock
        self._budget = Budget(REFUSALS_PER_HOUR)
        root = site.network.root if site.network else ""
        ports = {c.id: c.port or c.id for c in site.chargers}
        self._sender = messages.Sender(root, site.id, run_id, ports, str(store.meta("stream")))
        self._charged: list[ChargeBlock] = []
        self.utility = self._utility(site.utility) if site.utility else None
        self.network = self._network(site.network) if site.network else None
        self.reporter: Reporter | None = None
        if self.utility:
            line = self.utility[0]
            self.reporter = Reporter(site, store, clock, store.tell, line)
        self.outboxes = [pair[1] for pair in (self.utility, self.network) if pair]

    def _utility(self, utility: Utility) -> tuple[UtilityLine, Outbox]:
        line = UtilityLine(self._site, utility, self._store, self._say, self._clock, self._refused)
        return line, Outbox("utility", self._store, line, wall_clock=self._clock.wall_ms, site=self._site.id)

    def _network(self, network: Network) -> tuple[MqttLink, Outbox]:
        def on_link(up: bool, why: str) -> None:
            self._say(Link(self._clock.now_ms(), "network", up, why))
            if up:
                outbox.reconnected()

        def presence(state: Any) -> bytes:
            last_seq = self._store.outbox_last("network")
            return messages.status(self._sender, state, release(), self._clock.wall_ms(), last_seq).payload

        line = MqttLink(
            "network",
            network.broker,
            f"{self._site.id}-network",
            persistent=False,
            qos=0,
            subscriptions=(network.ack_topic,) if network.ack_topic else (),
            presence=Presence(
                f"{network.root}/status",
                birth=lambda: presence("online"),
                will=presence("lost"),
                farewell=lambda: presence("offline"),
            ),
            on_message=self._acknowledged,
            on_link=on_link,
        )
        outbox = Outbox(
            "network",
            self._store,
            line,
            wall_clock=self._clock.wall_ms,
            confirmed=bool(network.ack_topic),
            site=self._site.id,
            stamp=lambda row: messages.numbered(row.payload, row.seq),
            stream=self._sender.stream,
            on_gone=lambda gone: self.gone([gone], "no longer kept"),
        )
        return line, outbox

    def start(self) -> None:
        """Open the connections; they are kept up from now on."""
        for pair in (self.utility, self.network):
            if pair:
                pair[0].start()

    def work(self) -> list[Coroutine[Any, Any, None]]:
        """Return what runs as long as the daemon does."""
        work: list[Coroutine[Any, Any, None]] = [outbox.run() for outbox in self.outboxes]
        if self.utility:
            work.append(self.utility[0].run())
        if self.reporter:
            work.append(self.reporter.run())
        say = self._store.tell if self.network else None
        work.append(uptimes.tell(self._store, self._sender, self._site.timezone, self._clock, say))
        return work

    async def stop(self) -> None:
        """Say goodbye to the brokers."""
        await asyncio.gather(*(pair[0].close() for pair in (self.utility, self.network) if pair))

    def noted(self, record: TickRecord) -> None:
        """Take in what a tick saw: reports to the utility are made of it."""
        if self.reporter:
            self.reporter.noted(record)

    def message(self, keep: Keep) -> Message | None:
        """Return what of a kept row goes to a broker, None for nothing or where there is no such broker."""
        now_ms = self._clock.wall_ms()
        if self.reporter:
            self.reporter.kept(keep.row)
            if isinstance(keep.row, Compliance) and self.reporter.wants(keep.row.event_id):
                return None  # the utility says itself what it wants to know
        if keep.tell == "network" and self._site.network:
            told = self._told(keep.row, now_ms)
            return told and Message("network", *told[:3], now_ms, told.lane, told.telemetry)
        if (
            keep.tell == "utility"
            and self.utility
            and self._site.utility
            and isinstance(keep.row, Compliance)
        ):
            payload = openadr.write_report(keep.row, self._site.utility.ven_name)
            topic = self.utility[0].report_topic
            return Message("utility", topic, payload, openadr.report_key(keep.row), now_ms)
        return None

    def _told(self, row: Kept, now_ms: int) -> messages.Told | None:
        """Return what the network is told of a row.  A quarter is one message; the site's row is its last."""
        match row:
            case ChargeBlock():
                self._charged.append(row)
                return None
            case LoadBlock():
                charged, self._charged = self._charged, []
                return messages.telemetry(self._sender, row, charged, now_ms)
        return messages.told(self._sender, row, now_ms)

    def gone(self, gone: Iterable[Gone], why: str) -> None:
        """Tell the network which numbers will not come any more.  The utility has no such message."""
        now_ms = self._clock.wall_ms()
        for part in gone:
            if part.link == "network" and self._site.network:
                told = messages.gone(self._sender, part.first, part.last, why, now_ms)
                self._store.tell(Message("network", *told[:3], now_ms))
            self._store.audit(now_ms, "outbox", f"{part.link} {part.first} to {part.last} given up", why)

    def committed(self) -> None:
        """Look at the outboxes: something may be new there."""
        for outbox in self.outboxes:
            outbox.wake()

    def taken(self) -> list[Done]:
        """Return the acknowledgements that may go out once everything up to now is on the disk."""
        if self.utility is None:
            return []
        line = self.utility[0]
        taken, line.taken = line.taken, []
        return taken

    def untaken(self, taken: list[Done]) -> None:
        """Put acknowledgements back: the commit has failed."""
        if self.utility is not None:
            self.utility[0].taken[:0] = taken

    def _acknowledged(self, incoming: Incoming) -> None:
        assert self.network is not None
        wrong = self.network[1].acknowledged(incoming.payload)
        if wrong:
            self._refused(f"network {incoming.topic}", wrong)
        incoming.done()

    def _refused(self, who: str, why: str) -> None:
        """Write down that a message was refused, but not without end."""
        line = self._budget.line(why, self._clock.now_ms())
        if line is not None:
            log.warning("%s: message refused: %s", who, line)
            self._store.audit(self._clock.wall_ms(), who, "message refused", line)
