"""What vehicles give back, judged by the wires alone: export, breakers, what is kept, what holds without it.

The rules of edge/sim/checker.py hold: no code is shared with what is judged.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from edge.model.site import Site
from edge.sim.depot import Look
from edge.sim.violation import DOWN_MS, KEPT_PM, NOTHING_A, PHASES, Lowest, Violation, tolerance_a


def charging_a(site: Site, look: Look, node: str, p: int) -> float:
    """Return what goes into vehicles below a node; what others give back is not taken off."""
    net = look.total_a[node][p] - look.other_a[node][p]
    given = [c for c in site.chargers if look.chargers[c.id].site_a[p] < 0]
    return net - sum(look.chargers[c.id].site_a[p] for c in given if node in site.path(c.node))


@dataclass
class Backfeed:
    """What vehicles give back: within what may be exported, every breaker, and what each of them keeps.

    An export is forgiven as far as what else flows has fallen within the last 13.2 s, and none may last
    longer, unless nobody gives anything back.
    """

    site: Site
    _highest: Lowest = field(default_factory=lambda: Lowest(DOWN_MS))
    _since: int | None = None
    _told: set[str] = field(default_factory=set)

    def see(self, look: Look) -> Iterator[Violation]:
        """Check the site's connection, every node, and every vehicle that gives."""
        given = {c.id: -min(look.chargers[c.id].site_a) for c in self.site.chargers}
        given = {name: a for name, a in given.items() if a > NOTHING_A}
        yield from self._export(look, bool(given))
        for node in self.site.nodes:
            for p in range(3) if given else ():
                most = node.limit_ma[p] / 1000
                flows = look.total_a[node.id][p]
                if -flows > most + tolerance_a(most) and flows < look.other_a[node.id][p] - NOTHING_A:
                    yield from self._once(
                        look, f"{node.id} {PHASES[p]}", f"{-flows:.1f} A back of {most:g} A"
                    )
        for window in self.site.windows:
            soc = look.chargers[window.charger].soc_pm if window.charger in given else None
            if soc is not None and (not window.discharge or soc < window.keep_pm - KEPT_PM):
                yield from self._once(
                    look, window.charger, f"gives back at {soc / 10} %, keeps {window.keep_pm / 10} %"
                )

    def _export(self, look: Look, giving: bool) -> Iterator[Violation]:
        top = self.site.nodes[0].id
        without_w = look.power_w + sum(
            -min(0.0, seen.site_a[p]) * look.voltages_v[p]
            for seen in look.chargers.values()
            for p in range(3)
        )
        fallen_w = -self._highest.take(look.at_ms, -without_w) - without_w
        over_w = -look.power_w - self.site.export_w - 3 * tolerance_a(0) * look.voltages_v[0]
        over_w = min(over_w, without_w - look.power_w)  # what the roof exports by itself is its own matter
        if over_w <= 0 or not giving:
            self._since = None
            self._told.discard(top)
            return
        self._since = look.at_ms if self._since is None else self._since
        lasts = look.at_ms - self._since
        if lasts > DOWN_MS or over_w > fallen_w:
            yield from self._once(
                look, top, f"exports {-look.power_w:.0f} W for {lasts / 1000:.1f} s while giving back"
            )

    def _once(self, look: Look, where: str, says: str) -> Iterator[Violation]:
        if where not in self._told:
            self._told.add(where)
            yield Violation(look.at_ms, "I1", where, says)
