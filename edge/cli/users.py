"""`depot users`: who may sign in at the page, and the tokens of programs."""

import argparse
import getpass
import os
import pwd
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from edge.cli import CallError, asking
from edge.cli.helptext import Help
from edge.model.role import GIVEN
from edge.shell import control
from edge.shell.answers import DeskError, TokenStatus, UserStatus
from edge.shell.controlusers import (
    AskReception,
    AskSignInCode,
    AskTokenAdd,
    AskTokenRevoke,
    AskTokens,
    AskUserAdd,
    AskUserPassword,
    AskUserRemove,
    AskUserRole,
    AskUsers,
)
from edge.shell.passwords import good, hashed
from edge.shell.reception import Reception
from edge.shell.statedir import ACCOUNTS, STORE
from edge.shell.store import Store
from edge.shell.storefile import StoreTrouble

EPILOG = """examples:
  depot users list
  depot users add anna --role fleet               asks for the password
  depot users add anna --role fleet --stdin < file
  depot users password anna
  depot users role anna electrician
  depot users link anna                           a link that signs in once, within ten minutes
  depot users remove anna
  depot users token add grafana --role viewer     prints the secret, this once
  depot users token list
  depot users token revoke 1f2e3d4c

Roles: viewer (look), fleet (charge windows, events, outages), electrician (devices, settings, commissioning),
administrator (accounts).  Each may all that those before it may.  Works while no daemon runs, too, for
whoever may write its state directory.
"""

ROLES = tuple(role.word for role in GIVEN)
URL = "http://localhost:8080"

T = TypeVar("T")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.epilog = EPILOG
    doing = parser.add_subparsers(
        dest="doing", metavar="list|add|password|role|link|remove|token", required=True
    )
    alike: dict[str, Any] = {"epilog": EPILOG, "formatter_class": Help}

    def command(name: str, says: str, within: Any = doing) -> argparse.ArgumentParser:
        found: argparse.ArgumentParser = within.add_parser(name, help=says, **alike)
        return found

    listed = command("list", "all accounts")
    add = command("add", "add an account")
    password = command("password", "set an account's password; its sessions end")
    role = command("role", "set an account's role; its sessions end")
    link = command("link", "a link that signs an account in once")
    remove = command("remove", "remove an account; its sessions end")
    token = command("token", "tokens of programs")
    of_tokens = token.add_subparsers(dest="token", metavar="list|add|revoke", required=True)
    token_list = command("list", "all tokens", of_tokens)
    token_add = command("add", "make a token; its secret is printed this once", of_tokens)
    token_revoke = command("revoke", "revoke a token", of_tokens)

    for each in (add, password, role, link, remove, token_add):
        each.add_argument("name", metavar="NAME")
    for each in (add, token_add):
        each.add_argument("--role", choices=ROLES, required=True)
    role.add_argument("role", choices=ROLES, metavar="ROLE", help=", ".join(ROLES))
    for each in (add, password):
        each.add_argument("--stdin", action="store_true", help="password from standard input")
    add.add_argument("--no-password", action="store_true", help="only `depot users link` signs in")
    link.add_argument("--url", default=URL, help=f"where the page is ({URL})")
    token_revoke.add_argument("id", metavar="ID")
    for each in (listed, add, password, role, link, remove, token_list, token_add, token_revoke):
        asking.arguments(each)


def run(args: argparse.Namespace) -> int:
    """Do what was asked for.  Returns 0."""
    match args.doing:
        case "list":
            _list(args)
        case "add":
            kept = "" if args.no_password else _password(args)
            _said(args, _done(args, AskUserAdd(args.name, args.role, kept), UserStatus))
        case "password":
            _said(args, _done(args, AskUserPassword(args.name, _password(args)), UserStatus))
        case "role":
            _said(args, _done(args, AskUserRole(args.name, args.role), UserStatus))
        case "remove":
            _said(args, _done(args, AskUserRemove(args.name), UserStatus))
        case "link":
            _link(args)
        case _:
            _token(args)
    return 0


def _list(args: argparse.Namespace) -> None:
    found = _done(args, AskUsers(), list[UserStatus])
    if args.json:
        asking.print_json(found)
    elif not found:
        print("nobody has an account; the first is made at the page, or by `depot users add`")
    else:
        rows = [
            (u.name, u.role, _when(u.last_wall_ms), "" if u.has_password else "no password") for u in found
        ]
        print(asking.table(("NAME", "ROLE", "LAST SIGNED IN", ""), rows))


def _link(args: argparse.Namespace) -> None:
    try:
        code = control.ask(args.state, AskSignInCode(args.name))
    except control.NoDaemonError as error:
        raise CallError(f"{error}; a sign-in link is the running daemon's") from None
    except DeskError as error:
        raise CallError(str(error)) from None
    link = f"{args.url.rstrip('/')}/sign-in?code={code}"
    if args.json:
        asking.print_json({"name": args.name, "link": link})
    else:
        print(link)


def _token(args: argparse.Namespace) -> None:
    match args.token:
        case "list":
            found = _done(args, AskTokens(), list[TokenStatus])
            if args.json:
                asking.print_json(found)
                return
            rows = [(t.id, t.name, t.role, t.made_by, _when(t.last_wall_ms)) for t in found]
            print(asking.table(("ID", "NAME", "ROLE", "MADE BY", "LAST USED"), rows))
        case "add":
            token, secret = _done(args, AskTokenAdd(args.name, args.role), tuple[TokenStatus, str])
            if args.json:
                asking.print_json({"token": msgspec.to_builtins(token), "secret": secret})
                return
            print(
                f"token {token.id}, {token.role}; send it as  Authorization: Bearer <secret>", file=sys.stderr
            )
            print(secret)
        case _:
            _said(args, _done(args, AskTokenRevoke(args.id), TokenStatus))


def _said(args: argparse.Namespace, found: UserStatus | TokenStatus) -> None:
    if args.json:
        asking.print_json(found)
    else:
        print(f"{found.name}: {found.role}: done", file=sys.stderr)


def _done(args: argparse.Namespace, request: AskReception, kind: type[T]) -> T:
    """Return the daemon's answer, or, where none runs, that of the file.  Raises CallError."""
    try:
        return msgspec.convert(control.ask(args.state, request), kind)
    except DeskError as error:
        raise CallError(str(error)) from None
    except control.NoDaemonError:
        return _by_file(args.state, request, kind)


def _by_file(state: Path, request: AskReception, kind: type[T]) -> T:
    """Answer from the accounts' file; what changes is on the audit log of the store."""
    if not state.is_dir():
        raise CallError(f"{state}: there is no such directory; --state DIR names the daemon's")
    lines: list[tuple[int, str, str, str]] = []

    def audit(wall_ms: int, who: str, what: str, outcome: str) -> None:
        lines.append((wall_ms, who, what, outcome))

    reception = Reception(state / ACCOUNTS, audit, lambda: 0, lambda: time.time_ns() // 1_000_000)
    try:
        if reception.accounts.trouble:
            raise CallError(reception.accounts.trouble)
        return msgspec.convert(msgspec.to_builtins(request.by(reception, _me())), kind)
    except DeskError as error:
        raise CallError(str(error)) from None
    finally:
        _audit(state / STORE, lines)


def _audit(path: Path, lines: list[tuple[int, str, str, str]]) -> None:
    """Write lines of the audit log.  Says so where the store cannot be written."""
    if not lines or not path.exists():
        return
    try:
        store = Store(path)
        try:
            for line in lines:
                store.audit(*line)
        finally:
            store.close()
    except StoreTrouble as error:
        print(f"depot: not on the audit log: {error}", file=sys.stderr)


def _me() -> str:
    try:
        return f"{pwd.getpwuid(os.getuid()).pw_name} (console)"
    except KeyError:
        return f"uid {os.getuid()} (console)"


def _password(args: argparse.Namespace) -> str:
    """Return the hash of a password from a person or from standard input.  Raises CallError."""
    if args.stdin or not sys.stdin.isatty():
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = getpass.getpass("Password: ")
        if getpass.getpass("Again: ") != password:
            raise CallError("users: the two are not the same")
    try:
        return hashed(good(password, args.name))
    except DeskError as error:
        raise CallError(str(error)) from None


def _when(wall_ms: int) -> str:
    if not wall_ms:
        return "never"
    return datetime.fromtimestamp(wall_ms / 1000).strftime("%Y-%m-%d %H:%M")
