"""The device tables that there are: the product's own, and those that an operator has added.

The only file of drivers/ that touches the file system.  A table in a directory of the operator's
replaces the product's table of the same name.
"""

from functools import cache
from pathlib import Path

from drivers.parse import table
from drivers.table import BadTable, Table

HERE = Path(__file__).parent / "devices"


class UnknownDriver(Exception):
    """There is no table of this name.  The message lists close ones."""


def names(extra: tuple[Path, ...] = ()) -> list[str]:
    """List the families, in alphabetic order.  extra: directories with further tables."""
    return sorted({path.stem for folder in (HERE, *extra) for path in folder.glob("*.toml")})


def load(name: str, extra: tuple[Path, ...] = ()) -> Table:
    """Load a table by the name of its file.  Raises UnknownDriver, BadTable."""
    for folder in (*reversed(extra), HERE):
        path = folder / f"{name}.toml"
        if path.is_file() and "/" not in name:
            return _load(path, path.stat().st_mtime_ns)
    stem = name.partition("_")[0]
    close = [other for other in names(extra) if stem and stem in other] or names(extra)
    raise UnknownDriver(f"there is no driver {name!r}; there are: {', '.join(close)}")


@cache
def _load(path: Path, _changed: int) -> Table:
    try:
        return table(path.stem, path.read_text("utf-8"))
    except UnicodeDecodeError as error:
        raise BadTable(path.name, "", f"is not UTF-8: {error}") from None


def load_all(extra: tuple[Path, ...] = ()) -> dict[str, Table]:
    """Load every table, by name.  Raises BadTable at the first that is wrong."""
    return {name: load(name, extra) for name in names(extra)}
