"""Who comes when: real charging sessions, pressed into minutes so that one can watch them.

Every bay gets the sessions of one station of the sample, in their order, from a start that the seed
chooses, over and over.  A stay is pressed 120-fold and its energy 30-fold, so the vehicles need about four
times what those of the sample did (they were private cars; depots have vans), and pauses between them last
at most 40 s.  The kind of vehicle is ours: the sample does not tell it.

Source of the sample: ACN-Data, JPL 2019, CC BY 4.0 (edge/sim/data/README.md).
"""

import csv
import random
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import NamedTuple

from edge.sim.vehicle import Vehicle

STAY_PRESSED, ENERGY_PRESSED = 120, 30
LEAST_STAY_MS = 45_000
PAUSE_S = (8.0, 40.0)
FIRST_ARRIVAL_S = (0.0, 10.0)

# (phases, onboard amps) and how often.  2-phase onboard chargers are left out.
KINDS = (((3, 16.0), 5), ((3, 32.0), 3), ((1, 32.0), 2), ((1, 16.0), 1))


class Stay(NamedTuple):
    """A row of the sample."""

    station: str
    stay_min: int
    energy_wh: int


def sample() -> list[Stay]:
    """Return the sample that is kept in the tree."""
    lines = files("edge.sim").joinpath("data/acn_sessions.csv").read_text(encoding="utf-8").splitlines()
    return [Stay(r["station"], int(r["stay_min"]), int(r["energy_wh"])) for r in csv.DictReader(lines)]


def arrivals(charger: str, bay: int, seed: int, stays: Sequence[Stay]) -> Iterator[tuple[int, Vehicle]]:
    """Yield (pause before it comes in ms, vehicle) for ever.

    The first vehicle has been there for a while already; every fourth bay's first has one phase.
    """
    stations = sorted({s.station for s in stays})
    mine = [s for s in stays if s.station == stations[bay % len(stations)]]
    draw = random.Random(f"{seed} {charger}")
    turn = draw.randrange(len(mine))
    kinds, weights = [k for k, _ in KINDS], [w for _, w in KINDS]
    number = 0
    while True:
        stay = mine[(turn + number) % len(mine)]
        (phases, max_a), first = draw.choices(kinds, weights)[0], number == 0
        if first and bay % 4 == 3:
            phases, max_a = 1, 32.0
        there = draw.uniform(0.15, 0.9) if first else 0.0
        pause_s = draw.uniform(*(FIRST_ARRIVAL_S if first else PAUSE_S))
        yield (
            round(pause_s * 1000),
            Vehicle(
                id=f"{charger}-{number + 1}",
                need_wh=stay.energy_wh / ENERGY_PRESSED,
                stay_ms=max(LEAST_STAY_MS, round(stay.stay_min * 60_000 / STAY_PRESSED * (1 - there))),
                phases=phases,
                max_a=max_a,
                reaction_ms=draw.randrange(1_000, 4_001, 100),
                follows=draw.uniform(0.96, 1.0),
            ),
        )
        number += 1
