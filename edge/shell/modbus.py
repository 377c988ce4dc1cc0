"""A port that asks one question at a time and believes only its own answer.

Rule 1: ask() ends in the values asked for, or in Silent, Refused, Garbage or Unplugged.
Rule 2: nothing is repeated here: a second attempt is a decision, and the bus master makes it.
Rule 3: after a question has stayed open on a serial line, the same unit is not asked again until its
        answer can no longer come; a late answer has no number on it and would be taken for the next.
Rule 4: reconnecting is the master's; a lost connection fails the open question at once.

pymodbus makes the frames and owns the serial port (ports.py); framing.py says which bytes are an answer.
Why not its client: it takes late answers for the next one on a serial line, checks neither function
nor count, repeats with the same transaction, and waits out the whole timeout on a closed connection.
"""

import asyncio
import os
import termios
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from drivers.wire import Read, Words
from edge.shell import framing as fr
from edge.shell.framing import Found, Framing, OutOfStep, Question
from edge.shell.outcome import Counts, Garbage, Refused, Silent, Unplugged, WireError

CONNECT_S = 2.0

# Silence after an open question before the same unit is asked again: as long as it was given to
# answer, but not shorter than this.  Together they are the slowest answer that can never be mistaken.
SETTLE_S = 0.3

# A TCP connection on which nothing came so often in a row is dead, though nobody closed it.
SILENT_UNTIL_CLOSED = 3

# Baud rates differ by up to 2 % between two ends; an answer faster than this share of the line's own
# time was under way before its question.
FASTEST_SHARE = 0.95

# So many answers too early and never one in time: the port is not a line that takes its time.
EARLY_UNTIL_NO_LINE = 3

# (direction "→" or "←", seconds on the loop's clock, bytes): what `depot trace` shows.
Tap = Callable[[str, float, bytes], None]


@dataclass(slots=True)
class _Open:
    """The question that is being asked.

    least: bytes of a good answer.  refusal: a byte that a shorter one, a refusal, must hold.
    """

    question: Question
    frame: bytes
    transaction: int
    counts: Counts
    future: asyncio.Future[Found]
    sent_at: float
    settle_s: float
    least: int
    refusal: bytes
    buffer: bytes = b""


class Link(asyncio.Protocol):
    """One connection of a wire: what it still says after a newer one was made is not heard."""

    def __init__(self, wire: "Wire") -> None:
        self._wire = wire

    def connection_made(self, transport: Any) -> None:
        self._wire.made(self, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wire.lost(self, exc)

    def data_received(self, data: bytes) -> None:
        self._wire.heard(self, data)


# Opens the port or connection with a link as its protocol.
Connect = Callable[[Link], Awaitable[None]]


class Wire:
    """A TCP connection or a serial line.  edge/shell/ports.py makes them.

    char_s: the time of one character on a serial line, else 0.  gap_s: the silence between frames.
    physical: bytes take that time; not so on a pseudo-terminal.

    echoes: the adapter returns what we send; found out by every read, because on such a line the
        echo of a single-register write looks like its answer, even from a dead device.
    """

    def __init__(
        self,
        name: str,
        framing: Framing,
        connect: Connect,
        *,
        char_s: float = 0.0,
        gap_s: float = 0.0,
        physical: bool = False,
    ) -> None:
        self.name = name
        self.kind = framing.kind
        self.serial = framing.serial
        self.tap: Tap | None = None
        self.echoes = False
        self.framing = framing
        self._char_s = char_s
        self._gap_s = gap_s
        self.physical = physical
        self._connect = connect
        self._link = Link(self)
        self._transport: Any = None
        self._made: asyncio.Future[None] | None = None
        self._open: _Open | None = None
        self._transaction = 0
        self._silent_in_a_row = 0
        self._timely, self._early = False, 0  # answers that a real line could have carried, or not
        self._last_byte_at = 0.0
        self._quiet_until = 0.0
        self._open_questions: Counter[int] = Counter()  # unit -> how many it has not answered since its last
        self._owed: dict[int, float] = {}  # unit -> until when it may still say something old
        self._counts: dict[int, Counts] = {}

    @property
    def connected(self) -> bool:
        """Say whether questions can be asked now."""
        return self._transport is not None

    async def open(self) -> None:
        """Connect, or open the port.  Raises Unplugged with the reason."""
        if self._transport is not None:
            return
        self._made = asyncio.get_running_loop().create_future()
        self._link = Link(self)
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._connect(self._link)
                await self._made
        except (OSError, ValueError, termios.error) as error:
            self._made.cancel()
            self.close()
            raise Unplugged(f"{self.name}: {_why(error)}") from None

    def close(self) -> None:
        """Close it; an open question fails with Unplugged."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()
        self._fail(Unplugged(f"{self.name}: closed"))

    async def ask(
        self,
        question: Question,
        timeout_ms: int = 300,
        counts: Counts | None = None,
        gap_ms: int = 0,
        twice: bool = False,
    ) -> Words:
        """Ask and return the registers or bits; () for a write.

        timeout_ms: for the device to think; the time that a serial line needs comes on top.
        gap_ms: silence on the line before the question, where it needs more than the standard's.
        twice: ask once to wake the device, whatever it says, and then in earnest.
        Raises Silent, Refused, Garbage, Unplugged; ValueError if it cannot be asked.
        """
        counts = counts if counts is not None else self._counts.setdefault(question.unit, Counts())
        if twice:
            await self._knock(question, timeout_ms, gap_ms)
        return await self._ask(question, timeout_ms, counts, gap_ms)

    async def _knock(self, question: Question, timeout_ms: int, gap_ms: int) -> None:
        """Ask what will be asked again at once: a late answer to this is an answer to that."""
        try:
            await self._ask(question, timeout_ms, Counts(), gap_ms)
        except Refused:
            return
        except (Silent, Garbage):
            self._open_questions.pop(question.unit, None)
            self._owed.pop(question.unit, None)
            self._quiet_until = 0.0

    async def _ask(self, question: Question, timeout_ms: int, counts: Counts, gap_ms: int) -> Words:
        assert self._open is None, "one question at a time"
        if self._transport is None:
            raise Unplugged(f"{self.name}: not connected")
        await self._quiet(question.unit, gap_ms / 1000)
        found = await self._send(question, timeout_ms / 1000, counts)
        if found.code:
            counts.refusals += 1
            raise Refused(found.code)
        return fr.words_of(question, found.answer)

    async def _send(self, question: Question, timeout_s: float, counts: Counts) -> Found:
        if self._transport is None:  # it may have gone while we kept quiet
            raise Unplugged(f"{self.name}: not connected")
        loop = asyncio.get_running_loop()
        self._transaction = self._transaction % 0xFFFF + 1  # never 0: some devices answer all with 0
        frame = self.framing.frame(question, self._transaction)
        answer_chars = self.framing.chars(fr.answer_of(question)[1])
        line_s = self._char_s * (len(frame) + answer_chars)
        now = loop.time()
        self._open = _Open(
            question,
            frame,
            self._transaction,
            counts,
            loop.create_future(),
            now,
            max(timeout_s, SETTLE_S),
            answer_chars,
            self.framing.refusal_mark(question),
        )
        self._counts[question.unit] = counts
        counts.requests += 1
        if self.tap:
            self.tap("→", now, frame)
        self._transport.write(frame)
        self._last_byte_at = now + self._char_s * len(frame)
        timer = loop.call_later(timeout_s + line_s, self._expire)
        future = self._open.future
        try:
            return await future
        finally:
            timer.cancel()
            if self._open is not None:  # cancelled from outside: the answer may still come
                self._owe(self._open)
                self._open = None

    async def _quiet(self, unit: int, gap_s: float) -> None:
        """Wait until the line has been silent for the gap and no late answer of the unit can come."""
        loop = asyncio.get_running_loop()
        gap_s = max(gap_s, self._gap_s)
        while True:
            until = max(self._last_byte_at + gap_s, self._quiet_until, self._owed.get(unit, 0.0))
            wait_s = until - loop.time()
            if wait_s <= 0:
                return
            await asyncio.sleep(min(wait_s, 0.05))  # a late answer that comes early ends the waiting

    # What the link says.

    def made(self, link: Link, transport: Any) -> None:
        """Start to ask on a new connection."""
        if link is not self._link or self._made is None or self._made.done():  # open() has given up
            transport.close()
            return
        self._transport = transport
        self._silent_in_a_row = 0
        self._owed.clear()
        self._open_questions.clear()
        self._made.set_result(None)

    def lost(self, link: Link, exc: Exception | None) -> None:
        """Fail the open question; nothing reconnects by itself."""
        if link is self._link:
            self._transport = None
            self._fail(Unplugged(f"{self.name}: {exc or 'the other side closed the connection'}"))

    def heard(self, link: Link, data: bytes) -> None:
        """Look for the answer in what came."""
        if link is not self._link or self._transport is None:
            return
        now = asyncio.get_running_loop().time()
        self._last_byte_at = max(now, self._last_byte_at)
        asked = self._open
        if asked is None:
            self._unasked(data, now)
            return
        asked.buffer += data
        if len(asked.buffer) > 2048:  # nobody says so much in one answer
            asked.buffer = asked.buffer[-1024:]
        answers = self._without_echo(asked)
        if answers is None or (len(answers) < asked.least and asked.refusal not in answers):
            return  # a serial line brings its bytes one by one
        try:
            found = self.framing.find(answers, asked.question, asked.transaction)
        except OutOfStep as error:
            asked.counts.errors += 1
            self._end(asked, Garbage(str(error)))
            self.close()
            return
        if found is not None:
            self._answered(asked, found, answers, now)

    def _answered(self, asked: _Open, found: Found, answers: bytes, now: float) -> None:
        chars = len(asked.frame) + self.framing.chars(len(found.answer))
        if self.physical and now < asked.sent_at + chars * self._char_s * FASTEST_SHARE:
            self._too_early(asked, answers[found.used :])
            return
        self._timely = True
        asked.counts.errors += found.strays
        asked.counts.answer_ms = round((now - asked.sent_at) * 1000)
        self._silent_in_a_row = 0
        self._end(asked, found)
        if len(answers) > found.used:
            self._unasked(answers[found.used :], now)

    def _too_early(self, asked: _Open, rest: bytes) -> None:
        """Drop an answer that was under way before its question; if all are, this is no real line."""
        asked.counts.errors += 1
        asked.buffer = rest
        self._early += 1
        if not self._timely and self._early >= EARLY_UNTIL_NO_LINE:
            self.physical = False  # a device that is itself the USB adapter, for which a baud rate is a word

    def _without_echo(self, asked: _Open) -> bytes | None:
        """Return what came without our own question, or None while only that has come."""
        if not self.serial:
            return asked.buffer
        size = len(asked.frame)
        if asked.buffer.startswith(asked.frame):
            if isinstance(asked.question, Read):
                self.echoes = True
            if self.echoes:
                return asked.buffer[size:]
        elif self.echoes and asked.frame.startswith(asked.buffer):
            return None
        return asked.buffer

    def _expire(self) -> None:
        asked = self._open
        if asked is None:
            return
        came = self._without_echo(asked)
        self._owe(asked)
        if came:
            asked.counts.errors += 1
            self._end(asked, Garbage(self._what(came, asked.question)))
        else:
            asked.counts.timeouts += 1
            self._silent_in_a_row += 1
            self._end(asked, Silent("no answer in time"))
        if not self.serial and self._silent_in_a_row >= SILENT_UNTIL_CLOSED:
            self.close()

    def _owe(self, asked: _Open) -> None:
        """Remember that a serial device may still answer, and be silent as long as it may."""
        if not self.serial:
            return
        now = asyncio.get_running_loop().time()
        unit = asked.question.unit
        was_silent = self._open_questions[unit] > 0
        self._open_questions[unit] += 1
        self._owed[unit] = now + asked.settle_s
        if not was_silent:  # it lives, so its answer may run into that of another unit
            self._quiet_until = now + asked.settle_s

    def _unasked(self, data: bytes, now: float) -> None:
        """Count what nobody asked for; a unit that speaks out of turn is given time to finish."""
        if self.tap and self._open is None:
            self.tap("←", now, data)
        for unit, _ in self.framing.frames(data):
            if self._open_questions[unit] == 1:  # the late answer has come: no need to wait any longer
                self._owed[unit] = self._quiet_until = now + self._gap_s
            elif self.serial:
                self._owed[unit] = now + SETTLE_S
            self._open_questions[unit] = max(0, self._open_questions[unit] - 1)
            if unit in self._counts:
                self._counts[unit].errors += 1

    def _what(self, came: bytes, question: Question) -> str:
        """Say what came instead of the answer."""
        for unit, pdu in self.framing.frames(came):
            if unit != question.unit:
                return f"an answer of unit {unit} instead of {question.unit}"
            if pdu[0] & 0x7F != question.function:
                return f"an answer to function {pdu[0]} instead of {question.function}"
            return f"{len(pdu)} bytes of answer instead of {fr.answer_of(question)[1]}: {pdu.hex(' ')}"
        return f"{len(came)} bytes that are no answer: {came[:16].hex(' ')}"

    def _end(self, asked: _Open, result: Found | WireError) -> None:
        if self.tap and asked.buffer:
            self.tap("←", asyncio.get_running_loop().time(), asked.buffer)
        self._open = None
        if asked.future.done():
            return
        if isinstance(result, Found):
            self._open_questions.pop(asked.question.unit, None)
            self._owed.pop(asked.question.unit, None)
            asked.future.set_result(result)
        else:
            asked.future.set_exception(result)

    def _fail(self, error: WireError) -> None:
        if self._made is not None and not self._made.done():
            self._made.set_exception(OSError("the other side closed the connection at once"))
        if self._open is not None:
            self._end(self._open, error)


def _why(error: Exception) -> str:
    """Say why a port or connection could not be had."""
    if isinstance(error, TimeoutError):
        return f"no connection within {CONNECT_S:g} s"
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else str(error)
