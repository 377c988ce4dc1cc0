"""Firmware images of the I/O board: a zip file that is believed only if a trusted key has signed it.

    firmware.zip
      manifest.json      what it is for, its version, size and SHA-256 of every file
      manifest.sig       Ed25519 over the bytes of manifest.json
      main.py …          the files

Rule 1: nothing of an image is used before its signature has been verified over the manifest, and every file
        against the manifest; a file that the manifest does not name is a reason to refuse, as is one missing.
Rule 2: the private key is where images are made, never on a gateway.  Gateways hold public keys.
"""

import base64
import hashlib
import io
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

PRODUCT = "failsafe-io-4"
FORMAT = 1
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"

# A board has 1.4 MB for files; what is bigger is no image of it.
IMAGE_MAX, FILE_MAX = 2_000_000, 200_000

# The order in which the board hashes its modules, which is FILES of board/main.py.
_FILES = re.compile(r"^FILES = \((.*?)\)", re.DOTALL | re.MULTILINE)
_VERSION = re.compile(r'^VERSION = "([0-9]+\.[0-9]+\.[0-9]+)"', re.MULTILINE)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}\.(py|mpy)")


class BadImage(Exception):
    """An image that is not to be flashed: which file, what, and what was expected."""


class NoLibrary(Exception):
    """The library that this needs is not installed."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of an image.  sha256: in hexadecimal digits."""

    name: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an image is.  port: the hardware (pins_<port>).  hash: as the board tells it in its registers."""

    format: int
    product: str
    port: str
    version: str
    hash: str
    files: tuple[Entry, ...]


@dataclass(frozen=True)
class Image:
    """An image that has been verified.  signed: manifest and signature as they came; signer: of the key."""

    manifest: Manifest
    files: dict[str, bytes]
    signed: tuple[bytes, bytes]
    signer: str


def version_of(text: str) -> tuple[int, ...]:
    """Return a version as numbers, to be compared."""
    return tuple(int(part) for part in text.split("."))


def fingerprint(files: dict[str, bytes], order: list[str]) -> str:
    """Return the hash that the board tells: of its modules in their order.  Source: board/registers.md."""
    digest = hashlib.sha256()
    for module in order:
        for name in (f"{module}.mpy", f"{module}.py"):
            if name in files:
                digest.update(name.encode() + b"\0" + len(files[name]).to_bytes(4, "big") + files[name])
                break
    return digest.hexdigest()[:16]


def pack(folder: Path, port: str, private_key: Path, password: bytes | None = None) -> bytes:
    """Make a signed image of the firmware in a folder.

    Raises BadImage where the folder is not the firmware, ValueError and OSError for the key.
    """
    try:
        main = (folder / "main.py").read_text(encoding="utf-8")
        points = (folder / "points.py").read_text(encoding="utf-8")
    except OSError as error:
        raise BadImage(f"{folder}: expected the board's firmware: {error}") from None
    listed, version = _FILES.search(main), _VERSION.search(points)
    if listed is None or version is None:
        raise BadImage(f"{folder}: expected FILES in main.py and VERSION in points.py")
    order = re.findall(r'"([a-z0-9_]+)"', listed[1])
    files = {}
    for module in order:
        path = folder / f"{module}.py"
        if not path.is_file():
            raise BadImage(f"{path}: is missing, and main.py names it")
        files[path.name] = path.read_bytes()
    if f"pins_{port}.py" not in files:
        raise BadImage(f"{folder}: there is no pins_{port}.py for the port {port}")
    entries = tuple(Entry(n, len(d), hashlib.sha256(d).hexdigest()) for n, d in files.items())
    manifest = Manifest(FORMAT, PRODUCT, port, version[1], fingerprint(files, order), entries)
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    signature = _load_private(private_key, password).sign(text)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in ((MANIFEST, text), (SIGNATURE, signature), *files.items()):
            archive.writestr(zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0)), data)  # the same every time
    return out.getvalue()


def read(path: Path, trusted: list[Path]) -> Image:
    """Return an image that a trusted key has signed and that is whole.  Raises BadImage, OSError."""
    if path.stat().st_size > IMAGE_MAX:
        raise BadImage(f"{path}: is larger than any image of a board")
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            if any(info.file_size > FILE_MAX for info in infos):
                raise BadImage(f"{path}: holds a file that is larger than {FILE_MAX} bytes")
            names = [info.filename for info in infos]
            if len(set(names)) != len(names):
                raise BadImage(f"{path}: holds a file twice")
            content = {name: archive.read(name) for name in names}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise BadImage(f"{path}: is no firmware image: {error}") from None
    text, signature = content.pop(MANIFEST, None), content.pop(SIGNATURE, None)
    if text is None or signature is None:
        raise BadImage(f"{path}: is not signed: expected {MANIFEST} and {SIGNATURE}")
    signer = signed_by(text, signature, trusted)
    if signer is None:
        keys = ", ".join(str(key) for key in trusted) or "no key at all"
        raise BadImage(f"{path}: is not signed by a trusted key; trusted: {keys}")
    manifest = parsed(path, text)
    _whole(path, manifest, content)
    return Image(manifest, content, (text, signature), signer)


def signed_by(text: bytes, signature: bytes, trusted: list[Path]) -> str | None:
    """Return the name of the trusted key that has signed a text, None if none has.

    Raises BadImage for a key that is none, OSError.
    """
    serialization, invalid = _library()
    for path in trusted:
        try:
            key = serialization.load_pem_public_key(path.read_bytes())
        except ValueError:
            raise BadImage(f"{path}: is no public key in PEM") from None
        if type(key).__name__ != "Ed25519PublicKey":
            raise BadImage(f"{path}: is no Ed25519 key")
        try:
            key.verify(signature, text)
        except invalid:
            continue
        return path.stem
    return None


def parsed(path: Path, text: bytes) -> Manifest:
    """Return a manifest, whoever may have signed it.  path: for messages.  Raises BadImage."""
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
    except msgspec.DecodeError as error:
        raise BadImage(f"{path}: {MANIFEST}: {error}") from None
    if manifest.format != FORMAT:
        raise BadImage(f"{path}: is of format {manifest.format}, expected {FORMAT}: depot is older than it")
    if manifest.product != PRODUCT:
        raise BadImage(f"{path}: is for {manifest.product!r}, expected {PRODUCT!r}")
    return manifest


def _whole(path: Path, manifest: Manifest, content: dict[str, bytes]) -> None:
    """Refuse an image whose files are not exactly those of its manifest."""
    named = {entry.name: entry for entry in manifest.files}
    for name in sorted(named.keys() | content.keys()):
        if not _NAME.fullmatch(name):
            raise BadImage(f"{path}: {name!r} is no name of a firmware file")
        if name not in named:
            raise BadImage(f"{path}: {name} is not in the signed list")
        if name not in content:
            raise BadImage(f"{path}: {name} is missing")
        entry = named[name]
        data = content[name]
        if len(data) != entry.size or hashlib.sha256(data).hexdigest() != entry.sha256:
            raise BadImage(f"{path}: {name} is not as it was signed")
    if "main.py" not in content:
        raise BadImage(f"{path}: has no main.py: the board would start nothing")


def _library() -> tuple[Any, Any]:
    try:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - only images need it
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    except ImportError:
        raise NoLibrary("expected the package cryptography: pip install 'depot-edge[board]'") from None
    return serialization, InvalidSignature


def _load_private(path: Path, password: bytes | None) -> Any:
    """Return a private key.  Raises ValueError in words, OSError."""
    serialization, _ = _library()
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: is no private key in PEM that can be read: {error}") from None
    if type(key).__name__ != "Ed25519PrivateKey":
        raise ValueError(f"{path}: expected an Ed25519 key: openssl genpkey -algorithm ed25519")
    return key


def as_text(signed: tuple[bytes, bytes]) -> bytes:
    """Return manifest and signature as the one file that stays on the board."""
    text, signature = signed
    return base64.b64encode(signature) + b"\n" + text


def of_text(data: bytes) -> tuple[bytes, bytes]:
    """Return manifest and signature of as_text().  Raises ValueError."""
    first, _, text = data.partition(b"\n")
    return text, base64.b64decode(first, validate=True)
