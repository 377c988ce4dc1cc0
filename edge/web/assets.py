"""The page's own files: every file in edge/web/static, with an address that changes with its content."""

import hashlib
import mimetypes
from importlib.resources import files

import msgspec


class Asset(msgspec.Struct, frozen=True):
    """A file of the page.  address: changes with its content, so that it may be kept for ever."""

    content: bytes
    media_type: str
    tag: str
    address: str


def assets() -> dict[str, Asset]:
    """Return the page's files by name."""
    found = {}
    for file in sorted((files("edge.web") / "static").iterdir(), key=lambda f: f.name):
        if not file.is_file():
            continue
        content = file.read_bytes()
        tag = hashlib.sha256(content).hexdigest()[:16]
        media_type = mimetypes.guess_type(file.name)[0] or "text/plain"
        found[file.name] = Asset(content, media_type, f'"{tag}"', f"/static/{file.name}?v={tag}")
    return found
