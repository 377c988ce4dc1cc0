"""Drivers and vehicles by pseudonym: HMAC-SHA256 with a key that never leaves the gateway.

    names = Pseudonyms(state / PSEUDONYM_KEY)
    site = names.naming(site)
    masters = buses.build(site, names.hiding(say), clock)

What a charger has read of a vehicle (EVCCID, MAC) or a driver (RFID, token) is replaced before anything else
sees it: core, store, flight recorder, page and network know the pseudonym only.  The same vehicle has the
same pseudonym, so that sessions can be told apart and starts that fail be laid to a vehicle or a port.

Rule 1: the key is made once, 32 random bytes, mode 0600.  Who deletes it makes everybody a stranger; who has
        it can find out whether a known card is a pseudonym, and so it is in no backup that leaves the site.
Rule 2: without a key that can be read or written, names are dropped, not kept in the clear.
"""

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from edge.model.flow import AnyEvent, Reading
from edge.model.site import Site

KEY_BYTES = 32

# 16 hexadecimal digits: a fleet of a million has two alike with a chance of 3 in 100 millions.
DIGITS = 16

# The quantities that name somebody, and what their pseudonyms begin with.
NAMES = {"vehicle_id": "v-", "tag": "d-"}
PREFIXES = {**NAMES, "site": "s-"}
ONE_OF_OURS = re.compile(rf"[dv]-[0-9a-f]{{{DIGITS}}}")


class Pseudonyms:
    """The key of a gateway.  trouble: why there is none, "" if there is one."""

    def __init__(self, path: Path) -> None:
        self.trouble = ""
        self._key = b""
        try:
            self._key = _key(path)
        except OSError as error:
            self.trouble = f"{path}: {error.strerror or error}; vehicles and drivers are not recorded"

    def of(self, kind: str, name: str) -> str:
        """Return the pseudonym of a name; "" of no name, and where there is no key."""
        name = plain(name) if kind in NAMES else name
        if not name or not self._key:
            return ""
        digest = hmac.new(self._key, f"{kind}:{name}".encode(), hashlib.sha256).hexdigest()
        return PREFIXES[kind] + digest[:DIGITS]

    def naming(self, site: Site) -> Site:
        """Return a site whose vehicles are known by pseudonyms alone.

        An id of the site file may be an EVCCID, a card's number, or what we have shown of either.
        """
        fleet = tuple(replace(v, ids=tuple(p for id_ in v.ids for p in self._each(id_))) for v in site.fleet)
        return replace(site, fleet=fleet)

    def _each(self, id_: str) -> list[str]:
        if ONE_OF_OURS.fullmatch(id_):
            return [id_]
        return [name for kind in NAMES if (name := self.of(kind, id_))]

    def hiding(self, say: Callable[[AnyEvent], None]) -> Callable[[AnyEvent], None]:
        """Return `say`, with every name in a reading replaced before it is said."""

        def hidden(event: AnyEvent) -> None:
            if isinstance(event, Reading) and not NAMES.keys().isdisjoint(event.values):
                names = {
                    kind: self.of(kind, str(event.values[kind])) for kind in NAMES if kind in event.values
                }
                event = replace(event, values={**event.values, **names})
            say(event)

        return hidden


def plain(name: str) -> str:
    """Return a name without what chargers and people write differently: "04:A2:B3" and "04a2b3" are one.

    "" of one that is nobody's: a register of zeros, or of blanks.
    """
    bare = "".join(c for c in name.lower() if c.isalnum())
    return bare if bare.strip("0") else ""


def _key(path: Path) -> bytes:
    """Return the key, made now where there is none.  Raises OSError."""
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        key = secrets.token_bytes(KEY_BYTES)
        made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(made, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
    if len(key) != KEY_BYTES:
        raise OSError(f"expected {KEY_BYTES} bytes, found {len(key)}")
    return key
