"""Reads a port policy of a site's own, in place of the one in model/portpolicy.py.

    load(path) -> PortPolicy            raises PolicyRefused: file, key, what was found, what was expected
    written(policy) -> str              the policy as such a file; docs/uptime.md shows the default's

What the file leaves out is as in the default; rules are all of the file's, or all of the default's.
"""

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec

from edge.model.exclusion import UTILITY, VEHICLE
from edge.model.portpolicy import DEFAULT, SEEN, PortPolicy, PortRule
from edge.model.units import SECOND_MS

# What a gateway can see by itself.  Everything else is entered by people, with evidence: it would be excluded
# here without anybody having announced or seen it.
PROVABLE = (UTILITY, VEHICLE)


class PolicyRefused(Exception):
    """The file cannot be read or is no port policy.  The text names file and key."""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file as it is written."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    rule: tuple[PortRule, ...] = DEFAULT.rules
    down_codes: tuple[str, ...] = DEFAULT.down_codes
    vehicle_codes: tuple[str, ...] = DEFAULT.vehicle_codes
    flap_s: Annotated[int, msgspec.Meta(ge=0, le=300)] = DEFAULT.flap_ms // SECOND_MS
    failed_starts: Annotated[int, msgspec.Meta(ge=1, le=100)] = DEFAULT.failed_starts


def load(path: Path | str) -> PortPolicy:
    """Return the policy of a file.  Raises PolicyRefused."""
    where = Path(path)
    try:
        found = msgspec.convert(tomllib.loads(where.read_text(encoding="utf-8")), _File)
    except FileNotFoundError:
        raise PolicyRefused(f"{where}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyRefused(f"{where}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise PolicyRefused(f"{where}: not TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise PolicyRefused(f"{where}: {error}") from None
    _check(where, found)
    return PortPolicy(
        name=found.name,
        rules=found.rule,
        down_codes=found.down_codes,
        vehicle_codes=found.vehicle_codes,
        flap_ms=found.flap_s * SECOND_MS,
        failed_starts=found.failed_starts,
    )


def _check(where: Path, found: _File) -> None:
    for number, rule in enumerate(found.rule, start=1):
        if rule.excluded and rule.excluded not in PROVABLE:
            raise PolicyRefused(
                f'{where}: [[rule]] number {number}: excluded = "{rule.excluded}": expected one of '
                + ", ".join(f'"{reason}"' for reason in PROVABLE)
            )
        if rule.excluded and rule.state != "down":
            raise PolicyRefused(f"{where}: [[rule]] number {number}: excluded: only what is down can be")
    seen: list[str] = [rule.seen for rule in found.rule]
    for word in SEEN:
        if seen.count(word) != 1:
            raise PolicyRefused(
                f'{where}: [[rule]]: "{word}" is seen {seen.count(word)} times; expected once'
            )


def written(policy: PortPolicy) -> str:
    """Return a policy as a file."""

    def texts(values: tuple[str, ...]) -> str:
        return "[" + ", ".join(f'"{value}"' for value in values) + "]"

    lines = [
        f'name = "{policy.name}"',
        f"flap_s = {policy.flap_ms // SECOND_MS}",
        f"failed_starts = {policy.failed_starts}",
        f"down_codes = {texts(policy.down_codes)}",
        f"vehicle_codes = {texts(policy.vehicle_codes)}",
    ]
    for rule in policy.rules:
        lines += [
            "",
            "[[rule]]",
            f'seen = "{rule.seen}"',
            f'state = "{rule.state}"',
            f'cause = "{rule.cause}"',
        ]
        lines += [f'excluded = "{rule.excluded}"'] if rule.excluded else []
    return "\n".join(lines) + "\n"
