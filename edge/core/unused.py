"""Unused room moves on: what a vehicle that draws less than its grant can really use.

A vehicle that stays below its grant is asked for no more than its draw and a margin; what it leaves goes
to others with the next tick.  It gets back up in two ways: as soon as it draws into its margin the cap is
raised, and now and then it is offered a probe more, for vehicles that only follow larger steps.

Rule 1: caps only lower an ask.  A grant is never below what the vehicle draws, and never above its max.
Rule 2: nothing is concluded from a draw that is unknown, or has not had the time to settle.

No clock in here; now_ms is monotonic.  One tick: useful_max_ma() before the balancer, fold() with what
was granted and measured.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Settings:
    """How patient to be.

    margin_ma: left above the draw, so that a vehicle that could take more shows it.
    near_ma: a draw this close to its grant uses it.
    probe_ma: raised by this at a time.
    settle_ms: how long a draw must stay low.  IEC 61851-1 gives a vehicle 5 s to follow the pilot; then
        it ramps.
    probe_every_ms: how often a capped vehicle is offered a probe.
    """

    margin_ma: int = 1500
    near_ma: int = 500
    probe_ma: int = 4000
    settle_ms: int = 8_000
    probe_every_ms: int = 300_000


DEFAULT = Settings()


@dataclass(frozen=True, slots=True)
class Use:
    """What is remembered of one vehicle; Use() knows nothing.

    cap_ma: what it can use, as far as known; None: everything.
    low_since_ms: since when it draws less than its grant, without rising.
    probe_ms: when it was last capped or offered a probe.
    """

    cap_ma: int | None = None
    low_since_ms: int | None = None
    probe_ms: int = 0
    grant_ma: int = 0
    drawn_ma: int = 0


def useful_max_ma(use: Use, min_ma: int, max_ma: int) -> int:
    """Return the max_ma to ask for: the cap, but not below the minimum nor above the vehicle's max."""
    return max_ma if use.cap_ma is None else min(max_ma, max(min_ma, use.cap_ma))


def fold(use: Use, grant_ma: int, drawn_ma: int | None, now_ms: int, settings: Settings = DEFAULT) -> Use:
    """Return what is known of a vehicle after a tick.

    grant_ma: what the charger had been told when the draw was measured.
    drawn_ma: the highest of its phases; None if that is not known, which forgets everything.
    """
    if drawn_ma is None or grant_ma <= 0:
        return Use()
    was = use
    use = replace(use, grant_ma=grant_ma, drawn_ma=drawn_ma)
    if drawn_ma > grant_ma - settings.near_ma:
        return _raised(use, now_ms, settings)
    rising = drawn_ma > was.drawn_ma + settings.near_ma or grant_ma > was.grant_ma
    if was.low_since_ms is None or rising:
        return replace(use, low_since_ms=now_ms)
    if now_ms - was.low_since_ms < settings.settle_ms:
        return use
    return _capped(use, now_ms, settings)


def _capped(use: Use, now_ms: int, settings: Settings) -> Use:
    """Cap a vehicle whose draw has settled below its grant, or offer it a probe when that is due."""
    cap_ma = use.drawn_ma + settings.margin_ma
    if use.cap_ma is None:
        # without room to give away there is nothing to cap
        return replace(use, cap_ma=cap_ma, probe_ms=now_ms) if cap_ma < use.grant_ma else use
    if now_ms - use.probe_ms >= settings.probe_every_ms:
        return replace(use, cap_ma=cap_ma + settings.probe_ma, probe_ms=now_ms, low_since_ms=now_ms)
    if abs(cap_ma - use.cap_ma) < settings.near_ma:
        return use  # a draw that flickers must not make setpoints flicker
    return replace(use, cap_ma=cap_ma)


def _raised(use: Use, now_ms: int, settings: Settings) -> Use:
    """Raise the cap of a vehicle that uses its grant; forget it once it is not what holds it back."""
    use = replace(use, low_since_ms=None)
    if use.cap_ma is None:
        return use
    if use.cap_ma > use.grant_ma + settings.margin_ma + settings.probe_ma:
        return replace(use, cap_ma=None)
    return replace(use, cap_ma=max(use.cap_ma, use.drawn_ma) + settings.probe_ma, probe_ms=now_ms)
