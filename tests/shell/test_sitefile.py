"""Site files: what a good one becomes, and what every bad one is told."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from drivers import library
from drivers.table import Supervision
from edge.model.site import Address, Policy, Token, Vtn
from edge.shell import sitefile
from edge.shell.sitefile import SiteRefused, SiteUnreadable

GOOD = Path(__file__).with_name("good.toml")


def broken(tmp_path: Path, *changes: tuple[str, str]) -> sitefile.Examined:
    """Look at the good file with something else in it."""
    text = GOOD.read_text().replace("../vectors", str(GOOD.parent.parent / "vectors"))
    for old, new in changes:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the good file"
        text = text.replace(old, new)
    path = tmp_path / "site.toml"
    path.write_text(text)
    return sitefile.examine(path)


# --- what a good file becomes -------------------------------------------------------------------------


def test_parents_stand_before_children_whatever_the_order_of_the_file():
    assert [node.id for node in sitefile.load(GOOD).nodes] == ["main", "panel-a"]


def test_figures_are_exact_integers():
    site = sitefile.load(GOOD)
    panel = site.nodes[1]
    assert panel.limit_ma == (63_000, 63_000, 62_500)
    assert panel.limit_w == 43_000
    assert panel.other_max_ma == (10_000, 10_000, 10_000)
    assert site.windows[0].need_wh == 42_500
    assert site.policy == Policy(setpoint_ms=12_500)


def test_addresses_phases_and_defaults():
    site = sitefile.load(GOOD)
    assert site.meters[0].at == Address(unit=1, tcp="192.168.1.10:502")
    assert site.meters[1].at == Address(unit=2, line="rs485")
    assert site.meters[1].phases == (1, 2, 0)
    bay_1, bay_2, bay_3 = site.chargers
    assert (bay_1.port, bay_1.name, bay_1.min_ma, bay_1.valid_for_ms) == ("bay-1", "bay-1", 6_000, 60_000)
    assert (bay_2.port, bay_2.phases, bay_2.connector) == ("US-NRT-E2", (1,), 2)
    assert bay_3.phases == (2, 0, 1)


def test_windows_in_local_minutes():
    by_id = {window.id: window for window in sitefile.load(GOOD).windows}
    night, saturday = by_id["bay-1-1"], by_id["sat"]
    assert (night.from_min, night.ready_by_min) == (18 * 60, 5 * 60 + 30)
    assert night.days == ("mon", "tue", "wed", "thu", "fri")
    assert night.source == "site"
    assert saturday.days == ("sat", "sun")
    assert saturday.priority == -1


def test_a_made_window_id_is_never_one_that_is_written(tmp_path):
    site = broken(tmp_path, ('id = "sat"', 'id = "bay-1-1"')).site
    assert site is not None
    assert [window.id for window in site.windows] == ["bay-1-2", "bay-1-1"]


def test_brokers():
    site = sitefile.load(GOOD)
    utility, network = site.utility, site.network
    assert utility is not None and network is not None
    broker = utility.broker
    assert (broker.host, broker.port, broker.tls, broker.username) == (
        "mqtt.utility.example", 8884, True, "north")  # fmt: skip
    assert broker.password_file == str(GOOD.parent / "utility.pass")
    assert broker.ca_file == "/etc/ssl/certs/ca-certificates.crt"
    assert utility.event_topics == ("openadr/events/+",)
    assert (network.broker.host, network.broker.port, network.broker.tls) == ("::1", 1883, False)
    assert broker.client_id != network.broker.client_id


def test_a_missing_secret_is_a_note_and_no_problem():
    examined = sitefile.examine(GOOD)
    assert examined.problems == []
    assert [note.key for note in examined.notes] == ["password_file"]


BROKER_LINES = """broker = "mqtts://north@mqtt.utility.example:8884"
password_file = "utility.pass"
ca_file = "/etc/ssl/certs/ca-certificates.crt"
event_topics = "openadr/events/+"
report_topic = "openadr/reports/north"
"""
VTN_LINES = """vtn = "https://vtn.example.com/openadr3/3.1.1/"
poll_s = 30
vtn_ca_file = "ca.pem"
token_client_id = "north"
token_secret_file = "secret"
"""


def test_a_utility_by_rest_alone(tmp_path):
    site = broken(tmp_path, (BROKER_LINES, VTN_LINES)).site
    assert site is not None and site.utility is not None
    utility = site.utility
    assert (utility.broker, utility.event_topics, utility.report_topic) == (None, (), "")
    assert utility.vtn == Vtn("https://vtn.example.com/openadr3/3.1.1", 30_000, str(tmp_path / "ca.pem"))
    assert utility.token == Token("north", str(tmp_path / "secret"))


@pytest.mark.parametrize(
    ("lines", "key", "tells"),
    [
        ("", "broker", "missing; expected its broker, or its REST server as vtn"),
        ('vtn = "http://vtn.example.com"', "vtn", "expected https://"),
        ('vtn = "https://vtn.example.com/?a=b"', "vtn", "expected an address such as"),
        ('vtn = "https://v.example"\ntoken_client_id = "x"', "token_secret_file", "missing; a token needs"),
        ('vtn = "https://v.example"\nlogin = "bearer"', "token_client_id", "missing; a token needs"),
        ('broker = "mqtts://b"\nreport_topic = "r"', "event_topics", "missing; expected the topics"),
        ('broker = "mqtts://b"\nevent_topics = "e"', "report_topic", "missing; expected where reports go"),
        (BROKER_LINES + 'login = "bearer"', "password_file", "the token is the password"),
        (BROKER_LINES + 'login = "bearer"', "token_url", "missing; expected where tokens are"),
    ],
)
def test_a_utility_that_cannot_be_heard_is_told_what_is_missing(tmp_path, lines, key, tells):
    told = [str(one) for one in broken(tmp_path, (BROKER_LINES, lines + "\n")).problems if one.key == key]
    assert any(tells in one for one in told), told


# --- what a bad file is told --------------------------------------------------------------------------

NODE_MAIN = '[[node]]\nid = "main"\nlimit_a = 100'
ONE_SLIP = [
    # slip, then what stands in the good file, what in the bad one, and what the message tells
    ("unknown key", "other_max_a = 10", "other_max = 10", 'did you mean "other_max_a"?'),
    ("unknown table", "[policy]", "[polices]", 'did you mean "policy"?'),
    ("one, not many", "[policy]", "[[policy]]", "written [policy]"),
    ("many, not one", "[[line]]", "[line]", "written [[line]]"),
    ("text for a number", "limit_kw = 43", 'limit_kw = "43"', "a number from 0"),
    ("true for amps",       "limit_a = 100",                 "limit_a = true",              "amps: a number"),
    ("negative amps",       "limit_a = 100",                 "limit_a = -1",                "amps: a number"),
    ("infinite amps",       "limit_a = 100",                 "limit_a = inf",               "amps: a number"),
    ("two phases of amps", "[63, 63, 62.5]", "[63, 63]", "three for L1, L2 and L3"),
    ("finer than 1 mA", "62.5]", "62.5001]", "not finer than 1 mA"),
    ("finer than 1 W", "limit_kw = 43", "limit_kw = 43.0001", "not finer than 1 W"),
    ("id with a slash",     'id = "sat"',                    'id = "sat/1"',                "a short name"),
    ("time of day", 'from = "18:00"', 'from = "24:00"', '"00:00" to "23:59"'),
    ("days", 'days = "weekdays"', 'days = ["monday"]', 'days such as ["mon"'),
    ("window of no time", 'ready_by = "05:30"', 'ready_by = "18:00"', "another time than from"),
    ("phases twice", '["L2", "L3", "L1"]', '["L2", "L2", "L1"]', "each at most once"),
    ("phases by number",    'phases = "L2"',                 "phases = 2",                  "where its L1"),
    ("baud",                "baud = 9600",                   "baud = 9601",                 "one of 1200"),
    ("format",              'format = "8N1"',                'format = "8n1"',              '"8E1"'),
    ("host and port", '"192.168.1.10"', '"192.168.1.10:99999"', "a host and port"),
    ("no password in URL",  "mqtts://north@",                "mqtts://north:secret@",       "password_file"),
    ("broker's scheme",     '"mqtt://[::1]"',                '"http://[::1]"',              "mqtts://"),
    ("topic filter",        '"openadr/events/+"',            '"openadr/ev+"',               "a topic filter"),
    ("root with wildcard", '"depots/north"', '"depots/#"', "without wildcards"),
    ("no such parent", 'parent = "main"', 'parent = "mian"', 'did you mean "main"?'),
    ("no such meter", 'meter = "meter-a"', 'meter = "meter-b"', "there is no [[meter]]"),
    ("no such line", 'line = "rs485"\nunit = 7', 'line = "rs486"\nunit = 7', 'did you mean "rs485"?'),
    ("no such node", 'node = "main"', 'node = "panel-c"', "there is no [[node]]"),
    ("no such charger", 'id = "sat"\ncharger = "bay-1"',
     'id = "sat"\ncharger = "x"', "there is no [[charger]]"),
    ("two roots", 'parent = "main"\n', "", "site's connection already"),
    ("feeds itself", NODE_MAIN, '[[node]]\nid = "main"\nparent = "panel-a"\nlimit_a = 100', "feeds itself"),
    ("id twice",            'id = "bay-3"',                  'id = "bay-1"',                "is taken"),
    ("meter and charger",   'id = "bay-3"',                  'id = "meter-a"',              "is taken"),
    ("port twice",          'port = "US-NRT-E2"',            'port = "bay-1"',              "is taken"),
    ("address twice", "unit = 7", "unit = 2", "is the address of"),
    ("socket twice", "unit = 2\nconnector = 2", "unit = 1\nconnector = 1", "is the address of"),
    ("no address", 'tcp = "192.168.1.10"\n', "", "either tcp or line"),
    ("broadcast unit",      "unit = 7",                      "unit = 0",                    "1 to 247"),
    ("min above max", "min_a = 6", "min_a = 20", "at least min_a, 20 A"),
    ("unlawful fallback", "fallback_a = 8", "fallback_a = 5", "0, or from min_a 6 A to max_a 16 A"),
    ("fallback above max", "fallback_a = 8", "fallback_a = 20", "0, or from min_a 6 A to max_a 16 A"),
    ("no fallback", "fallback_a = 8\n", "", "fallback_a: missing"),
    ("no other load", "other_max_a = 10\n", "", "other_max_a: missing"),
    ("parent counts less", "other_max_a = [40, 40, 35.5]", "other_max_a = 9", "expected at least 10 A"),
    ("time zone", "America/Los_Angeles", "America/Los_Angels", '"America/Los_Angeles"?'),
    ("meter too slow", "meter_silent_s = 5", "meter_silent_s = 10.5", "seconds from 1 to 10"),
    ("tariff not there", "pge_bev_2_s.json", "pge.json", "there is no such file"),
    ("other currency", "voltage_v = 230", 'voltage_v = 230\ncurrency = "EUR"', "the tariff is in USD"),
    ("one meter, 2 nodes",  'meter = "main-meter"',          'meter = "meter-a"',           "one node each"),
    ("unknown driver", '"janitza_umg604"', '"janitza_umg640"', 'did you mean "janitza_umg604"?'),
    ("charger as meter", '"janitza_umg604"', '"alfen_eve"', "is a charger, expected a meter"),
    ("meter as charger", '"heidelberg_energy_control"', '"eastron_sdm630"', "is a meter, expected a"),
    ("no such transport", 'line = "rs485"\nunit = 7', 'tcp = "h"\nunit = 7', "has no Modbus tcp; it has rtu"),
    ("framing it has not", 'format = "8N1"', 'format = "8N1"\nframing = "ascii"', "has no Modbus ascii"),
    ("more than it takes", "max_a = 16\nfallback_a = 8", "max_a = 20\nfallback_a = 8", "no more than 16 A"),
    ("less than it takes", "min_a = 6", "min_a = 5", "alfen_eve takes no less than 6 A"),
    ("no minimum", "min_a = 6", "min_a = 0", "expected more than 0"),
    ("two lines, 1 port", "[utility]", '[[line]]\nid = "b"\nport = "/dev/ttyUSB0"\n[utility]', "the port of"),
    ("meter of no node", 'meter = "meter-a"\n', "", "no [[node]] names it as its meter"),
    ("no energy needed", "need_kwh = 30", "need_kwh = 0", "more than 0 kWh"),
    ("currency", "voltage_v = 230", 'currency = "dollar"', "ISO 4217"),
    ("empty text", 'name = "North depot"', 'name = " "', "a text in quotes"),
    ("whole volts", "voltage_v = 230", "voltage_v = 230.5", "a whole number from 90 to 300 V"),
    ("too many watts", "limit_kw = 43", "limit_kw = 1e9", "a number from 0 to 100000 kW"),
    ("report with wildcard", '"openadr/reports/north"', '"/openadr"', "without wildcards"),
    ("broker without host", '"mqtt://[::1]"', '"mqtt://"', "mqtts://"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "tells"), [row[1:] for row in ONE_SLIP], ids=[row[0] for row in ONE_SLIP]
)
def test_a_slip_refuses_the_site_and_is_told(tmp_path, old, new, tells):
    examined = broken(tmp_path, (old, new))
    assert examined.site is None
    assert any(tells in str(problem) for problem in examined.problems), list(map(str, examined.problems))


def test_a_fallback_that_the_device_cannot_be_told_is_a_slip(tmp_path):
    """A Webasto Next falls back to 6 A at least: 0 would leave it what it has."""
    examined = broken(
        tmp_path,
        ("unit = 2\nconnector = 2", "unit = 2"),
        (
            'driver = "alfen_eve"\ntcp = "192.168.1.20:502"\nunit = 2',
            'driver = "webasto_next"\ntcp = "192.168.1.21:502"\nunit = 2',
        ),
    )
    told = [str(problem) for problem in examined.problems]
    assert any("fallback_a: 0 A: webasto_next cannot be told so little" in one for one in told), told


def test_all_slips_are_told_at_once_with_line_table_id_and_key(tmp_path):
    examined = broken(
        tmp_path,
        ("other_max_a = 10\n", "other_max = 10\n"),
        ("meter_silent_s = 5", "meter_silent_s = 50"),
        ('node = "main"', 'node = "mian"'),
    )
    told = [str(problem) for problem in examined.problems]
    assert told == [
        "line 10: [policy]: meter_silent_s = 50: expected seconds from 1 to 10",
        'line 18: [[node]] "panel-a": other_max: is not known (did you mean "other_max_a"?)',
        'line 13: [[node]] "panel-a": other_max_a: missing; expected the highest load below it that is not '
        "charging; counts in full where no meter is read; 0 where nothing else is connected",
        'line 73: [[charger]] "bay-3": node = "mian": there is no [[node]] (did you mean "main"?)',
    ]


def test_one_slip_is_one_message(tmp_path):
    """A charger with a bad figure does not also make its window and its node wrong."""
    examined = broken(tmp_path, ("valid_for_s = 60", 'valid_for_s = "long"'))
    assert [problem.key for problem in examined.problems] == ["valid_for_s"]


def test_load_raises_with_every_problem_in_its_text(tmp_path):
    broken(tmp_path, ("limit_a = 100", "limit_a = -1"), ("baud = 9600", "baud = 1"))
    with pytest.raises(SiteRefused, match=r"(?s)site.toml: 2 problems.*limit_a.*baud"):
        sitefile.load(tmp_path / "site.toml")


@pytest.mark.parametrize(
    ("content", "tells"),
    [
        (b"[site", "not TOML"),
        (b"\xff\xfe", "cannot be read"),
        (None, "no such file"),
        (b"a = 1\na = 2", "not TOML"),
    ],
)
def test_what_is_no_toml_is_unreadable(tmp_path, content, tells):
    path = tmp_path / "site.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SiteUnreadable, match=tells):
        sitefile.load(path)


def test_an_empty_file_is_told_what_is_missing(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text("")
    told = [str(problem) for problem in sitefile.examine(path).problems]
    assert [text.split(":")[0] for text in told] == ["[site]", "[[node]]"]


# --- I4: the fallback currents fit --------------------------------------------------------------------


def test_the_proof_has_the_sums_of_every_node():
    """main: 40 + 6 (bay-1) + 8 (bay-3) on L1.  panel-a in W: (16+16+16) A at 253 V, rounded up."""
    proof = {node.node: node for node in sitefile.examine(GOOD).proof}
    assert proof["main"].fallback_ma == (14_000, 14_000, 14_000)
    assert proof["main"].spare_ma == (100_000 - 54_000, 100_000 - 54_000, 100_000 - 49_500)
    assert proof["panel-a"].fallback_ma == (6_000, 6_000, 6_000)
    assert proof["panel-a"].sum_w == 3 * 16 * 253


@pytest.mark.parametrize(("limit", "fits"), [("54", True), ("53.999", False)])
def test_a_limit_holds_the_fallback_currents_to_the_milliamp(tmp_path, limit, fits):
    examined = broken(tmp_path, ("limit_a = 100", f"limit_a = [{limit}, 100, 100]"))
    assert (examined.site is not None) == fits
    if not fits:
        (problem,) = examined.problems
        assert str(problem).startswith('line 23: [[node]] "main": limit_a: L1: fallback currents do not fit')
        assert "other load 40 A + fallback of 3 chargers 14 A = 54 A, expected at most 53.999 A" in str(
            problem
        )


@pytest.mark.parametrize(("limit_kw", "fits"), [("12.144", True), ("12.143", False)])
def test_a_limit_in_watts_holds_them_at_the_highest_voltage(tmp_path, limit_kw, fits):
    examined = broken(tmp_path, ("limit_kw = 43", f"limit_kw = {limit_kw}"))
    assert (examined.site is not None) == fits
    assert all(problem.key == "limit_kw" for problem in examined.problems)


def test_a_single_phase_charger_counts_on_its_own_phase_only(tmp_path):
    examined = broken(tmp_path, ("fallback_a = 0", "fallback_a = 16"))
    assert examined.proof[1].fallback_ma == (6_000, 22_000, 6_000)


def test_a_charger_that_does_not_supervise_us_counts_with_its_maximum(tmp_path, monkeypatch):
    """bay-3 falls to 8 A in the good file; without supervision it may stay at its 16 A."""

    def load(name):
        table = library_load(name)
        blind = name == "heidelberg_energy_control"
        return replace(table, supervision=Supervision("none")) if blind else table

    library_load = library.load
    monkeypatch.setattr(library, "load", load)
    examined = broken(tmp_path, ("limit_a = 100", "limit_a = 61"))
    assert examined.proof[0].fallback_ma == (22_000, 22_000, 22_000)
    told = [str(problem) for problem in examined.problems]
    assert len(told) == 2, "L1 and L2 with 40 A of other load; 35.5 A on L3 leaves room"
    assert "bay-3 cannot supervise us and count with max_a: lower it" in told[0]


BOARD = """
[[board]]
id = "io"
driver = "depot_io_board"
line = "rs485"
unit = 200
timeout_s = 5
limit_node = "main"
limit_a = 30

[[relay]]
board = "io"
number = 1
chargers = ["bay-3"]

[[window]]
"""


def with_board(tmp_path: Path, *changes: tuple[str, str]) -> sitefile.Examined:
    """Look at the good file with an I/O board in it, changed."""
    text = GOOD.read_text().replace("../vectors", str(GOOD.parent.parent / "vectors"))
    board = BOARD
    for old, new in changes:
        assert board.count(old) == 1
        board = board.replace(old, new)
    path = tmp_path / "site.toml"
    path.write_text(text.replace("[[window]]", board, 1))
    return sitefile.examine(path)


def test_a_board_and_what_its_relays_guard(tmp_path):
    site = with_board(tmp_path, ('chargers = ["bay-3"]', 'nodes = ["main"]')).site
    (board,) = site.boards
    assert (board.timeout_ms, board.limit_node, board.limit_ma) == (5_000, "main", 30_000)
    (relay,) = board.relays
    assert relay.chargers == tuple(c.id for c in site.chargers)  # all below the node that it breaks
    assert (relay.bit, relay.falls_to_ma, relay.blind) == (1, 0, ())


def test_a_charger_that_a_board_guards_counts_with_what_the_open_relay_leaves(tmp_path, monkeypatch):
    """bay-3 without supervision counts with its 16 A; behind a relay with 0, or with the 6 A it leaves."""

    def load(name):
        table = library_load(name)
        blind = name == "heidelberg_energy_control"
        return replace(table, supervision=Supervision("none")) if blind else table

    library_load = library.load
    monkeypatch.setattr(library, "load", load)
    alone = broken(tmp_path).proof[0].fallback_ma[0]
    stopped = with_board(tmp_path)
    limited = with_board(tmp_path, ("number = 1", "number = 1\nfalls_to_a = 6"))
    assert stopped.proof[0].fallback_ma[0] == alone - 16_000
    assert limited.proof[0].fallback_ma[0] == alone - 10_000
    assert stopped.site.boards[0].relays[0].blind == ("bay-3",)


@pytest.mark.parametrize(
    ("old", "new", "tells"),
    [
        ('"depot_io_board"', '"janitza_umg604"', "is a meter, expected a board"),
        ('line = "rs485"', 'tcp = "h:502"', "depot_io_board has no Modbus tcp"),
        ("limit_a = 30", "", "limit_a: missing"),
        ('limit_node = "main"', 'limit_node = "mian"', "there is no [[node]]"),
        ('board = "io"', 'board = "oi"', "there is no [[board]]"),
        ('["bay-3"]', '["bay-9"]', "there is no [[charger]]"),
        ("number = 1", "number = 5", "a whole number from 1 to 4"),
        ("number = 1", "number = 1\nfalls_to_a = 3", "expected 0, or from 6 A"),
        ('chargers = ["bay-3"]', "", "guards no charger"),
        ('chargers = ["bay-3"]', 'nodes = ["main"]\nfalls_to_a = 6', "a relay that breaks a node"),
        ("[[window]]", '[[relay]]\nboard = "io"\nnumber = 1\nchargers = ["bay-1"]\n[[window]]', "already"),
        ("[[window]]", '[[relay]]\nboard = "io"\nnumber = 2\nchargers = ["bay-3"]\n[[window]]', "already"),
    ],
)
def test_a_slip_at_a_board_refuses_the_site(tmp_path, old, new, tells):
    examined = with_board(tmp_path, (old, new))
    assert examined.site is None
    assert any(tells in str(problem) for problem in examined.problems), examined.problems


def test_a_secret_that_others_can_read_is_noted(tmp_path):
    secret = tmp_path / "utility.pass"
    secret.write_text("secret")
    secret.chmod(0o644)
    (note,) = broken(tmp_path).notes
    assert str(note).endswith(f"others can read {secret}: chmod 600")
    secret.chmod(0o600)
    assert broken(tmp_path).notes == []


def test_a_phasor_node_is_noted_for_what_it_does_not_do(tmp_path):
    notes = broken(tmp_path, ("limit_kw = 43", 'limit_kw = 43\ndelta = "phasor"')).notes
    assert any("delta" in str(n) and "the daemon adds magnitudes all the same" in str(n) for n in notes)
    notes = broken(tmp_path, ('meter = "meter-a"', 'delta = "phasor"')).notes
    assert not any("delta" in str(n) for n in notes)


def test_above_a_delta_wye_transformer_nothing_is_measured_and_nothing_else_connected(tmp_path):
    said = "\n".join(map(str, broken(tmp_path, ("limit_kw = 43", 'delta = "delta-wye"')).problems))
    assert "meter" in said and "below the transformer" in said
    assert "other_max_a" in said and "nothing else may be connected" in said


def test_a_charger_is_set_in_the_steps_of_its_family(tmp_path):
    steps = {c.driver: c.step_ma for c in sitefile.load(GOOD).chargers}
    for driver, step_ma in steps.items():
        control = library.load(driver).control
        assert step_ma == max(100, control.step_ma), driver


def test_a_site_needs_no_broker_and_no_window(tmp_path):
    path = tmp_path / "site.toml"
    text = GOOD.read_text().replace("../vectors", str(GOOD.parent.parent / "vectors"))
    path.write_text(text.partition("[[window]]")[0])
    site = sitefile.load(path)
    assert (site.utility, site.network, site.windows) == (None, None, ())


def test_the_guide_shows_a_site_that_may_run(tmp_path):
    guide = (GOOD.parent.parent.parent / "docs/site-file.md").read_text()
    path = tmp_path / "site.toml"
    path.write_text(guide.split("```toml\n")[1].split("```")[0].replace('tariff = "pge_bev_2_s.toml"\n', ""))
    assert [charger.id for charger in sitefile.load(path).chargers] == ["bay-1"]


@pytest.mark.parametrize("written", ["2026-03-01", '"2026-03-01"'])
def test_a_day_is_a_day_with_or_without_quotes(tmp_path, written):
    found = broken(tmp_path, ('id = "bay-1"\n', f'id = "bay-1"\ncommissioned = {written}\n'))
    assert [c.commissioned for c in found.site.chargers if c.id == "bay-1"] == ["2026-03-01"]


@pytest.mark.parametrize("written", ['"March"', "2026-03-01T10:00:00", "20260301", '"2026-02-30"'])
def test_what_is_no_day_is_told(tmp_path, written):
    found = broken(tmp_path, ('id = "bay-1"\n', f'id = "bay-1"\ncommissioned = {written}\n'))
    assert "expected a day such as 2026-03-01" in str(found.problems[0])


# --- vehicles that give back ---------------------------------------------------------------------------

BAY_4 = """
[[charger]]
id = "bay-4"
node = "main"
driver = "wallbox_quasar"
tcp = "192.168.1.44"
unit = 1
phases = "L1"
min_a = 7
max_a = 32
fallback_a = 0
valid_for_s = 20
discharge_a = 16

[[window]]
charger = "bay-4"
from = "17:00"
ready_by = "06:00"
need_kwh = 20
soc = 80
battery_kwh = 40
discharge = true
keep_soc = 37.5
cycle_per_kwh = 0.05

[[line]]"""


def giving(tmp_path: Path, *changes: tuple[str, str]) -> sitefile.Examined:
    text = BAY_4
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return broken(tmp_path, ("[[line]]", text), ('name = "North depot"', 'name = "N"\nexport_kw = 1.5'))


def test_a_vehicle_may_give_back_where_charger_window_and_site_say_so(tmp_path: Path):
    site = giving(tmp_path).site
    assert site is not None and site.export_w == 1_500
    assert next(c for c in site.chargers if c.id == "bay-4").discharge_ma == 16_000
    window = next(w for w in site.windows if w.charger == "bay-4")
    assert (window.discharge, window.soc_pm, window.battery_wh) == (True, 800, 40_000)
    assert (window.keep_pm, window.cycle_micro) == (375, 50_000)


def test_nothing_may_give_back_unless_somebody_says_so():
    site = sitefile.load(GOOD)
    assert (site.export_w, {c.discharge_ma for c in site.chargers}) == (0, {0})
    assert not any(w.discharge for w in site.windows)


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        ('driver = "wallbox_quasar"', 'driver = "alfen_eve"', "discharge_a", "alfen_eve cannot discharge"),
        (
            "discharge_a = 16",
            "discharge_a = 33",
            "discharge_a",
            "33 A: wallbox_quasar takes from 7 A to 32 A",
        ),
        ("discharge_a = 16", "discharge_a = 6", "discharge_a", "6 A: wallbox_quasar takes from 7 A to 32 A"),
        ("valid_for_s = 20\n", "", "discharge_a", "expected valid_for_s, up to 60"),
        ("valid_for_s = 20", "valid_for_s = 61", "discharge_a", "expected valid_for_s, up to 60"),
        ("discharge_a = 16\n", "", "discharge", "bay-4 has no discharge_a"),
        ("keep_soc = 37.5\n", "", "discharge", "expected keep_soc as well"),
        ("battery_kwh = 40\n", "", "battery_kwh", "expected an energy in kWh"),
        ("keep_soc = 37.5", "keep_soc = 101", "keep_soc", "a percentage from 0 to 100"),
        ("cycle_per_kwh = 0.05", "cycle_per_kwh = -1", "cycle_per_kwh", "a number from 0 to 1000"),
        (
            'driver = "wallbox_quasar"',
            'driver = "sigenergy_evdc"',
            "discharge_a",
            "goes on discharging while we",
        ),
    ],
)
def test_what_is_wrong_with_giving_back_is_said(tmp_path: Path, old: str, new: str, key: str, words: str):
    problems = giving(tmp_path, (old, new)).problems
    assert any(p.key == key and words in str(p) for p in problems), [str(p) for p in problems]


def test_a_breaker_does_not_mind_the_direction(tmp_path: Path):
    """40 A may flow back through 63 A of panel A, and not through 32 A."""
    change = ('node = "main"\ndriver = "wallbox_quasar"', 'node = "panel-a"\ndriver = "wallbox_quasar"')
    assert giving(tmp_path, change).site is not None
    text = GOOD.read_text()
    assert "limit_a = [63, 63, 62.5]" in text
    small = broken(
        tmp_path,
        ("[[line]]", BAY_4.replace(*change)),
        ("limit_a = [63, 63, 62.5]", "limit_a = [15, 63, 62.5]"),
    )
    assert any("may give back 16 A, more than its 15 A" in str(p) for p in small.problems)
