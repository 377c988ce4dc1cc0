"""The words of a site file for what the depot makes of signals, and for the grid operator's own limits.

What the values do is docs/signals.md and docs/grid-limits.md; what concerns more than one key is
sitegridcheck.py.
"""

from edge.core.signals import SIGNALS
from edge.shell.sitekey import Key, Table
from edge.shell.sitekinds import AMPS, FLAG, KW, NAME, TEXT, TEXTS, choice, list_of, seconds, whole

_PERCENT = whole(0, 100, unit=" %")
_ALERTS = tuple(name for name in SIGNALS if name.startswith("ALERT_"))

CHARGER_KEYS = (
    Key("groups", TEXTS, "names of groups that the utility's targets may use"),
    Key("must_leave", FLAG, "who stands here is exempt from the utility's signals; false if not given"),
)
RANDOM_DELAY = Key(
    "random_delay_s",
    seconds(0, 1800),
    "vehicles start, or take up a new rate, so much later at most, at random; 0 (off)",
    to="random_delay_ms",
)

RESPONSE = Table(
    "response",
    "What the depot makes of the utility's signals.",
    (
        Key("simple_percent", list_of(_PERCENT, 3), "share of full power at SIMPLE 1, 2, 3; [70, 40, 0]"),
        Key(
            "percent_offset_less",
            choice("negative", "positive"),
            "the sign of CONTROL_LEVEL_OFFSET_PERCENT that asks for less; negative if not given",
            to="less",
        ),
        Key("carbon_price", whole(0, 100_000), "of a tonne of CO2, in the site's currency; 1 if not given"),
        Key(
            "fallback_kw",
            KW,
            "import while the utility is not heard, its schedule used up",
            to="fallback_w",
        ),
        Key("binding", TEXTS, "programs whose events may not be opted out of (BINDING_EVENTS)"),
        Key("drills", TEXTS, "programs whose events are drills"),
        Key("ramp_down_s", seconds(0, 3600), "before a limit begins; 60 if not given", to="ramp_down_ms"),
        Key("ramp_up_s", seconds(1, 3600), "after a limit ended; 120 if not given", to="ramp_up_ms"),
        Key("rebound_kw", KW, "highest import within an hour after an event", to="rebound_w"),
        Key("must_leave_over_limits", FLAG, "exempt vehicles may exceed capacity limits; false if not given"),
    ),
)

CONTINGENCY = Table(
    "contingency",
    "What the depot does when the utility raises an alert, in place of what it does by itself.",
    (
        Key("alert", choice(*_ALERTS), "the payload type", required=True),
        Key("action", choice("limit", "charge now", "note"), "what to do", required=True),
        Key("percent", _PERCENT, "of full power, where the action is limit; 0 if not given"),
    ),
    many=True,
)

GRID_LIMIT = Table(
    "grid_limit",
    "A limit that the grid operator sets by contact, heartbeat or rule.",
    (
        Key("id", NAME, "a short name, such as dso", required=True),
        Key("kind", choice("contact", "enwg14a", "g100"), "what kind of limit", required=True),
        Key("node", NAME, "the id of the node that is limited; the site's connection if not given"),
        Key("device", NAME, "the id of the device that reads the contact"),
        Key("quantity", TEXT, "what the device tells the contact as; inputs if not given"),
        Key("input", whole(1, 32), "which of its inputs; 1 if not given"),
        Key("active", choice("open", "closed"), "the contact while the limit holds; open if not given"),
        Key("limit_kw", KW, "what is left while the contact says so; the import limit of g100", to="limit_w"),
        Key("limit_a", AMPS, "the same as a current, per phase", to="limit_ma"),
        Key(
            "failsafe_kw",
            KW,
            "while the heartbeat is lost; the guaranteed minimum",
            to="failsafe_w",
        ),
        Key("heat_pump_kw", KW, "heat pumps of more than 11 kW each, together", to="heat_pump_w"),
        Key("premises", choice("commercial", "domestic"), "whose rules of g100; commercial if not given"),
    ),
    many=True,
)

GRID_TABLES = (RESPONSE, CONTINGENCY, GRID_LIMIT)
