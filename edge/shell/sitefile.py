"""Reads the installer's site file (TOML) into model.site.Site, or says everything that is wrong.

    load(path) -> Site                     what the daemon calls; raises SiteRefused, SiteUnreadable
    examine(path) -> Examined              what `depot check` prints: site, problems, notes, proof

All problems are found in one go.  Each names the line, the table with its id, the key, what stands
there and what was expected.  A site whose fallback currents do not fit is refused (I4).

Which keys exist is sitewords.py, reading them siteread.py; what concerns more than one of them is
sitecheck.py; the fallback sums are core/fallback.py.  Nothing is guessed or rounded: a figure finer
than 1 mA is refused.
"""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from drivers import library
from edge.core.fallback import NodeProof
from edge.model.site import (
    Address,
    Board,
    Broker,
    Charger,
    HomeAssistant,
    Line,
    Meter,
    Network,
    Node,
    Page,
    Policy,
    Relay,
    Site,
    Token,
    Utility,
    Vtn,
)
from edge.shell import portpolicyfile, sitecheck, sitefleet, sitegrid, siteguard
from edge.shell.siteread import Problem, Rows, read
from edge.shell.sitewords import BROKER_FIELDS, TOKEN_FIELDS, VTN_FIELDS

# Keys that name files; a relative one is relative to the site file.
FILE_KEYS = (
    "tariff", "port_policy", "password_file", "ca_file", "cert_file", "key_file",
    "vtn_ca_file", "vtn_cert_file", "vtn_key_file", "token_secret_file",
)  # fmt: skip


class SiteUnreadable(Exception):
    """The file cannot be opened, or is not TOML."""


class SiteRefused(Exception):
    """The file reads, but it is not a site that may run.  problems: all of them."""

    def __init__(self, path: Path, problems: list[Problem]) -> None:
        self.path, self.problems = path, problems
        lines = "".join(f"\n  {problem}" for problem in problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(f"{path}: {count}{lines}")


@dataclass
class Examined:
    """What a look at a site file found.  site: None while there is a problem.

    notes: what may be right, but should be looked at.  proof: per node; empty until all figures read.
    """

    path: Path
    site: Site | None = None
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    proof: list[NodeProof] = field(default_factory=list)


def load(path: Path | str) -> Site:
    """Return the site of a file.

    Raises SiteUnreadable if there is no such file or it is not TOML; SiteRefused with all problems.
    """
    examined = examine(path)
    if examined.site is None:
        raise SiteRefused(examined.path, examined.problems)
    return examined.site


def examine(path: Path | str) -> Examined:
    """Read a site file and collect all that is wrong.

    Raises SiteUnreadable if there is no such file or it is not TOML.
    """
    return examine_text(_text_of(Path(path)), Path(path))


def examine_text(text: str, path: Path | None) -> Examined:
    """Read the text of a site file that is, or is to be, at a path: files in it are relative to that.

    Raises SiteUnreadable if it is not TOML.
    """
    found = Examined(path or Path("site.toml"))
    folder = found.path.absolute().parent
    try:
        rows = read(text, found.problems)
    except tomllib.TOMLDecodeError as error:
        raise SiteUnreadable(f"{found.path}: not TOML: {error}") from None
    sitecheck.check(rows, folder, found.problems, found.notes)
    if found.problems:
        return found
    site = _build(rows, folder)
    found.proof = sitecheck.prove(site, rows, found.problems)
    if not found.problems:
        found.site = site
    return found


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SiteUnreadable(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SiteUnreadable(f"{path}: cannot be read: {error}") from None


# --- building ---------------------------------------------------------------------------------------


def _build(rows: Rows, folder: Path) -> Site:
    """Put the rows together.  Everything has been checked but the fallback sums."""
    head = _with_files(rows["site"][0].values, folder)
    nodes = _parents_first(rows)
    head.setdefault("name", head["id"])
    if "port_policy" in head:
        head["port_policy"] = portpolicyfile.load(head["port_policy"])
    return Site(
        **head,
        nodes=nodes,
        lines=tuple(Line(**row.values) for row in rows["line"]),
        meters=tuple(Meter(**_with_address(row.values)) for row in rows["meter"]),
        chargers=tuple(_charger(row.values) for row in rows["charger"]),
        boards=_boards(rows),
        windows=sitefleet.windows(rows),
        fleet=sitefleet.fleet(rows),
        default_window=sitefleet.default_window(rows),
        utility=_utility(rows, folder, head["id"]),
        response=sitegrid.response(rows),
        grid_limits=sitegrid.grid_limits(rows, nodes[0].id),
        network=_network(rows, folder, head["id"]),
        home_assistant=_home_assistant(rows, folder, head["id"]),
        page=_page(rows, folder),
        policy=Policy(**(rows["policy"][0].values if rows["policy"] else {})),
    )


def _with_files(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the values with file names made absolute from the site file's folder."""
    return {key: str(folder / value) if key in FILE_KEYS else value for key, value in values.items()}


def _with_address(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with tcp, line and unit gathered as `at`."""
    parts = {key: values[key] for key in ("unit", "tcp", "line") if key in values}
    return {key: value for key, value in values.items() if key not in parts} | {"at": Address(**parts)}


def _parents_first(rows: Rows) -> tuple[Node, ...]:
    """Return the nodes, parents before children, else in the order of the file."""
    left = [Node(**{"parent": None, **row.values}) for row in rows["node"]]
    order: list[Node] = []
    placed: set[str | None] = {None}
    while left:
        ready = [node for node in left if node.parent in placed]
        assert ready, "sitecheck has refused circles"
        order += ready
        placed |= {node.id for node in ready}
        left = [node for node in left if node.id not in placed]
    return tuple(order)


def _charger(values: dict[str, Any]) -> Charger:
    own = values["id"]
    charger = Charger(**_with_address({"port": own, "name": own, **values}))
    return msgspec.structs.replace(charger, step_ma=_step_ma(charger))


def _step_ma(charger: Charger) -> int:
    """Return the steps of a charger's setpoints: its family's, where they are coarser than the core's own."""
    control = library.load(charger.driver).control
    coarse = control is not None and control.step_ma > charger.step_ma
    if control is None or not coarse or charger.min_ma % control.step_ma:
        return charger.step_ma
    return control.step_ma


def _boards(rows: Rows) -> tuple[Board, ...]:
    """Return the boards with their relays; a relay that breaks a node guards the chargers below it."""
    return tuple(
        Board(
            **_with_address(row.values),
            relays=tuple(
                Relay(
                    number=relay.values["number"],
                    chargers=(guarded := siteguard.guarded(rows, relay)),
                    falls_to_ma=relay.values.get("falls_to_ma", 0),
                    blind=tuple(name for name in guarded if not siteguard.supervises(rows, name)),
                )
                for relay in rows["relay"]
                if relay.values["board"] == row.values["id"]
            ),
        )
        for row in rows["board"]
    )


def _broker(values: dict[str, Any], client_id: str) -> Broker:
    own = {key: value for key, value in values.items() if key in BROKER_FIELDS and key != "broker"}
    return Broker(**{"client_id": client_id, **values["broker"], **own})


def _utility(rows: Rows, folder: Path, site_id: str) -> Utility | None:
    for row in rows["utility"]:
        values = _with_files(row.values, folder)
        vtn, token = (
            {field: values[key] for field, key in fields.items() if key in values}
            for fields in (VTN_FIELDS, TOKEN_FIELDS)
        )
        others = BROKER_FIELDS | set(VTN_FIELDS.values()) | set(TOKEN_FIELDS.values())
        own = {key: value for key, value in values.items() if key not in others}
        return Utility(
            broker=_broker(values, f"depot-{site_id}-utility") if "broker" in values else None,
            vtn=Vtn(**vtn) if "url" in vtn else None,
            token=Token(**token) if token else None,
            **{"event_topics": (), "report_topic": "", **own},
        )
    return None


def _page(rows: Rows, folder: Path) -> Page:
    return Page(**(_with_files(rows["page"][0].values, folder) if rows["page"] else {}))


def _network(rows: Rows, folder: Path, site_id: str) -> Network | None:
    for row in rows["network"]:
        values = _with_files(row.values, folder)
        own = {key: value for key, value in values.items() if key not in BROKER_FIELDS}
        return Network(broker=_broker(values, f"depot-{site_id}-network"), **own)
    return None


def _home_assistant(rows: Rows, folder: Path, site_id: str) -> HomeAssistant | None:
    for row in rows["home_assistant"]:
        values = _with_files(row.values, folder)
        own = {key: value for key, value in values.items() if key not in BROKER_FIELDS}
        return HomeAssistant(broker=_broker(values, f"depot-{site_id}-home-assistant"), **own)
    return None
