"""Where the I/O board's firmware lies: beside the sources, or in an installed package (setup.py)."""

from pathlib import Path

_EDGE = Path(__file__).resolve().parents[1]
_SOURCES = _EDGE.parent / "board"

FIRMWARE = _SOURCES if (_SOURCES / "host" / "run.py").is_file() else _EDGE / "firmware"
