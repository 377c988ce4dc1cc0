"""How a question on a wire can end other than in an answer, and the counts of how often it did."""

from dataclasses import dataclass

EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledged, not done yet",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target did not answer",
}


class WireError(Exception):
    """The question was not answered.  Its text is for people."""


class Silent(WireError):
    """Nothing came in time."""


class Garbage(WireError):
    """Something came that is not the answer."""


class Unplugged(WireError):
    """There is no port or connection, or it went away."""


class Refused(WireError):
    """The device answered with a Modbus exception."""

    def __init__(self, code: int) -> None:
        super().__init__(f"refused: {code} {EXCEPTIONS.get(code, 'exception of the maker')}")
        self.code = code


@dataclass(slots=True)
class Counts:
    """The line's quality as one device sees it; its keys are quantities line_*."""

    requests: int = 0
    timeouts: int = 0
    errors: int = 0
    refusals: int = 0
    answer_ms: int = 0

    def values(self) -> dict[str, int | str]:
        """Return the counts as quantities of a reading."""
        return {
            "line_requests": self.requests,
            "line_timeouts": self.timeouts,
            "line_errors": self.errors,
            "line_refusals": self.refusals,
            "line_answer_ms": self.answer_ms,
        }
