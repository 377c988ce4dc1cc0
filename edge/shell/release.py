"""Which release this is."""

from importlib.metadata import PackageNotFoundError, version


def release() -> str:
    """Return the version of this release, "?" where it was not installed."""
    try:
        return version("depot-edge")
    except PackageNotFoundError:
        return "?"
