"""A month of statements with one number wrong, many times over: each wrong month is an account of its own, and all of
them are loaded, built and verified at once, beside the right one.

`python -m tests.mutations EACH SEED …` tries so many numbers of every attribute (0: all) of the months that the seeds
make, and prints what noticed them as JSON.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Literal, NamedTuple

from fntx_dagster.adapters.flex.sections import NUMBER, section_of
from fntx_dagster.model.period import Period
from fntx_dagster.services.building.marts import manifest
from fntx_dagster.services.signatures.values import day_values
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.delivery import ACTIVITY, QUERIES, delivered
from fntx_dagster.simulate.documents import TAIL, head, plain
from fntx_dagster.simulate.trading import EVERY_KIND, trade
from fntx_dagster.store.marts.verification import verifications
from fntx_dagster.store.opening import open_database
from fntx_dagster.store.server import EmbeddedPostgres
from tests import folders
from tests.dbt.conftest import Platform

FIRST, LAST = date(2025, 7, 1), date(2025, 7, 31)
RIGHT = "U3000001"
"""The account whose statements are as the broker's books say."""
_AT_ONCE = 300
BLOCKING, WARNING = ("mathematical", "logical", "cross_reference"), ("historical",)
_OF_RETURNS = ("daily return within 10 %", "volatility of 30 days at most twice the year's")
"""Equations that any other NAV moves: how far they are off notices nothing."""
_COMPONENTS = (
    "mtm",
    "commissions",
    "depositsWithdrawals",
    "interest",
    "changeInInterestAccruals",
    "dividends",
    "withholdingTax",
    "changeInDividendAccruals",
    "otherFees",
    "otherIncome",
    "corporateActionProceeds",
)
"""Attributes of Change in NAV that are figures of their own."""

Noticed = Literal["check", "warning", "figure", ""]
"""What notices a wrong number: an equation that stops the signing, or a refused account; an equation that warns; a
signed figure alone, which another book of the account contradicts; or nothing."""


PRICE_OF_AN_END = "Trade.closePrice of an option's end"
OF_A_CONVERSION = " of a conversion"
EXEMPT: Mapping[str, str] = {
    PRICE_OF_AN_END: "no figure reads it: the row's mark-to-market says what the mark was that the end released",
    f"Trade.mtmPnl{OF_A_CONVERSION}": "no figure reads it: a conversion gains what its two sides are worth",
    "OptionEAE.quantity": "the section names the kind of an end; its Trade row holds the numbers",
    "OptionEAE.strike": "the section names the kind of an end; its Trade row holds the numbers",
    "OptionEAE.multiplier": "the section names the kind of an end; its Trade row holds the numbers",
    "CorporateAction.amount": "no figure reads it: quantity and proceeds are what a company's action moves",
    "CorporateAction.value": "no figure reads it: what came or went is worth its mark in Open Positions",
    **dict.fromkeys(
        (
            *(f"TierInterestDetail.{name}" for name in ("totalPrincipal", "rate", "totalInterest")),
            *(f"TierInterestDetail.{name}" for name in ("balanceThreshold", "fxRateToBase")),
        ),
        "no figure reads it: the story says it of the night, and Interest Accruals hold what counts",
    ),
    **dict.fromkeys(
        (
            *(f"ChangeInDividendAccrual.{name}" for name in ("quantity", "grossAmount", "tax", "fee", "netAmount")),
            *(f"ChangeInDividendAccrual.{name}" for name in ("grossRate", "fxRateToBase")),
        ),
        "no figure reads it: Change in NAV holds what accrues; grossRate prices options on the share, if there are any",
    ),
    "CorporateAction.mtmPnl": "no figure reads it: the mark-to-market of an action is in that of its day",
}
"""Attributes of which a wrong number passes unnoticed, and the rule by which it may."""


class Number(NamedTuple):
    """A number of a document: of which rows and attribute, of which row (its tag and what it says), and where."""

    attribute: str
    row: str
    start: int
    end: int


class Verdict(NamedTuple):
    """A wrong document, in words, the attribute that is wrong (`shift` for the NAV from a day on, `pair` for two
    numbers), and what noticed it."""

    what: str
    attribute: str
    noticed: Noticed


def month(seed: int) -> str:
    """A month of every kind of event, as the broker delivers it, a statement a day."""
    [account] = trade(seed, [RIGHT], FIRST, LAST, trades_per_day=3, kinds=EVERY_KIND)
    pieces = delivered([account], QUERIES[ACTIVITY], FIRST, LAST, as_of=LAST)
    assert pieces is not None
    return b"".join(pieces).decode()


def numbers(document: str) -> Iterator[Number]:
    """Every number of every row: what the parser reads as one. Identities and dates are none."""
    of_section, columns = "", {}
    for line in re.finditer(r"^<(\w+)(.*?)( /)?>$", document, re.MULTILINE):
        tag, _, is_row = line.groups()
        if not is_row:
            of_section = tag
            continue
        columns = {column.attribute: column.kind for column in section_of(_opening(of_section, tag)).columns}
        for attribute in re.finditer(r' (\w+)="([^"]*)"', line[0]):
            if columns.get(attribute[1]) is NUMBER and attribute[2]:
                start = line.start() + attribute.start(2)
                name = f"{tag}.{attribute[1]}"
                if name == "Trade.closePrice" and 'transactionType="BookTrade"' in line[0] and 'putCall="' in line[0]:
                    name = PRICE_OF_AN_END
                elif tag == "Trade" and 'assetCategory="CASH"' in line[0]:
                    name += OF_A_CONVERSION
                yield Number(name, line[0], start, start + len(attribute[2]))


def sample(everything: Iterable[Number], each: int, seed: int) -> list[Number]:
    """At most `each` numbers of every attribute."""
    by_attribute: dict[str, list[Number]] = defaultdict(list)
    for number in everything:
        by_attribute[number.attribute].append(number)
    random = Random(seed)
    return [number for known in by_attribute.values() for number in random.sample(known, min(each, len(known)))]


def wrong(document: str, number: Number) -> str:
    """The document with 1.00 more in one number."""
    changed = Decimal(document[number.start : number.end]) + 1
    return f"{document[: number.start]}{changed}{document[number.end :]}"


def shifted(document: str, day: date, amount: int, kinds: Sequence[str]) -> str:
    """The document with `amount` more NAV from a day on and everything after it consistent: in the NAV alone, and where
    `kinds` name them, in these attributes of the equity summary and in the Cash Report's."""

    def more(line: re.Match[str]) -> str:
        row, text = line[1], line[0]
        reported = max(re.findall(r' (?:reportDate|toDate)="(\d+)"', text), default="")
        began = max(re.findall(r' fromDate="(\d+)"', text), default="")
        names = {
            "EquitySummaryByReportDateInBase": ("total", *kinds),
            "ChangeInNAV": ("endingValue",),
            "CashReportCurrency": ("endingCash",) if kinds else (),
        }[row]
        if row == "CashReportCurrency" and not re.search(r'currency="(HKD|BASE_SUMMARY)"', text):
            return text
        changed = [name for name in names if reported >= plain(day)]
        changed += [{"ChangeInNAV": "startingValue"}.get(row, "startingCash")] if began > plain(day) and names else []
        for name in changed:
            text = re.sub(
                rf' {name}="([^"]*)"',
                lambda found, name=name: f' {name}="{Decimal(found[1]) + amount}"',
                text,
            )
        return text

    return re.sub(r"<(EquitySummaryByReportDateInBase|ChangeInNAV|CashReportCurrency) .*>", more, document)


def wrong_documents(right: str, each: int, seed: int) -> dict[str, tuple[str, str]]:
    """Words → attribute and document: `each` numbers of every attribute (0: all), and the NAV shifted from three days
    on, without its parts, in the cash and in the stock, and two numbers at once."""
    everything = list(numbers(right))
    chosen = sample(everything, each, seed) if each else everything
    documents = {
        f"{place}: {number.attribute} of {number.row}": (number.attribute, wrong(right, number))
        for place, number in enumerate(chosen)
    }
    for day in (3, 15, 25):
        for kinds in ((), ("cash",), ("stock",)):
            words = f"500 more from {day} July on {' '.join(kinds)}"
            documents[words] = ("shift", shifted(right, date(2025, 7, day), 500, kinds))
    return documents | paired_documents(right)


def added(document: str, tag: str, says: str, more: Mapping[str, int]) -> str:
    """The document with so much more in attributes of the rows of a tag that say something."""

    def changed(line: re.Match[str]) -> str:
        if says not in line[0]:
            return line[0]
        number = rf' ({"|".join(more)})="([^"]*)"'
        return re.sub(number, lambda found: f' {found[1]}="{Decimal(found[2]) + more[found[1]]}"', line[0])

    return re.sub(rf"<{tag} .*>", changed, document)


def paired_documents(right: str) -> dict[str, tuple[str, str]]:
    """Words → attribute and document, with two numbers wrong so that the sum they are in holds: two components of
    Change in NAV, on a day without a corporate action, and a NAV from a day on of which a component says why. Flows
    among themselves are one figure, and so are fees."""
    acts = re.findall(r'<CorporateAction .* reportDate="(\d+)"', right)
    quiet = max({*re.findall(r'<ChangeInNAV .* toDate="(\d+)"', right)} - {*acts})
    documents = {}
    for first, second in {*pairwise((*_COMPONENTS, "mtm")), *(("mtm", name) for name in _COMPONENTS[1:])}:
        changed = added(right, "ChangeInNAV", f'toDate="{quiet}"', {first: 1, second: -1})
        documents[f"1 more {first}, 1 less {second}"] = ("pair", changed)
    for part, component in (
        *(("cash", name) for name in _COMPONENTS),
        ("interestAccruals", "changeInInterestAccruals"),
    ):
        changed = shifted(right, date(2025, 7, 15), 500, (part,))
        if part != "cash":  # its own shift leaves the Cash Report as it is
            cash = iter(re.findall(r"<CashReportCurrency .*>", right))
            changed = re.sub(r"<CashReportCurrency .*>", lambda _, rows=cash: next(rows), changed)
        changed = added(changed, "ChangeInNAV", 'toDate="20250715"', {component: 500})
        documents[f"500 more {part} from 15 July on as {component}"] = ("pair", changed)
    changed = shifted(right, date(2025, 7, 15), 500, ("cash",))
    translated = {"fxTranslation": 500, "interestAccrued": -500}
    changed = added(changed, "InterestAccrualsCurrency", 'toDate="20250715"', translated)
    return documents | {"500 more cash from 15 July on as translation of accrued interest": ("pair", changed)}


def judged(platform: Platform, folder: Path, right: str, wrongs: Mapping[str, tuple[str, str]]) -> list[Verdict]:
    """Load, build and verify the right document and every wrong one (words → attribute, document) as accounts beside
    it, in one run, and say of each what noticed it."""
    accounts = {f"U{4_000_001 + number}": words for number, words in enumerate(wrongs)}
    file = folder / "wrong.xml"
    with file.open("w", encoding="utf-8") as output:
        statements = right.count("<FlexStatement ")
        output.write(f"{head(statements * (len(accounts) + 1), 'Wrong')}\n{_inside(right)}\n")
        for account, words in accounts.items():
            output.write(f"{_inside(wrongs[words][1]).replace(RIGHT, account)}\n")
        output.write(TAIL)
    platform.load(file)
    counts = platform.rebuild(FIRST, LAST)
    with platform.database.connect() as connection:
        connection.execute("analyze")  # as autovacuum would have
        connection.commit()
    platform.build(FIRST, LAST)
    refused = {failed.account_id for failed in counts.failed}
    unopened = Counter(fill.account for fill in counts.unopened)
    control = _Seen.of(platform, RIGHT)
    found = []
    for account, words in accounts.items():
        seen = _Seen.of(platform, account)
        noticed: Noticed = ""
        if account in refused or seen.blocking != control.blocking:
            noticed = "check"
        elif seen.warning != control.warning or unopened[account] != unopened[RIGHT]:
            noticed = "warning"
        elif seen.figures != control.figures:
            noticed = "figure"
        found.append(Verdict(words, wrongs[words][0], noticed))
    return found


class _Seen(NamedTuple):
    """What the platform says of an account: equations that do not hold, and the signed figures of every day."""

    blocking: set[tuple]
    warning: set[tuple]
    figures: dict[date, dict]

    @classmethod
    def of(cls, platform: Platform, account: str) -> _Seen:
        period = Period(FIRST, LAST)
        failed = [
            {
                (row.trading_day, row.equation, None if row.equation in _OF_RETURNS else row.difference)
                for row in verifications(platform.database, period, account, kinds=kinds, failed_only=True)
            }
            for kinds in (BLOCKING, WARNING)
        ]
        values = day_values(platform.database, period, account, skip_incomplete=True)
        figures = {
            day: {name: value for name, value in known.items() if name != "statements_digest"}  # differs by itself
            for (_, day), known in values.items()
        }
        return cls(failed[0], failed[1], figures)


def _opening(of_section: str, tag: str) -> str:
    """The element that opens a row's section; Change in NAV is its own."""
    return tag if section_of(tag).columns else of_section


def _inside(document: str) -> str:
    return document[document.index("<FlexStatement ") : document.rindex("</FlexStatements>")].rstrip()


def _tried(each: int, seeds: Sequence[int]) -> list[Verdict]:
    """The verdicts over the months of some seeds, a few hundred accounts to a database."""
    found: list[Verdict] = []
    for seed in seeds:
        right = month(seed)
        documents = list(wrong_documents(right, each, seed).items())
        for start in range(0, len(documents), _AT_ONCE):
            with tempfile.TemporaryDirectory(prefix="fntx-mutations-", dir=folders.short()) as folder:
                Path(folder).chmod(0o755)  # the embedded server may run as another user
                settings = Settings(home=Path(folder) / "home")
                settings.home.mkdir()
                try:
                    manifest(settings)
                    platform = Platform(settings, open_database(settings))
                    found += judged(platform, Path(folder), right, dict(documents[start : start + _AT_ONCE]))
                finally:
                    EmbeddedPostgres(settings.paths.postgres).stop()
    return found


def main(each: int, *seeds: int) -> None:
    verdicts = _tried(each, seeds)
    missed = sorted({v.what for v in verdicts if not v.noticed and v.attribute not in EXEMPT})
    sys.stderr.writelines(f"unnoticed: {what}\n" for what in missed)
    noticed = Counter(v.noticed or "nothing" for v in verdicts)
    exempt = sum(not v.noticed and v.attribute in EXEMPT for v in verdicts)
    sys.stdout.write(f"{json.dumps({'tried': len(verdicts), 'exempt': exempt, 'missed': len(missed), **noticed})}\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
