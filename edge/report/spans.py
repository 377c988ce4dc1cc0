"""Stretches of time as sets: union, intersection, difference, measure.

A span is (from, to) in UTC ms, from < to.  A set of spans is a list in order whose spans neither overlap nor
touch; `union` makes one of anything.
"""

from collections.abc import Iterable

Span = tuple[int, int]


def union(spans: Iterable[Span]) -> list[Span]:
    """Return the set of all moments that are in any of the spans; empty ones are dropped."""
    merged: list[Span] = []
    for begin, end in sorted(span for span in spans if span[0] < span[1]):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def intersection(a: list[Span], b: list[Span]) -> list[Span]:
    """Return what is in both sets."""
    found: list[Span] = []
    i = j = 0
    while i < len(a) and j < len(b):
        begin, end = max(a[i][0], b[j][0]), min(a[i][1], b[j][1])
        if begin < end:
            found.append((begin, end))
        if a[i][1] < b[j][1]:
            i += 1
        else:
            j += 1
    return found


def difference(a: list[Span], b: list[Span]) -> list[Span]:
    """Return what is in the first set and not in the second."""
    left: list[Span] = []
    j = 0
    for begin, end in a:
        at = begin
        while j < len(b) and b[j][1] <= at:
            j += 1
        k = j
        while k < len(b) and b[k][0] < end:
            if at < b[k][0]:
                left.append((at, b[k][0]))
            at = max(at, b[k][1])
            k += 1
        if at < end:
            left.append((at, end))
    return left


def clip(spans: Iterable[Span], to: Span) -> list[Span]:
    """Return the set of spans, cut to a stretch."""
    return union((max(begin, to[0]), min(end, to[1])) for begin, end in spans)


def measure(spans: list[Span]) -> int:
    """Return how long a set is, in ms."""
    return sum(end - begin for begin, end in spans)
