"""The page's look: light, dark, or as the device has it.  The door (access.py) sets it for every request."""

from contextvars import ContextVar

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "depot_theme"

_worn: ContextVar[str] = ContextVar("worn", default=THEMES[0])


def theme() -> str:
    """Return the look that is wished for."""
    return _worn.get()


def wear(wish: str) -> None:
    """Take a look from here on, in this task; another word than those of THEMES is the device's own."""
    _worn.set(wish if wish in THEMES else THEMES[0])
