"""Each test of the receiver's database runs with SQLite and with PostgreSQL."""

import importlib.util
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.postgres import binaries, postgres

_names = itertools.count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL server."""
    if binaries() is None or importlib.util.find_spec("psycopg") is None:
        pytest.skip(
            "PostgreSQL or its driver is not installed (apt install postgresql; pip: psycopg[binary])"
        )
    with postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'network.db'}"
    import psycopg  # noqa: PLC0415  only where it is there

    server = request.getfixturevalue("postgres_server")
    name = f"test_{next(_names)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server.rpartition('/')[0]}/{name}"
