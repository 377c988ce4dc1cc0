"""What a month costs with a demand charge: the core in closed loop, against hindsight and other policies.

Lee, Pang and Low's two workplaces (PSCC 2020): May to July 2019, which their paper has figures for, and
September to December, which no choice here has looked at.  docs/bench-month.md says what is measured.

Before May a device would know the peaks of the months before, as published; of arrivals it knows nothing.
Later months' optimal peaks are those of HiGHS, under the prices of the month that is to come.
"""

import statistics
import time
from collections.abc import Sequence
from typing import Any

from tests.bench import _acn_month as acn
from tests.bench import _acn_offline as offline
from tests.bench import _acn_peers as peers
from tests.bench import _acn_world as world
from tests.bench._acn_offline import Optimum

SITES = ("caltech", "jpl")
PAPER = ("2019-05", "2019-06", "2019-07")
UNSEEN = ("2019-09", "2019-10", "2019-11", "2019-12")

# August is nobody's month: the device is there and learns.
LEARNS_ONLY = "2019-08"

MONTHS_BEFORE = 3
QUICK_DAYS = 12


def figures(quick: bool) -> dict[str, Any]:
    """Measure.  quick: the first days of one month of one site; nothing published compares with them."""
    if quick:
        row = _month("caltech", "2019-05", world.Learned(), Peaks("caltech", QUICK_DAYS))
        return {"rows": [row | {"hindsight_published": None, "online_published": None}]}
    rows: list[dict[str, Any]] = []
    for site in SITES:
        rows += _site(site, (*PAPER, LEARNS_ONLY, *UNSEEN), Peaks(site))
    return {"rows": rows, "summary": [_summary(rows, s, months) for s in SITES for months in (PAPER, UNSEEN)]}


class Peaks:
    """The optimal peaks of a site's months: published where there are no sessions, else by HiGHS."""

    def __init__(self, site: str, days: int = 31) -> None:
        self._site, self.days = site, days
        self._known: dict[tuple[str, bool], Optimum] = {}

    def optimum(self, month: str, summer: bool | None = None) -> Optimum:
        """Return a month's optimum.  summer: under these prices, None for its own."""
        own = acn.is_summer(month)
        key = (month, own if summer is None else summer)
        if key not in self._known:
            visits = acn.visits(self._site, month, self.days)
            price = acn.prices(month, max(v.leaves for v in visits), key[1])
            self._known[key] = offline.optimum(self._site, visits, price)
        return self._known[key]

    def before(self, month: str) -> dict[str, float]:
        """Return the peaks of up to three months before under the prices of a month, kW.

        Months without sessions have their published peaks, which are of other prices in summer: left out.
        """
        number, summer = int(month[5:]), acn.is_summer(month)
        found = {}
        for back in range(MONTHS_BEFORE, 0, -1):
            name = f"2019-{number - back:02}"
            if name >= PAPER[0]:
                found[name] = self.optimum(name, summer).peak_kw
            elif not summer:
                found[name] = acn.PUBLISHED[self._site, name].demand / acn.PER_KW
        return found

    def last(self, month: str) -> float:
        """Return the optimal peak of the month before, under its own prices, kW."""
        name = f"2019-{int(month[5:]) - 1:02}"
        if name >= PAPER[0]:
            return self.optimum(name).peak_kw
        return acn.PUBLISHED[self._site, name].demand / acn.PER_KW


def _site(site: str, months: Sequence[str], peaks: Peaks) -> list[dict[str, Any]]:
    learned = world.Learned()
    rows = []
    for month in months:
        if month == LEARNS_ONLY:
            for visit in acn.visits(site, month):
                learned.saw(month, visit)
            continue
        rows.append(_month(site, month, learned, peaks))
    return rows


def _month(site: str, month: str, learned: world.Learned, peaks: Peaks) -> dict[str, Any]:
    visits = acn.visits(site, month, peaks.days)
    begun = time.process_time()
    best = peaks.optimum(month)
    highs_s = time.process_time() - begun
    before = peaks.before(month)
    learned.peaks(month, before)
    ran = world.run(site, month, visits, learned)
    last_kw = peaks.last(month)
    others = {
        "paper": peers.paper(site, month, visits, last_kw),
        "budget": peers.budget(site, month, visits, last_kw),
        "uncontrolled": peers.uncontrolled(site, month, visits),
    }
    need_kwh = acn.energy_kwh(visits)
    known = acn.PUBLISHED.get((site, month))
    return {
        "site": site,
        "month": month,
        "visits": len(visits),
        "kwh": round(need_kwh, 1),
        "hindsight": _told(best.total, best.energy, best.peak_kw, 1.0),
        "hindsight_published": acn.OFFLINE.get((site, month)),
        "online_published": known.online if known else None,
        "highs_s": round(highs_s, 1),
        "target_kw": round(statistics.mean(before.values()), 2),
        "depot": _told(ran.total_usd, ran.energy_usd, ran.peak_kw, ran.kwh / need_kwh, best),
        "over_ma": ran.over_ma,
        "plans": len(ran.decide_ms),
        "plan_ms_mean": round(statistics.mean(ran.decide_ms), 1),
        "plan_ms_worst": round(max(ran.decide_ms), 1),
        **{n: _told(w.total_usd, w.energy_usd, w.peak_kw, w.kwh / need_kwh, best) for n, w in others.items()},
    }


def _told(
    total: float, energy: float, peak_kw: float, served: float, best: Optimum | None = None
) -> dict[str, float]:
    told = {
        "usd": round(total, 2),
        "energy_usd": round(energy, 2),
        "peak_kw": round(peak_kw, 2),
        "served_pct": round(served * 100, 4),
    }
    return told | ({"above_pct": round((total / best.total - 1) * 100, 2)} if best else {})


def _summary(rows: list[dict[str, Any]], site: str, months: Sequence[str]) -> dict[str, Any]:
    """Return a site's months together: by how much the sums of dollars differ, and what was served."""
    mine = [row for row in rows if row["site"] == site and row["month"] in months]
    best, kwh = sum(row["hindsight"]["usd"] for row in mine), sum(row["kwh"] for row in mine)
    above = {
        name: round((sum(row[name]["usd"] for row in mine) / best - 1) * 100, 2)
        for name in ("depot", "paper", "budget", "uncontrolled")
    }
    published = [row["online_published"] for row in mine]
    if None not in published:
        above["published"] = round((sum(published) / best - 1) * 100, 2)
    served = sum(row["depot"]["served_pct"] * row["kwh"] for row in mine) / kwh
    return {"site": site, "months": f"{months[0]} to {months[-1]}", "above_pct": above,
            "served_pct": round(served, 4)}  # fmt: skip


def words(found: dict[str, Any]) -> str:
    """Return the figures as tables."""
    head = ("site", "month", "hindsight $", "published", "depot $", "above", "peak kW", "best kW", "served %",
            "paper's", "budget", "none", "plan ms")  # fmt: skip
    lines = [head, *(_line(row) for row in found["rows"])]
    widths = [max(len(line[n]) for line in lines) for n in range(len(head))]
    told = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    for each in found.get("summary", []):
        above = ", ".join(f"{name} {value:+.2f} %" for name, value in each["above_pct"].items())
        told.append(f"{each['site']} {each['months']}: {above}; depot served {each['served_pct']:.3f} %")
    return "\n".join(told)


def _line(row: dict[str, Any]) -> tuple[str, ...]:
    published = row["hindsight_published"]
    return (
        row["site"],
        row["month"],
        f"{row['hindsight']['usd']:.2f}",
        "-" if published is None else f"{published:.2f}",
        f"{row['depot']['usd']:.2f}",
        f"{row['depot']['above_pct']:+.2f} %",
        f"{row['depot']['peak_kw']:.1f}",
        f"{row['hindsight']['peak_kw']:.1f}",
        f"{row['depot']['served_pct']:.3f}",
        *(f"{row[name]['above_pct']:+.2f} %" for name in ("paper", "budget", "uncontrolled")),
        f"{row['plan_ms_mean']:.0f}",
    )
