"""Where chargers and meters really are: what follows from how meters follow chargers, against the drawing.

One wrong wire shows in many places: a meter whose CT is reversed seems wrong for every charger below it,
and a charger on the wrong panel for every meter on its way.  So evidence is put together before anybody is
blamed:

Rule 1: a meter that no charger moves is itself in doubt, not the chargers.
Rule 2: what all chargers show of one meter is the meter's fault; what all meters show of one charger, the
        charger's. Where there are too few to tell, the finding names both.
Rule 3: what could not be decided is an open point, never a fault.
"""

from collections.abc import Mapping, Sequence

from edge.core import commission_phases
from edge.core.commission_follow import FOLLOWS_PM, does_follow, does_not
from edge.model.commission import Finding, Follow
from edge.model.site import Charger, Meter, Site
from edge.model.units import PHASE_NAMES

# Meters and the chargers' own are of class 1 and better; a ratio that is wrong is off by more than this.
RATIO_PM = 120

# A vehicle that must be on one of a meter's phases is on the one that follows so much, if no other may.
SEEN_PM, CLEAREST_PM = 500, 250

# A meter's phase that runs backwards by at least so much has its CT the wrong way round.
BACKWARDS_PM = -400

CORRECT = "correct phases in the site file, or the wiring"
OFF_BY_FAR = "its ratio is far off, its CTs are elsewhere, or it is another meter's address"


def judge(site: Site, follows: Sequence[Follow], used: Mapping[str, tuple[int, ...]]) -> list[Finding]:
    """Return what is wrong with the drawing, meters and chargers.

    used: for every charger that was moved, which of its own phases carried the vehicle's current.
    """
    return _Evidence(site, follows, used).findings()


def located(site: Site, follows: Sequence[Follow], findings: Sequence[Finding]) -> frozenset[str]:
    """Return the chargers that are known to be where they are drawn."""
    blamed = _blamed(findings)
    return frozenset(
        charger.id
        for charger in site.chargers
        if charger.id not in blamed
        and all(
            any(f.charger == charger.id and f.meter == meter and does_follow(f) for f in follows)
            for meter in meters_above(site, charger)
        )
        and meters_above(site, charger)
    )


def verified(site: Site, follows: Sequence[Follow], findings: Sequence[Finding]) -> frozenset[str]:
    """Return the meters that at least one charger has moved, and that nothing speaks against."""
    blamed = _blamed(findings)
    moved = {f.meter for f in follows if does_follow(f)}
    return frozenset(m.id for m in site.meters if m.id in moved and m.id not in blamed)


def _blamed(findings: Sequence[Finding]) -> set[str]:
    """Return who is not where or what the drawing says."""
    return {f.device for f in findings if f.kind == "fault" and f.step in ("find", "meters", "where")}


def meters_above(site: Site, charger: Charger) -> list[str]:
    """Return the meters that a charger should move, from its node up to the site."""
    meter_of = {n.id: n.meter for n in site.nodes if n.meter}
    return [meter_of[node] for node in site.path(charger.node) if node in meter_of]


class _Evidence:
    """All that was measured, by charger and meter."""

    def __init__(self, site: Site, follows: Sequence[Follow], used: Mapping[str, tuple[int, ...]]) -> None:
        self.site, self.used = site, used
        self.chargers = {c.id: c for c in site.chargers if used.get(c.id)}
        self.meters = {m.id: m for m in site.meters}
        self.node_of = {n.meter: n.id for n in site.nodes if n.meter}
        self.by: dict[tuple[str, str], list[Follow]] = {}
        for follow in follows:
            if follow.charger in self.chargers:
                self.by.setdefault((follow.charger, follow.meter), []).append(follow)
        self.above = {c.id: meters_above(site, c) for c in self.chargers.values()}
        self.alive = {f.meter for f in follows if does_follow(f)}

    def findings(self) -> list[Finding]:
        """Return everything, meters first."""
        found = [f for meter in self.meters.values() for f in self._dead(meter)]
        found += [f for meter in self.meters.values() for f in self._backwards(meter)]
        found += self._ratios()
        misplaced = [f for charger in self.chargers.values() for f in self._parent(charger)]
        found += misplaced
        lost = {f.device for f in misplaced if f.kind == "fault"}
        found += self._phases({c for c in self.chargers if c not in lost})
        return found

    def _moves(self, charger: str, meter: str) -> list[Follow]:
        return [f for f in self.by.get((charger, meter), []) if does_follow(f)]

    # Is it there at all ------------------------------------------------------------------------------

    def _dead(self, meter: Meter) -> list[Finding]:
        """A meter that should follow somebody and follows nobody."""
        below = [c for c in self.chargers if meter.id in self.above[c] and (c, meter.id) in self.by]
        sure = [c for c in below if all(does_not(f) for f in self.by[c, meter.id]) and self.alive]
        if meter.id in self.alive or not below:
            return []
        if len(sure) == len(below) and (len(below) > 1 or not self._elsewhere(below[0])):
            if faint := [f.faint_pm for c in below for f in self.by[c, meter.id] if f.faint_pm]:
                return [_ratio_of(meter, self.node_of.get(meter.id, "?"), abs(_middle(faint)))]
            says = f"no charger below it moves it ({', '.join(below)}): {OFF_BY_FAR}"
            return [_fault(meter.id, "meter does not follow", says)]
        if len(sure) == len(below):
            return []  # its only charger moves another meter: that charger is elsewhere
        return [_open(meter.id, "meter not shown", "other load is too restless to see chargers in it")]

    def _elsewhere(self, charger: str) -> bool:
        """Say whether a charger moves a meter that it should not."""
        return any(self._moves(charger, m) for m in self.meters if m not in self.above[charger])

    def _backwards(self, meter: Meter) -> list[Finding]:
        """CTs the wrong way round: power, or signed current, runs against the charger's."""
        found = []
        for phase in sorted(meter.phases):
            seen = [f for c in self.chargers for f in self._moves(c, meter.id) if f.phase == phase]
            if not seen:
                continue
            back = [f for f in seen if min(f.pm, _or(f.power_pm, f.pm)) <= BACKWARDS_PM]
            if 2 * len(back) > len(seen):
                who = ", ".join(sorted({f.charger for f in back}))
                says = (
                    f"{PHASE_NAMES[phase]} runs backwards when more charges at {who}: turn its CT round "
                    "(or swap its two wires)"
                )
                found.append(_fault(meter.id, "reversed CT", says))
        return found

    # How much ----------------------------------------------------------------------------------------

    def _ratios(self) -> list[Finding]:
        """Meters that show too much or too little of all chargers, and chargers whose own meter does."""
        shown = {
            (c, m): _strength([abs(f.pm) for f in self._moves(c, m)])
            for c in self.chargers
            for m in self.meters
            if self._moves(c, m)
        }
        of_meter = {m: _middle([pm for (_, m2), pm in shown.items() if m2 == m]) for _, m in shown}
        found: list[Finding] = []
        odd: set[str] = set()
        for charger in self.chargers:
            mine = {m: pm for (c, m), pm in shown.items() if c == charger}
            others = {m for (c, m) in shown if c != charger}
            if len(mine) < 2 and not set(mine) & others:
                continue
            against_others = [
                pm * 1000 // of_meter[m] for m, pm in mine.items() if m in others and of_meter[m]
            ]
            alone = len({c for c, _ in shown}) == 1
            own = _middle(list(mine.values())) if alone else _middle(against_others or [1000])
            agreed = max(mine.values()) - min(mine.values()) <= RATIO_PM
            if mine and agreed and abs(own - 1000) > RATIO_PM:
                odd.add(charger)
                says = (
                    f"its own meter and {' and '.join(sorted(mine))} differ: they show {_percent(own)} of "
                    "what it says it draws; check its own meter, or whether another load is switched with it"
                )
                found.append(_fault(charger, "charger's own meter", says))
        for meter, node in self.node_of.items():
            sound = [pm for (c, m), pm in shown.items() if m == meter and c not in odd]
            pm = _middle(sound)
            if sound and abs(pm - 1000) > RATIO_PM:
                found.append(_ratio_of(self.meters[meter], node, pm, alone=len(sound) == 1))
        return found

    # Under which node --------------------------------------------------------------------------------

    def _parent(self, charger: Charger) -> list[Finding]:
        """A charger that moves meters which it should not, or does not move those that it should."""
        drawn = [m for m in self.above[charger.id] if m in self.alive]
        extra = [
            m
            for m in self.meters
            if m not in self.above[charger.id]
            and any(abs(f.pm) >= 500
                    for f in self._moves(charger.id, m))
        ]  # fmt: skip
        missing = [m for m in drawn if self._all_still(charger.id, m)]
        if extra:
            real = max(extra, key=lambda m: len(self.site.path(self.node_of.get(m, self.site.nodes[0].id))))
            says = (
                f"is drawn below {charger.node}, but {real} at {self.node_of.get(real, '?')} follows it"
                + (f" and {', '.join(missing)} does not" if missing else "")
                + ": correct node in the site file, or the wiring"
            )
            return [_fault(charger.id, "wrong parent", says)]
        if missing:
            says = f"is drawn below {charger.node}, but {', '.join(missing)} does not follow it"
            return [
                _fault(charger.id, "wrong parent", says + ": correct node in the site file, or the wiring")
            ]
        unsure = [m for m in drawn if not self._moves(charger.id, m)]
        if not self.above[charger.id]:
            return [
                _open(
                    charger.id,
                    "no meter above",
                    "no meter stands above it: nothing shows where it is fed from",
                )
            ]
        if len(unsure) == len(drawn):
            return [_open(charger.id, "not located", "other load is too restless to see it in any meter")]
        return []

    def _all_still(self, charger: str, meter: str) -> bool:
        known = self.by.get((charger, meter), [])
        return bool(known) and all(does_not(f) for f in known)

    # On which phases ---------------------------------------------------------------------------------

    def _phases(self, chargers: set[str]) -> list[Finding]:
        """Rotation of chargers and order of meters: one-phase vehicles show it."""
        found: list[Finding] = []
        one = {c: self._drawn(c) for c in sorted(chargers) if len(self.used[c]) == 1}
        sees = {(c, m): p for c in one for m in self.meters if (p := self._seen_on(c, m)) is not None}
        orders = commission_phases.orders(one, sees)
        for meter, order in orders.items():
            swapped = [f"{PHASE_NAMES[p]} of the site is at its {PHASE_NAMES[q]}"
                       for p, q in enumerate(order) if p != q]  # fmt: skip
            if swapped:
                says = f"phases are not as drawn: {', '.join(swapped)}; {CORRECT}"
                found.append(_fault(meter, "meter phases swapped", says))
        for c in one:
            found += self._rotation(self.chargers[c], sees, orders)
        for c in sorted(chargers - set(one)):
            found += self._conductors(self.chargers[c])
        return found

    def _seen_on(self, charger: str, meter: str) -> int | None:
        """Return the one phase of a meter on which a one-phase vehicle is seen.

        That it is on one of them is known where the meter is above it: then the clearest is enough.
        """
        known = self.by.get((charger, meter), [])
        if meter not in self.above[charger] and not self._moves(charger, meter):
            return None
        strong = [f for f in known if abs(f.pm) >= SEEN_PM and f.share_pm >= CLEAREST_PM]
        others = [f for f in known if abs(f.pm) >= FOLLOWS_PM]
        return strong[0].phase if len(strong) == len(others) == 1 else None

    def _drawn(self, charger: str) -> int:
        return self.chargers[charger].phases[self.used[charger][0]]

    def _rotation(
        self, charger: Charger, sees: commission_phases.Sees, orders: Mapping[str, commission_phases.Order]
    ) -> list[Finding]:
        real = commission_phases.real(charger.id, sees, orders)
        by = [meter for c, meter in sees if c == charger.id]
        drawn = self._drawn(charger.id)
        if not real:
            return [_open(charger.id, "phase not shown", "no meter has shown which phase its L1 is on")]
        if real == {drawn}:
            return []
        if len(real) > 1:
            return [_open(charger.id, "phase not shown", f"{' and '.join(by)} disagree about its phase")]
        own, phase = self.used[charger.id][0], next(iter(real))
        says = f"its L{own + 1} is on {PHASE_NAMES[phase]}, drawn on {PHASE_NAMES[drawn]}"
        if len(by) == 1:
            says += f" ({by[0]} alone has shown it: its phases may be swapped instead)"
        return [_fault(charger.id, "charger phases swapped", f"{says}; {CORRECT}")]

    def _conductors(self, charger: Charger) -> list[Finding]:
        """A three-phase vehicle: every phase must follow; their order stays unknown."""
        found = []
        for meter in self.above[charger.id]:
            known = self.by.get((charger.id, meter), [])
            wanted = {charger.phases[k] for k in self.used[charger.id]} & set(self.meters[meter].phases)
            still = [f for f in known if f.phase in wanted and does_not(f)]
            if still and self._moves(charger.id, meter):
                phases = ", ".join(PHASE_NAMES[f.phase] for f in still)
                says = f"{phases} does not follow {charger.id}, others do: CT off, or a fuse of its inputs?"
                found.append(_fault(meter, "phase missing", says))
        if len(charger.phases) == 3:
            says = "its vehicle takes three phases alike: one of one phase, or an adapter, shows their order"
            found.append(_open(charger.id, "rotation not shown", says))
        return found


def _ratio_of(meter: Meter, node: str, pm: int, alone: bool = False) -> Finding:
    """Return that a meter shows another share of what chargers take than all of it."""
    says = (
        f"shows {pm / 10:.3g} % of what chargers below {node} take; ratio = {meter.ratio} in the site file "
        f"would have to be {meter.ratio * 1000 / pm:.3g}: check CT ratio and primary current there"
    )
    if alone:
        says += " (one charger only has shown it: its own meter may be wrong instead)"
    return _fault(meter.id, "wrong ratio", says)


def _or(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value


def _middle(values: Sequence[int]) -> int:
    return sorted(values)[len(values) // 2] if values else 0


def _strength(values: Sequence[int]) -> int:
    """Return the middle of what follows at all, left out what is far weaker: other load's doing."""
    return _middle([value for value in values if 2 * value >= max(values)])


def _percent(pm: int) -> str:
    return f"{pm / 10:.0f} %"


def _fault(device: str, code: str, says: str) -> Finding:
    return Finding("where", device, "fault", code, says)


def _open(device: str, code: str, says: str) -> Finding:
    return Finding("where", device, "open", code, says)
