"""The fallback sums at their edges; the messages are in tests/shell/test_sitefile.py."""

import msgspec
import pytest

from edge.core.fallback import prove
from edge.model.site import Address, Charger, Node, Site

AT = Address(1, "host:502")


def site(limit_ma=(40_000, 40_000, 40_000), limit_w=None):
    return Site(
        "s", "s", "UTC",
        nodes=(
            Node("main", None, limit_ma, limit_w, other_max_ma=(10_000, 20_000, 0)),
            Node("panel", "main", (32_000, 32_000, 32_000)),
        ),
        chargers=(
            Charger("three", "panel", "x", AT, phases=(2, 0, 1)),
            Charger("one", "panel", "x", AT, phases=(2,)),
            Charger("two", "main", "x", AT, phases=(0, 1)),
        ),
    )  # fmt: skip


FALLS = {"three": 10_000, "one": 6_001, "two": 8_000}


def test_sums_by_phase_go_up_to_the_root():
    main, panel = prove(site(), FALLS)
    assert panel.fallback_ma == (10_000, 10_000, 16_001)
    assert (panel.spare_ma, panel.chargers) == ((22_000, 22_000, 15_999), 2)
    assert main.fallback_ma == (18_000, 18_000, 16_001)
    assert (main.spare_ma, main.chargers) == ((12_000, 2_000, 23_999), 3)


@pytest.mark.parametrize(("limit_ma", "fits"), [(38_000, True), (37_999, False)])
def test_it_fits_to_the_milliamp(limit_ma, fits):
    assert prove(site(limit_ma=(40_000, limit_ma, 40_000)), FALLS)[0].fits == fits


# 82.001 A in all phases together, at 230 V + 10 %, rounded up
@pytest.mark.parametrize(("limit_w", "fits"), [(20_747, True), (20_746, False)])
def test_it_fits_to_the_watt(limit_w, fits):
    main = prove(site(limit_w=limit_w), FALLS)[0]
    assert main.sum_w == 20_747
    assert main.fits == fits


# 7/6 of the highest sum below: 18 A and 20 A of other load are at most 44.334 A in any line
@pytest.mark.parametrize(("limit_ma", "fits"), [(44_334, True), (44_333, False)])
def test_above_a_delta_wye_transformer_the_most_that_sums_can_come_to_counts(limit_ma, fits):
    drawn = site(limit_ma=(50_000, 50_000, limit_ma))
    wye = msgspec.structs.replace(drawn.nodes[0], delta="delta-wye")
    assert prove(msgspec.structs.replace(drawn, nodes=(wye, drawn.nodes[1])), FALLS)[0].fits == fits
