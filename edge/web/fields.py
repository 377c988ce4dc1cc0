"""Everything on the page that changes, as texts by key: what the server renders first and sends after.

Rule 1: a key that ends on the page is in `fields`, so the first page and every update cannot disagree.
Rule 2: values are finished texts (or finished attribute values) in a language; the browser computes nothing.

    power                       41.2 kW
    n.main.l1.text              38 + 32 / 160 A
    n.main.l1.charge.width      18.2%
    c.bay-3.reason              panel-a L2 is full …
"""

from collections import Counter
from zoneinfo import ZoneInfo

from edge.model.units import PHASES
from edge.shell import words
from edge.shell.answers import ChargerStatus, NodeStatus, PlanStatus, Status
from edge.web.sentences import said
from edge.web.texts import t

# A bar ends a little above the limit, so that the limit is a line inside it and an overload is seen.
BAR_PER_LIMIT = (110, 100)

# The sign before a charger's state: a state is never a colour alone.
SIGNS = {"charging": "●", "waiting": "◔", "paused": "‖", "free": "○", "fault": "▲", "offline": "✕"}


def fields(status: Status) -> dict[str, str]:
    """Return every changing text of the page, in the language that is spoken."""
    found = {
        "time": status.time,
        "power": said(words.kw(status.power_w)) if status.power_w is not None else t("now.unknown"),
        "price": said(status.price_words) or t("now.unknown"),
        "plan": _plan(status.plan),
        "demand": _demand(status),
        "counts": counts(status.chargers),
        "alert": alert(status),
        "event": "; ".join(said(e.words) for e in status.events if e.step == "active"),
    }
    zone = ZoneInfo(status.timezone)
    for node in status.nodes:
        found |= _node(node)
    for charger in status.chargers:
        found |= _charger(charger, zone)
    return found


def _plan(plan: PlanStatus | None) -> str:
    if plan is None:
        return t("now.no_plan")
    return said(" · ".join([plan.words, *(f"next {step}" for step in plan.steps[:1])]))


def _demand(status: Status) -> str:
    """Return the demand that is paid for: the dearest price's, and where the running quarter stands."""
    if not status.demand:
        return t("now.no_demand")
    dearest = max(status.demand, key=lambda d: d.per_kw_micro)
    reached = t(f"now.demand_{dearest.per}", kw=said(words.kw(dearest.already_w)))
    if status.quarter_w is None:
        return reached
    return f"{reached}, {t('now.demand_quarter', kw=said(words.kw(status.quarter_w)))}"


def counts(chargers: list[ChargerStatus]) -> str:
    """Return how many chargers do what, in words."""
    counted = Counter(c.kind for c in chargers)
    return ", ".join(t(f"now.count_{kind}", count=counted[kind]) for kind in SIGNS if counted[kind])


def alert(status: Status) -> str:
    """Return what somebody should look at now; "" where all is well."""
    return said("; ".join([*status.violations, *([status.fallback] if status.fallback else [])]))


def _node(node: NodeStatus) -> dict[str, str]:
    key = f"n.{node.id}"
    found = {
        f"{key}.power": said(words.kw(node.power_w)) if node.power_w is not None else "",
        f"{key}.words": said(node.words),
        f"{key}.state": _state(node),
        f"{key}.measured": _measured(node),
    }
    for p in PHASES:
        found |= _phase(node, p, f"{key}.l{p + 1}")
    return found


def _state(node: NodeStatus) -> str:
    if node.metered and node.flowing_ma is None:
        return "silent"
    return "over" if node.over else "full" if node.full else "ok"


def _measured(node: NodeStatus) -> str:
    if not node.metered:
        return t("now.no_meter")
    if node.flowing_ma is None:
        return t("now.unmeasured")
    return t("now.measured_at", amps=" · ".join(_a(f) for f in node.flowing_ma))


def _phase(node: NodeStatus, p: int, key: str) -> dict[str, str]:
    """Return one phase's bar.  Feed-in of the other load leaves the bar empty from the left, not negative."""
    limit, other, charging = node.limit_ma[p], node.other_ma[p], node.charging_ma[p]
    scale, base = BAR_PER_LIMIT
    full_ma = max(1, node.installed_ma[p], limit) * scale // base

    def at(current_ma: int) -> str:
        return f"{min(100.0, max(0.0, 100 * current_ma / full_ma)):.1f}%"

    return {
        f"{key}.text": f"{_a(other)} + {_a(charging)} / {_a(limit)} A",
        f"{key}.other": at(other),
        f"{key}.charge.x": at(other),
        f"{key}.charge.width": at(charging),
        f"{key}.limit": at(limit),
        f"{key}.installed": at(node.installed_ma[p]),
        f"{key}.flowing": at(node.flowing_ma[p]) if node.flowing_ma else "-9%",
    }


def _a(current_ma: int) -> str:
    """Return whole amperes: enough beside a bar.  The API has the milliamperes."""
    return f"{round(current_ma / 1000)}"


def _energy(charger: ChargerStatus) -> str:
    if charger.session_wh is None or charger.kind == "free":
        return "–"
    return said(words.kwh(charger.session_wh))


def _charger(charger: ChargerStatus, zone: ZoneInfo) -> dict[str, str]:
    key = f"c.{charger.id}"
    return {
        f"{key}.kind": charger.kind,
        f"{key}.sign": SIGNS[charger.kind],
        f"{key}.word": t(f"now.kind_{charger.kind}"),
        f"{key}.state": said(charger.state_words),
        f"{key}.amps": said(words.amps(charger.granted_ma)),
        f"{key}.power": said(words.kw(charger.power_w)) if charger.power_w is not None else "–",
        f"{key}.energy": _energy(charger),
        f"{key}.reason": said(charger.reason),
        f"{key}.ready": said(charger.ready),
        f"{key}.by": _by(charger, zone),
        f"{key}.vehicle": charger.vehicle,
        f"{key}.promise": said(charger.promise_words),
        f"{key}.late": "late" if charger.late else "",
    }


def _by(charger: ChargerStatus, zone: ZoneInfo) -> str:
    """Return by when a vehicle is ready and whether it will be, for a narrow place."""
    if charger.ready_by_wall_ms is None or charger.kind == "free":
        return ""
    at = words.clock(charger.ready_by_wall_ms, zone)
    promised = {"yes": "yes", "at risk": "risk", "no": "no", "ready": "ready"}.get(charger.promise)
    return f"{at} {t(f'now.by_{promised}')}" if promised else at
