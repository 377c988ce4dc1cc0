"""`depot users`: through the daemon, or on the file where none runs; hashes, refusals, audit lines."""

import io
import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from edge.model.role import Role
from edge.shell import passwords
from edge.shell.accounts import Accounts
from edge.shell.answers import DeskError
from edge.shell.passwords import hashed, matches
from edge.shell.statedir import ACCOUNTS, STORE
from edge.shell.store import Store
from tests.shell.test_control import with_daemon

PASSWORD = "seven yellow vans"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "COST", 16)
    monkeypatch.setattr(passwords, "TIMES", 1)


def depot(capsys: Any, monkeypatch: Any, state: Path, *words: str, typed: str = "") -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    code = main(["users", *words, "--state", str(state)])
    out = capsys.readouterr()
    return code, out.out, out.err


def test_accounts_without_a_daemon(tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    Store(tmp_path / STORE).close()

    def do(*words: str, typed: str = "") -> tuple[int, str, str]:
        return depot(capsys, monkeypatch, tmp_path, *words, typed=typed)

    assert do("add", "anna", "--role", "administrator", typed=PASSWORD + "\n")[0] == 0
    assert do("add", "ben", "--role", "fleet", "--no-password")[0] == 0
    assert do("role", "ben", "viewer")[0] == 0
    listed = json.loads(do("list", "--json")[1])
    assert [(u["name"], u["role"], u["has_password"]) for u in listed] == [
        ("anna", "administrator", True),
        ("ben", "viewer", False),
    ]
    text = (tmp_path / ACCOUNTS).read_text()
    assert PASSWORD not in text and stat.S_IMODE((tmp_path / ACCOUNTS).stat().st_mode) == 0o600
    kept = Accounts(tmp_path / ACCOUNTS).account("anna")
    assert kept is not None and matches(PASSWORD, kept.password) and not matches("x", kept.password)
    code, _, said = do("remove", "anna")
    assert code == 2 and "last administrator" in said
    code, _, said = do("add", "carl", "--role", "fleet", typed="short\n")
    assert code == 2 and "password: expected 10 to 200" in said
    code, secret, _ = do("token", "add", "grafana", "--role", "viewer")
    assert (
        code == 0 and secret.startswith("depot_") and secret.strip() not in (tmp_path / ACCOUNTS).read_text()
    )
    assert Accounts(tmp_path / ACCOUNTS).token_of(secret.strip()) is not None
    token = json.loads(do("token", "list", "--json")[1])[0]["id"]
    assert do("token", "revoke", token)[0] == 0
    code, _, said = do("link", "anna")
    assert code == 2 and "running daemon" in said
    with_store = Store(tmp_path / STORE, read_only=True)
    lines = [(line.what, line.outcome) for line in with_store.audit_lines()]
    with_store.close()
    assert (
        "account anna removed",
        "refused: name: anna is the last administrator; make another one first",
    ) in lines
    assert len(lines) == 6


def test_accounts_of_a_daemon_and_a_link(tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    async def story(rig: Any, state: Path) -> None:
        import asyncio  # noqa: PLC0415

        def do(*words: str) -> tuple[int, str, str]:
            return depot(capsys, monkeypatch, state, *words)

        assert (await asyncio.to_thread(do, "add", "demo", "--role", "administrator", "--no-password"))[
            0
        ] == 0
        assert rig.desk.reception.accounts.role("demo") is Role.ADMINISTRATOR
        assert not (state / ACCOUNTS).exists()  # this desk keeps accounts in memory: the daemon did it
        _, link, _ = await asyncio.to_thread(do, "link", "demo", "--url", "http://localhost:9/")
        code = link.strip().removeprefix("http://localhost:9/sign-in?code=")
        session, _ = await rig.desk.reception.sign_in_by_code(code, "127.0.0.1")
        assert session.name == "demo"
        assert (await asyncio.to_thread(do, "link", "nobody"))[0] == 2

    with_daemon(tmp_path, story)


def test_a_damaged_file_closes_the_door(tmp_path: Path) -> None:
    path = tmp_path / ACCOUNTS
    for content in ("", "{", '{"version": 2}', '{"accounts": {"a": {"name": "a", "role": "king"}}}', "[]"):
        path.write_text(content)
        accounts = Accounts(path)
        assert accounts.trouble and not accounts.empty and accounts.users() == []
        with pytest.raises(DeskError):
            accounts.add("mallory", Role.ADMINISTRATOR, hashed(PASSWORD), first=True)
        assert path.read_text() == content


def test_a_hash_carries_its_parameters_and_nothing_else_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    old = hashed(PASSWORD)
    monkeypatch.setattr(passwords, "COST", 32)
    assert matches(PASSWORD, old) and matches(PASSWORD, hashed(PASSWORD)) and hashed("a") != hashed("a")
    for wrong in (
        "",
        "x",
        PASSWORD,
        old[:-4],
        "scrypt$0$8$1$AAAAAAAA$AAAAAAAA",
        "scrypt$16$8$1$====AAAA$AAAAAAAA",
    ):
        assert not matches(PASSWORD, wrong)
