"""How often something may be written down: a sender that has gone mad must not fill the disk.

Nothing else is here; what is left out is counted, and said with the next line that fits.
"""

HOUR_MS = 3_600_000


class Budget:
    """At most `most` lines an hour."""

    def __init__(self, most: int) -> None:
        """Begin with a full budget."""
        self._most = most
        self._hour = -1
        self._spent = 0
        self._left_out = 0

    def line(self, text: str, now_ms: int) -> str | None:
        """Return the text, with how many were left out before it; None if it is left out itself.

        now_ms: monotonic.
        """
        if now_ms // HOUR_MS != self._hour:
            self._hour, self._spent = now_ms // HOUR_MS, 0
        if self._spent >= self._most:
            self._left_out += 1
            return None
        self._spent += 1
        left_out, self._left_out = self._left_out, 0
        return f"{text} ({left_out} more before it are not listed)" if left_out else text
