"""Reads what people enter of a station (report/station.py) from a TOML file.

load(path) -> Station          raises StationRefused: file, key, what was found, what was expected
"""

import tomllib
from decimal import Decimal
from pathlib import Path

import msgspec

from edge.model.exclusion import REASONS
from edge.report.station import Station


class StationRefused(Exception):
    """The file cannot be read or is no station file.  The text names file and key."""


def load(path: Path | str) -> Station:
    """Return the station of a file.  Raises StationRefused."""
    where = Path(path)
    try:
        text = where.read_text(encoding="utf-8")
        station = msgspec.convert(tomllib.loads(text, parse_float=Decimal), Station)
    except FileNotFoundError:
        raise StationRefused(f"{where}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise StationRefused(f"{where}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise StationRefused(f"{where}: not TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise StationRefused(f"{where}: {error}") from None
    for reason, number in station.excluded_outage_reason.items():
        if reason not in REASONS or not 1 <= number <= 6:
            raise StationRefused(
                f"{where}: excluded_outage_reason: {reason} = {number}: "
                "expected a number from 1 to 6 for one of " + ", ".join(REASONS)
            )
    ports = [port.id for port in station.ports]
    for port in ports:
        if ports.count(port) > 1:
            raise StationRefused(f"{where}: ports: {port} stands there {ports.count(port)} times")
    return station
