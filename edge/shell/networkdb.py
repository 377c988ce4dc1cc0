"""What the receiver has: takes messages in, each once, and knows which numbers are missing.

    db = NetworkDb(url)
    taken = db.take([read(payload), …], wall_ms)    one transaction; on the disk when it returns
    db.up_to(site, stream), db.missing(site, stream)

Rule 1: taking the same message again changes nothing, whatever number of times and across restarts.
Rule 2: a number is accounted for when its message is here or the gateway has said that it is gone.  What is
        below the highest known number and not accounted for is missing; a status says how far numbers go.
Rule 3: what cannot be understood but has a number is kept all the same, with what is wrong with it: else
        its sender would send it for ever.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from edge.model import messages
from edge.report.spans import Span, difference, union
from edge.shell import networktables
from edge.shell.networktables import THINGS, put_thing

MESSAGE_MAX_BYTES = 1 << 20


class BadMessage(Exception):
    """A message that is not one of ours: it has no site, key or number."""


class Head(msgspec.Struct, frozen=True):
    """What every message has, and is enough to keep it."""

    site: str
    key: str
    seq: int
    schema: str = ""
    id: str = ""
    boot_id: str = ""
    stream: str = ""
    made_wall_ms: int = 0


class Received(NamedTuple):
    """A message as it came.  message: None where wrong says what is wrong with it."""

    head: Head
    kind: str
    message: messages.Message | None
    wrong: str
    body: str


class Stream(NamedTuple):
    """Whose numbers: a site, and the store that gives them."""

    site: str
    stream: str


class Taken(NamedTuple):
    """What became of a batch.  streams: the numbers that it named, by stream."""

    new: int
    known: int
    conflicts: int
    wrong: int
    streams: dict[Stream, list[int]]


def read(payload: bytes) -> Received:
    """Read a message.  Raises BadMessage."""
    if len(payload) > MESSAGE_MAX_BYTES:
        raise BadMessage(f"expected at most {MESSAGE_MAX_BYTES} bytes, got {len(payload)}")
    try:
        head = msgspec.json.decode(payload, type=Head)
        body = payload.decode()
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, ValueError) as error:
        raise BadMessage(f"expected a message with site, key and seq: {error}") from None
    if not 0 <= head.seq < 1 << 62 or abs(head.made_wall_ms) >= 1 << 62:
        raise BadMessage(f"seq, made_wall_ms: expected whole numbers, got {head.seq}, {head.made_wall_ms}")
    head = msgspec.structs.replace(head, **{n: _text(getattr(head, n)) for n in _TEXTS})
    kind = head.schema.removeprefix("depot-edge/").partition("/")[0]
    struct = _STRUCTS.get(head.schema)
    if struct is None:
        return Received(head, kind, None, f"schema: {head.schema or 'none'} is not known here", _text(body))
    try:
        message = msgspec.json.decode(payload, type=struct)
        for name in message.__struct_fields__:
            value = getattr(message, name)
            if isinstance(value, int) and abs(value) >= 1 << 62:
                raise ValueError(f"{name}: expected less than 2^62, got {value}")
        return Received(head, kind, message, "", _text(body))
    except (msgspec.MsgspecError, ValueError) as error:
        return Received(head, kind, None, str(error), _text(body))


_TEXTS = ("site", "key", "schema", "id", "boot_id", "stream")
_STRUCTS: dict[str, type[messages.Message]] = {
    "depot-edge/status/1": messages.Status,
    "depot-edge/gone/1": messages.GoneMessage,
    **{f"depot-edge/{kind}/1": struct for kind, struct in THINGS.items()},
}


def _text(text: str) -> str:
    return text.replace("\x00", "\ufffd")


class NetworkDb:
    """The database, and in memory which numbers it has.  One receiver at a time writes it."""

    def __init__(self, url: str) -> None:
        """Open the database.  Raises networktables.DatabaseTrouble, and ValueError for a wrong URL."""
        self._url = url
        self.connection = networktables.connect(url)
        self._have: dict[Stream, list[Span]] = {}
        self._last: dict[Stream, int] = {}  # the highest number that a gateway has said there is
        self._load()

    def _load(self) -> None:
        """Read which numbers are here: stretches, found by what stays the same along one."""
        for site, stream, first, last in self.connection.rows(
            "SELECT site, stream, MIN(seq), MAX(seq) FROM (SELECT site, stream, seq, seq - ROW_NUMBER() OVER "
            "(PARTITION BY site, stream ORDER BY seq) AS stretch FROM message) AS numbered "
            "GROUP BY site, stream, stretch UNION ALL SELECT site, stream, first, last FROM gone"
        ):
            self._account(Stream(site, stream), [(first, last + 1)])
        for site, stream, last in self.connection.rows("SELECT site, stream, last_seq FROM status"):
            self._last[Stream(site, stream)] = last

    def reopen(self) -> None:
        """Connect anew after trouble.  Raises DatabaseTrouble."""
        self.connection.close()
        self.connection = networktables.connect(self._url)

    def close(self) -> None:
        """Close the database."""
        self.connection.close()

    def take(self, received: Iterable[Received], wall_ms: int) -> Taken:
        """Take a batch in, in one transaction.  Raises DatabaseTrouble, and nothing was taken then."""
        new = known = conflicts = wrong = 0
        streams: dict[Stream, list[int]] = {}
        accounted: dict[Stream, list[Span]] = {}
        statuses = []
        with self.connection.transaction():
            for one in received:
                if one.head.seq == 0:
                    statuses.append(one)
                    self._status(one, wall_ms)
                    continue
                stream = Stream(one.head.site, one.head.stream)
                what = self._put(one, wall_ms)
                new += what == "new"
                known += what == "known"
                conflicts += what == "conflict"
                wrong += bool(one.wrong)
                streams.setdefault(stream, []).append(one.head.seq)
                spans = accounted.setdefault(stream, [])
                spans.append((one.head.seq, one.head.seq + 1))
                if isinstance(one.message, messages.GoneMessage):
                    spans.append((one.message.first, one.message.last + 1))
        for stream, spans in accounted.items():
            self._account(stream, spans)
        for one in statuses:
            if isinstance(one.message, messages.Status):
                self._last[Stream(one.head.site, one.head.stream)] = one.message.last_seq
        return Taken(new, known, conflicts, wrong, streams)

    def _account(self, stream: Stream, spans: list[Span]) -> None:
        self._have[stream] = union([*self._have.get(stream, []), *spans])

    def _put(self, one: Received, wall_ms: int) -> str:
        """Keep one numbered message.  Returns "new", "known", "again" (a new number) or "conflict"."""
        run, head = self.connection, one.head
        there = run.rows(
            "SELECT key FROM message WHERE site = ? AND stream = ? AND seq = ?",
            head.site, head.stream, head.seq,
        )  # fmt: skip
        if there and there[0][0] == head.key:
            return "known"
        if there:
            self._conflict(one, wall_ms)
            return "conflict"
        before = run.rows("SELECT seq FROM message WHERE site = ? AND key = ?", head.site, head.key)
        run.run(
            "INSERT INTO message (site, stream, seq, key, kind, id, boot_id, made_wall_ms, received_wall_ms, "
            "again_of, wrong, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            head.site, head.stream, head.seq, head.key, one.kind, head.id, head.boot_id, head.made_wall_ms,
            wall_ms, before[0][0] if before else None, one.wrong, "" if before else one.body,
        )  # fmt: skip
        if before:
            return "again"
        self._thing(one)
        return "new"

    def _conflict(self, one: Received, wall_ms: int) -> None:
        """Keep what came under a number that another message has; it is news all the same."""
        head = one.head
        self.connection.run(
            "INSERT INTO conflict VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            head.site, head.stream, head.seq, head.key, one.body, wall_ms,
        )  # fmt: skip
        known = self.connection.rows("SELECT 1 FROM message WHERE site = ? AND key = ?", head.site, head.key)
        if not known:
            self._thing(one)

    def _thing(self, one: Received) -> None:
        if one.message is not None and one.kind in THINGS:
            put_thing(self.connection, one.kind, one.message)
        elif isinstance(one.message, messages.GoneMessage):
            gone = one.message
            self.connection.run(
                "INSERT INTO gone VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                gone.site, gone.stream, gone.first, gone.last, gone.why,
            )  # fmt: skip

    def _status(self, one: Received, wall_ms: int) -> None:
        if isinstance(one.message, messages.Status):
            said = one.message
            self.connection.run(
                "INSERT INTO status VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (site) DO UPDATE SET "
                "state = excluded.state, version = excluded.version, stream = excluded.stream, "
                "last_seq = excluded.last_seq, made_wall_ms = excluded.made_wall_ms, "
                "received_wall_ms = excluded.received_wall_ms",
                said.site, said.state, said.version, said.stream, said.last_seq, said.made_wall_ms, wall_ms,
            )  # fmt: skip

    # --- numbers ------------------------------------------------------------------------------------

    def streams(self) -> list[Stream]:
        """Return every stream that was heard of."""
        return sorted({*self._have, *self._last})

    def up_to(self, site: str, stream: str) -> int:
        """Return the number up to which nothing is missing."""
        have = self._have.get(Stream(site, stream), [])
        return have[0][1] - 1 if have and have[0][0] <= 1 else 0

    def missing(self, site: str, stream: str) -> list[tuple[int, int]]:
        """Return the stretches of numbers that are not accounted for, both ends included."""
        key = Stream(site, stream)
        have = self._have.get(key, [])
        highest = max(have[-1][1] - 1 if have else 0, self._last.get(key, 0))
        return [(first, end - 1) for first, end in difference([(1, highest + 1)], have)] if highest else []

    def things(self, kind: str, where: str = "", *values: Any) -> list[dict[str, Any]]:
        """Return the latest word about things of a kind, by site and id."""
        names = networktables.columns(kind)
        sql = f"SELECT {', '.join(names)} FROM {kind} {where} ORDER BY site, id"
        return [dict(zip(names, row, strict=True)) for row in self.connection.rows(sql, *values)]
