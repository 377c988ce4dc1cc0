"""What a day of 50 chargers costs the disk: bytes written, and how long a commit takes.

Three sessions a bay and day, each 160 minutes long, a counter that is read every 5 s, a decision every 30 s
while it charges, messages of 300 bytes to the network; the site's load by quarter-hours and by minutes, and
by five seconds in a limit of the utility that holds four hours.  The clock is simulated, the disk is real:
the store stands in the checkout's file system.  Bytes are what the kernel has sent to the disk for this
process.
"""

import tempfile
import time
from pathlib import Path

from msgspec.structs import replace

from edge.core import ports, sessions
from edge.core.observation import Observation
from edge.model.flow import Restored
from edge.model.records import ChargeBlock, ChargerSlot, Decision, Kept, LoadBlock, LoadSlot
from edge.shell.store import Store
from edge.shell.storeoutbox import Message

ROOT = Path(__file__).parent.parent.parent
CHARGERS = 50
WALL = 1_780_000_000_000
SESSION_EVERY_S, SESSION_S = 28_800, 9_600
LIMITED_S = 14_400


def figures(quick: bool) -> dict:
    """Measure the store's own rule, and for comparison a commit of everything every second."""
    return {
        "chargers": CHARGERS,
        "simulated_s": 3_600 if quick else 86_400,
        "as_built": _day(3_600 if quick else 86_400, all_of_it=False),
        "everything_every_second": _day(600 if quick else 7_200, all_of_it=True),
    }


def words(found: dict) -> str:
    """Tell the figures as a table."""
    lines = [f"{'':28}{'MB a day':>10}{'commit median':>16}{'p99':>10}{'longest':>10}"]
    for name in ("as_built", "everything_every_second"):
        row = found[name]
        lines.append(
            f"{name.replace('_', ' '):28}{row['mb_a_day']:10.1f}{row['commit_ms_median']:13.2f} ms"
            f"{row['commit_ms_p99']:7.1f} ms{row['commit_ms_max']:7.0f} ms"
        )
    return "\n".join(lines)


def _day(seconds: int, all_of_it: bool) -> dict:
    now_ms = 0
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".bench-") as folder:
        store = Store(Path(folder) / "depot.db", "boot", clock=lambda: now_ms)
        bays = Bays()
        before, times = _written(), []
        for second in range(seconds):
            now_ms = second * 1000
            for row, told in bays.second(second):
                key = f"{type(row).__name__}/{second}/{len(times)}/{id(row)}"
                store.keep(row, Message("network", "t", b"x" * 300, key) if told else None)
            store.heartbeat(WALL + now_ms)
            begun = time.perf_counter()
            store.commit(all_of_it)
            times.append((time.perf_counter() - begun) * 1000)
        store.close()
        written = _written() - before
    times.sort()
    return {
        "mb_a_day": round(written / 1e6 * 86_400 / seconds, 1),
        "commit_ms_median": round(times[len(times) // 2], 3),
        "commit_ms_p99": round(times[len(times) * 99 // 100], 2),
        "commit_ms_max": round(times[-1], 1),
    }


class Bays:
    """Vehicles that come and go, and the rows that the core makes of them."""

    def __init__(self) -> None:
        restored = Restored(0, WALL, "boot", None, [], [], [], {})
        self._sessions, self._ports = sessions.begin(restored, 0), ports.begin(restored, 0)
        self._seen = [
            Observation(f"bay-{n}", f"port-{n}", True, "A", counter_wh=0, power_w=0) for n in range(CHARGERS)
        ]

    def second(self, second: int) -> list[tuple[Kept, bool]]:
        """Return the rows of a second, and whether the network is told of them."""
        rows: list[tuple[Kept, bool]] = []
        for n in range(CHARGERS):
            seen = self._seen[n]
            phase = second % SESSION_EVERY_S - n * 20
            if phase in (0, SESSION_S):
                here = phase == 0
                seen = replace(seen, state="C" if here else "A", power_w=11_000 if here else 0)
            if seen.state == "C" and second % 5 == n % 5:
                seen = replace(seen, counter_wh=(seen.counter_wh or 0) + 15)
            self._seen[n] = seen
            if seen.state == "C" and second % 30 == n % 30:
                rows.append((_decision(second, n), False))
        now_ms, wall_ms = second * 1000, WALL + second * 1000
        self._sessions, kept = sessions.step(self._sessions, self._seen, now_ms, wall_ms)
        rows += [(row, sessions.is_news(row)) for row in kept]
        self._ports, kept = ports.step(self._ports, self._seen, now_ms, wall_ms)
        return rows + [(row, True) for row in kept] + [(row, False) for row in self._load(second)]

    def _load(self, second: int) -> list[Kept]:
        """Return the rows of the load: quarter-hours are kept again every five minutes."""
        limited, there = second % 86_400 < LIMITED_S, [s for s in self._seen if s.state == "C"]
        wall_ms = WALL + second * 1000
        rows: list[Kept] = []
        if second % (5 if limited else 60) == 0:
            length = 5_000 if limited else 60_000
            rows.append(LoadSlot(wall_ms, length, length, 300_000, 0, 200_000, 60_000, 70_000))
        if second % 300 == 0:
            quarter = wall_ms // 900_000 * 900_000
            rows.append(LoadBlock(quarter, second, 0, second, 900_000, second))
            rows += [ChargeBlock(f"{s.charger}-{quarter}", quarter, s.charger, second) for s in there]
        if limited and second % 900 == 0:
            rows += [ChargerSlot(s.charger, wall_ms, 900_000, 900_000, 9_900_000, 11_000) for s in there]
        return rows


def _decision(second: int, n: int) -> Decision:
    because, asked = "main: other load 40 A, limit 100 A", "window: 40 kWh until 05:30"
    return Decision(WALL + second * 1000, f"bay-{n}", 6_000 + second % 100, because, 32_000, asked, "state C")


def _written() -> int:
    """Return the bytes that this process has caused to be sent to the disk."""
    for line in Path("/proc/self/io").read_text().splitlines():
        if line.startswith("write_bytes"):
            return int(line.split()[1])
    raise OSError("/proc/self/io: no write_bytes")
