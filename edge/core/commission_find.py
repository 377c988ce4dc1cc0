"""What is on the lines, and whether meters can be believed before anything is moved.

Rule 1: two devices under one unit answer at once: their answers garble each other, or now one is heard and
        now the other.  The other devices of the line are well meanwhile; where all are bad, it is the line.
Rule 2: a meter at rest shows a voltage within EN 50160, currents and powers that belong together, and
        nothing that flows backwards.  What may have an honest reason (generation) is an open point until a
        charger has been moved.
"""

from collections.abc import Sequence

from edge.core.commission_trace import drawn
from edge.model.commission import Address, Figure, Finding, Found, Result, Trace
from edge.model.quantities import POWER_KEYS, VOLTAGE_KEYS
from edge.model.site import Meter, Site
from edge.model.units import PHASE_NAMES, PHASES

# Of all reads, in thousandths: more than this is worth a look at the line; more than that, and nobody can
# rely on it.
LINE_LOOK_PM, LINE_BAD_PM = 20, 150

# EN 50160: nominal voltage plus and less 10 %.
VOLTAGE_PM = 100

# Power factors say nothing below this current.
SHOWS_MA = 2_000

# Between current and voltage of one phase: below this is backwards; in between, they are of different phases.
BACKWARDS_PM, CROSSED_PM = -800, 150

# A feeder carries at least what one of its branches carries; meters are read within a second of each other.
BRANCH_PM, BRANCH_MA = 150, 3_000


def found(what: Found) -> Result:
    """Return what the lines and hosts have shown."""
    findings: list[Finding] = []
    figures: list[Figure] = []
    for one in what.addresses:
        beside = [a for a in what.addresses if a.where == one.where and a.device != one.device]
        findings += _address(one, beside)
        if one.reads:
            bad = one.errors + one.silences
            figures += [
                Figure("find", one.device, "reads without a good answer", bad, f"of {one.reads}",
                       "at most 2 %", bad * 1000 <= LINE_LOOK_PM * one.reads),
                Figure("find", one.device, "time to an answer", one.answer_ms[0], "ms"),
                Figure("find", one.device, "longest time to an answer", one.answer_ms[1], "ms"),
            ]  # fmt: skip
    for other in what.strangers:
        looks = f", as {' or '.join(other.looks_like)}" if other.looks_like else ""
        says = f"unit {other.unit} at {other.where} answers{looks}, and is not in the site file"
        findings.append(Finding("find", "", "open", "stranger", says))
    return Result("find", "", findings=findings, figures=figures)


def _address(one: Address, beside: Sequence[Address]) -> list[Finding]:
    at = f"unit {one.unit} at {one.where}"
    bad_pm = _bad_pm(one)
    others_pm = max((_bad_pm(a) for a in beside if a.reads), default=0)
    if len(one.identities) > 1:
        both = " and now as ".join(_name(i) for i in one.identities)
        says = f"{at} answers now as {both}: two devices have this unit; give one another"
        return [Finding("find", one.device, "fault", "doubled unit", says)]
    if one.why and not _answers_at_times(one):
        return [Finding("find", one.device, "fault", "not found", f"{at}: {one.why}")]
    if bad_pm > LINE_BAD_PM and (others_pm <= LINE_LOOK_PM or not beside):
        cause = "two devices have this unit" + ("" if beside else ", or the line is bad")
        says = f"{at}: {one.errors} of {one.reads} answers garbled, {one.silences} missing: {cause}"
        return [Finding("find", one.device, "fault", "doubled unit", says)]
    if bad_pm > LINE_BAD_PM:
        says = f"{at}: {one.errors} of {one.reads} answers garbled, {one.silences} missing, others too"
        says += ": termination, polarity, shield, baud rate and format of the line"
        return [Finding("find", one.device, "fault", "bad line", says)]
    if bad_pm > LINE_LOOK_PM:
        says = f"{at}: {one.errors} of {one.reads} answers garbled, {one.silences} missing: look at the line"
        return [Finding("find", one.device, "open", "line quality", says)]
    if one.why:
        return [Finding("find", one.device, "fault", "not found", f"{at}: {one.why}")]
    return []


def _answers_at_times(one: Address) -> bool:
    """Say whether something is heard now and then; somebody else would be heard always, nobody never."""
    return one.errors > 0 or 0 < one.silences < one.reads


def _bad_pm(one: Address) -> int:
    return (one.errors + one.silences) * 1000 // max(1, one.reads)


def _name(identity: dict[str, int | str]) -> str:
    words = [str(identity[key]) for key in ("manufacturer", "model", "serial", "firmware") if key in identity]
    return " ".join(words) or ", ".join(f"{k} {v}" for k, v in identity.items()) or "one without a name"


def meters(site: Site, trace: Trace) -> Result:
    """Return whether the meters can be believed while nothing charges."""
    findings: list[Finding] = []
    figures: list[Figure] = []
    currents: dict[str, dict[int, int]] = {}
    for meter in site.meters:
        last = _middle_values(trace, meter)
        if not last:
            findings.append(_open(meter.id, "meter silent", "it has told no currents"))
            continue
        findings += _voltages(site, meter, last, figures)
        findings += _factors(meter, last, figures)
        shown = [(p, last.get(f"current_l{k + 1}_ma")) for k, p in enumerate(meter.phases)]
        currents[meter.id] = {p: abs(ma) * meter.ratio for p, ma in shown if ma is not None}
    findings += _branches(site, currents)
    return Result("meters", "", findings=findings, figures=figures)


def _middle_values(trace: Trace, meter: Meter) -> dict[str, int]:
    """Return the middle of what a meter has told of every quantity, {} where it told no currents."""
    if not drawn(trace, meter.id):
        return {}
    told: dict[str, list[int]] = {}
    for sample in trace.samples:
        if sample.device == meter.id:
            for key, value in sample.values.items():
                if isinstance(value, int):
                    told.setdefault(key, []).append(value)
    return {key: sorted(values)[len(values) // 2] for key, values in told.items()}


def _voltages(site: Site, meter: Meter, last: dict[str, int], figures: list[Figure]) -> list[Finding]:
    found = []
    for k, phase in enumerate(meter.phases):
        mv = last.get(VOLTAGE_KEYS[k])
        if mv is None:
            continue
        off_pm = abs(mv - site.voltage_v * 1000) * 1000 // (site.voltage_v * 1000)
        name = PHASE_NAMES[phase]
        figures.append(Figure("meters", meter.id, f"voltage {name}", mv, "mV",
                              f"{site.voltage_v} V ± 10 %", off_pm <= VOLTAGE_PM))  # fmt: skip
        if off_pm > VOLTAGE_PM:
            says = f"{name} shows {mv / 1000:.1f} V, not {site.voltage_v} V ± 10 %: fuse, neutral, PT ratio?"
            found.append(Finding("meters", meter.id, "fault", "voltage", says))
    return found


def _factors(meter: Meter, last: dict[str, int], figures: list[Figure]) -> list[Finding]:
    """Current and voltage of one phase belong together: power = V × I, nearly, and forwards."""
    backwards, crossed = [], []
    for k, phase in enumerate(meter.phases):
        mv, ma, w = (last.get(key) for key in (VOLTAGE_KEYS[k], f"current_l{k + 1}_ma", POWER_KEYS[k]))
        if mv is None or ma is None or w is None or abs(ma) < SHOWS_MA or not mv:
            continue
        factor_pm = w * 1_000_000 * 1000 // (mv * abs(ma))
        figures.append(Figure("meters", meter.id, f"power factor {PHASE_NAMES[phase]}", factor_pm, "‰"))
        if factor_pm <= BACKWARDS_PM:
            backwards.append(PHASE_NAMES[phase])
        elif factor_pm < CROSSED_PM:
            crossed.append(PHASE_NAMES[phase])
    if len(crossed) >= 2:
        says = f"on {' and '.join(crossed)} current and voltage are of different phases: swap their CTs"
        return [Finding("meters", meter.id, "fault", "CTs swapped", says)]
    if backwards:
        says = f"on {' and '.join(backwards)}: generation, or a CT the wrong way round; step 3 tells"
        return [_open(meter.id, "power flows out", says)]
    return []


def _branches(site: Site, currents: dict[str, dict[int, int]]) -> list[Finding]:
    """A feeder shows at least what one of its branches shows, but for generation."""
    found = []
    meter_of = {n.id: n.meter for n in site.nodes if n.meter}
    for node in site.nodes:
        above = next((meter_of[n] for n in site.path(node.id)[1:] if n in meter_of), "")
        if node.meter not in currents or above not in currents:
            continue
        for p in PHASES:
            mine, theirs = currents[node.meter].get(p), currents[above].get(p)
            if mine is None or theirs is None:
                continue
            if mine > theirs * (1000 + BRANCH_PM) // 1000 + BRANCH_MA:
                says = (
                    f"shows {theirs / 1000:.1f} A on {PHASE_NAMES[p]}, its branch {node.meter} "
                    f"{mine / 1000:.1f} A: ratio or phases of one of the two, or generation"
                )
                found.append(_open(above, "less than its branch", says))
    return found


def _open(device: str, code: str, says: str) -> Finding:
    return Finding("meters", device, "open", code, says)
