"""The words of a site file: every table and every key.

Rule: a key exists if and only if it has a row here.  The reader (siteread.py), the JSON Schema
(siteschema.py) and the "did you mean" of the messages all come from these rows.  What a value may be is
in sitekinds.py, what concerns more than one key in sitecheck.py.
"""

from edge.shell.sitebatterywords import DISCHARGE, EXPORT
from edge.shell.sitefleetwords import FLEET_TABLES
from edge.shell.sitegridwords import CHARGER_KEYS, GRID_TABLES, RANDOM_DELAY
from edge.shell.sitekey import Key, Table
from edge.shell.sitekinds import (
    ADDRESS,
    AMPS,
    AMPS3,
    BROKER,
    CURRENCY,
    DATE,
    FLAG,
    HOLIDAYS,
    KW,
    NAME,
    NAMES,
    PHASES_AS_WIRED,
    TCP,
    TEXT,
    TEXTS,
    TOPIC,
    TOPIC_FILTERS,
    URL,
    choice,
    seconds,
    whole,
)

# The settings of a serial line that Modbus devices have.  Source: Modbus over Serial Line V1.02, 2.5.
BAUDS = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
FORMATS = ("8E1", "8N1", "8N2", "8O1", "7E1", "7O1", "7N2")

_ADDRESS = (
    Key("driver", NAME, "the device family, as `depot devices` lists it", required=True),
    Key("tcp", TCP, "host and port of a Modbus TCP device; this or line"),
    Key("line", NAME, "the id of the [[line]] that it is on; this or tcp"),
    Key("unit", whole(0, 255), "its Modbus unit number", required=True),
)
_BROKER = "mqtts://user@host:port"
_BROKER_KEYS = (
    Key("protocol", choice("3.1.1", "5"), "the MQTT version; 5 if not given"),
    Key("client_id", NAME, "the client id; made from the site's id if not given"),
    Key("password_file", TEXT, "a file with the password, readable by the daemon alone"),
    Key("ca_file", TEXT, "certificates of the authorities that may vouch for the broker"),
    Key("cert_file", TEXT, "our certificate, where the broker wants one"),
    Key("key_file", TEXT, "the key of cert_file, readable by the daemon alone"),
    Key("keepalive_s", whole(5, 3600, unit=" s"), "MQTT keep-alive; 30 if not given"),
)
BROKER_FIELDS = {"broker", "login", *(key.name for key in _BROKER_KEYS)}

# Of [utility]: the field of the model's Vtn or Token -> our key.
VTN_FIELDS = {
    "url": "vtn", "poll_ms": "poll_s",
    "ca_file": "vtn_ca_file", "cert_file": "vtn_cert_file", "key_file": "vtn_key_file",
}  # fmt: skip
TOKEN_FIELDS = {
    "client_id": "token_client_id", "secret_file": "token_secret_file",
    "url": "token_url", "scope": "token_scope",
}  # fmt: skip

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            "site",
            "The depot.",
            (
                Key("id", NAME, "a short name of the depot; part of topics and reports", required=True),
                Key("name", TEXT, "what people call it; the id if not given"),
                Key("timezone", TEXT, 'such as "America/Los_Angeles"; tariff and windows follow it', True),
                Key("voltage_v", whole(90, 300, unit=" V"), "nominal, line to neutral; 230 if not given"),
                Key("tariff", TEXT, "a tariff file: native, or in URDB shape"),
                Key("port_policy", TEXT, "a port policy file: what counts as up; ours if not given"),
                Key("currency", CURRENCY, "of the tariff, as in ISO 4217; USD if not given"),
                Key(
                    "without_window",
                    choice("now", "never"),
                    "what a vehicle without window gets; now if not given",
                ),
                EXPORT,
            ),
            required=True,
        ),
        Table(
            "node",
            "A breaker, feeder or transformer.  The one without parent is the site's own connection.",
            (
                Key("id", NAME, "a short name, such as panel-a", required=True),
                Key("parent", NAME, "the id of the node that feeds it; none for the site's connection"),
                Key("limit_a", AMPS3, "what it may carry, per phase", required=True, to="limit_ma"),
                Key("limit_kw", KW, "what it may carry in all, where that is limited too", to="limit_w"),
                Key(
                    "other_max_a",
                    AMPS3,
                    "the highest load below it that is not charging; counts in full where no meter is "
                    "read; 0 where nothing else is connected",
                    required=True,
                    to="other_max_ma",
                ),
                Key("meter", NAME, "the id of the [[meter]] that measures it"),
                Key(
                    "delta",
                    choice("arithmetic", "phasor", "delta-wye"),
                    "how line-to-line currents count: as magnitudes, as phasors, or in the lines above a "
                    "delta-wye transformer; where a meter is read, the daemon adds magnitudes",
                ),
            ),
            many=True,
            required=True,
        ),
        Table(
            "line",
            "A serial line (RS-485).",
            (
                Key("id", NAME, "a short name, such as rs485", required=True),
                Key("port", TEXT, "the port, such as /dev/ttyUSB0 or /dev/serial/by-id/...", required=True),
                Key("baud", choice(*BAUDS), "bits per second; 19200 if not given"),
                Key("format", choice(*FORMATS), "data bits, parity, stop bits; 8E1 if not given"),
                Key("framing", choice("rtu", "ascii"), "rtu if not given"),
            ),
            many=True,
        ),
        Table(
            "meter",
            "An energy meter.",
            (
                Key("id", NAME, "a short name, such as main-meter", required=True),
                *_ADDRESS,
                Key(
                    "phases",
                    PHASES_AS_WIRED,
                    "where its L1, L2, L3 are on the site; as named here if not given",
                ),
                Key("ratio", whole(1, 10_000), "multiplies currents and powers where the meter does not"),
            ),
            many=True,
        ),
        Table(
            "charger",
            "A charger with one port.  A station with two sockets is two chargers.",
            (
                Key("id", NAME, "a short name, such as bay-1", required=True),
                Key("node", NAME, "the id of the node that feeds it", required=True),
                *_ADDRESS,
                Key(
                    "phases",
                    PHASES_AS_WIRED,
                    "where its L1 (L2, L3) are on the site; as named here if not given",
                ),
                Key("min_a", AMPS, "the least that it can charge with; 6 if not given", to="min_ma"),
                Key("max_a", AMPS, "the most that it and its cable can carry", required=True, to="max_ma"),
                Key(
                    "fallback_a",
                    AMPS,
                    "what it may draw when we are silent: as set in the device; 0, or min_a and more",
                    required=True,
                    to="fallback_ma",
                ),
                Key(
                    "valid_for_s",
                    seconds(0, 3600),
                    "how long it holds a setpoint, as set in the device",
                    to="valid_for_ms",
                ),
                Key("connector", whole(1, 32), "which socket of the station; 1 if not given"),
                Key("port", NAME, "the id in uptime and session reports; the charger's id if not given"),
                Key("commissioned", DATE, "the day from which uptime is reported; of the first record"),
                Key("name", TEXT, "what people call it; the charger's id if not given"),
                Key("keep_on", FLAG, "its vehicle must not see 0 A: kept at min_a; false if not given"),
                Key("on_off_s", seconds(0, 3600), "least time on and off; the policy's", to="on_off_ms"),
                *CHARGER_KEYS,
                DISCHARGE,
            ),
            many=True,
        ),
        Table(
            "board",
            "A fail-safe I/O board.  Without our heartbeat its relays open.",
            (
                Key("id", NAME, "a short name, such as io-board", required=True),
                *_ADDRESS,
                Key(
                    "timeout_s",
                    seconds(2, 60),
                    "silence after which its relays open, as set in the board; 10 if not given",
                    to="timeout_ms",
                ),
                Key("limit_node", NAME, "the id of the node that the grid operator's relay limits"),
                Key("limit_a", AMPS, "what that relay leaves there, per phase", to="limit_ma"),
            ),
            many=True,
        ),
        Table(
            "relay",
            "A relay of a board, and the chargers that it guards.",
            (
                Key("board", NAME, "the id of the [[board]]", required=True),
                Key("number", whole(1, 4), "which relay, as at the terminals", required=True),
                Key("chargers", NAMES, "the ids of the chargers that it stops or limits when it opens"),
                Key("nodes", NAMES, "the ids of nodes that it breaks: all chargers below are guarded"),
                Key(
                    "falls_to_a",
                    AMPS,
                    "what each of its chargers draws at most while it is open; 0 if not given",
                    to="falls_to_ma",
                ),
            ),
            many=True,
        ),
        *FLEET_TABLES,
        Table(
            "utility",
            "The utility: its broker, its REST server (VTN), or both.",
            (
                Key("broker", BROKER, f"{_BROKER}; where there is a vtn, it is asked if not given"),
                *_BROKER_KEYS,
                Key(
                    "login",
                    choice("password", "bearer"),
                    "bearer: an OAuth2 token is the password at the broker; password if not given",
                ),
                Key(
                    "event_topics", TOPIC_FILTERS, "topic filters of its OpenADR events; or the vtn is asked"
                ),
                Key("report_topic", TOPIC, "where our reports go; to the vtn if not given"),
                Key("ven_name", TEXT, "our name there (venName)", required=True),
                Key("programs", TEXTS, "programs that are for us; all if not given"),
                Key("targets", TEXTS, "targets that mean us; all if not given"),
                Key("vtn", URL, "base address of its OpenADR REST server: https://host/path"),
                Key("poll_s", seconds(1, 86_400), "how often the vtn is asked while no broker tells; 60"),
                Key("vtn_ca_file", TEXT, "certificates of the authorities that may vouch for the vtn"),
                Key("vtn_cert_file", TEXT, "our certificate there, where the vtn wants one"),
                Key("vtn_key_file", TEXT, "the key of vtn_cert_file, readable by the daemon alone"),
                Key("token_client_id", TEXT, "our client id for OAuth2 (client credentials)"),
                Key("token_secret_file", TEXT, "a file with its secret, readable by the daemon alone"),
                Key("token_url", URL, "where tokens are; the vtn is asked (/auth/server) if not given"),
                Key("token_scope", TEXT, "the scope to ask for; none if not given"),
                Key("baseline", choice("10 of 10", "5 of 10"), "days that an event's load is compared with"),
                Key("holidays", HOLIDAYS, 'days that count as weekends: "2026-12-25" …, or "NERC"'),
            ),
        ),
        Table(
            "network",
            "The regional charging network's broker.",
            (
                Key("broker", BROKER, _BROKER, required=True),
                *_BROKER_KEYS,
                Key("root", TOPIC, "the topic below which all of our messages stand", required=True),
                Key("ack_topic", TOPIC, "where the receiving application acknowledges"),
            ),
        ),
        Table(
            "home_assistant",
            "The broker of a Home Assistant that shows the depot (docs/dashboards.md).",
            (
                Key("broker", BROKER, _BROKER, required=True),
                *_BROKER_KEYS,
                Key("prefix", TOPIC, "its discovery prefix; homeassistant if not given"),
                Key("root", TOPIC, "the topic below which the depot's states stand; depot-edge"),
            ),
        ),
        Table(
            "page",
            "Where the page is served to others, over HTTPS (docs/page-security.md).",
            (
                Key("address", ADDRESS, "an IP address of the gateway, or 0.0.0.0: all; none"),
                Key("port", whole(1, 65_535), "8443 if not given"),
                Key("cert_file", TEXT, "its certificate; a self-made one if not given"),
                Key("key_file", TEXT, "the key of cert_file, readable by the daemon alone"),
                Key(
                    "open_view",
                    choice("local", "everybody", "nobody"),
                    "who may look without signing in: local (at the gateway itself) if not given",
                ),
            ),
        ),
        Table(
            "policy",
            "Settings of time, for those who know why.",
            (
                Key(
                    "meter_silent_s",
                    seconds(1, 10),
                    "older than this, a meter is unknown; 5",
                    to="meter_silent_ms",
                ),
                Key(
                    "charger_silent_s",
                    seconds(1, 60),
                    "older than this, it counts with its fallback; 5",
                    to="charger_silent_ms",
                ),
                Key("setpoint_s", seconds(2, 60), "how long a setpoint holds; 10", to="setpoint_ms"),
                Key(
                    "raise_hold_s",
                    seconds(1, 600),
                    "a charger is raised at most this often; 10",
                    to="raise_hold_ms",
                ),
                Key("on_off_s", seconds(0, 3600), "least time on and off; 300", to="on_off_ms"),
                RANDOM_DELAY,
            ),
        ),
        *GRID_TABLES,
    )
}
