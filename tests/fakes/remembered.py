"""A day of the depot of depot_records.py on a disk, the plan that holds, and a tariff."""

from pathlib import Path

from edge.model.dayplan import Ceiling, DayPlan, Profile, Prospect, Row, Stayer, Stretch
from edge.model.records import LoadBlock, PortInterval, Session
from edge.model.units import HOUR_MS, MINUTE_MS, QUARTER_MS
from edge.shell import tarifffile
from edge.shell.archive import Archive
from edge.shell.store import Store
from tests.fakes.depot_records import MIDNIGHT_MS, READY_MS, START_WALL_MS
from tests.fakes.served import Served

DOCS = Path(__file__).parents[2] / "docs"
AUDIT_LINES = 70
PLANNED_A, NEED_WH, MISSING_WH = 16, 31_400, 2_000
SLOT_MS = 5 * MINUTE_MS

SESSIONS = (
    Session(
        "s1", "bay-1", MIDNIGHT_MS - 5 * HOUR_MS, MIDNIGHT_MS + 6 * HOUR_MS, energy_wh=41_000,
        vehicle="van 12", end_reason="unplugged", power_w_max=11_000,
    ),
    Session(
        "s2", "bay-4", MIDNIGHT_MS + 9 * HOUR_MS, MIDNIGHT_MS + 12 * HOUR_MS, energy_wh=12_000,
        vehicle="van 15", end_reason="unplugged", power_w_max=7_000,
    ),
)  # fmt: skip


def remember(depot: Served, path: Path) -> None:
    """Give a depot its records and its plan."""
    store = Store(path, "boot")
    for quarter in range(56):
        at = MIDNIGHT_MS + quarter * QUARTER_MS
        store.keep(LoadBlock(at, 6_000 + 60 * quarter, charging_wh=1_500, measured_ms=QUARTER_MS))
    for session in SESSIONS:
        store.keep(session)
    for n in range(6):
        store.keep(PortInterval(f"P{n + 1}", MIDNIGHT_MS, "up", "available", START_WALL_MS, 14 * HOUR_MS))
    for n in range(AUDIT_LINES):
        outcome = "done" if n % 5 else "refused: charger: there is no 'bay-9' on this site"
        store.audit(START_WALL_MS - n * MINUTE_MS, "ada" if n % 3 else "planner", f"line {n}", outcome)
    store.close(START_WALL_MS)
    tariff = tarifffile.load(DOCS / "tariffs" / "pge_bev_2_s.toml", depot.site.timezone)
    depot.rig.desk.archive = Archive(str(path), depot.site, tariff)
    depot.rig.desk.ahead.plan, depot.rig.desk.ahead.prospect = plan(), prospect()


def plan() -> DayPlan:
    """Return a plan for the four vehicles that are there; bay 3 lacks something."""
    rows = tuple(
        Row(f"bay-{n}", READY_MS, NEED_WH, MISSING_WH if n == 3 else 0,
            (Stretch(84 + 6 * n, 132 + 6 * n, PLANNED_A * 1000, NEED_WH, False),))
        for n in (1, 2, 3, 4)
    )  # fmt: skip
    return DayPlan(START_WALL_MS, SLOT_MS, 288, rows, 0, 12_000_000, 1_000, 60_000, MISSING_WH, 10)


def prospect() -> Prospect:
    """Return what that plan was made of: an event's ceiling, an afternoon of other load."""
    stayers = tuple(
        Stayer(f"bay-{n}", START_WALL_MS, READY_MS, NEED_WH, 6_000, 16_000, 11_040, (0, 1, 2), 0, True)
        for n in (1, 2, 3, 4)
    )
    four = (30_000, 30_000, 30_000, 22_000)
    ceiling = Ceiling("main", START_WALL_MS + 20_000, START_WALL_MS + 2 * HOUR_MS, limit_w=40_000)
    return Prospect(START_WALL_MS, stayers, other={"main": Profile(four, (four,) * 96)}, ceilings=(ceiling,))
