"""Passwords: hashed by scrypt, checked in the same time whether they are right, wrong or of nobody.

    hashed("long enough words") -> "scrypt$16384$8$5$<salt>$<hash>"
    matches("long enough words", kept) -> bool

Rule 1: a hash carries its parameters, so that they can be raised and old ones still be checked.
Rule 2: a hash that is not one of ours matches nothing ("" is an account that has no password).

Source: RFC 7914 (scrypt); parameters as OWASP's Password Storage Cheat Sheet lists them for 16 MiB.
"""

import hashlib
import hmac
import re
import secrets
from base64 import b64decode, b64encode

from edge.shell.answers import DeskError

# N, r, p: 128 * N * r = 16 MiB, five times over; about 0.2 s on a desk machine and 0.8 s on a Raspberry Pi 4.
COST, BLOCK, TIMES = 2**14, 8, 5

SALT_BYTES, HASH_BYTES = 16, 32
MEMORY_MAX = 64 * 1024 * 1024

# Source: NIST SP 800-63B, 5.1.1.2: length matters, rules of composition do not; 8 at the least.
SHORTEST, LONGEST = 10, 200
DIFFERENT_MIN = 5

HASH = re.compile(r"scrypt\$(\d{1,7})\$(\d{1,2})\$(\d{1,2})\$([A-Za-z0-9+/=]{8,64})\$([A-Za-z0-9+/=]{8,128})")


def hashed(password: str) -> str:
    """Return what is kept of a password.  Blocks for a moment, and lets other threads run."""
    salt = secrets.token_bytes(SALT_BYTES)
    found = _scrypt(password, salt, COST, BLOCK, TIMES)
    return f"scrypt${COST}${BLOCK}${TIMES}${b64encode(salt).decode()}${b64encode(found).decode()}"


def matches(password: str, kept: str) -> bool:
    """Tell whether a password is the one of a hash.  Takes as long where there is no hash."""
    found = HASH.fullmatch(kept)
    if found is None:
        _scrypt(password, bytes(SALT_BYTES), COST, BLOCK, TIMES)
        return False
    cost, block, times = int(found[1]), int(found[2]), int(found[3])
    try:
        salt, wanted = b64decode(found[4]), b64decode(found[5])
        return hmac.compare_digest(_scrypt(password, salt, cost, block, times), wanted)
    except ValueError:  # damaged by hand: matches nothing
        return False


def is_hash(text: str) -> bool:
    """Tell whether a text is a hash of ours."""
    return HASH.fullmatch(text) is not None


def good(password: str, name: str) -> str:
    """Return a password that may be set.  Raises DeskError that says what was expected."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise DeskError(f"password: expected {SHORTEST} to {LONGEST} characters; a few words make a good one")
    if len(set(password)) < DIFFERENT_MIN or (name and name.lower() in password.lower()):
        raise DeskError(
            f"password: expected {DIFFERENT_MIN} different characters at least, and not the account's name"
        )
    return password


def _scrypt(password: str, salt: bytes, cost: int, block: int, times: int) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"),
        salt=salt, n=cost, r=block, p=times, dklen=HASH_BYTES, maxmem=MEMORY_MAX,
    )  # fmt: skip
