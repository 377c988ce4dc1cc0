"""Prints depot(1) as roff, made of the commands that there are."""

from edge.cli import COMMANDS

HEAD = """\
.TH DEPOT 1 "" "depot-edge" "User Commands"
.SH NAME
depot \\- edge controller for fleet charging depots
.SH SYNOPSIS
.B depot
.I COMMAND
[\\fIOPTION\\fR ...]
.SH DESCRIPTION
Shares the current of a charging depot, plans its day, obeys the utility and reports to the charging network.
It is not a listed power-control system.
.B depot
.I COMMAND
.B \\-\\-help
tells each command's options, with examples.
.SH COMMANDS
"""

TAIL = """\
.SH EXIT STATUS
0: done.  1: the answer is no (a check failed).  2: the call or a file is wrong.
.SH FILES
.TP
.I /etc/depot-edge/site.toml
the site file of the daemon, depot\\-edge.service
.TP
.I /var/lib/depot-edge
its state: store, recordings, keys
.SH SEE ALSO
/usr/share/doc/depot\\-edge/install.md
"""


def main() -> None:
    """Print the page."""
    print(HEAD, end="")
    for name, says in COMMANDS.items():
        text = says.replace("-", "\\-")
        print(f".TP\n.B {name}\n{text}")
    print(TAIL, end="")


if __name__ == "__main__":
    main()
