"""`depot completion SHELL`: a script that makes the shell complete commands, options, choices and files."""

import argparse

import shtab

from edge.cli import COMMANDS, command_line

EPILOG = """examples:
  depot completion bash > ~/.local/share/bash-completion/completions/depot
  depot completion bash | sudo tee /usr/share/bash-completion/completions/depot
  depot completion zsh > ~/.zfunc/_depot      and fpath+=~/.zfunc in ~/.zshrc

It is made of the commands of this release: make it anew after an upgrade.
"""

FILES = ("FILE", "SITE")
FOLDERS = ("DIR",)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `depot completion` takes."""
    parser.epilog = EPILOG
    parser.add_argument("shell", choices=shtab.SUPPORTED_SHELLS, help="whose script")


def run(args: argparse.Namespace) -> int:
    """Print the script.  Returns 0."""
    parser = command_line(COMMANDS)
    _files(parser)
    print(shtab.complete(parser, args.shell))
    return 0


def _files(parser: argparse.ArgumentParser) -> None:
    """Mark the arguments that are files or folders, in all commands below."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in dict.fromkeys(action.choices.values()):
                _files(each)
        elif action.metavar in (*FILES, *FOLDERS):
            kind = shtab.DIRECTORY if action.metavar in FOLDERS else shtab.FILE
            action.complete = kind  # type: ignore[attr-defined]  # how shtab is told
