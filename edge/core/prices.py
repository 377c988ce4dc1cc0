"""Prices over prices: what the utility says for a time takes the place of what the tariff says."""

from itertools import pairwise

from edge.model.records import PriceNow


def overlaid(base: list[PriceNow], over: list[PriceNow]) -> list[PriceNow]:
    """Return the stretches of `over`, and those of `base` where `over` says nothing, in order of time.

    Both are in order of time and do not overlap themselves.
    """
    result = list(over)
    for price in base:
        begin = price.from_wall_ms
        for cover in over:
            if cover.to_wall_ms <= begin or cover.from_wall_ms >= price.to_wall_ms:
                continue
            if cover.from_wall_ms > begin:
                result.append(PriceNow(begin, cover.from_wall_ms, price.price_micro, price.source))
            begin = max(begin, cover.to_wall_ms)
        if begin < price.to_wall_ms:
            result.append(PriceNow(begin, price.to_wall_ms, price.price_micro, price.source))
    return sorted(result, key=lambda p: p.from_wall_ms)


def added(base: list[PriceNow], more: list[PriceNow]) -> list[PriceNow]:
    """Return the stretches of `base` with what `more` adds to their prices; where only one speaks, that.

    Both are in order of time and do not overlap themselves.
    """
    if not more:
        return base
    edges = sorted({edge for p in (*base, *more) for edge in (p.from_wall_ms, p.to_wall_ms)})
    result: list[PriceNow] = []
    low = high = 0
    for begin, end in pairwise(edges):
        while low < len(base) and base[low].to_wall_ms <= begin:
            low += 1
        while high < len(more) and more[high].to_wall_ms <= begin:
            high += 1
        here = [
            each[at]
            for each, at in ((base, low), (more, high))
            if at < len(each) and each[at].from_wall_ms <= begin
        ]
        if here:
            price = sum(p.price_micro for p in here)
            result.append(PriceNow(begin, end, price, ", ".join(p.source for p in here)))
    return result
