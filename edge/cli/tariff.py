"""`depot tariff check/show/import/bill`: tariff files, and what a month costs under one."""

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from edge.cli import CallError, asking, recorded
from edge.cli.helptext import Help
from edge.core.tariff import Book, prices
from edge.model.tariff import DAY_MIN, KINDS, WEEKDAYS, WEEKEND, DemandPrice, Tariff, Tier, When
from edge.report.bill import Bill, Line, bill
from edge.shell import bills, loadfile, sitefile, tarifffile, tariffwords, tariffwrite, words
from edge.shell.sitefile import SiteRefused, SiteUnreadable

EPILOG = """examples:
  depot tariff check bev2.toml                          what is wrong with a tariff file, or that nothing is
  depot tariff check --schema                           the JSON Schema of native files, for editors
  depot tariff show bev2.toml --day 2026-07-14          its prices, and one day of them
  depot tariff import rate.json > bev2.toml             a URDB rate as a native file, to be completed
  depot tariff bill bev2.toml --month 2026-07           what the recorded month costs, line by line
  depot tariff bill bev2.toml --month 2026-07 --load meter.csv      … of the utility's own interval data

Tariff files: docs/tariffs.md.  A load (CSV) has the columns time (with its offset) and kw or kwh.
exit 0: done.  1: the file is refused, or nothing is recorded of that month.  2: the call or a file is wrong.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.epilog = EPILOG
    doing = parser.add_subparsers(dest="doing", metavar="check|show|import|bill", required=True)
    alike: dict[str, Any] = {"epilog": EPILOG, "formatter_class": Help}

    check = doing.add_parser("check", help="read a tariff file, say what is wrong", **alike)
    check.add_argument("file", nargs="?", type=Path, metavar="FILE")
    check.add_argument("--schema", action="store_true", help="print the JSON Schema of native files and end")
    _zone(check)

    show = doing.add_parser("show", help="its prices, in words", **alike)
    show.add_argument("file", type=Path, metavar="FILE")
    show.add_argument("--day", metavar="YYYY-MM-DD", help="the price bands of this day")
    _zone(show)

    brought = doing.add_parser("import", help="write a URDB rate as a native file", **alike)
    brought.add_argument("file", type=Path, metavar="FILE")
    brought.add_argument("--to", type=Path, metavar="FILE", help="where to (default: standard output)")
    _zone(brought)

    billed = doing.add_parser("bill", help="what a month costs, line by line", **alike)
    billed.add_argument("file", nargs="?", type=Path, metavar="FILE", help="default: the tariff of --site")
    billed.add_argument("--load", type=Path, metavar="CSV", help="a load to bill (default: the records)")
    recorded.arguments(billed)


def _zone(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--timezone", default="", metavar="ZONE", help="where the file has none")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(args: argparse.Namespace) -> int:
    """Do it.  Returns 0, or 1 where the answer is no."""
    return {"check": _check, "show": _show, "import": _import, "bill": _bill}[args.doing](args)


def _loaded(path: Path, timezone: str) -> Tariff:
    try:
        return tarifffile.load(path, timezone)
    except tarifffile.TariffRefused as refused:
        raise CallError(str(refused)) from None


# --- check, show, import --------------------------------------------------------------------------------


def _check(args: argparse.Namespace) -> int:
    if args.schema:
        print(json.dumps(tariffwords.schema(), indent=2))
        return 0
    if args.file is None:
        raise CallError("tariff check: expected a tariff file (depot tariff check bev2.toml)")
    try:
        tariff = tarifffile.load(args.file, args.timezone)
        problems: list[str] = []
    except tarifffile.TariffUnreadable as unreadable:
        raise CallError(str(unreadable)) from None
    except tarifffile.TariffRefused as refused:
        tariff, problems = None, str(refused).splitlines()
    if args.json:
        notes = list(tariff.notes) if tariff else []
        asking.print_json({"file": str(args.file), "ok": not problems, "problems": problems, "notes": notes})
    for line in problems:
        print(line, file=sys.stderr)
    if tariff is not None and not args.json:
        for note in tariff.notes:
            print(f"{args.file}: note: {note}", file=sys.stderr)
        print(f"{args.file}: {tariff.name}: {_summary(tariff)}")
    return 1 if problems else 0


def _summary(tariff: Tariff) -> str:
    counted = [
        (len(tariff.energy), "price per kWh", "prices per kWh"),
        (len(tariff.demand), "demand price", "demand prices"),
        (len(tariff.subscriptions), "subscription", "subscriptions"),
        (len(tariff.fixed), "fixed charge", "fixed charges"),
    ]
    return ", ".join(f"{n} {one if n == 1 else many}" for n, one, many in counted if n)


def _show(args: argparse.Namespace) -> int:
    tariff = _loaded(args.file, args.timezone)
    day = _day(tariff, args.day) if args.day else []
    if args.json:
        asking.print_json({**msgspec.to_builtins(tariff), **({"day": day} if args.day else {})})
        return 0
    print("\n".join(_told(tariff)))
    if args.day:
        rows = [(row["from"], row["to"], row["price"]) for row in day]
        print("\n" + asking.table((args.day, "TO", "PRICE"), rows))
    return 0


def _day(tariff: Tariff, text: str) -> list[dict[str, str]]:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise CallError(f'tariff show: --day: expected YYYY-MM-DD, found "{text}"') from None
    book = Book(tariff)
    begin = book.starts_ms(day.year, day.month, day.day)
    following = date.fromordinal(day.toordinal() + 1)
    end = book.starts_ms(following.year, following.month, following.day)
    zone = ZoneInfo(tariff.timezone)
    return [
        {
            "from": words.clock(p.from_wall_ms, zone),
            "to": words.clock(p.to_wall_ms, zone),
            "price": words.price(p.price_micro, tariff.currency),
        }
        for p in prices(book, begin, end)
    ]


def _told(tariff: Tariff) -> Iterator[str]:
    yield f"{tariff.name}, {tariff.utility or 'unknown utility'}, {tariff.timezone}, {tariff.currency}"
    for name, value in (("how well known", tariff.verification), ("source", tariff.source)):
        if value:
            yield f"{name}: {value}"
    yield from (f"note: {note}" for note in tariff.notes)
    yield ""
    unit = tariff.currency
    rows = [
        ("energy", e.name, _tiers(e.tiers, 1000, unit, e.tier_unit), _whens(e.during)) for e in tariff.energy
    ]
    rows += [("demand", d.name, _demand(d, unit), _whens(d.during)) for d in tariff.demand]
    for s in tariff.subscriptions:
        above = f"above {_price(s.overage_nano)} {unit}/kW"
        blocks = f"{_price(s.block_nano)} {unit} per {s.block_w / 1000:g} kW, {above}"
        rows.append(("subscription", s.name, blocks, "always"))
    rows += [("fixed", f.name, f"{_price(f.price_nano)} {unit}/{f.per}", "") for f in tariff.fixed]
    rows += [
        ("export", e.name, f"{_price(e.price_nano)} {unit}/kWh", _whens(e.during)) for e in tariff.exports
    ]
    if tariff.minimum:
        rows.append(("minimum", tariff.minimum.name, f"{_price(tariff.minimum.price_nano)} {unit}", ""))
    yield asking.table(("", "NAME", "PRICE", "WHEN"), rows)
    for season in tariff.seasons:
        spans = ", ".join(f"{a:02}-{b:02} to {c:02}-{d:02}" for (a, b), (c, d) in season.spans)
        yield f"{season.name}: {spans}"


def _demand(price: DemandPrice, unit: str) -> str:
    return f"{_tiers(price.tiers, 1000, unit, 'kW')} a {price.per}, by {price.minutes} min"


def _tiers(tiers: tuple[Tier, ...], per: int, unit: str, of: str) -> str:
    parts = []
    for tier in tiers:
        end = "" if tier.up_to is None or len(tiers) == 1 else f" to {tier.up_to / per:g} {of}"
        parts.append(f"{_price(tier.price_nano)}{end}")
    return f"{', then '.join(parts)} {unit}/{'kW' if of == 'kW' else 'kWh'}"


def _price(nano: int) -> str:
    return format(Decimal(nano).scaleb(-9).normalize(), "f")


def _whens(during: tuple[When, ...]) -> str:
    return "; ".join(_when(when) for when in during)


def _when(when: When) -> str:
    named = {KINDS: "", WEEKDAYS: "weekdays", WEEKEND: "weekends"}
    parts = [when.season, named.get(when.days, ", ".join(when.days))]
    if (when.from_min, when.to_min) != (0, DAY_MIN):
        parts.append("–".join(f"{m // 60:02}:{m % 60:02}" for m in (when.from_min, when.to_min)))
    return " ".join(part for part in parts if part) or "always"


def _import(args: argparse.Namespace) -> int:
    tariff = _loaded(args.file, args.timezone)
    for note in tariff.notes:
        print(f"{args.file}: note: {note}", file=sys.stderr)
    written = tariffwrite.text(tariff)
    if args.to:
        if args.to.exists():
            raise CallError(f"{args.to}: is there already")
        args.to.write_text(written, encoding="utf-8")
        print(f"{args.to}: {tariff.name}: {_summary(tariff)}", file=sys.stderr)
    elif args.json:
        asking.print_json({"toml": written, "notes": list(tariff.notes)})
    else:
        print(written, end="")
    return 0


# --- bill -----------------------------------------------------------------------------------------------


def _bill(args: argparse.Namespace) -> int:
    if args.load is not None:
        return _bill_of_table(args)
    with recorded.store_of(args) as store:
        tariff = tariff_of(args, recorded.timezone(args, store))
        until_wall_ms = int(store.meta("last_wall_ms") or 0)
        found = bills.of_month(store, tariff, args.month, until_wall_ms)
    hours = {key: getattr(found, f"{key}_ms") / 3_600_000 for key in ("measured", "filled", "missing")}
    if args.json:
        asking.print_json({**_document(found.bill), **{f"{k}_hours": round(h, 3) for k, h in hours.items()}})
    else:
        _tell(found.bill)
        told = "{measured:.1f} h measured, {filled:.1f} h by the meter's counter, {missing:.1f} h missing"
        print(f"\nof the month so far, {told.format(**hours)}")
    return 0 if found.measured_ms else 1


def tariff_of(args: argparse.Namespace, timezone: str) -> Tariff:
    """Return the tariff of a command's FILE, else of its site file.  Raises CallError."""
    if getattr(args, "file", None) is not None:
        return _loaded(Path(args.file), timezone)
    if args.site is None:
        raise CallError(f"{args.command}: expected a tariff file, or --site with one")
    try:
        site = sitefile.load(args.site)
    except (SiteRefused, SiteUnreadable) as error:
        raise CallError(str(error)) from None
    if not site.tariff:
        raise CallError(f"{args.site}: [site]: tariff: missing, expected a tariff file")
    return _loaded(Path(site.tariff), site.timezone)


def _bill_of_table(args: argparse.Namespace) -> int:
    try:
        table = loadfile.load(args.load)
    except loadfile.LoadRefused as refused:
        raise CallError(str(refused)) from None
    tariff = tariff_of(args, "")
    try:
        found = bill(tariff, table.quarters, args.month)
    except ValueError as error:
        raise CallError(f"tariff bill: --month: {error}") from None
    finest = min((d.minutes for d in tariff.demand), default=60)
    if table.minutes > finest:
        told = f"the load is by {table.minutes} min: a demand by {finest} min may be higher than it shows"
        found = msgspec.structs.replace(found, notes=[*found.notes, told])
    if args.json:
        asking.print_json(_document(found))
    else:
        _tell(found)
    return 0 if found.import_wh or found.export_wh else 1


def _document(found: Bill) -> dict[str, Any]:
    return {**msgspec.to_builtins(found), "total": str(Decimal(found.total_micro).scaleb(-6).normalize())}


def _tell(found: Bill) -> None:
    print(f"{found.tariff}, {found.month}: {found.import_wh / 1000:,.1f} kWh")
    rows = [_row(line, found) for line in found.lines]
    rows.append(("", "total", "", "", words.money(found.total_micro, found.currency), ""))
    print(asking.table(("", "NAME", "QUANTITY", "PRICE", "AMOUNT", ""), rows, right=(2, 3, 4)))
    for note in found.notes:
        print(f"note: {note}")


def _row(line: Line, found: Bill) -> tuple[str, ...]:
    when = ""
    if line.at_wall_ms is not None:
        when = f"{datetime.fromtimestamp(line.at_wall_ms / 1000, ZoneInfo(found.timezone)):%d %H:%M}"
    words_of = ", ".join(part for part in (when, line.words) if part)
    price = _price(line.price_nano) if line.price_nano else ""
    quantity = f"{line.quantity:,.3f}".rstrip("0").rstrip(".")
    return (
        line.kind,
        line.name,
        f"{quantity} {line.unit}",
        price,
        words.money(line.amount_micro, found.currency),
        words_of,
    )
