"""Breaks the code in the ways of tests/mutants.py, one at a time; a break that no test notices is a survivor.

    python tests/mutate_core.py [WORDS …] [--jobs 2] [--wide]     WORDS: only what contains one of them

The tests of what was broken run first, in the order in which they usually notice; the wide ones only with
--wide.  Works in copies; the checkout is not touched.  Exit 1 if anything survives.
"""

import argparse
import contextlib
import io
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import hypothesis  # noqa: F401  (what every run needs is imported once; each mutant gets a fork)
import msgspec  # noqa: F401
import pymodbus.client  # noqa: F401
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.mutants import ALL, EQUIVALENT, Mutant

ROOT = Path(__file__).parents[1]
TOO_LONG_S = 300

STORIES = ["tests/story/test_controller.py", "tests/story/test_broken_devices.py",
           "tests/story/test_turns.py", "tests/story/test_invariants.py",
           "tests/story/test_replay.py", "tests/story/test_two_meters.py",
           "tests/story/test_limits_of_people.py"]  # fmt: skip
DRIVERS = ["tests/drivers/test_needs_writing.py", "tests/drivers/test_values.py",
           "tests/drivers/test_first_families.py", "tests/drivers/test_floats_down.py"]  # fmt: skip
SHELL = ["tests/shell/test_member.py", "tests/shell/test_bus.py", "tests/shell/test_bus_board.py"]
DAEMON = [
    "tests/shell/test_daemon.py",
    "tests/shell/test_openadr.py",
    "tests/shell/test_outbox.py",
    "tests/test_end_to_end.py",
]
SIGNALS = ["tests/core/test_signals.py", "tests/core/test_demand_response.py", "tests/core/test_quota.py",
           "tests/story/test_signals_told.py", "tests/story/test_controller.py"]  # fmt: skip
GRID = ["tests/core/test_gridlimits.py"]
PLANNED = ["tests/core/test_promises.py", "tests/core/test_asks.py", "tests/story/test_planned_night.py"]
BACK = [
    "tests/sim/test_giving_back.py",
    "tests/story/test_giving_back_night.py",
    "tests/core/test_giveplan.py",
]
HELD = ["tests/shell/test_commission_run.py", "tests/sim/test_commission_faults.py"]
DOORS = ["tests/browser/test_roles.py", "tests/browser/test_accounts_web.py", "tests/browser/test_doors.py"]
FIRST = {
    "edge/core/giving.py": BACK,
    "edge/core/claims.py": ["tests/core/test_claims.py", "tests/sim/test_transformer_day.py", *STORIES],
    "edge/core/commission_hold.py": HELD,
    "edge/core/learned.py": ["tests/story/test_weeks.py"],
    "edge/shell/commission.py": HELD,
    "edge/shell/sitebatteries.py": ["tests/shell/test_sitefile.py", *BACK],
    "edge/shell/notify.py": ["tests/shell/test_notify.py"],
    "edge/web/access.py": DOORS,
    "edge/core/state.py": ["tests/core/test_state.py", "tests/core/test_grid.py", *STORIES, *BACK],
    "edge/core/grid.py": ["tests/core/test_grid.py", *STORIES, *BACK],
    "edge/core/limits.py": ["tests/core/test_limits.py", *STORIES],
    "edge/core/guard.py": ["tests/core/test_guard.py", *STORIES, "tests/sim/test_transformer_day.py"],
    "edge/core/asks.py": [*PLANNED, *STORIES],
    "edge/core/fallback.py": ["tests/core/test_fallback.py", "tests/shell/test_sitefile.py"],
    "edge/core/demand": SIGNALS,
    "edge/core/obeying.py": ["tests/core/test_obeying.py", *SIGNALS],
    "edge/core/quota.py": SIGNALS,
    "edge/core/gridlimits.py": GRID,
    "edge/core/enwg14a.py": GRID,
    "edge/core/g100.py": GRID,
    "edge/core/boards.py": ["tests/core/test_boards_by_hand.py", "tests/story/test_boards.py"],
    "edge/core/promises.py": PLANNED,
    "edge/core/planner.py": PLANNED,
    "edge/core/windows.py": ["tests/core/test_windows.py", *STORIES],
    "edge/core/controller.py": [*STORIES, "tests/story/test_boards.py"],
    "edge/core": STORIES,
    "edge/shell/sitecheck.py": ["tests/shell/test_sitefile.py"],
    "edge/shell/storeoutbox.py": ["tests/shell/test_store_outbox.py"],
    "edge/shell/utility.py": ["tests/shell/test_utility_line.py", "tests/test_end_to_end.py"],
    "edge/shell/member.py": SHELL,
    "edge/shell/bus.py": SHELL,
    "edge/shell": [*DAEMON, "tests/sim/test_board_depot.py"],
    "drivers": [*DRIVERS, "tests/shell/test_member.py", "tests/contracts", "tests/shell/test_bus.py"],
}
WIDE = ["tests/core", "tests/sim/test_closed_loop.py", "tests/drivers", "tests/shell/test_store.py"]


def tests_for(file: str, wide: bool) -> list[str]:
    """Return the tests that should notice."""
    own = next(tests for start, tests in FIRST.items() if file.startswith(start))
    return WIDE if wide else own


def broken(root: Path, mutant: Mutant) -> str:
    """Return the broken text of a file.  Raises ValueError where what should be there is not, or twice."""
    _, file, old, new = mutant
    text = (root / file).read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise ValueError(f"{file}: {text.count(old)} times {old!r}")
    return text.replace(old, new)


def copy_of(source: Path, where: Path) -> Path:
    """Return a copy of what tests need; only what is broken is really copied."""
    for name in sorted(path.name for path in source.iterdir() if not path.name.startswith(".")):
        if name in ("edge", "drivers", "tests"):
            shutil.copytree(source / name, where / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (where / name).symlink_to(source / name)
    return where


class Killers:
    """A pytest plugin that remembers which tests failed."""

    def __init__(self) -> None:
        self.named: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.named.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.named.append(f"{report.nodeid} (import)")


def killer(job: tuple[Path, Mutant, bool]) -> str:
    """Return the first test that notices, "" if none does.  Runs in a process of its own."""
    source, mutant, wide = job
    with tempfile.TemporaryDirectory(prefix="mutant-") as scratch, contextlib.redirect_stdout(io.StringIO()):
        root = copy_of(source, Path(scratch))
        (root / mutant[1]).write_text(broken(root, mutant), encoding="utf-8")
        os.chdir(root)
        for name in [n for n in sys.modules if n.split(".")[0] in ("edge", "drivers", "tests")]:
            del sys.modules[name]
        sys.path.insert(0, str(root))
        sys.dont_write_bytecode = True
        killers = Killers()
        signal.signal(signal.SIGALRM, _too_long)
        signal.alarm(TOO_LONG_S)
        try:
            result = pytest.main(
                ["-q", "-x", "-p", "no:cacheprovider", "--tb=no", *tests_for(mutant[1], wide)], [killers]
            )
        except TimeoutError:
            return "timeout"
        finally:
            signal.alarm(0)
            os.chdir("/")
    return killers.named[0] if killers.named else "" if result == 0 else str(result)


def _too_long(*_: object) -> None:
    raise TimeoutError


def main() -> int:
    """Run the mutants and say who survived."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="only mutants that contain one of these")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--wide", action="store_true", help="the slow tests")
    asked = parser.parse_args()
    chosen = [
        m
        for m in ALL
        if m[2] not in EQUIVALENT and (not asked.words or any(w in part for w in asked.words for part in m))
    ]
    for mutant in chosen:
        broken(ROOT, mutant)
    survivors = 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as scratch:
        source = copy_of(ROOT, Path(scratch))  # as it stands now, whatever is edited meanwhile
        with multiprocessing.get_context("fork").Pool(asked.jobs, maxtasksperchild=1) as pool:
            jobs = [(source, mutant, asked.wide) for mutant in chosen]
            for mutant, by in zip(chosen, pool.imap(killer, jobs, 1), strict=True):
                rule, file, old, new = mutant
                survivors += not by
                print(f"{rule:4} {file}: {old!r} -> {new!r}: {by or 'SURVIVES'}", flush=True)
    print(f"{len(chosen)} mutants, {survivors} survive")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
