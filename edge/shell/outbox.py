"""Drain the store's outbox to a broker: store and forward, in order, at least once.

Rule 1: a message leaves the outbox only when it is acknowledged: by the receiving application where it
    acknowledges (confirmed), else by the broker's PUBACK.  PUBACK alone proves little: a broker that loses
    power may lose what it has acknowledged.
Rule 2: messages are published in the order of their numbers; after any failure it begins again with the
    oldest that is not acknowledged.  So a message may come twice, and its key says that it is the same.
Rule 3: at most BATCH messages wait for an acknowledgement.
Rule 4: a message that the broker refuses ("Not authorized") stays, is set aside, and is tried again every
    minute: what is recorded is not thrown away because of a wrong access rule (I11), and what comes
    behind it need not wait for the rule.
Rule 5: of one lane (a port) at most one message is on its way, so a port's messages first arrive in their
    order whatever fails in between.  Only a refusal (rule 4) lets other topics of the port pass.
Rule 6: the receiving application may ask for any numbers again; those that are gone are told to be gone.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

import msgspec

from edge.shell.mqtt import NotDelivered
from edge.shell.storefile import StoreTrouble
from edge.shell.storeoutbox import Gone

log = logging.getLogger("edge.outbox")

Link = Literal["utility", "network"]

BATCH = 16

# So many pending messages are looked through for lanes that are free.
PAGE = 4 * BATCH
BACK_OFF_S = (1.0, 60.0)

# How often the store is asked for new messages when nobody has called wake().
LOOK_S = 5.0

# After this long without an application's acknowledgement the oldest messages are sent again.
CONFIRM_S = 30.0

# How long a message that the broker refused is set aside, and how many of them.
REFUSED_S = 60.0
ASIDE_MAX = 1_000

# Numbers in one acknowledgement: a list of any length would do, but a message is not to be.
ACK_MAX_BYTES = 64 << 10

# Numbers that may be asked for again at once.
AGAIN_MAX = 100_000


class Row(Protocol):
    """A message with its number, as the store gives it."""

    @property
    def seq(self) -> int: ...
    @property
    def topic(self) -> str: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def key(self) -> str: ...
    @property
    def lane(self) -> str: ...


class Pending(Protocol):
    """The part of the store that is needed here."""

    def outbox_pending(self, link: Link, limit: int, after: int = 0) -> Sequence[Row]:
        """Return the oldest messages above a number that nobody has acknowledged, in order."""

    def outbox_again(self, link: Link, first: int, last: int) -> list[Gone]:
        """Make messages pending again; return those that are gone."""

    def outbox_done(self, link: Link, seqs: list[int], wall_ms: int) -> None:
        """Say that messages were acknowledged."""


class Line(Protocol):
    """The part of an MQTT connection that is needed here."""

    @property
    def connected(self) -> bool: ...

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False, key: str = "") -> None:
        """Send, and wait for PUBACK.  Raises NotDelivered."""


class Ack(msgspec.Struct, frozen=True):
    """An acknowledgement of the receiving application: all numbers up to one, and single ones.

    again: stretches of numbers, both ends included, that it wants to have again.
    stream: whose numbers they are; "" where there was only ever one.
    """

    site: str = ""
    up_to: int = 0
    seqs: list[int] = []
    again: list[tuple[int, int]] = []
    stream: str = ""


class Outbox:
    """Drains one link.  confirmed: whether the receiving application acknowledges.

    wall_clock: UTC ms.  stamp: makes of a row what is published; the payload itself where it is None.
    on_gone: told of numbers that were asked for and are not there any more.  stream: of the store's numbers.
    sent, refused: how often, for the page.
    """

    def __init__(
        self,
        link: Link,
        store: Pending,
        line: Line,
        *,
        wall_clock: Callable[[], int],
        confirmed: bool = False,
        site: str = "",
        stamp: Callable[[Row], bytes] | None = None,
        on_gone: Callable[[Gone], None] = lambda gone: None,
        stream: str = "",
    ) -> None:
        """Prepare to drain; run() does it."""
        self.link: Link = link
        self.sent = 0
        self.refused = 0
        self._store = store
        self._line = line
        self._wall_clock = wall_clock
        self._confirmed = confirmed
        self._site = site
        self._stamp = stamp or (lambda row: row.payload)
        self._on_gone = on_gone
        self._stream = stream
        self._awake = asyncio.Event()
        self._unconfirmed: set[int] = set()
        self._line_is_new = False
        self._aside: set[int] = set()
        self._aside_lanes: set[tuple[str, str]] = set()  # topic and lane
        self._aside_since = 0.0

    def wake(self) -> None:
        """Look at the store now: something was committed."""
        self._awake.set()

    def reconnected(self) -> None:
        """Go on at once: the line is new.  Acknowledgements of the application went by while it was down."""
        self._line_is_new = True
        self._awake.set()

    async def run(self) -> None:
        """Drain for ever.  Cancel it to stop; nothing is lost by that."""
        wait_s = BACK_OFF_S[0]
        while True:
            self._awake.clear()
            try:
                moved = await self._drain()
                wait_s = BACK_OFF_S[0]
                if not moved:
                    await self._sleep(LOOK_S)
            except (NotDelivered, StoreTrouble) as error:
                log.warning("%s outbox: %s; again in %g s", self.link, error, wait_s)
                await self._sleep(wait_s)
                wait_s = min(2 * wait_s, BACK_OFF_S[1])

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):  # wait_for loses a cancellation now and then (Python 3.11)
            async with asyncio.timeout(seconds):
                await self._awake.wait()

    async def _drain(self) -> bool:
        """Send one batch and see it acknowledged.  Returns whether there was anything to send.

        Raises NotDelivered.
        """
        rows = self._next() if self._line.connected else []
        if not rows:
            return False
        self._unconfirmed = {row.seq for row in rows} if self._confirmed else set()
        # One task a message: they are handed to the broker in this order, and answered in any.
        tasks = [asyncio.create_task(self._send(row)) for row in rows]
        try:
            results = await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            for task in tasks:
                task.cancel()
        for row, result in zip(rows, results, strict=True):
            if isinstance(result, NotDelivered) and result.refused:
                self._set_aside(row, result)
            elif isinstance(result, BaseException):
                raise result
        await self._confirmation()
        return True

    def _next(self) -> list[Row]:
        """Return the oldest messages that may go: not set aside, and one of a lane."""
        if time.monotonic() - self._aside_since >= REFUSED_S:
            self._aside.clear()
            self._aside_lanes.clear()
        found: list[Row] = []
        lanes: set[str] = set()
        after = 0
        while not found:
            rows = self._store.outbox_pending(self.link, PAGE, after)
            for row in rows:
                after = row.seq
                held = row.seq in self._aside or (row.topic, row.lane) in self._aside_lanes
                if not held and (not row.lane or row.lane not in lanes) and len(found) < BATCH:
                    found.append(row)
                    lanes.add(row.lane)
            if len(rows) < PAGE:
                break
        return found

    def _set_aside(self, row: Row, why: NotDelivered) -> None:
        self.refused += 1
        self._unconfirmed.discard(row.seq)
        if not self._aside and not self._aside_lanes:
            self._aside_since = time.monotonic()
            log.error("%s outbox: number %d: %s; again in %g s", self.link, row.seq, why, REFUSED_S)
        if len(self._aside) + len(self._aside_lanes) >= ASIDE_MAX:
            raise why
        if row.lane:
            self._aside_lanes.add((row.topic, row.lane))
        else:
            self._aside.add(row.seq)

    async def _send(self, row: Row) -> None:
        await self._line.publish(row.topic, self._stamp(row), key=row.key)
        self.sent += 1
        if not self._confirmed:
            self._store.outbox_done(self.link, [row.seq], self._wall_clock())

    async def _confirmation(self) -> None:
        """Wait until the receiving application has acknowledged the batch.  Raises NotDelivered."""
        deadline = time.monotonic() + CONFIRM_S
        self._line_is_new = False
        while self._unconfirmed:
            if self._line_is_new:
                raise NotDelivered("the line was lost before the application's acknowledgement")
            left = deadline - time.monotonic()
            if left <= 0:
                first = min(self._unconfirmed)
                raise NotDelivered(f"no application has acknowledged number {first} within {CONFIRM_S:g} s")
            await self._sleep(left)
            self._awake.clear()

    def acknowledged(self, payload: bytes) -> str:
        """Take in an acknowledgement of the receiving application; return "" or what is wrong with it."""
        if len(payload) > ACK_MAX_BYTES:
            return f"expected at most {ACK_MAX_BYTES} bytes, got {len(payload)}"
        try:
            ack = msgspec.json.decode(payload, type=Ack)
        except (msgspec.MsgspecError, RecursionError, ValueError) as error:
            return f'expected {{"up_to": NUMBER}} or {{"seqs": [NUMBER, …]}}: {error}'
        if ack.site not in ("", self._site):
            return f"site: expected {self._site}, got {ack.site[:40]}"
        if ack.stream not in ("", self._stream):
            return f"stream: expected {self._stream}, got {ack.stream[:40]}"
        if sum(max(0, last - first + 1) for first, last in ack.again) > AGAIN_MAX:
            return f"again: expected at most {AGAIN_MAX} numbers at once"
        named = set(ack.seqs)
        done = sorted(seq for seq in self._unconfirmed if seq <= ack.up_to or seq in named)
        if done:
            self._store.outbox_done(self.link, done, self._wall_clock())
            self._unconfirmed -= set(done)
            self.wake()
        return self._again(ack.again)

    def _again(self, stretches: list[tuple[int, int]]) -> str:
        """Have stretches of numbers sent again, and tell of those that are gone."""
        try:
            for first, last in stretches:
                for gone in self._store.outbox_again(self.link, first, last):
                    self._on_gone(gone)
        except StoreTrouble as error:
            return f"again: not now: {error}"
        return ""
