"""The outbox of the store: messages with their numbers, from being told to being acknowledged and let go.

Rule 1: numbers are given by the commit, 1, 2, 3 … per link, without gaps, never twice (storetables.py).
Rule 2: a message that was acknowledged stays for a while, so that it can be sent again by range.
Rule 3: an outbox has OUTBOX_BYTES.  Beyond that its oldest acknowledged messages go, then its oldest
        telemetry; what was not acknowledged and is no telemetry stays, whatever the size.
"""

import sqlite3
import threading
from typing import Any, Literal

import msgspec

from edge.shell.storelookups import Lookups
from edge.shell.storetables import Params

Link = Literal["utility", "network"]
LINKS: tuple[Link, ...] = ("utility", "network")

# Payloads of one link.  Fifty ports tell about 1 MB a day: two months without a broker.
OUTBOX_BYTES = 64 << 20

Pending = dict[tuple[Any, ...], tuple[str, Params]]


class Message(msgspec.Struct, frozen=True):
    """What goes to a broker.  key: tells the message from all others; sending it twice is once.

    lane: messages of one lane are sent one after the other.  telemetry: may be given up for lack of room.
    """

    link: Link
    topic: str
    payload: bytes
    key: str
    made_wall_ms: int = 0
    lane: str = ""
    telemetry: bool = False


class OutboxRow(msgspec.Struct, frozen=True):
    """A message with its number.  seq: 1, 2, 3 … per link, without gaps, never given twice."""

    seq: int
    link: str
    topic: str
    payload: bytes
    key: str
    made_wall_ms: int = 0
    lane: str = ""


class Gone(msgspec.Struct, frozen=True):
    """Numbers of a link that are not there any more, both ends included."""

    link: Link
    first: int
    last: int


def runs(numbers: list[int]) -> list[tuple[int, int]]:
    """Return numbers in order as stretches without gaps: [1, 2, 5] is (1, 2), (5, 5)."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def shorten(writer: sqlite3.Connection, link: Link) -> list[Gone]:
    """Delete the oldest messages of an outbox that is too large (rule 3).

    Returns which were given up without anybody having acknowledged them.  Raises what SQLite raises.
    """
    sql = "SELECT COALESCE(SUM(LENGTH(payload)), 0) FROM outbox WHERE link = ?"
    size = writer.execute(sql, (link,)).fetchone()[0]
    done, size = _oldest(writer, link, "done_wall_ms IS NOT NULL", size)
    given_up, size = _oldest(writer, link, "done_wall_ms IS NULL AND telemetry", size)
    if done or given_up:
        writer.execute("BEGIN IMMEDIATE")
        delete = "DELETE FROM outbox WHERE link = ? AND seq = ?"
        writer.executemany(delete, [(link, seq) for seq in done + given_up])
        writer.execute("COMMIT")
    return [Gone(link, first, last) for first, last in runs(given_up)]


def _oldest(writer: sqlite3.Connection, link: Link, which: str, size: int) -> tuple[list[int], int]:
    """Return the numbers to let go of, oldest first, and the size without them."""
    going: list[int] = []
    if size <= OUTBOX_BYTES:
        return going, size
    sql = f"SELECT seq, LENGTH(payload) FROM outbox WHERE link = ? AND {which} ORDER BY seq"
    for seq, length in writer.execute(sql, (link,)):
        if size <= OUTBOX_BYTES:
            break
        size -= length
        going.append(seq)
    return going, size


class OutboxTable(Lookups):
    """The part of the store that the outboxes drain.  The rest of it is in store.py."""

    _lock: threading.RLock
    _buffer: Pending
    _waiting: Pending
    _done: set[tuple[str, int]]

    def _put(self, key: tuple[Any, ...], sql: str, params: Params, may_wait: bool = False) -> None:
        raise NotImplementedError

    def outbox_pending(self, link: Link, limit: int, after: int = 0) -> list[OutboxRow]:
        """Return the oldest messages that nobody has acknowledged yet, in order.  Only committed ones.

        after: leave out the numbers up to this one.
        """
        with self._lock:
            done = {seq for of, seq in self._done if of == link}
        where = "WHERE link = ? AND done_wall_ms IS NULL AND seq > ? ORDER BY seq LIMIT ?"
        rows = self._messages(where, link, after, limit + len(done))
        return [row for row in rows if row.seq not in done][:limit]

    def outbox_has(self, link: Link, key: str) -> bool:
        """Tell whether a message with this key is on the disk, acknowledged or not."""
        return bool(self._read("SELECT 1 FROM outbox WHERE link = ? AND key = ?", link, key))

    def outbox_range(self, link: Link, first: int, last: int) -> list[OutboxRow]:
        """Return the messages from one number to another, acknowledged or not: for sending them again."""
        return self._messages("WHERE link = ? AND seq BETWEEN ? AND ? ORDER BY seq", link, first, last)

    def outbox_again(self, link: Link, first: int, last: int) -> list[Gone]:
        """Make messages pending again, from one number to another; the next commit does it.

        Returns those that are not there any more; numbers that were never given are none of them.
        """
        first, last = max(1, first), min(last, self.outbox_last(link))
        sql = "SELECT seq FROM outbox WHERE link = ? AND seq BETWEEN ? AND ?"
        there = {seq for (seq,) in self._read(sql, link, first, last)}
        with self._lock:
            for seq in there:
                self._done.discard((link, seq))
                self._buffer.pop(("done", link, seq), None)
                self._waiting.pop(("done", link, seq), None)
            update = "UPDATE outbox SET done_wall_ms = NULL WHERE link = ? AND seq BETWEEN ? AND ?"
            self._put(("again", link, first, last), update, (link, first, last))
        missing = [seq for seq in range(first, last + 1) if seq not in there]
        return [Gone(link, begin, end) for begin, end in runs(missing)]

    def outbox_done(self, link: Link, seqs: list[int], wall_ms: int = 0) -> None:
        """Say that messages were acknowledged.  They stay for outbox_range until they are pruned."""
        sql = "UPDATE outbox SET done_wall_ms = ? WHERE link = ? AND seq = ?"
        with self._lock:
            for seq in seqs:
                self._done.add((link, seq))
                self._put(("done", link, seq), sql, (wall_ms, link, seq), may_wait=True)

    def outbox_waiting(self, link: Link) -> int:
        """Return how many messages nobody has acknowledged yet."""
        sql = "SELECT COUNT(*) FROM outbox WHERE link = ? AND done_wall_ms IS NULL"
        return int(self._read(sql, link)[0][0])

    def outbox_last(self, link: Link) -> int:
        """Return the highest number that was ever given, 0 before the first."""
        found = self._read("SELECT last FROM outbox_seq WHERE link = ?", link)
        return int(found[0][0]) if found else 0

    def _messages(self, where: str, *params: Any) -> list[OutboxRow]:
        sql = f"SELECT seq, link, topic, payload, key, made_wall_ms, lane FROM outbox {where}"
        return [OutboxRow(*row) for row in self._read(sql, *params)]
