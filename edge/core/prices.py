"""Prices over prices: what the utility says for a time takes the place of what the tariff says."""

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
