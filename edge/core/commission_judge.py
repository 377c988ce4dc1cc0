"""What is made of a charger's answers, of silence, and of the whole depot: figures, and what is wrong.

Bounds and their sources:
    decreases   IEC 61851-1: 5 s for the charger, 5 s for the vehicle
    accuracy    a charger's own meter, class 1 and tenths of an ampere (core/commission_trace.py)
    limits      I5: an overload may last 13.2 s: seen and decided in 3.2, followed in 10
    meters      class 0.5, and 0.3 A
"""

from collections.abc import Sequence

from edge.core import fallback as proof
from edge.core.commission_trace import NOTHING_MA, Answer, answer, drawn, last_ma, over_ma
from edge.model.commission import Figure, Finding, Result, Supervises, Trace
from edge.model.site import Charger, Meter, Site
from edge.model.units import PHASE_NAMES, SECOND_MS, amps_text, kw_text

Judged = tuple[list[Finding], list[Figure]]

DOWN_MS = 10_000
WRITTEN_MS, LIMIT_MS = 3_200, 13_200

# What a meter of class 0.5 may show above a limit that is kept.
CLASS_PM, NOISE_MA = 5, 300

# An event is rehearsed where at least so much charges.
LEAST_W = 4_000

# Readings are a second apart: what lasted up to a bound may be seen so much later.
SEEN_MS = 1_500


def answers(charger: str, steps: Sequence[tuple[str, Trace]]) -> dict[str, Answer]:
    """Return how a charger has followed one setpoint after the other, by the steps' names."""
    found: dict[str, Answer] = {}
    told_ma: int | None = None
    for name, trace in steps:
        found[name] = answer(trace, charger, told_ma)
        told_ma = found[name].told_ma
    return found


def obedience(charger: Charger, told: dict[str, Answer], letter: str) -> Judged:
    """Return whether a charger does what it is told."""
    findings: list[Finding] = []
    figures: list[Figure] = []
    least = told["least"]
    if all(one.final_ma is None for one in told.values()):
        says = "it does not measure its current: whether it obeys can only be seen in a meter"
        return [_open("obeys", charger.id, "not measured", says)], []
    most_ma = max((one.final_ma or 0) for one in told.values())
    if most_ma <= NOTHING_MA:
        why = (
            "no vehicle is plugged in"
            if letter == "A"
            else f"its vehicle draws nothing (state {letter or '?'})"
        )
        return [_open("obeys", charger.id, "nothing drawn", why)], []
    over = {name: one for name, one in told.items() if one.over_ma > 0}
    if over:
        worst = max(over.values(), key=lambda one: one.over_ma)
        says = (
            f"told {amps_text(worst.told_ma or 0)} it draws {amps_text(worst.final_ma or 0)} "
            f"(in {len(over)} of {len(told)} steps it draws more than it may): it does not obey; "
            "is it set to be controlled, and by us alone?"
        )
        findings.append(_fault("obeys", charger.id, "ignores limits", says))
    for name, one in told.items():
        figures += _figures(charger, name, one)
        slow = one.after_ms is not None and one.after_ms > DOWN_MS + SEEN_MS
        if name in ("down", "pause") and slow and name not in over:
            says = f"follows a decrease after {(one.after_ms or 0) / 1000:.1f} s, expected 10 s (IEC 61851-1)"
            findings.append(_fault("obeys", charger.id, "slow", says))
    if least.told_ma and (least.final_ma or 0) <= NOTHING_MA:
        says = f"draws nothing at {amps_text(least.told_ma)}: a higher minimum; set min_a in the site file"
        findings.append(_open("obeys", charger.id, "minimum", says))
    resumed = told.get("resume")
    if resumed and resumed.told_ma and (resumed.final_ma or 0) <= NOTHING_MA:
        says = (
            "does not charge again after a pause: if that is the vehicle's way, set keep_on in the site file"
        )
        findings.append(_open("obeys", charger.id, "does not resume", says))
    up = told["up"]
    if up.told_ma is not None and up.told_ma < charger.max_ma:
        says = f"tested up to {amps_text(up.told_ma)}: the limits leave no more, other load at its worst"
        findings.append(Finding("obeys", charger.id, "note", "not to its maximum", says))
    return findings, figures


def _figures(charger: Charger, name: str, one: Answer) -> list[Figure]:
    if one.told_ma is None or one.final_ma is None:
        return []
    most_ma = one.told_ma + over_ma(one.told_ma)
    found = [
        Figure("obeys", charger.id, f"{name}: told", one.told_ma, "mA"),
        Figure("obeys", charger.id, f"{name}: draws", one.final_ma, "mA", f"at most {amps_text(most_ma)}",
               one.over_ma <= 0),
    ]  # fmt: skip
    if one.after_ms is not None and abs(one.final_ma - one.before_ma) > NOTHING_MA:
        lowers = one.final_ma < one.before_ma
        bound = f"at most {DOWN_MS} ms" if lowers else ""
        good = one.after_ms <= DOWN_MS + SEEN_MS if lowers else None
        found.append(
            Figure("obeys", charger.id, f"{name}: write to current", one.after_ms, "ms", bound, good)
        )
    return found


# Silence ---------------------------------------------------------------------------------------------


def fell(charger: Charger, silence: Trace, look: Trace) -> int | None:
    """Return what a charger had come to at the end of a silence, None where it did not say.

    The first reading after it counts: what the charger is told then needs longer than that to arrive.
    """
    first = drawn(look, charger.id)
    if first:
        return first[0].most_ma
    return last_ma(silence, charger.id)


def fallback_result(
    charger: Charger, how: Supervises, wait_ms: int, before: Trace, silence: Trace, look: Trace
) -> Result:
    """Return what became of one charger that nobody spoke to."""
    findings, figures = told_fallback(charger, last_ma(before, charger.id), fell(charger, silence, look))
    figures.append(Figure("fallback", charger.id, "silence", wait_ms, "ms"))
    now_ma = fell(charger, silence, look)
    if now_ma is not None and not findings:
        within = [d.at_ms for d in drawn(silence, charger.id) if d.most_ma > charger.fallback_ma + over_ma(0)]
        if within and drawn(silence, charger.id):
            figures.append(
                Figure("fallback", charger.id, "silence until it had fallen back",
                       within[-1] - silence.from_ms, "ms", f"at most {wait_ms} ms", True)
            )  # fmt: skip
    faults = any(f.kind == "fault" for f in findings)
    falls_to = {charger.id: charger.max_ma if faults else max(charger.fallback_ma, now_ma or 0)}
    return Result("fallback", charger.id, findings=findings, figures=figures, falls_to_ma=falls_to)


def told_fallback(charger: Charger, before_ma: int | None, now_ma: int | None) -> Judged:
    """Return whether a charger fell to its fallback.  before_ma, now_ma: what it drew before and after."""
    name = charger.id
    if before_ma is None or now_ma is None:
        return [_open("fallback", name, "not measured", "it told no current before or after the silence")], []
    most_ma = charger.fallback_ma + over_ma(charger.fallback_ma)
    figure = Figure("fallback", name, "draws after silence", now_ma, "mA", f"at most {amps_text(most_ma)}",
                    now_ma <= most_ma)  # fmt: skip
    if now_ma > most_ma:
        says = (
            f"nobody spoke to it, and it draws {amps_text(now_ma)} ({amps_text(before_ma)} before); "
            f"expected {amps_text(charger.fallback_ma)}: its fallback is not armed; set its time and current"
        )
        return [_fault("fallback", name, "fallback not armed", says)], [figure]
    if before_ma <= NOTHING_MA:
        return [_open("fallback", name, "nothing drawn", "it drew nothing before the silence")], [figure]
    if before_ma <= most_ma and now_ma >= before_ma - NOTHING_MA:
        says = f"draws {amps_text(before_ma)} at most, no more than its fallback: take a larger vehicle"
        return [_open("fallback", name, "too small a vehicle", says)], [figure]
    return [], [figure]


def sums(site: Site, falls_to_ma: dict[str, int]) -> Result:
    """Return the sum of what chargers really fall to against every limit (I4).

    falls_to_ma: as measured; those that were not count as the site file has them.
    """
    measured = {c.id: falls_to_ma.get(c.id, c.fallback_ma) for c in site.chargers}
    findings: list[Finding] = []
    figures: list[Figure] = []
    for node in proof.prove(site, measured):
        for p, spare_ma in enumerate(node.spare_ma):
            sum_ma = node.limit_ma[p] - spare_ma
            figures.append(
                Figure("fallback", node.node, f"measured fallbacks and other load {PHASE_NAMES[p]}", sum_ma,
                       "mA", f"at most {amps_text(node.limit_ma[p])}", spare_ma >= 0)
            )  # fmt: skip
        if not node.fits:
            says = (
                f"what its {node.chargers} chargers were measured to fall to, and other load at its worst, "
                f"is {amps_text(-min(node.spare_ma))} more than its limit (I4)"
                if min(node.spare_ma) < 0
                else "what its chargers fall to is above its limit in kW (I4)"
            )
            findings.append(_fault("fallback", node.node, "fallbacks do not fit", says))
    return Result("fallback", "sums", findings=findings, figures=figures)


# The whole depot -------------------------------------------------------------------------------------


def site_ma(trace: Trace, meter: Meter) -> list[tuple[int, dict[int, int]]]:
    """Return what a meter showed over time, mA by site phase."""
    return [
        (d.at_ms, {p: abs(d.own_ma[k]) * meter.ratio for k, p in enumerate(meter.phases)})
        for d in drawn(trace, meter.id)
    ]


def seen_over_ma(limit_ma: int) -> int:
    """Return from which current on a meter shows that a limit is exceeded."""
    return limit_ma + limit_ma * CLASS_PM // 1000 + NOISE_MA


def kept_within(site: Site, trace: Trace, trusted: frozenset[str]) -> Judged:
    """Return whether every limit held at every verified meter.  A charger's own load is in them."""
    findings: list[Finding] = []
    figures: list[Figure] = []
    meters = {m.id: m for m in site.meters}
    for node in site.nodes:
        if node.meter not in trusted:
            if node.meter:
                says = "not judged: its meter has not been verified (see: where)"
                findings.append(_open("holds", node.id, "meter not verified", says))
            continue
        series = site_ma(trace, meters[node.meter])
        for p in meters[node.meter].phases:
            highest = max((ma[p] for _, ma in series), default=0)
            longest = _longest_ms([(at, ma[p] > seen_over_ma(node.limit_ma[p])) for at, ma in series])
            held = longest <= LIMIT_MS + SEEN_MS
            bound = f"{amps_text(node.limit_ma[p])}, longer above it than 13.2 s never"
            figures.append(Figure("holds", node.id, f"highest {PHASE_NAMES[p]}", highest, "mA", bound, held))
            if not held:
                says = (
                    f"{PHASE_NAMES[p]} was above {amps_text(node.limit_ma[p])} for "
                    f"{longest / SECOND_MS:.0f} s, {amps_text(highest)} at most (I5: 13.2 s)"
                )
                findings.append(_fault("holds", node.id, "limit not held", says))
    for says in sorted(set(trace.violations)):
        findings.append(_fault("holds", "", "second opinion", f"the guard found: {says}"))
    return findings, figures


def _longest_ms(series: Sequence[tuple[int, bool]]) -> int:
    longest, since = 0, None
    for at_ms, over in series:
        since = (since if since is not None else at_ms) if over else None
        longest = max(longest, at_ms - since if since is not None else 0)
    return longest


def site_w(site: Site, trace: Trace) -> list[tuple[int, int]]:
    """Return the site's power over time, as its meter told it; [] where it told none."""
    meter = next((m for m in site.meters if m.id == site.nodes[0].meter), None)
    return [
        (s.at_ms, power * meter.ratio)
        for s in trace.samples
        if meter is not None and s.device == meter.id and isinstance(power := s.values.get("power_w"), int)
    ]


def charging_w(site: Site, trace: Trace) -> int:
    """Return what vehicles took at the end, at the nominal voltage."""
    last = [seen[-1].own_ma for c in site.chargers if (seen := drawn(trace, c.id))]
    return sum(sum(own) for own in last) * site.voltage_v // 1000


def event_for(site: Site, full: Trace) -> int | None:
    """Return a limit for the rehearsal: what flows less half of what charges; None where too little does."""
    flowing = site_w(site, full)[-10:]
    taken_w = charging_w(site, full)
    if not flowing or taken_w < LEAST_W:
        return None
    return max(0, min(power for _, power in flowing) - taken_w // 2) // 100 * 100


def rehearsal(site: Site, limit_w: int, full: Trace, event: Trace, trusted: frozenset[str]) -> Judged:
    """Return how soon an event was obeyed: the first reduction on the wire, and the load."""
    root = site.nodes[0]
    before = {t.charger: t.current_ma for t in full.told}
    reductions = [t.at_ms - event.from_ms for t in event.told if t.current_ma < before.get(t.charger, 0)]
    figures: list[Figure] = []
    findings: list[Finding] = []
    if reductions:
        first_ms = min(reductions)
        good = first_ms <= WRITTEN_MS
        figures.append(
            Figure(
                "holds", root.id, "event to first reduction written", first_ms, "ms", "at most 3.2 s", good
            )
        )
        if not good:
            says = f"the first reduction was written {first_ms} ms after an event began, expected 3.2 s (I5)"
            findings.append(_fault("holds", root.id, "event obeyed late", says))
    series = site_w(site, event)
    if root.meter not in trusted or not series:
        return findings, figures
    most_w = limit_w + limit_w * CLASS_PM // 1000 + 3 * NOISE_MA * site.voltage_v // 1000
    below = [at - event.from_ms for at, power in series if power <= most_w]
    after_ms = below[0] if below else event.to_ms - event.from_ms
    longest = _longest_ms([(at, power > most_w) for at, power in series if at - event.from_ms > after_ms])
    good = max(after_ms, longest) <= LIMIT_MS + SEEN_MS
    what = f"event of {kw_text(limit_w)} to load below it"
    figures.append(Figure("holds", root.id, what, after_ms, "ms", "at most 13.2 s", good))
    if not good and charging_w(site, event) * 10 > LEAST_W:
        says = (
            f"limited to {kw_text(limit_w)}, more flowed for longer than 13.2 s while vehicles charged (I5)"
        )
        findings.append(_fault("holds", root.id, "rehearsal failed", says))
    return findings, figures


def _fault(step: str, device: str, code: str, says: str) -> Finding:
    return Finding(step, device, "fault", code, says)  # type: ignore[arg-type]


def _open(step: str, device: str, code: str, says: str) -> Finding:
    return Finding(step, device, "open", code, says)  # type: ignore[arg-type]
