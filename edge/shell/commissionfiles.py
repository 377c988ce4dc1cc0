"""Protocols of commissioning on the disk: one JSON file a run, in STATE/commissioning.

Written whole after every test (a new file, synced, in place of the old one): power may fail at any byte.
"""

import contextlib
import hashlib
import os
from pathlib import Path

import msgspec

from edge.model.commission import STEPS, Device, Protocol, StepName
from edge.model.site import Board, Charger, Meter, Site
from edge.model.units import PHASE_NAMES, SECOND_MS, amps_text
from edge.shell.release import release

FOLDER = "commissioning"


class NoProtocol(Exception):
    """There is none to go on with; the text is for people."""


def new(site: Site, site_file: Path, who: str, wall_ms: int, steps: tuple[StepName, ...] = STEPS) -> Protocol:
    """Return an empty protocol.  Raises OSError where the site file cannot be read."""
    return Protocol(
        id=f"{site.id}-{wall_ms // SECOND_MS}",
        site_id=site.id,
        site_name=site.name,
        site_hash=hash_of(site_file),
        who=who,
        started_wall_ms=wall_ms,
        release=release(),
        asked=steps,
        devices=listed(site, {}),
    )


def hash_of(site_file: Path) -> str:
    """Return SHA-256 of the site file's bytes, in hex."""
    return hashlib.sha256(site_file.read_bytes()).hexdigest()


def save(state: Path, protocol: Protocol) -> Path:
    """Write a protocol down; return its file.  Raises OSError."""
    folder = state / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{protocol.id}.json"
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(protocol), indent=1))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    return path


def all_of(state: Path, site_id: str) -> list[Protocol]:
    """Return the protocols of a site, the oldest first; files that are none are left out."""
    found = []
    for path in (state / FOLDER).glob("*.json"):
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            found.append(msgspec.json.decode(path.read_bytes(), type=Protocol))
    return sorted((p for p in found if p.site_id == site_id), key=lambda p: p.started_wall_ms)


def to_resume(state: Path, site: Site, site_file: Path) -> Protocol:
    """Return the latest run if it was not ended and the site file is the same.  Raises NoProtocol."""
    runs = all_of(state, site.id)
    if not runs or runs[-1].ended_wall_ms is not None:
        where = state / FOLDER
        raise NoProtocol(f"--resume: no commissioning of {site.id} was broken off ({where})")
    if runs[-1].site_hash != hash_of(site_file):
        raise NoProtocol(f"--resume: {site_file} has changed since {runs[-1].id} began: begin anew")
    return runs[-1]


def before(state: Path, protocol: Protocol) -> Protocol | None:
    """Return the last run of the site that was ended before this one began."""
    runs = [r for r in all_of(state, protocol.site_id) if r.ended_wall_ms is not None]
    earlier = [r for r in runs if r.started_wall_ms < protocol.started_wall_ms]
    return earlier[-1] if earlier else None


def listed(site: Site, identities: dict[str, dict[str, int | str]]) -> list[Device]:
    """Return the devices of a site as a report lists them."""
    found = []
    devices: list[Meter | Charger | Board] = [*site.meters, *site.chargers, *site.boards]
    lines = {line.id: f"{line.port} {line.baud} {line.format}" for line in site.lines}
    for one in devices:
        where = f"{one.at.tcp or lines.get(one.at.line, one.at.line)} unit {one.at.unit}"
        kind, settings = _settings(site, one)
        found.append(
            Device(one.id, kind, one.driver, where, identities.get(one.id, {}), settings)  # type: ignore[arg-type]
        )
    return found


def _settings(site: Site, one: Meter | Charger | Board) -> tuple[str, dict[str, str]]:
    if isinstance(one, Board):
        return "board", {"timeout": f"{one.timeout_ms / SECOND_MS:g} s", "relays": str(len(one.relays))}
    phases = " ".join(PHASE_NAMES[p] for p in one.phases)
    if isinstance(one, Meter):
        nodes = ", ".join(n.id for n in site.nodes if n.meter == one.id)
        return "meter", {"node": nodes or "none", "phases": phases, "ratio": str(one.ratio)}
    words = {"node": one.node, "phases": phases, "min": amps_text(one.min_ma), "max": amps_text(one.max_ma),
             "fallback": amps_text(one.fallback_ma)}  # fmt: skip
    if one.valid_for_ms:
        words["valid for"] = f"{one.valid_for_ms / SECOND_MS:g} s"
    return "charger", words
