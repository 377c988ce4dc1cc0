"""The charging network's end: takes in what gateways send, acknowledges it, and asks for what is missing.

    receiver = Receiver(db, line, wall_clock)       line.on_message = receiver.heard
    await receiver.run()

Rule 1: a message is acknowledged, to the broker and to its gateway, when it is on the disk here; a power cut
        of this machine loses nothing.
Rule 2: a gateway hears on ROOT/acks up to which number nothing is missing, and which single ones above came.
Rule 3: what is missing for ASK_AFTER_S is asked for again, and again every ASK_AGAIN_S: numbers of the
        newest stream of a site alone, for older ones nobody can send any more.
Rule 4: what cannot be read at all is counted, logged and let go.
"""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

import msgspec

from edge.model.messages import Status
from edge.shell.mqtt import Incoming
from edge.shell.networkdb import BadMessage, NetworkDb, Received, Stream, Taken, read
from edge.shell.networktables import DatabaseTrouble

log = logging.getLogger("edge.receiver")

KINDS = ("status", "session", "outage", "uptime", "telemetry", "gone")
ACKS = "acks"

BATCH = 500
ASK_AFTER_S = 60.0
ASK_AGAIN_S = 300.0
ASK_RANGES = 50
ASK_NUMBERS = 50_000
DATABASE_AGAIN_S = 5.0


def topics(root: str) -> tuple[str, ...]:
    """Return what to subscribe to.  root: as in site files, with + where sites differ."""
    return tuple(f"{root}/{kind}" for kind in KINDS)


class Line(Protocol):
    """The part of an MQTT connection that is needed here."""

    def mention(self, topic: str, payload: bytes) -> None:
        """Send once, and wait for nothing."""


class Receiver:
    """Takes messages into the database.  counts: new, known, conflicts, wrong, unreadable, asked."""

    def __init__(self, db: NetworkDb, line: Callable[[], Line], wall_clock: Callable[[], int]) -> None:
        """Prepare; run() works.  line: the connection, by the time that it is needed."""
        self.db = db
        self.counts: Counter[str] = Counter()
        self._line = line
        self._wall_clock = wall_clock
        self._waiting: list[Incoming] = []
        self._awake = asyncio.Event()
        self._roots: dict[str, str] = {}  # site -> root
        self._stream: dict[str, str] = {}  # site -> its newest stream
        self._missing_since: dict[Stream, float] = {}

    def heard(self, incoming: Incoming) -> None:
        """Take a message from the line; it is acknowledged when it is on the disk."""
        self._waiting.append(incoming)
        self._awake.set()

    async def run(self) -> None:
        """Work for ever.  Cancel it to stop; what was not yet taken is sent again by its gateway."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._awake.wait()
            self._awake.clear()
            while self._waiting:
                batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
                await self._batch(batch)
            self._ask()

    async def _batch(self, batch: list[Incoming]) -> None:
        received = [one for incoming in batch if (one := self._read(incoming)) is not None]
        while True:
            try:
                taken = await asyncio.to_thread(self.db.take, received, self._wall_clock())
                break
            except DatabaseTrouble as error:
                log.error("%s; again in %g s", error, DATABASE_AGAIN_S)
                await asyncio.sleep(DATABASE_AGAIN_S)
                with contextlib.suppress(DatabaseTrouble):
                    await asyncio.to_thread(self.db.reopen)
        self.counts.update(new=taken.new, known=taken.known, conflicts=taken.conflicts, wrong=taken.wrong)
        for incoming in batch:
            incoming.done()
        self._acknowledge(taken)

    def _read(self, incoming: Incoming) -> Received | None:
        try:
            received = read(incoming.payload)
        except BadMessage as error:
            self.counts["unreadable"] += 1
            log.warning("%s: %s", incoming.topic, error)
            return None
        self._roots[received.head.site] = incoming.topic.rpartition("/")[0]
        old = incoming.retained and not _is_online(received)  # perhaps of a stream that has ended
        if not old:
            self._stream[received.head.site] = received.head.stream
        if received.wrong:
            log.warning("%s: number %d: %s", incoming.topic, received.head.seq, received.wrong)
        return received

    def _acknowledge(self, taken: Taken) -> None:
        """Tell each gateway what has come.  What is not heard there is sent again, and told again.

        So nobody waits for the broker here: with thousands of gateways, waiting made acknowledgements so late
        that everything was sent twice.
        """
        for stream, seqs in taken.streams.items():
            up_to = self.db.up_to(*stream)
            self._tell(stream, up_to=up_to, seqs=sorted({n for n in seqs if n > up_to}))

    def _tell(self, stream: Stream, **what: object) -> None:
        root = self._roots.get(stream.site)
        if root is None:
            return
        ack = {"site": stream.site, "stream": stream.stream, **what}
        self._line().mention(f"{root}/{ACKS}", msgspec.json.encode(ack))

    def _ask(self) -> None:
        """Ask for what has been missing for a while."""
        now_s = time.monotonic()
        for stream in [Stream(*pair) for pair in self._stream.items()]:
            missing = self.db.missing(*stream)
            if not missing:
                self._missing_since.pop(stream, None)
                continue
            if now_s < self._missing_since.setdefault(stream, now_s) + ASK_AFTER_S:
                continue
            self._missing_since[stream] = now_s + ASK_AGAIN_S - ASK_AFTER_S
            self.counts["asked"] += 1
            log.warning("%s: numbers missing: %s", stream.site, words(missing))
            self._tell(stream, up_to=self.db.up_to(*stream), again=bounded(missing))


def _is_online(received: Received) -> bool:
    return isinstance(received.message, Status) and received.message.state == "online"


def bounded(missing: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return as much of what is missing as one request may ask for, oldest first."""
    found, left = [], ASK_NUMBERS
    for first, last in missing[:ASK_RANGES]:
        last_now = min(last, first + left - 1)
        if last_now < first:
            break
        found.append((first, last_now))
        left -= last_now - first + 1
    return found


def words(stretches: list[tuple[int, int]]) -> str:
    """Return stretches of numbers as people write them: "3, 5-9"."""
    shown = [str(first) if first == last else f"{first}-{last}" for first, last in stretches[:10]]
    return ", ".join(shown) + (f" and {len(stretches) - 10} more" if len(stretches) > 10 else "")
