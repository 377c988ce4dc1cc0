"""The planner's thread: wishes for a plan in, plans out.  One at a time, the newest wish only.

Rule 1: the loop never waits for it.  The solver's steps are C calls during which the interpreter runs on;
        what is Python here is cut into pieces of a few milliseconds by the interpreter itself.
Rule 2: a newer wish ends the work on an older one; the best plan found so far is handed in, for a plan of a
        moment ago is better than none.
Rule 3: whatever fails is logged, counted, and told to the core, which then goes by its own rule.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from edge.core import prospect as prospects
from edge.core.dayplan import day_plan, regretted
from edge.core.plan import IDLE_ITERATIONS, Solver
from edge.model.dayplan import DayPlan
from edge.model.flow import MakePlan, Planned
from edge.model.site import Site
from edge.model.units import SECOND_MS
from edge.shell.clock import Clock

log = logging.getLogger("edge.planning")

# A plan is wished for every five minutes; a slow gateway has something better than an old one by then.
BUDGET_MS = 20_000

# At the end of the daemon: a step takes less than this even on a slow gateway.
END_S = 5.0


@dataclass
class Count:
    """What has become of the wishes.  longest_ms: of one wish, from the wish to the plan."""

    made: int = 0
    superseded: int = 0
    failed: int = 0
    longest_ms: int = 0


class Planning:
    """Plan in a thread.  say: hands an event to the core; called in the planner's thread."""

    def __init__(self, site: Site, say: Callable[[Planned], None], clock: Clock) -> None:
        self.count = Count()
        self._site = site
        self._say = say
        self._clock = clock
        self._wish: MakePlan | None = None
        self._news = threading.Condition()
        self._ends = False
        self._last: tuple[Solver, int] | None = None  # and when its slot 0 began
        self._thread = threading.Thread(target=self._work, name="planner", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; waits for the step that it is at."""
        with self._news:
            self._ends = True
            self._news.notify()
        if self._thread.is_alive():
            self._thread.join(END_S)

    def wish(self, wish: MakePlan) -> None:
        """Take a wish, in place of an older one.  Does not wait."""
        with self._news:
            self._wish = wish
            self._news.notify()

    def _work(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._wish is not None or self._ends)
                wish, self._wish = self._wish, None
            if self._ends or wish is None:
                return
            plan, why = self._tried(wish)
            if not self._ends:
                self._say(Planned(self._clock.now_ms(), wish.number, plan, why))

    def _tried(self, wish: MakePlan) -> tuple[DayPlan | None, str]:
        try:
            return self._made(wish), ""
        except Exception as error:  # our mistake; the depot goes on by the core's own rule
            self.count.failed += 1
            self._last = None
            log.exception("plan %d failed", wish.number)
            return None, f"{type(error).__name__}: {error}"

    def _made(self, wish: MakePlan) -> DayPlan:
        begun_ms = self._clock.now_ms()
        from_wall_ms = wish.prospect.wall_ms
        drawn = prospects.draw(self._site, wish.prospect)
        solver = self._solver(drawn, from_wall_ms)
        self._solve(solver, begun_ms)
        plan = solver.plan()
        if regretted(drawn, plan):
            drawn = prospects.draw(self._site, wish.prospect, giving=False)
            solver = Solver(drawn.problem, solver)
            self._solve(solver, begun_ms)
            plan = solver.plan()
        self._last = (solver, from_wall_ms)
        roomy = prospects.with_room(drawn, wish.prospect, plan)
        if roomy is not None and self._wish is None:
            drawn, solver = roomy, Solver(roomy.problem, solver, 0)
            self._solve(solver, begun_ms)
            plan = solver.plan()
        self.count.made += 1
        solve_ms = self._clock.now_ms() - begun_ms
        self.count.longest_ms = max(self.count.longest_ms, solve_ms)
        return day_plan(drawn, from_wall_ms, plan, solve_ms)

    def _solver(self, drawn: prospects.Drawn, from_wall_ms: int) -> Solver:
        """Return a solver that starts where the last one ended, its slots as far back as time has passed."""
        if self._last is None:
            return Solver(drawn.problem)
        last, last_wall_ms = self._last
        slot_s = drawn.problem.slot_s
        shift = round((from_wall_ms - last_wall_ms) / SECOND_MS / slot_s)
        if slot_s != last.problem.slot_s or not 0 <= shift < last.problem.slots:
            return Solver(drawn.problem)
        return Solver(drawn.problem, last, shift)

    def _solve(self, solver: Solver, begun_ms: int) -> None:
        """Improve until the gap is reached, nothing better comes, time is up, or somebody wishes anew."""
        idle = IDLE_ITERATIONS[solver.problem.lawful]
        best, best_at = float("inf"), 0
        while True:
            now = solver.step()
            if now.objective < best:
                best, best_at = now.objective, now.iterations
            if now.gap <= solver.problem.gap:
                return
            if best < float("inf") and now.iterations - best_at > idle:
                return
            if self._clock.now_ms() - begun_ms > BUDGET_MS:
                return
            if self._ends or self._wish is not None:
                self.count.superseded += 1
                return
