"""Runs a commissioning: one test after the other on a bench, each written down before the next begins.

    find ─ meters ─ where ─ obeys ─ fallback ─ holds          core/commission_tests.py says what they do

Rule 1: what is done is done: after every test the protocol is on the disk, and a run that is resumed goes on
        behind it.  What follows from earlier tests (verified meters, chargers that are where they are
        drawn) is worked out of the protocol again.
Rule 2: nothing moves current before somebody has confirmed it; what is not confirmed is an open point.
Rule 3: a device with a fault on its line is not tested further, and one that does not obey is left in peace.
Rule 4: the whole depot charges only where nothing was found that differs from the drawing that holds it.
Rule 5: whatever happens, the chargers are paused at the end and then left to their own fallback.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol as Interface

import msgspec

from edge.core import commission_find, commission_judge, commission_tests, commission_where
from edge.core.commission_tests import Test
from edge.model.commission import (
    STEPS,
    Device,
    Finding,
    Follow,
    Found,
    Hold,
    Protocol,
    Result,
    StepName,
    Supervises,
    Trace,
)
from edge.model.site import Charger, Site
from edge.model.units import SECOND_MS, amps_text

# How long the meters are looked at before anything is moved.
REST_MS = 10 * SECOND_MS

# Faults after which a device is not tested further.
LEFT_ALONE = ("doubled unit", "not found", "bad line")

# Steps whose faults say that the depot is not as it is drawn: then no test may rely on the drawing (I1).
AS_DRAWN = ("find", "meters", "where")


class Bench(Interface):
    """What does the Holds: real wires (commissionbench.py) or the simulator."""

    site: Site

    async def find(self, tell: Callable[[str], None]) -> Found:
        """Look at every line and host before anything is written."""

    async def hold(self, hold: Hold) -> Trace:
        """Do it for its time."""

    def supervises(self, charger: str) -> Supervises:
        """Say how a charger watches us."""

    def trust(self, meters: frozenset[str], chargers: frozenset[str]) -> None:
        """Count on these meters, and on these chargers being where they are drawn."""

    def state(self, charger: str) -> str:
        """Return the charger's latest IEC 61851-1 letter, "" while it has told none."""

    def devices(self) -> list[Device]:
        """Return the site's devices with what they have told of themselves."""

    def wall_ms(self) -> int:
        """Return UTC."""


class Question(msgspec.Struct, frozen=True):
    """What is asked of the person on site.  about: device or step.  moves: whether current will flow by
    it."""

    step: StepName
    about: str
    text: str
    moves: bool


class Progress(msgspec.Struct, frozen=True):
    """Where a run is.  done, of: tests.  text: what happens now."""

    step: StepName
    done: int
    of: int
    text: str


Confirm = Callable[[Question], Awaitable[bool]]


class Commission:
    """One run over one protocol.

    save: writes the protocol down; confirm: asks the person on site; tell: shows where the run is.
    """

    def __init__(
        self,
        bench: Bench,
        protocol: Protocol,
        save: Callable[[Protocol], None],
        confirm: Confirm,
        tell: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        self.bench, self.site, self.protocol = bench, bench.site, protocol
        self._save, self._confirm, self._tell = save, confirm, tell
        self._step: StepName = "find"
        self._agreed: dict[StepName, bool] = {}

    async def run(self) -> Protocol:
        """Do everything that the protocol asks for and that is not done; return it, ended."""
        try:
            for step in STEPS:
                if step in self.protocol.asked:
                    self._step = step
                    await getattr(self, f"_{step}")()
        finally:
            await self.bench.hold(Hold(2 * SECOND_MS, "pause"))
        self._keep(devices=self.bench.devices(), ended_wall_ms=self.bench.wall_ms())
        return self.protocol

    # The steps ---------------------------------------------------------------------------------------

    async def _find(self) -> None:
        if not self._done("find", ""):
            found = await self.bench.find(self._say)
            self._write(commission_find.found(found))

    async def _meters(self) -> None:
        if not self._done("meters", ""):
            self._say("all meters, while nothing charges")
            self._write(commission_find.meters(self.site, await self._hold(Hold(REST_MS, "all at rest"))))

    async def _where(self) -> None:
        text = "One charger after the other is told 6 A, 10 A and a pause, to see which meters follow."
        if await self._agree(text):
            for charger in self._tested():
                if not self._done("where", charger.id) and await self._vehicle(charger):
                    await self._test(charger.id, commission_tests.where(self.site, charger, self._alone()))
        judged = commission_where.judge(self.site, *self._shown())
        self._write(Result("where", "all", findings=judged), again=True)
        self._trust()

    async def _obeys(self) -> None:
        self._trust()
        text = "One charger after the other goes through its range, and a pause."
        if await self._agree(text):
            for charger in self._tested():
                if not self._done("obeys", charger.id) and await self._vehicle(charger):
                    await self._test(charger.id, commission_tests.obeys(charger))

    async def _fallback(self) -> None:
        self._trust()
        text = (
            "Nobody speaks to one charger after the other, until it falls back; then to none at all, as if "
            "the gateway were dead; then the meters are not listened to."
        )
        if await self._agree(text):
            for charger in self._obedient():
                if not self._done("fallback", charger.id) and await self._vehicle(charger):
                    how = self.bench.supervises(charger.id)
                    await self._test(charger.id, commission_tests.fallback(charger, how))
            await self._silences()
        self._write(commission_judge.sums(self.site, self._falls_to()), again=True)

    async def _silences(self) -> None:
        """The dead gateway, and the silent meters: with those chargers that obey and have fallen back."""
        if says := self._not_as_drawn():
            finding = Finding("fallback", "", "open", "not the whole depot", says)
            self._write(Result("fallback", "gateway", findings=[finding]))
            return
        sound = [c for c in self._obedient() if not self._faulty(c.id)]
        if len(sound) < len(self.site.chargers):
            left = ", ".join(c.id for c in self.site.chargers if c not in sound)
            says = f"{left} would not be held (see there): a dead gateway and silent meters were not tested"
            finding = Finding("fallback", "", "open", "not the whole depot", says)
            self._write(Result("fallback", "gateway", findings=[finding]))
            return
        how = {c.id: self.bench.supervises(c.id) for c in self.site.chargers}
        if not self._done("fallback", "gateway"):
            await self._test("gateway", commission_tests.killed(self.site, sound, how))
        for meter in self.site.meters:
            if not self._done("fallback", meter.id) and any(n.meter == meter.id for n in self.site.nodes):
                await self._test(meter.id, commission_tests.deaf(self.site, meter))

    async def _holds(self) -> None:
        trusted, _ = self._trust()
        if self._done("holds", "") or not await self._agree(
            "The whole depot charges at full ask by its own rules; then an event of the utility is rehearsed."
        ):
            return
        wild = [c.id for c in self.site.chargers if self._faulty(c.id)]
        says = f"{', '.join(wild)} would not be held; mend that first" if wild else self._not_as_drawn()
        if says:
            self._write(Result("holds", "", findings=[Finding("holds", "", "open", "not tested", says)]))
            return
        await self._test("", commission_tests.holds(self.site, trusted))

    # One test ----------------------------------------------------------------------------------------

    async def _test(self, about: str, test: Test) -> None:
        """Run one test to its end and write its result down."""
        try:
            hold = next(test)
            while True:
                hold = test.send(await self._hold(hold))
        except StopIteration as end:
            result: Result = end.value
        self._write(msgspec.structs.replace(result, about=about))

    async def _hold(self, hold: Hold) -> Trace:
        self._say(hold.why)
        return await self.bench.hold(hold)

    def _say(self, text: str) -> None:
        done = len(self.protocol.results)
        self._tell(Progress(self._step, done, max(done, self._count()), text))

    def _count(self) -> int:
        """Return how many tests the whole run has, about."""
        chargers, meters = len(self.site.chargers), len(self.site.meters)
        each = {"find": 1, "meters": 1, "where": chargers + 1, "obeys": chargers,
                "fallback": chargers + meters + 2, "holds": 1}  # fmt: skip
        return sum(each[step] for step in self.protocol.asked)

    # People ------------------------------------------------------------------------------------------

    async def _agree(self, text: str) -> bool:
        """Ask once a step whether it may move current; without a yes, that is an open point."""
        step = self._step
        if step not in self._agreed:
            self._agreed[step] = await self._confirm(Question(step, "", text, True))
            if not self._agreed[step]:
                finding = Finding(step, "", "open", "not confirmed", "not done: nobody has confirmed it")
                self._write(Result(step, "confirmation", findings=[finding]), again=True)
        return self._agreed[step]

    async def _vehicle(self, charger: Charger) -> bool:
        """Ask for a vehicle where there is none."""
        if self.bench.state(charger.id) != "A":
            return True
        name = charger.name or charger.id
        text = f"No vehicle is at {name}. Plug one in, or a test adapter with a load, and confirm."
        if await self._confirm(Question(self._step, charger.id, text, False)):
            await self._hold(Hold(3 * SECOND_MS, f"{charger.id}: is it there?"))
        if self.bench.state(charger.id) != "A":
            return True
        says = "no vehicle was plugged in: not tested"
        finding = Finding(self._step, charger.id, "open", "no vehicle", says)
        self._write(Result(self._step, charger.id, findings=[finding]))
        return False

    # The protocol ------------------------------------------------------------------------------------

    def _write(self, result: Result, again: bool = False) -> None:
        """Write a result down.  again: in place of one that was worked out before."""
        kept = [
            r
            for r in self.protocol.results
            if not (again and (r.step, r.about) == (result.step, result.about))
        ]
        result = msgspec.structs.replace(result, wall_ms=self.bench.wall_ms())
        self._keep(results=[*kept, result], devices=self.bench.devices())

    def _keep(self, **changes: object) -> None:
        self.protocol = msgspec.structs.replace(self.protocol, **changes)
        self._save(self.protocol)

    def _done(self, step: StepName, about: str) -> bool:
        return any((r.step, r.about) == (step, about) for r in self.protocol.results)

    def _faults(self, device: str) -> Iterable[Finding]:
        return (f for f in self.protocol.findings if f.device == device and f.kind == "fault")

    def _alone(self) -> set[str]:
        return {f.device for f in self.protocol.findings if f.code in LEFT_ALONE and f.kind == "fault"}

    def _tested(self) -> list[Charger]:
        """Return the chargers that can be spoken to."""
        return [c for c in self.site.chargers if c.id not in self._alone()]

    def _obedient(self) -> list[Charger]:
        return [c for c in self._tested() if not any(f.code == "ignores limits" for f in self._faults(c.id))]

    def _not_as_drawn(self) -> str:
        """Say what differs from the drawing by which the whole depot would be held; "" where nothing does."""
        wrong = [f for f in self.protocol.findings if f.kind == "fault" and f.step in AS_DRAWN]
        if not wrong:
            return ""
        names = ", ".join(dict.fromkeys(f.device for f in wrong))
        return f"{names}: not as drawn (see there), so the limits would not hold; mend that first"

    def _faulty(self, charger: str) -> bool:
        codes = (*LEFT_ALONE, "ignores limits", "fallback not armed")
        return any(f.code in codes for f in self._faults(charger))

    def _shown(self) -> tuple[list[Follow], dict[str, tuple[int, ...]]]:
        """Return what nudging has shown: how meters follow, and which conductors carried current."""
        follows = [f for r in self.protocol.results if r.step == "where" for f in r.follows]
        used = {r.about: r.conductors for r in self.protocol.results if r.step == "where" and r.conductors}
        return follows, used

    def _trust(self) -> tuple[frozenset[str], frozenset[str]]:
        follows, _ = self._shown()
        findings = self.protocol.findings
        trusted = commission_where.verified(self.site, follows, findings)
        placed = commission_where.located(self.site, follows, findings)
        self.bench.trust(trusted, placed)
        return trusted, placed

    def _falls_to(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for result in self.protocol.results:
            found |= result.falls_to_ma
        for charger in self.site.chargers:
            if any(f.code == "ignores limits" for f in self._faults(charger.id)):
                found[charger.id] = charger.max_ma
        return found


def summary(protocol: Protocol) -> str:
    """Return one line of what came out."""
    findings = protocol.findings
    faults, open_ = (sum(f.kind == kind for f in findings) for kind in ("fault", "open"))
    fell = [r.falls_to_ma for r in protocol.results if r.falls_to_ma]
    most = max((ma for falls in fell for ma in falls.values()), default=0)
    tail = f"; measured fallback at most {amps_text(most)}" if fell else ""
    return f"{faults} faults, {open_} open points in {len(protocol.results)} tests{tail}"
