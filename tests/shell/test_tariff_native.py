"""Native tariff files: what they hold, what wrong ones are told, and that writing and reading are one."""

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.model.tariff import DemandPrice, LoadFactorStep, Ratchet, Season, Subscription, Tier, When
from edge.shell import tariffwords
from edge.shell.tarifffile import TariffRefused, load
from edge.shell.tariffwrite import text

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = sorted((ROOT / "docs/tariffs").glob("*.toml"))
URDB = sorted((ROOT / "tests/vectors/tariffs").glob("*.json"))

WHOLE = """
[tariff]
name = "everything"
timezone = "Europe/Berlin"
currency = "EUR"
holidays = ["12-25", "easter+1"]
holiday_is = "holiday"
demand_minutes = 30
year_begins = 4
effective_from = "2026-01-01"

[[season]]
name = "winter"
from = "11-01"
to = "02-29"

[[energy]]
name = "night"
price = 0.1
during = [{ from = "21:30", to = "06:00" }, { days = ["sat", "holiday"], season = "winter" }]

[[energy]]
name = "day"
tiers = [{ up_to_kwh = 500, price = 0.2 }, { price = 0.25 }]
tier_unit = "kWh/day"
tiers_over = "component"

[[energy]]
component = "levy"
price = 0.0123456789

[[demand]]
name = "windowed"
price = 12.5
during = { days = "weekdays", from = "08:00", to = "20:00" }
ratchet = { share = 0.6, months = 11, season = "winter" }
load_factor = [{ up_to = 0.1, share = 0 }, { share = 1 }]
least_kw = 30

[[demand]]
name = "annual"
per = "year"
minutes = 15
tiers = [{ up_to_kw = 100, price = 90 }, { price = 80 }]

[[subscription]]
block_kw = 50
block_price = 95.56
overage_price = 3.82
subscribed_kw = 150

[[fixed]]
price = 480
per = "year"

[[export]]
price = 0.08

[minimum]
price = 30
"""


def written(tmp_path, document, name="tariff.toml"):
    path = tmp_path / name
    path.write_text(document)
    return path


def test_everything_that_a_file_may_say(tmp_path):
    tariff = load(written(tmp_path, WHOLE))
    assert tariff.seasons == (Season("winter", (((11, 1), (2, 29)),)),)
    night, day, levy = tariff.energy
    assert night.during == (
        When(from_min=1290, to_min=360),
        When("winter", ("sat", "holiday")),
    )
    assert (day.tiers, day.tier_unit) == ((Tier(200_000_000, 500_000), Tier(250_000_000)), "kWh/day")
    assert levy.tiers == (Tier(12_345_679),), "to a billionth"
    windowed, annual = tariff.demand
    assert (windowed.minutes, windowed.least_w, windowed.ratchet) == (30, 30_000, Ratchet(600, 11, "winter"))
    assert windowed.load_factor == (LoadFactorStep(0, 100), LoadFactorStep(1000))
    tiers = (Tier(90 * 10**9, 100_000), Tier(80 * 10**9))
    assert annual == DemandPrice("annual", tiers, per="year", minutes=15)
    assert tariff.subscriptions == (
        Subscription("subscription", 50_000, 95_560_000_000, 3_820_000_000, 150_000, 30),
    )
    assert (tariff.minimum.price_nano, tariff.year_begins, tariff.holiday_is) == (30 * 10**9, 4, "holiday")


def test_the_same_tables_in_json(tmp_path):
    document = json.dumps(tomllib.loads(WHOLE))
    assert load(written(tmp_path, document, "tariff.json")) == load(written(tmp_path, WHOLE))


@pytest.mark.parametrize("path", [*EXAMPLES, *URDB], ids=lambda path: path.name)
def test_what_is_written_is_read_again_as_the_same_tariff(tmp_path, path):
    tariff = load(path, "America/Denver")
    assert load(written(tmp_path, text(tariff))) == tariff


def test_everything_is_written(tmp_path):
    tariff = load(written(tmp_path, WHOLE))
    assert load(written(tmp_path, text(tariff))) == tariff


def changed(old, new):
    assert old in WHOLE
    return WHOLE.replace(old, new, 1)


MISTAKES = [
    ("no TOML", "[tariff", "not TOML"),
    ("no name", changed('name = "everything"\n', ""), "tariff: Object missing required field"),
    (
        "unknown key",
        changed("price = 12.5", "prise = 12.5"),
        'demand[0].prise: is not known (did you mean "price"?)',
    ),
    ("text for a price", changed("price = 12.5", 'price = "dear"'), "demand[0].price: "),
    (
        "true for a price",
        changed("price = 12.5", "price = true"),
        "demand[0].price: expected a number, found",
    ),
    ("no price", changed("price = 12.5\n", ""), "demand[0]: expected either a price or tiers"),
    ("no end of price", changed("price = 12.5", "price = inf"), "demand[0].price: "),
    (
        "season",
        changed('season = "winter" }]', 'season = "wintr" }]'),
        '[1].season: "wintr" is no [[season]]',
    ),
    ("day of season", changed('to = "02-29"', 'to = "02-30"'), "season[0].to: expected a day of the year"),
    ("day", changed('["sat", "holiday"]', '["sat", "holyday"]'), "energy[0].during[1].days: expected"),
    ("days", changed('days = "weekdays"', 'days = "workdays"'), "demand[0].during.days: expected"),
    ("clock", changed('from = "08:00"', 'from = "8:00"'), "demand[0].during.from: "),
    ("time of day", changed('from = "08:00"', 'from = "25:00"'), "demand[0].during.from: expected a time"),
    (
        "inside an interval",
        changed('from = "08:00"', 'from = "08:15"'),
        "lies inside a metering interval of 30",
    ),
    (
        "inside a quarter",
        changed('from = "21:30"', 'from = "21:35"'),
        "lies inside a metering interval of 15",
    ),
    (
        "nothing between",
        changed('to = "20:00"', 'to = "08:00"'),
        'demand[0].during: from and to are both "08:00"',
    ),
    ("zone", changed("Europe/Berlin", "Mars/X"), 'tariff.timezone: "Mars/X" is not a zone'),
    ("no zone", changed('timezone = "Europe/Berlin"\n', ""), "tariff.timezone: missing"),
    ("holiday", changed('"easter+1"', '"eastern+1"'), "tariff.holidays[1]: expected a day such as"),
    (
        "interval",
        changed("demand_minutes = 30", "demand_minutes = 20"),
        "tariff.demand_minutes: expected 15, 30, 60",
    ),
    (
        "per",
        changed('per = "year"\nminutes', 'per = "week"\nminutes'),
        "demand[1].per: expected day, month, year",
    ),
    (
        "tiers",
        changed("{ up_to_kwh = 500, price = 0.2 }", "{ price = 0.2 }"),
        "tiers[0].up_to_kwh: expected an",
    ),
    (
        "tiers end",
        changed("{ price = 80 }", "{ up_to_kw = 200, price = 80 }"),
        "tiers[1].up_to_kw: expected no end",
    ),
    ("share", changed("share = 0.6", "share = 60"), "demand[0].ratchet.share: expected a share from 0 to 1"),
    (
        "ratchet of a year",
        changed('per = "year"\nm', 'per = "year"\nratchet = {share = 1}\nm'),
        "demand[1]: a ratchet",
    ),
    ("block", changed("block_kw = 50", "block_kw = 0"), "subscription[0].block_kw: expected more than 0 kW"),
    ("date", changed("2026-01-01", "1.1.2026"), 'tariff.effective_from: expected "YYYY-MM-DD"'),
    ("currency", changed('"EUR"', '"Euro"'), "tariff.currency: "),
    (
        "minimum",
        changed("[minimum]\nprice = 30", '[minimum]\nprice = 30\nper = "year"'),
        "minimum.per: expected day",
    ),
    (
        "a gap",
        changed('tiers_over = "component"', 'during = { days = "weekdays" }'),
        "energy: no price on sun",
    ),
    ("no energy", '[tariff]\nname = "t"\ntimezone = "UTC"', "energy: missing"),
]


@pytest.mark.parametrize(("document", "tells"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES])
def test_a_wrong_file_is_told_by_file_key_and_expectation(tmp_path, document, tells):
    if "levy" in document and "no price on" in tells:
        document = document.replace(
            'component = "levy"\nprice = 0.0123456789', 'price = 1\nduring = {days = ["sat"]}'
        )
    path = written(tmp_path, document)
    with pytest.raises(TariffRefused) as refused:
        load(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert tells in str(refused.value)


def test_all_mistakes_are_told_at_once(tmp_path):
    document = changed("share = 0.6", "share = 60").replace("block_kw = 50", "block_kw = 0")
    with pytest.raises(TariffRefused) as refused:
        load(written(tmp_path, document))
    assert len(str(refused.value).splitlines()) == 2


# --- the schema -----------------------------------------------------------------------------------------


def test_the_copy_of_the_schema_in_docs_is_current():
    """Make it again with: depot tariff check --schema > docs/tariff.schema.json"""
    assert json.loads((ROOT / "docs/tariff.schema.json").read_text()) == tariffwords.schema()


@pytest.mark.parametrize("document", [WHOLE, *(path.read_text() for path in EXAMPLES)])
def test_the_schema_takes_good_files(document):
    validator = jsonschema.Draft202012Validator(tariffwords.schema())
    validator.check_schema(validator.schema)
    validator.validate(tomllib.loads(document))


@pytest.mark.parametrize("name", ["unknown key", "clock", "currency", "no name", "true for a price"])
def test_the_schema_refuses_what_the_reader_refuses(name):
    (document,) = [m[1] for m in MISTAKES if m[0] == name]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(tariffwords.schema()).validate(tomllib.loads(document))


# --- anything at all ------------------------------------------------------------------------------------

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.text(max_size=5), st.floats())
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner)),
    max_leaves=4,
)


def keys_of(value, before=()):
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*before, key)
            yield from keys_of(inner, (*before, key))


BASES = [tomllib.loads(WHOLE), *(json.loads(path.read_text()) for path in URDB[:2])]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_file_with_anything_in_it_is_read_or_refused(tmp_path_factory, data):
    document = json.loads(json.dumps(data.draw(st.sampled_from(BASES))))
    place = data.draw(st.sampled_from(list(keys_of(document))))
    holder = document
    for key in place[:-1]:
        holder = holder[key]
    value = data.draw(ANYTHING)
    holder[place[-1]] = value
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps(document))
    try:
        load(path, "UTC")
    except TariffRefused as refused:
        assert str(refused).startswith(f"{path}: ")


def test_the_file_in_the_guide_is_one(tmp_path):
    guide = (ROOT / "docs/tariffs.md").read_text()
    tariff = load(written(tmp_path, guide.split("```toml\n")[1].split("```")[0]))
    assert (len(tariff.energy), len(tariff.demand), len(tariff.subscriptions)) == (2, 1, 1)


def test_every_key_is_told_in_the_guide():
    guide = (ROOT / "docs/tariffs.md").read_text()
    tables = tariffwords.schema()["$defs"].values()
    keys = {key for table in tables for key in table["properties"]}
    told = [(f"`{key}", f'`"{key}', f"{key} =", f"[{key}]") for key in sorted(keys)]
    assert [words for words in told if not any(word in guide for word in words)] == []
