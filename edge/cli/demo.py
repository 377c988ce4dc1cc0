"""`depot demo`: a simulated depot with broker, devices, daemon, page and events, in one process tree."""

import argparse
import json
import sys

from edge.cli import CallError
from edge.shell import control
from edge.shell.controlusers import AskSignInCode, AskUserAdd
from edge.sim import demo, demosite
from edge.sim.broker import NoBroker
from edge.sim.orders import BadOrder
from edge.sim.parties import CannotConnect
from edge.sim.processes import EndedEarly

EXAMPLES = """examples:
  depot demo                          until Ctrl-C, page on http://localhost:8080
  depot demo --port 9000 --seed 7     another page, another day
  depot demo --seconds 90 --json      headless: an event, a lost meter, a lost charger; what was seen

exit 0: done.  1: an invariant was broken (violations).  2: it could not run.
"""

PORT = 8080


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `depot demo`."""
    parser.epilog = EXAMPLES
    parser.add_argument("--seconds", type=int, metavar="N", help="run headless for N seconds (at least 10)")
    parser.add_argument("--port", type=int, metavar="P", help=f"of the page (default {PORT}, or a free one)")
    parser.add_argument("--seed", type=int, default=1, help="of loads, vehicles and losses (default 1)")
    parser.add_argument("--json", action="store_true", help="print the summary as one JSON document")


def run(args: argparse.Namespace) -> int:
    """Run the demonstration."""
    if args.seconds is not None and args.seconds < 10:
        raise CallError(f"--seconds {args.seconds}: at least 10")
    if args.port is not None and not 0 < args.port < 65536:
        raise CallError(f"--port {args.port}: expected 1 to 65535")
    port = args.port or PORT
    if not demosite.is_free(port):
        if args.port:
            raise CallError(f"--port {port}: somebody listens there already; expected a free port")
        port = demosite.free_ports(1)[0]
        say(f"port {PORT} is taken; the page is on {port}")
    try:
        with demo.started(port, args.seed) as running:
            if args.seconds is None:
                demo.write_example(running)
                greet(running)
                demo.live(running, say)
            summary = demo.headless(running, args.seconds, args.seed)
    except KeyboardInterrupt:
        say("ended")
        return 130 if args.seconds else 0
    except (EndedEarly, NoBroker, CannotConnect, BadOrder, OSError) as error:
        raise CallError(f"the demonstration ended: {error}") from error
    if args.json:
        print(json.dumps(summary))
    else:
        print("\n".join(f"{key:14} {value}" for key, value in summary.items()))
    return 1 if summary["violations"] else 0


def say(text: str) -> None:
    """Tell people something."""
    print(text, file=sys.stderr, flush=True)


def sign_in(running: demo.Running) -> str:
    """Return a link that signs in as administrator, once; nothing has to be configured to look."""
    state = running.site.state
    control.ask(state, AskUserAdd("demo", "administrator"))
    return f"{demo.page(running.port)}sign-in?code={control.ask(state, AskSignInCode('demo'))}"


def greet(running: demo.Running) -> None:
    """Say what there is to see and to try."""
    site = running.site
    say(
        f"""
A simulated depot: six bays, three meters, real Modbus; broker: {running.broker}.
  page          {demo.page(running.port)}
  to change it  {sign_in(running)}
                depot users link demo --state {site.state}      makes another
  try           depot status --state {site.state}
                depot why bay-1 --state {site.state}
                mbpoll -m rtu -b 19200 -P even -a 11 -0 -r 6 -t 3:float -B -c 3 -1 {site.service}
                depot sim --control {site.control} --tell '{{"do": "kill", "device": "meter-a"}}'
                mosquitto_pub -L {running.as_utility} -q 1 -f {site.example}
                mosquitto_sub -L {running.as_observer} -v
  its site file {site.site}
The utility limits the depot for a minute after {demo.FIRST_EVENT_S} s, and now and then.  Ctrl-C ends it all.
"""
    )
