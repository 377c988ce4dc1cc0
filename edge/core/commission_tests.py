"""The tests of commissioning, told as what is done and what is made of it.  No clock, no wire: see below.

A test is a generator.  It yields a Hold, gets the Trace of it, and so on; it returns a Result.  Who runs it
(edge/shell/commission.py) has a bench that does what a Hold says, on real wires or in the simulator.

    where      6 A, 10 A, pause, again and again: which meters follow
    obeys      6 A, up, 6 A, pause, up: how soon, how exactly
    fallback   10 A, then nobody speaks to it: what it falls to, and when
    killed     the whole depot charges, then nobody speaks to anybody: what flows then
    deaf       the whole depot charges, then a meter falls silent: everything below goes to its fallback (I3)
    holds      the whole depot charges at full ask, then an event of the utility is rehearsed: I5
"""

from collections.abc import Collection, Generator, Iterable

from edge.core import commission_follow as following
from edge.core.commission_judge import (
    answers,
    event_for,
    fallback_result,
    fell,
    kept_within,
    obedience,
    rehearsal,
    told_fallback,
)
from edge.core.commission_trace import curve, drawn, in_use, last_ma, state, told_curve
from edge.model.commission import Curve, Figure, Finding, Follow, Hold, Result, Supervises, Trace
from edge.model.site import Charger, Meter, Site
from edge.model.units import IEC_61851_MIN_MA, SECOND_MS, amps_text, kw_text

Test = Generator[Hold, Trace, Result]

# The nudge: what IEC 61851-1 can say at least, and four amperes more, which meters of any size can see.
NUDGE_MA = 10_000

# A vehicle may take its time to begin; one that charges follows within 10 s (IEC 61851-1: 5 s and 5 s).
START_MS, LEVEL_MS = 25_000, 13_000
RESUME_MS = 40_000

# So many rounds of 6 A, 10 A and pause at least, and at most where other load is restless.
ROUNDS_MIN, ROUNDS_MAX = 3, 12

# After a charger's time of silence is over: 5 s for it, 5 s for the vehicle, and its meter (I5).
FOLLOWS_MS = 13_200

# A watchdog whose time nobody knows is waited for this long; one that waits longer than the longest is not
# waited for at all.
UNKNOWN_MS, LONGEST_MS = 90_000, 600_000

# How long the whole depot is watched, and how long a limit of the operator is rehearsed.
WHOLE_MS, REHEARSED_MS = 60_000, 30_000


def where(site: Site, charger: Charger, left_out: Collection[str]) -> Test:
    """Nudge a charger until it is plain which meters follow it.  left_out: meters that do not count."""
    watched = [m for m in site.meters if m.id not in left_out]
    below = meters_below(site)
    high_ma = min(NUDGE_MA, charger.max_ma)
    traces = [(yield Hold(START_MS, f"{charger.id}: 6 A", {charger.id: charger.min_ma}))]
    follows: list[Follow] = []
    levels = (high_ma, 0, charger.min_ma) if not charger.keep_on else (high_ma, charger.min_ma)
    for number in range(ROUNDS_MAX):
        for level_ma in levels:
            long = START_MS if level_ma == charger.min_ma and not charger.keep_on else LEVEL_MS
            what = amps_text(level_ma) if level_ma else "pause"
            traces.append(
                (yield Hold(long, f"{charger.id}: {what}, round {number + 1}", {charger.id: level_ma}))
            )
        if not in_use(traces, charger.id):
            break
        follows = following.follows(traces, charger.id, watched, below, site.voltage_v)
        if number + 1 >= ROUNDS_MIN and all(following.decided(f) for f in follows):
            break
    return _placed(charger, watched, traces, follows)


def meters_below(site: Site) -> dict[str, list[str]]:
    """Return, for every meter, the meters that it feeds with no other one in between."""
    found: dict[str, list[str]] = {m.id: [] for m in site.meters}
    meter_of = {n.id: n.meter for n in site.nodes if n.meter}
    for node, meter in meter_of.items():
        above = next((meter_of[n] for n in site.path(node)[1:] if n in meter_of), None)
        if above is not None:
            found[above].append(meter)
    return found


def _placed(charger: Charger, meters: list[Meter], traces: list[Trace], follows: list[Follow]) -> Result:
    """Return what a nudge has shown by itself; core/commission_where.py judges them all together."""
    findings: list[Finding] = []
    used = in_use(traces, charger.id)
    if not used:
        findings.append(Finding("where", charger.id, "open", "not moved", _still(charger, traces)))
    elif not any(follow.edges for follow in follows):
        says = "what it draws does not follow its setpoint: not located (see: obeys)"
        findings.append(Finding("where", charger.id, "open", "not moved", says))
    lines = {f"{charger.id} told": told_curve(traces, charger.id), charger.id: curve(traces, charger.id)}
    lines |= {m.id: curve(traces, m.id) for m in meters if m.id in {f.meter for f in follows}}
    figures = [Figure("where", charger.id, "conductors that carry current", len(used), "")]
    return Result(
        "where", charger.id, findings=findings, figures=figures, follows=follows, conductors=used,
        curves=[Curve("where", charger.id, f"{charger.id}: nudged", lines)],
    )  # fmt: skip


def _still(charger: Charger, traces: list[Trace]) -> str:
    """Say why a charger has drawn nothing."""
    if not any(drawn(t, charger.id) for t in traces):
        return "it does not measure its current: what it does cannot be seen"
    letter = state(traces[-1], charger.id)
    if letter == "A":
        return "no vehicle is plugged in: plug one in, or a test adapter with a load, and run this step again"
    told = max((t.current_ma for trace in traces for t in trace.told if t.charger == charger.id), default=0)
    if told < charger.min_ma:
        return f"the limits leave less than {amps_text(charger.min_ma)} for it, other load at its worst"
    return f"its vehicle draws nothing (state {letter or 'unknown'}): full, asleep, or not authorised"


def obeys(charger: Charger) -> Test:
    """Move a charger up, down, to a pause and back, and see how it follows."""
    low_ma, high_ma = charger.min_ma, charger.max_ma
    steps = [(low_ma, START_MS, "least"), (high_ma, LEVEL_MS, "up"), (low_ma, LEVEL_MS, "down")]
    if not charger.keep_on:
        steps += [(0, LEVEL_MS, "pause"), (low_ma, RESUME_MS, "resume")]
    traces = []
    for level_ma, for_ms, name in steps:
        what = amps_text(level_ma) if level_ma else "pause"
        traces.append((yield Hold(for_ms, f"{charger.id}: {what} ({name})", {charger.id: level_ma})))
    told = answers(charger.id, [(name, trace) for (_, _, name), trace in zip(steps, traces, strict=True)])
    result = obedience(charger, told, state(traces[-1], charger.id))
    lines = {f"{charger.id} told": told_curve(traces, charger.id), charger.id: curve(traces, charger.id)}
    return Result(
        "obeys", charger.id, findings=result[0], figures=result[1],
        curves=[Curve("obeys", charger.id, f"{charger.id}: step response", lines)],
    )  # fmt: skip


def told_before_silence_ma(charger: Charger) -> int:
    """Return a setpoint that is not the fallback current, so that falling back can be seen."""
    if charger.fallback_ma + 4_000 <= charger.max_ma:
        return max(charger.min_ma, charger.fallback_ma + 4_000)
    return charger.min_ma if charger.fallback_ma != charger.min_ma else charger.max_ma


def waited_ms(charger: Charger, how: Supervises) -> int:
    """Return after how much silence a charger should have fallen back, its vehicle with it."""
    time_ms = charger.valid_for_ms or how.time_ms or UNKNOWN_MS
    return min(time_ms, LONGEST_MS) + FOLLOWS_MS


def fallback(charger: Charger, how: Supervises) -> Test:
    """Stop talking to one charger, and see what it falls to."""
    name = charger.id
    if how.kind == "none":
        says = (
            f"it does not watch us: nothing but its breaker or an I/O board stops it; it counts with "
            f"{amps_text(charger.max_ma)}"
        )
        found = [Finding("fallback", name, "note", "no supervision", says)]
        return Result("fallback", name, findings=found, falls_to_ma={name: charger.max_ma})
    told_ma = told_before_silence_ma(charger)
    before = yield Hold(START_MS, f"{name}: {amps_text(told_ma)}", {name: told_ma})
    reserve = {name: charger.max_ma}
    wait_ms = waited_ms(charger, how)
    silence = yield Hold(
        wait_ms,
        f"{name}: nobody speaks to it for {wait_ms // SECOND_MS} s",
        silent=(name,),
        reserve_ma=reserve,
    )
    if silence.refused:
        yield Hold(SECOND_MS, f"{name}: pause")
        most = amps_text(charger.max_ma)
        says = f"not tested: it may draw {most} if its fallback is not armed; {silence.refused}"
        return Result("fallback", name, findings=[Finding("fallback", name, "open", "no room to test", says)])
    look = yield Hold(3 * SECOND_MS, f"{name}: what has it come to?", {name: IEC_61851_MIN_MA})
    return fallback_result(charger, how, wait_ms, before, silence, look)


def killed(site: Site, chargers: Iterable[Charger], how: dict[str, Supervises]) -> Test:
    """Let the whole depot charge, then fall silent towards everything but the meters: a dead gateway."""
    watched = [c for c in chargers if how.get(c.id, Supervises()).kind != "none"]
    before = yield Hold(WHOLE_MS, "the depot charges by its own rules", core=True)
    wait_ms = max((waited_ms(c, how[c.id]) for c in watched), default=0)
    silent = (*(c.id for c in site.chargers), *(b.id for b in site.boards))
    what = f"the gateway is dead for {wait_ms // SECOND_MS} s: nobody speaks to chargers and boards"
    dead = yield Hold(wait_ms, what, silent=silent)
    look = yield Hold(3 * SECOND_MS, "what has the depot come to?")
    findings: list[Finding] = []
    figures: list[Figure] = []
    for charger in watched:
        told = told_fallback(charger, last_ma(before, charger.id), fell(charger, dead, look))
        findings += told[0]
        figures += told[1]
    for board in site.boards:
        relays = [s.values["relays"] for s in look.samples if s.device == board.id and "relays" in s.values]
        safe = [s.values.get("relays_safe", 0) for s in look.samples if s.device == board.id]
        if relays and isinstance(relays[0], int) and isinstance(safe[0], int):
            closed = relays[0] & ~safe[0]
            figures.append(
                Figure("fallback", board.id, "relays still closed", closed, "bits", "0", not closed)
            )
            if closed:
                says = f"relays {closed:#06b} are closed {wait_ms // SECOND_MS} s after the last heartbeat"
                findings.append(Finding("fallback", board.id, "fault", "relay does not open", says))
    lines = {m.id: curve([before, dead, look], m.id) for m in site.meters}
    return Result(
        "fallback", "gateway", findings=findings, figures=figures,
        curves=[Curve("fallback", "", "The gateway falls silent: what flows", lines)],
    )  # fmt: skip


def deaf(site: Site, meter: Meter) -> Test:
    """Let the whole depot charge, then let a meter fall silent."""
    node = next((n.id for n in site.nodes if n.meter == meter.id), site.nodes[0].id)
    below = [c for c in site.chargers if node in site.path(c.node)]
    before = yield Hold(WHOLE_MS, "the depot charges by its own rules", core=True)
    silence = yield Hold(20 * SECOND_MS, f"{meter.id} is not listened to", silent=(meter.id,), core=True)
    limit_ms = site.policy.meter_silent_ms + SECOND_MS + 2 * SECOND_MS
    findings: list[Finding] = []
    last: dict[str, int] = {t.charger: t.current_ma for t in before.told}
    after_ms = 0
    for told in silence.told:
        charger = next((c for c in below if c.id == told.charger), None)
        if charger and told.current_ma <= charger.fallback_ma < last.get(charger.id, 0):
            after_ms = max(after_ms, told.at_ms - silence.from_ms)
        last[told.charger] = told.current_ma
    above = [c.id for c in below if last.get(c.id, 0) > c.fallback_ma]
    if above:
        says = f"{', '.join(above)} still charge above their fallback 20 s after it fell silent"
        findings.append(Finding("fallback", meter.id, "fault", "silent meter ignored", says))
    figure = Figure("fallback", meter.id, "silent until chargers were told their fallback", after_ms, "ms",
                    f"at most {limit_ms} ms", after_ms <= limit_ms)  # fmt: skip
    if not figure.good:
        says = f"chargers were told their fallback {after_ms} ms after it fell silent, expected {limit_ms} ms"
        findings.append(Finding("fallback", meter.id, "fault", "silent meter late", says))
    return Result("fallback", meter.id, findings=findings, figures=[figure])


def holds(site: Site, trusted: frozenset[str]) -> Test:
    """Let the whole depot charge at full ask, then rehearse an event of the utility."""
    full = yield Hold(2 * WHOLE_MS, "the whole depot charges at full ask", core=True)
    findings, figures = kept_within(site, full, trusted)
    limit_w = event_for(site, full)
    traces = [full]
    if limit_w is None:
        says = (
            "too little charges, or no meter at the site's node, to rehearse an event: plug more vehicles in"
        )
        findings.append(Finding("holds", "", "open", "no event rehearsed", says))
    else:
        what = f"a rehearsed event of the utility: import no more than {kw_text(limit_w)}"
        event = yield Hold(REHEARSED_MS, what, core=True, event_w=limit_w)
        after = yield Hold(20 * SECOND_MS, "the event is over", core=True)
        more = rehearsal(site, limit_w, full, event, trusted)
        findings, figures = findings + more[0], figures + more[1]
        traces += [event, after]
    lines = {m.id: curve(traces, m.id) for m in site.meters}
    title = "The whole depot at full ask, then an event"
    return Result("holds", "", findings=findings, figures=figures, curves=[Curve("holds", "", title, lines)])
