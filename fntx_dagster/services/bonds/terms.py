"""The documents of a bond, read strictly: its terms, and its structure of series, tranches and holders.

What is read here has the form that the tables keep; what depends on parties, tokens and states is judged elsewhere.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.governance.addresses import is_stellar_address, is_xrpl_address
from fntx_dagster.governance.fields import StrictFields
from fntx_dagster.services.treasury.secrets import require_plain
from fntx_dagster.store.treasury.bonds import BondRow, FeeRow, HoldingRow, SeriesRow, TrancheRow

LEDGERS = ("xrpl", "stellar")
DAY_COUNTS = ("30E360", "A360", "A365", "AA")
CALENDARS = ("NC", "MF")
SHIFTS = ("NOS", "SCF", "SCMF", "CSF", "CSMF", "SCP", "SCMP", "CSP", "CSMP")
"""How a date that is no business day is shifted, as ACTUS names it."""
CLASSES = ("senior", "mezzanine", "subordinated")
REPAYMENTS = ("bullet", "linear", "annuity")
GRACE_DAYS, CURE_DAYS = 10, 30
_MOST_DAYS = 366
_MOST_DECIMALS = 7
_MOST_UNITS = 10**15
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}").fullmatch
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII).fullmatch
_CYCLE = re.compile(r"P[1-9][0-9]{0,2}[DWMQHY]L[01]").fullmatch
_CODES = {"xrpl": re.compile(r"[!-~][ -~]{1,38}[!-~]").fullmatch, "stellar": re.compile(r"[A-Za-z0-9]{1,12}").fullmatch}
_CURRENCY = re.compile(r"[A-Z0-9]{3,12}").fullmatch


class BondAsset(NamedTuple):
    """An asset on a ledger: its code, and the address that issues it."""

    ledger: str
    code: str
    issuer: str


class BondTerms(NamedTuple):
    """The terms of a bond. `token_code` on `token_ledger` is a token of the configuration; `cash`: what holders are
    paid in; `funding`: what the escrows that fund it hold; `fees`: due in each period."""

    bond_id: str
    name: str
    issuer: str
    token_ledger: str
    token_code: str
    cash: BondAsset
    funding: BondAsset
    currency: str
    decimals: int
    notional: Decimal
    rate: Decimal
    day_count: str
    cycle: str
    business_days: str
    calendar: str
    start: date
    maturity: date
    grace_days: int
    cure_days: int
    fees: tuple[FeeRow, ...]


class BondStructure(NamedTuple):
    """The series and tranches of a bond, and who holds how many units of each, of the equity too."""

    series: tuple[SeriesRow, ...]
    tranches: tuple[TrancheRow, ...]
    holdings: tuple[HoldingRow, ...]


def read_terms(document: Any) -> BondTerms:
    """The terms of a bond from its document. Raises Permanent that names the field that is missing, left over or
    wrong."""
    whole = StrictFields(document, "", "`fntx bond create --help`")
    token = whole.object("token")
    token_ledger, token_code = token.one_of("ledger", LEDGERS), token.text("code")
    token.end()
    cash = _asset(whole.object("cash"))
    funding = _asset(whole.object("funding")) if whole.has("funding") else cash
    decimals = whole.whole("decimals", 0, _MOST_DECIMALS)
    shift = whole.one_of("business_days", SHIFTS) if whole.has("business_days") else "NOS"
    terms = BondTerms(
        read_id(whole, "id"),
        _plain(whole, "name"),
        read_id(whole, "issuer"),
        token_ledger,
        token_code,
        cash,
        funding,
        whole.checked("currency", lambda text: _CURRENCY(text) is not None, "a currency, such as USD"),
        decimals,
        _amount(whole, "notional", decimals),
        _rate(whole),
        whole.one_of("day_count", DAY_COUNTS),
        whole.checked("cycle", lambda text: _CYCLE(text) is not None, "a cycle, such as P3ML1"),
        shift,
        whole.one_of("calendar", CALENDARS) if whole.has("calendar") else "NC",
        read_day(whole, "start"),
        read_day(whole, "maturity"),
        whole.whole("grace_days", 0, _MOST_DAYS) if whole.has("grace_days") else GRACE_DAYS,
        whole.whole("cure_days", 0, _MOST_DAYS) if whole.has("cure_days") else CURE_DAYS,
        tuple(_fee(each, decimals, cash.ledger) for each in whole.objects("fees")) if whole.has("fees") else (),
    )
    whole.end()
    if terms.maturity <= terms.start:
        raise Permanent(f"maturity is {terms.maturity}, and start is {terms.start}", "Let it mature after its start")
    _once("fees", [fee.fee_id for fee in terms.fees])
    return terms


def read_structure(document: Any, bond: BondRow) -> BondStructure:
    """The structure of a bond from its document: amounts at the decimals of its currency, rates and day counts those of
    the bond where a tranche has none. Raises Permanent that names the field; also where the notionals of the tranches
    are not that of their series, or those of the series not that of the bond."""
    whole = StrictFields(document, "", "`fntx bond structure --help`")
    series: list[SeriesRow] = []
    tranches: list[TrancheRow] = []
    holdings: list[HoldingRow] = []
    for each in whole.objects("series"):
        row = SeriesRow(read_id(each, "id"), _amount(each, "notional", bond.decimals))
        series.append(row)
        own = each.objects("tranches")
        each.end()
        tranches += (_tranche(fields, row.series_id, bond) for fields in own)
        for fields, tranche in zip(own, tranches[len(tranches) - len(own) :], strict=True):
            holders = _holders(fields, "holders", tranche.tranche_id, bond.cash_ledger)
            fields.end()
            if not holders:
                raise Permanent(f"the tranche {tranche.tranche_id} has no holder", "Name who gets what it is paid")
            holdings += holders
    if whole.has("equity"):
        holdings += _holders(whole, "equity", None, bond.cash_ledger)
    whole.end()
    _once("series", [row.series_id for row in series])
    _once("tranches", [row.tranche_id for row in tranches])
    structure = BondStructure(tuple(series), tuple(tranches), tuple(holdings))
    _require_sums(structure, bond)
    return structure


def _require_sums(structure: BondStructure, bond: BondRow) -> None:
    """series_and_tranches_sum: to the last digit."""
    for series in structure.series:
        total = sum((row.notional for row in structure.tranches if row.series_id == series.series_id), Decimal(0))
        if total != series.notional:
            raise Permanent(
                f"the tranches of the series {series.series_id} come to {total:f}, and its notional is "
                f"{series.notional:f}",
                "Let the notionals of its tranches sum to that of the series",
            )
    total = sum((row.notional for row in structure.series), Decimal(0))
    if total != bond.notional:
        raise Permanent(
            f"the series come to {total:f}, and the notional of {bond.bond_id} is {bond.notional:f}",
            "Let the notionals of the series sum to that of the bond",
        )


def _tranche(fields: StrictFields, series_id: str, bond: BondRow) -> TrancheRow:
    return TrancheRow(
        read_id(fields, "id"),
        series_id,
        fields.one_of("class", CLASSES),
        _amount(fields, "notional", bond.decimals),
        _rate(fields) if fields.has("rate") else bond.rate,
        fields.one_of("day_count", DAY_COUNTS) if fields.has("day_count") else bond.day_count,
        fields.one_of("repayment", REPAYMENTS) if fields.has("repayment") else "bullet",
    )


def _holders(fields: StrictFields, name: str, tranche_id: str | None, ledger: str) -> list[HoldingRow]:
    holders: list[HoldingRow] = []
    for each in fields.objects(name):
        units = Decimal(each.digits("units"))
        if not 0 < units <= _MOST_UNITS:
            raise Permanent(f"{name}: units of a holder are {units:f}", f"Give 1 to {_MOST_UNITS}")
        holders.append(HoldingRow(tranche_id, read_id(each, "party"), units, _address(each, ledger)))
        each.end()
    _once(name, [row.holder for row in holders])
    return holders


def _fee(fields: StrictFields, decimals: int, ledger: str) -> FeeRow:
    fee = FeeRow(
        read_id(fields, "id"), _amount(fields, "due", decimals), read_id(fields, "party"), _address(fields, ledger)
    )
    fields.end()
    return fee


def _asset(fields: StrictFields) -> BondAsset:
    ledger = fields.one_of("ledger", LEDGERS)
    is_address = is_xrpl_address if ledger == "xrpl" else is_stellar_address
    issuer = fields.checked("issuer", is_address, f"an address on {ledger}")
    code = fields.checked("code", lambda text: _CODES[ledger](text) is not None, f"the code of an asset on {ledger}")
    asset = BondAsset(ledger, code, issuer)
    fields.end()
    return asset


def _address(fields: StrictFields, ledger: str) -> str:
    is_address = is_xrpl_address if ledger == "xrpl" else is_stellar_address
    return fields.checked("address", is_address, f"an address on {ledger}, where the cash is paid")


def _amount(fields: StrictFields, name: str, decimals: int) -> Decimal:
    text = fields.decimal(name)
    if len(text.partition(".")[2]) > decimals:
        raise Permanent(f"{name} is {text}, finer than the currency", f"Give at most {decimals} decimals")
    if not (amount := Decimal(text)):
        raise Permanent(f"{name} is 0", "Give an amount above 0")
    return amount


def _rate(fields: StrictFields) -> Decimal:
    rate = Decimal(fields.decimal("rate"))
    if rate > 1:
        raise Permanent(f"rate is {rate:f}, more than all of it in a year", "Write 5 % as 0.05")
    return rate


def read_day(fields: StrictFields, name: str) -> date:
    """A field that is a date."""
    text = fields.checked(name, lambda text: _DATE(text) is not None, "a date, such as 2026-01-31")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Permanent(f"{name} is {text}, which no calendar has", "Correct it, and try again") from None


def read_id(fields: StrictFields, name: str) -> str:
    """A field that is the id of a bond, a tranche, a party."""
    return fields.checked(name, lambda text: _ID(text) is not None, "up to 64 letters, digits, dots, dashes, colons")


def _plain(fields: StrictFields, name: str) -> str:
    text = fields.text(name)
    require_plain(name, text)
    return text


def _once(what: str, ids: list[str]) -> None:
    if twice := [each for each in ids if ids.count(each) > 1]:
        raise Permanent(f"{what}: {twice[0]} is there twice", "Name each once")
