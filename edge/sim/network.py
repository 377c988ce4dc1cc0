"""The charging network's end: takes in what the depot reports, each thing once, and says what is missing.

A report is told apart by its idempotency key; sequence numbers count from 1 without gaps, so a gap is a
loss.  What has come in is acknowledged by the numbers up to which nothing is missing.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

SITE = "demo-depot"
ROOT = f"network/{SITE}"
ACKS = f"{ROOT}/acks"


@dataclass
class Inbox:
    """What has come in.  take() runs in paho's thread; reply(topic, message) must not wait."""

    reply: Callable[[str, dict[str, Any]], None] | None = None
    by_key: dict[str, dict[str, Any]] = field(default_factory=dict)
    seqs: set[int] = field(default_factory=set)
    twice: int = 0
    unreadable: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, topic: str, payload: bytes, at_ms: int) -> None:
        """Take one message in."""
        if topic == ACKS:
            return  # our own
        try:
            message = json.loads(payload)
            key, seq = message["key"], int(message["seq"])
        except (ValueError, KeyError, TypeError):
            self.unreadable.append(topic)
            return
        if seq == 0:
            return  # a status: it is not in the sequence
        with self._lock:
            self.twice += key in self.by_key
            self.by_key[key] = {"topic": topic, **message}
            self.seqs.add(seq)
            up_to = self.up_to()
        if self.reply is not None:
            self.reply(ACKS, {"site": SITE, "up_to": up_to, "seqs": [seq] if seq > up_to else []})

    def up_to(self) -> int:
        """Return the number up to which nothing is missing."""
        n = 0
        while n + 1 in self.seqs:
            n += 1
        return n

    def kinds(self, word: str) -> int:
        """Return how many different things of a kind were reported; a thing may be reported again."""
        return len({m["id"] for m in self.by_key.values() if m["topic"] == f"{ROOT}/{word}"})

    def counts(self) -> dict[str, int]:
        """Return what the summary tells: a missing number below the highest is a lost report."""
        return {
            "sessions": self.kinds("session"),
            "outages": self.kinds("outage"),
            "reports_sent": len(self.by_key),
            "reports_lost": max(self.seqs, default=0) - len(self.seqs),
        }
