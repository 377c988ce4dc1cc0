"""Read the sections of a device table with errors that name file, section, key and expectation."""

from collections.abc import Callable
from typing import Any, TypeVar

from drivers.table import BadTable

T = TypeVar("T")
_MISSING: Any = object()
_CALLED = {str: "a text", int: "a whole number", bool: "true or false", list: "a list", dict: "a section"}


class Section:
    """A TOML table that is taken apart key by key; what is left over at the end is a mistake."""

    def __init__(self, file: str, name: str, data: Any) -> None:
        self.file, self.name = file, name
        if not isinstance(data, dict):
            raise BadTable(file, name, f"expected a section, found {data!r}")
        self._data = dict(data)

    def bad(self, key: str, reason: str) -> BadTable:
        """Make the error for a key of this section."""
        return BadTable(self.file, self.name, f"{key}: {reason}" if key else reason)

    def take(self, key: str, kind: type[T], default: T = _MISSING) -> T:
        """Take a value of a kind out of the section.  Raises BadTable."""
        if key not in self._data:
            if default is _MISSING:
                raise self.bad(key, f"is missing: expected {_CALLED[kind]}")
            return default
        value = self._data.pop(key)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.bad(key, f"expected {_CALLED[kind]}, found {value!r}")
        return value

    def pick(self, key: str, words: tuple[str, ...], default: str | None = None) -> Any:
        """Take one word of a list of words.  Raises BadTable that lists them."""
        word = self.take(key, str, _MISSING if default is None else default)
        if word not in words:
            raise self.bad(key, f"{word!r} is none of: {' '.join(words)}")
        return word

    def texts(self, key: str) -> tuple[str, ...]:
        """Take a text or a list of texts."""
        value = self._data.pop(key, [])
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
            raise self.bad(key, f"expected texts, found {value!r}")
        return tuple(values)

    def numbers(self, key: str) -> tuple[int, ...]:
        """Take a list of whole numbers."""
        values = self.take(key, list, [])
        if not all(isinstance(v, int) and not isinstance(v, bool) for v in values):
            raise self.bad(key, f"expected whole numbers, found {values!r}")
        return tuple(values)

    def raw(self, key: str) -> Any:
        """Take whatever is there, None if nothing."""
        return self._data.pop(key, None)

    def left(self) -> list[str]:
        """List what nobody has taken yet."""
        return list(self._data)

    def has(self, key: str) -> bool:
        """Say whether the key is still there."""
        return key in self._data

    def read(self, key: str, reader: Callable[[Any], T], value: Any) -> T:
        """Call a reader; a ValueError of it becomes a BadTable of this section and key."""
        try:
            return reader(value)
        except ValueError as error:
            raise self.bad(key, str(error)) from None

    def done(self) -> None:
        """Refuse what nobody took."""
        if self._data:
            raise self.bad(", ".join(self._data), "is not known here")
