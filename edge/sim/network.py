"""The charging network's end: takes in what the depot reports, each thing once, and says what is missing.

A report is told apart by its idempotency key; sequence numbers count without gaps, so a gap is a loss.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Inbox:
    """What has come in.  take() runs in paho's thread.  reply: publishes an acknowledgement."""

    reply: Callable[[str, dict[str, Any]], None] | None = None
    by_key: dict[str, dict[str, Any]] = field(default_factory=dict)
    seqs: set[int] = field(default_factory=set)
    twice: int = 0
    unreadable: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, topic: str, payload: bytes, at_ms: int) -> None:
        """Take one message in."""
        try:
            message = json.loads(payload)
            key = message.get("key")
        except (ValueError, AttributeError):
            self.unreadable.append(topic)
            return
        if key is None:
            return  # status and telemetry: no reports
        with self._lock:
            self.twice += key in self.by_key
            self.by_key[key] = {"topic": topic, **message}
            if isinstance(seq := message.get("seq"), int):
                self.seqs.add(seq)

    def kinds(self, word: str) -> int:
        """Return how many different things were reported on topics with this word in them."""
        return len({m.get("id", key) for key, m in self.by_key.items() if word in m["topic"].split("/")})

    def counts(self) -> dict[str, int]:
        """Return what the summary tells: a missing number below the highest is a lost report."""
        lost = max(self.seqs) - min(self.seqs) + 1 - len(self.seqs) if self.seqs else 0
        return {
            "sessions": self.kinds("session"),
            "outages": self.kinds("outage"),
            "reports_sent": len(self.by_key),
            "reports_lost": lost,
        }
