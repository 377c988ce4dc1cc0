"""Reasons for which 23 CFR 680.116(b) takes outage minutes out, what people enter as such, what was stated.

Rule 1: an exclusion takes out only what is an outage anyway; it never makes a port up.
Rule 2: scheduled maintenance counts from when it was announced: what was entered after it began is no
        schedule.
Rule 3: an entry is never changed.  It is withdrawn and entered anew, so that every older report can be
        explained.

Source: 23 CFR 680.116(b)(3).
"""

from edge.model.records import Kept

UTILITY = "utility service interruption"
VEHICLE = "vehicle fault"
MAINTENANCE = "scheduled maintenance"
VANDALISM = "vandalism"
DISASTER = "natural disaster"
REASONS = (UTILITY, VEHICLE, MAINTENANCE, VANDALISM, DISASTER)

# Not an exclusion, but entered the same way: a port that failed its starts was repaired at a time.
REPAIRED = "repaired"


class Exclusion(Kept, frozen=True):
    """An entry by people.  ports: separated by commas, "" for all of the site.  All times UTC ms.

    reason: one of REASONS, or REPAIRED.  end_wall_ms: None while nobody knows.  evidence: what shows it.
    withdrawn_wall_ms: since when it does not count any more, None while it does.
    """

    id: str
    reason: str
    ports: str
    start_wall_ms: int
    end_wall_ms: int | None
    entered_wall_ms: int
    who: str
    evidence: str
    withdrawn_wall_ms: int | None = None
    withdrawn_because: str = ""

    def concerns(self, port: str) -> bool:
        """Say whether the entry is about a port."""
        return not self.ports or port in self.ports.split(",")

    def counts_from_ms(self) -> int:
        """Return since when the entry counts: maintenance not before it was announced."""
        if self.reason == MAINTENANCE:
            return max(self.start_wall_ms, self.entered_wall_ms)
        return self.start_wall_ms


class UptimeStatement(Kept, frozen=True):
    """What was stated of a port's month.  version: 1, 2, 3 …; an older one stays as it was.

    figures: the port's report/uptime.PortUptime as JSON.  because: what has changed since the one before.
    """

    port: str
    month: str
    version: int
    made_wall_ms: int
    because: str
    figures: str
