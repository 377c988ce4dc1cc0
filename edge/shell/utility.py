"""The utility's line: its broker, its REST server (VTN), or both, behind one face.

    line = UtilityLine(site, utility, store, say, clock, refused)
    line.start(); asyncio.create_task(line.run())      opens the broker; reads the VTN now and then
    await line.publish(topic, payload, key=key)        what the outbox sends: by MQTT, or to the VTN
    line.taken                                         acknowledgements that wait for the next commit

Rule 1: an event means the same however it comes: what a message says and what the VTN lists go the same way
    into the core, told apart by id and modificationDateTime.
Rule 2: the broker tells first, the VTN is right.  It is read at the start, whenever the broker's connection
    comes up (what was published while the line was down may be lost), and every poll_ms.  An event that it
    no longer lists, and of which it says that there is none, was deleted.
Rule 3: an event of the broker is acknowledged only when it is on the disk (I11).  What cannot be read
    changes nothing, is on the audit log once, and is acknowledged: the broker would send it for ever.
Rule 4: nobody waits for the VTN: one thread reads it, one sends it reports, each one thing at a time.
"""

import asyncio
import contextlib
import logging
import random
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import msgspec

from edge.model.flow import AnyEvent, Link, ProgramSaid, UtilitySaid, UtilityTaken
from edge.model.openadr import OpenAdrEvent
from edge.model.site import Broker, Site, Utility
from edge.model.units import SECOND_MS
from edge.shell import openadr
from edge.shell.clock import Clock
from edge.shell.discovery import Found, Topics, discover, token_login
from edge.shell.mqtt import BadBroker, Incoming, MqttLink, NotDelivered
from edge.shell.rest import BadFiles, Client
from edge.shell.store import Store
from edge.shell.token import Tokens
from edge.shell.vtn import TROUBLE, VtnClient, VtnRefused
from edge.shell.vtnlisting import Listing, read_listing

log = logging.getLogger("edge.utility")

T = TypeVar("T")
Done = Callable[[], None]

# The outbox's word for "to the VTN".  No topic of a site file begins with a slash.
REPORTS = "/reports"

# While the broker tells what is new, the VTN is asked this much less often.
RELAXED = 10

# After a failure the VTN is asked again so soon, then half as often each time, up to poll_ms.
AGAIN_S = 2.0

# What the broker has told of, the VTN should list after so long.
SETTLE_MS = 10_000

TOLD_MAX = 1_000


class UtilityLine:
    """All that goes between the utility and the depot.

    refused(who, why): something could not be read; for the audit log.
    """

    def __init__(
        self,
        site: Site,
        utility: Utility,
        store: Store,
        say: Callable[[AnyEvent], None],
        clock: Clock,
        refused: Callable[[str, str], None],
    ) -> None:
        """Prepare.  Raises BadBroker where a file of one is missing."""
        self.taken: list[Done] = []
        self._utility, self._store, self._say, self._clock = utility, store, say, clock
        self._refused = refused
        self._client_id = f"depot-{site.id}-utility"
        self._draw = random.SystemRandom()
        self._reading = ThreadPoolExecutor(1, "utility-read")
        self._sending = ThreadPoolExecutor(1, "utility-send")
        self._look = asyncio.Event()
        self._links: dict[str, tuple[bool, str]] = {}
        self._told: bool | None = None
        self._names: dict[str, str] = {}
        self._said: dict[str, OpenAdrEvent] = {}
        self._noted: dict[str, None] = {}
        self._heard_ms: dict[str, int] = {}
        self._gone: set[str] = set()
        self._binding: dict[str, bool] = {}
        self._found = Found()
        try:
            self._clients, self._vtn, self._tokens = _clients(utility)
        except BadFiles as error:
            raise BadBroker(str(error)) from None
        self.mqtt = self._link(utility.broker) if utility.broker else None

    def _link(self, broker: Broker, context: ssl.SSLContext | None = None) -> MqttLink:
        login = token_login(broker, self._tokens) if broker.login == "bearer" and self._tokens else None
        return MqttLink(
            "utility",
            broker,
            self._client_id,
            subscriptions=self._utility.event_topics,
            on_message=self._heard,
            on_link=partial(self._linked, "broker"),
            login=login,
            context=context,
        )

    def start(self) -> None:
        """Open the broker's connection, where it is known."""
        if self.mqtt:
            self.mqtt.start()

    async def close(self) -> None:
        """Say goodbye."""
        for client in self._clients:
            client.close()
        for threads in (self._reading, self._sending):
            threads.shutdown(wait=False, cancel_futures=True)
        if self.mqtt:
            await self.mqtt.close()

    # --- reports ------------------------------------------------------------------------------------

    @property
    def report_topic(self) -> str:
        """Where reports go: a topic, or REPORTS."""
        return self._utility.report_topic or REPORTS

    @property
    def connected(self) -> bool:
        """Whether it makes sense to send a report."""
        if self.report_topic == REPORTS:
            return True
        return self.mqtt is not None and self.mqtt.connected

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False, key: str = "") -> None:
        """Send a report and see it acknowledged.  Raises NotDelivered."""
        if topic != REPORTS:
            if self.mqtt is None:
                raise NotDelivered("utility: no broker is known yet")
            await self.mqtt.publish(topic, payload, retain=retain, key=key)
            return
        if self._vtn is None:
            raise NotDelivered("utility: this report was meant for a vtn, and there is none any more", True)
        try:
            send = partial(self._vtn.report, payload, key)
            await asyncio.get_running_loop().run_in_executor(self._sending, send)
        except VtnRefused as error:
            if not error.passes:
                self._note(f"utility {self._vtn.base}", f"report {key}: {error}")
            raise NotDelivered(f"utility: {error}", refused=not error.passes) from None
        except TROUBLE as error:
            raise NotDelivered(f"utility: {error}") from None
        except Exception as error:  # an answer that we did not think of; the depot goes on
            log.exception("a report to the vtn")
            raise NotDelivered(f"utility: our mistake: {error!r}") from None

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._reading, work)

    # --- the broker ---------------------------------------------------------------------------------

    def _linked(self, way: str, up: bool, why: str) -> None:
        """Say that the line is up while there is any way to the utility."""
        if way == "broker" and up:
            self._look.set()
        self._links[way] = (up, why)
        any_up = any(each for each, _ in self._links.values())
        if any_up != self._told or (up and why):
            self._told = any_up
            reasons = [
                f"{name}: {each}" if len(self._links) > 1 else each
                for name, (_, each) in self._links.items()
                if each
            ]
            self._say(Link(self._clock.now_ms(), "utility", any_up, "; ".join(reasons)))
        elif not up:
            log.warning("utility %s: %s", way, why)

    def _heard(self, incoming: Incoming) -> None:
        wall_ms = self._clock.wall_ms()
        try:
            operation, event = openadr.read(incoming.payload, incoming.topic, wall_ms)
            if incoming.retained and operation != "DELETE":
                event = openadr.as_copy(event, incoming.topic)
        except openadr.BadMessage as error:
            self._refused(f"utility {incoming.topic}", str(error))
        else:
            self._said.pop(event.id, None)
            self._heard_ms[event.id] = self._clock.now_ms()
            self._pass_on(operation, event, incoming.topic)
            self.taken.append(partial(self._on_disk, event.id))
        self.taken.append(incoming.done)

    def _pass_on(self, operation: Any, event: OpenAdrEvent, where: str) -> OpenAdrEvent:
        """Hand an event to the core, as it is returned: its program in the site file's word, and its draw."""
        event = openadr.draw_random_start(self._named(event), self._draw.randint)
        self._say(UtilitySaid(self._clock.now_ms(), self._clock.wall_ms(), operation, event, where))
        return event

    def _on_disk(self, event_id: str) -> None:
        """Say that an event is kept: called when it is, with the acknowledgement to the broker."""
        self._say(UtilityTaken(self._clock.now_ms(), self._clock.wall_ms(), event_id))

    def _named(self, event: OpenAdrEvent) -> OpenAdrEvent:
        name = self._names.get(event.program_id, event.program_id)
        return msgspec.structs.replace(event, program_id=name)

    # --- the VTN ------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Read the VTN for ever; ends at once where there is none."""
        if self._vtn is None:
            return
        assert self._utility.vtn is not None
        poll_s = self._utility.vtn.poll_ms / SECOND_MS
        again_s = AGAIN_S
        while True:
            self._look.clear()
            try:
                unsettled = await self._read(self._vtn)
                self._linked("vtn", True, "")
                told = self.mqtt is not None and self.mqtt.connected
                wait_s, again_s = poll_s * RELAXED if told else poll_s, AGAIN_S
                if unsettled:
                    wait_s = min(wait_s, SETTLE_MS / SECOND_MS)
            except TROUBLE as error:
                self._linked("vtn", False, str(error))
                if isinstance(error, VtnRefused) and not error.passes:
                    self._note(f"utility {self._vtn.base}", str(error))
                wait_s, again_s = min(again_s, poll_s), 2 * again_s
            except Exception as error:  # an answer that we did not think of; the depot goes on
                log.exception("reading the vtn")
                self._linked("vtn", False, f"our mistake: {error!r}")
                wait_s = poll_s
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._look.wait(), wait_s)

    async def _read(self, vtn: VtnClient) -> bool:
        """Read all that the VTN has and say what is news; return whether to look again soon.

        Raises TROUBLE.
        """
        before = {event.id: event for event in self._store.events()}
        listing = await self._in_thread(partial(read_listing, vtn, self._utility, self._clock.wall_ms()))
        self._names = listing.names
        self._gone &= before.keys()
        for name, binding in listing.binding.items():
            if self._binding.get(name) != binding:
                self._binding[name] = binding
                self._say(ProgramSaid(self._clock.now_ms(), name, binding))
        for why in (*listing.refused, *listing.strange):
            self._note(f"utility {vtn.base}", why)
        known = {event.id: event for event in self._store.events()}
        for event in listing.events.values():
            if not self._is_known(event, known.get(event.id)):
                operation = "UPDATE" if event.id in known else "CREATE"
                self._said[event.id] = self._pass_on(operation, event, f"{vtn.base}/events")
                self.taken.append(partial(self._on_disk, event.id))
        unsettled = await self._read_deleted(vtn, listing, before)
        await self._discover(vtn, listing)
        return unsettled

    def _is_known(self, event: OpenAdrEvent, kept: OpenAdrEvent | None) -> bool:
        """Tell whether the core has, or has been told of, this version."""
        ours = self._named(event)
        said = self._said.get(event.id)
        return any(each is not None and openadr.same(each, ours) for each in (kept, said))

    async def _read_deleted(self, vtn: VtnClient, listing: Listing, before: dict[str, OpenAdrEvent]) -> bool:
        """Say which events the VTN no longer has.  Only what was known before it was asked may be missing.

        Returns whether one is missing that the broker has told of just now: a server may be quicker to
        notify than to list.
        """
        for event_id in [*self._said]:
            if event_id not in listing.events and event_id not in before:
                del self._said[event_id]
        now_ms = self._clock.now_ms()
        self._heard_ms = {key: ms for key, ms in self._heard_ms.items() if now_ms - ms < SETTLE_MS}
        unsettled = False
        for event_id, event in before.items():
            if event_id in listing.events:
                self._gone.discard(event_id)
                continue
            # What was deleted already is remembered against copies, without intervals.
            says_nothing = not event.intervals and not event.report_descriptors
            if says_nothing or event_id in self._gone or event_id.startswith("named-"):
                continue
            if event_id in self._heard_ms:
                unsettled = True
            elif await self._in_thread(partial(vtn.gone, event_id)):
                self._gone.add(event_id)
                self._said.pop(event_id, None)
                self._pass_on("DELETE", event, f"{vtn.base}/events")
        return unsettled

    async def _discover(self, vtn: VtnClient, listing: Listing) -> None:
        """Ask where the broker is and what to subscribe to, as far as the site file does not say."""
        if self._utility.broker is not None and self._utility.event_topics:
            return
        topics = Topics(tuple(listing.names), self._client_id)
        found = await self._in_thread(partial(discover, vtn, self._utility, topics))
        for why in found.notes:
            self._note(f"utility {vtn.base}", why)
        if found.broker is None:
            return
        if self._utility.broker is None and found.key != self._found.key:
            await self._connect_to(found)
        if self.mqtt and not self._utility.event_topics:
            self.mqtt.subscribe(found.topics)

    async def _connect_to(self, found: Found) -> None:
        """Speak to the broker that the VTN names, and no longer to the one before."""
        assert found.broker is not None
        old, self.mqtt, self._found = self.mqtt, None, found
        if old:
            await old.close()
        self.mqtt = self._link(found.broker, found.context)
        self.mqtt.start()

    def _note(self, who: str, why: str) -> None:
        """Write down once what every reading of the VTN finds again."""
        if why not in self._noted:
            self._noted = dict.fromkeys([*list(self._noted)[-TOLD_MAX:], why])
            self._refused(who, why)


def _clients(utility: Utility) -> tuple[list[Client], VtnClient | None, Tokens | None]:
    """Return what speaks to the VTN and to the token endpoint, as far as the site file has them.

    Raises BadFiles.
    """
    vtn = utility.vtn
    client = (
        Client("utility.vtn", vtn.ca_file, vtn.cert_file, vtn.key_file) if vtn else Client("utility.token")
    )
    speaker: VtnClient | None = None

    def where() -> str:
        assert utility.token is not None
        if utility.token.url or speaker is None:
            return utility.token.url
        return speaker.token_url()

    tokens = Tokens(client, utility.token, where) if utility.token else None
    if vtn:
        speaker = VtnClient(vtn, client, tokens)
    return [client], speaker, tokens
