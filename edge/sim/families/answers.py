"""What a table's private registers must show so that its own rules say what is true.

A table derives "charging" from, say, x_state == 3.  A twin knows that it is charging and has to find an
x_state that says so.  The values that conditions mention are few, so they are tried.
"""

import itertools
from collections.abc import Iterable, Mapping

from drivers.condition import Clause, Condition
from drivers.table import Derived, Table

Value = int | str
TRIED_MAX = 40_000

# What a ratio register shows for a ratio of 1, where that is not 1: DTSU666 counts tenths.
ONE = {("chint_dtsu666", "x_pt"): 10}

# How much it matters that a derived quantity comes out right, where not all can.
WEIGHTS = {"state": 100, "plugged": 20, "charging": 20, "available": 10}


def candidates(clauses: Iterable[Clause]) -> list[Value]:
    """Return the values of one name that its conditions can tell apart."""
    found: set[Value] = set()
    masks: set[int] = set()
    for clause in clauses:
        if clause.op in ("&", "!&"):
            masks |= {1 << n for n in range(32) if clause.number >> n & 1}
        elif clause.op == "in":
            found |= {n for low, high in clause.spans for n in (low, high)}
        elif clause.op in ("==", "!=", "<", "<=", ">", ">="):
            found |= {n for n in (clause.number - 1, clause.number, clause.number + 1) if n >= 0}
        elif clause.op == "within":
            found |= {word.strip() for word in clause.text.split(",")}
        elif clause.op in ("older", "newer"):
            found |= {clause.text, "0.0.1", "999.0"}
        elif clause.text:
            found.add(clause.text)
    for size in range(0, min(len(masks), 4) + 1):
        found |= {sum(some) for some in itertools.combinations(sorted(masks), size)}
    texts = sorted(v for v in found if isinstance(v, str))
    numbers = sorted((v for v in found if isinstance(v, int)), reverse=True)  # the newer map has more rows
    return [*texts, *numbers] if texts else [*numbers, *([] if numbers else [0])]


def derived(rule: Derived, values: Mapping[str, Value]) -> Value | None:
    """Return what a rule makes of values."""
    for condition, answer in rule.rules:
        if condition.holds(values):
            return answer
    return rule.otherwise


class Answers:
    """The values of one table's unknown names: those that its conditions ask about and nothing else gives."""

    def __init__(self, table: Table, known: Iterable[str]) -> None:
        self.table = table
        self.rules = [d for d in table.derived if d.rules]
        own = {p.key for p in table.points} - set(known)
        asked = [c for d in self.rules for c, _ in d.rules] + list(table.expect)
        asked += [c for c, _ in table.words_if]
        # What an installer sets once is set: the twin is a device that has been commissioned.
        self.unset = [s.only_when for s in table.arm if s.only_when]
        asked += self.unset
        self.names = sorted({name for c in asked for name in c.names} & own)
        ratios = {name for p in table.points for name in p.times}
        self.tried = {
            name: [
                *([ONE.get((table.name, name), 1)] if name in ratios else []),
                *candidates(_about(name, asked)),
            ]
            for name in self.names
        }
        self._found: dict[tuple[object, ...], dict[str, Value]] = {}

    def find(self, wanted: Mapping[str, Value], known: Mapping[str, Value]) -> dict[str, Value]:
        """Return values that make the rules say what is wanted, and the device be recognised.

        known: what other registers show, which rules may ask about as well.
        """
        asked = {name for d in self.rules for c, _ in d.rules for name in c.names}
        key = (*sorted(wanted.items()), *sorted((k, known[k]) for k in asked & known.keys()))
        if key not in self._found:
            self._found[key] = self._search(wanted, known)
        return self._found[key]

    def _search(self, wanted: Mapping[str, Value], known: Mapping[str, Value]) -> dict[str, Value]:
        best, best_score = dict[str, Value](), -1
        product = itertools.product(*(self.tried[name] for name in self.names))
        for values in itertools.islice(product, TRIED_MAX):
            chosen = dict(zip(self.names, values, strict=True))
            score = self._score({**known, **chosen}, wanted)
            if score > best_score:
                best, best_score = chosen, score
        return best

    def _score(self, values: Mapping[str, Value], wanted: Mapping[str, Value]) -> int:
        score = sum(1000 for c in self.table.expect if c.holds(values) is not False)
        score += sum(1 for c in self.unset if c.holds(values) is False)
        for rule in self.rules:
            if rule.key in wanted and derived(rule, values) == wanted[rule.key]:
                score += WEIGHTS.get(rule.key, 1)
        return score


def _about(name: str, conditions: Iterable[Condition]) -> list[Clause]:
    return [clause for c in conditions for clause in c.clauses if clause.name == name]
