"""The bond of `fntx demo --bond`: who has accounts, the treasury's configuration, the terms and the structure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from fntx_dagster.cli.demo_signers import DemoSigner
from fntx_dagster.cli.demo_treasury import BOND, BOND_CODE, HOUSE, LIMIT, DemoTreasury, configuration

BOND_ID = "BOND-1"
CASH = "USD"
LINE_LIMIT = str(10 * LIMIT)
"""Of the treasury's lines, and of the holders'."""
PEOPLE = {
    "bank": "Halvorsen Bank",
    "solar": "Brightfield Solar",
    "ada": "Ada Marchbanks",
    "bob": "Tobias Wrenfield",
    "cleo": "Cleo Ostrander",
    "trust": "Bellweather Trustees",
}
"""Whoever is none of the treasury's: what the cash is called after, who borrows, three who lend, and the trustee's
firm, which gets a fee."""
HOLDERS = {"ada": "600000.00", "bob": "300000.00", "cleo": "100000.00"}
"""What each lends, in USD: so many tokens it gets."""
NOTIONAL = "1000000.00"
BOND_OWNERS = (*HOUSE, "attestation", *PEOPLE)
_MONTHS = 9


def bond_configuration(signers: Sequence[DemoSigner], owners: Mapping[str, DemoSigner]) -> dict[str, Any]:
    """The treasury's configuration: its issuer lets tokens pass, and the treasury holds tokens of the bond and cash."""
    document = configuration(signers, owners)
    accounts = document["xrpl"]["accounts"]
    accounts["issuer"]["flags"]["default_ripple"] = True
    issuer, bank = owners["issuer"].public["xrpl"], owners["bank"].public["xrpl"]
    accounts["treasury"]["trustlines"] = [
        {"currency": BOND, "issuer": issuer, "limit": LINE_LIMIT, "authorized": True},
        {"currency": CASH, "issuer": bank, "limit": LINE_LIMIT, "authorized": False},
    ]
    return document


def cash_of(demo: DemoTreasury, value: str) -> dict[str, str]:
    """An amount of the bank's dollars."""
    return {"currency": CASH, "issuer": demo.xrpl("bank"), "value": value}


def tokens_of(demo: DemoTreasury, value: str, code: str = BOND) -> dict[str, str]:
    """An amount of the bond's tokens. `code`: as the ledger itself writes it, where wallets of others need it."""
    return {"currency": code, "issuer": demo.xrpl("issuer"), "value": value}


def raw_tokens(demo: DemoTreasury, value: str) -> dict[str, str]:
    """The same in the ledger's own form."""
    return tokens_of(demo, value, BOND_CODE)


def side(demo: DemoTreasury, party: str) -> dict[str, str]:
    """What the travel rule wants to know of a party."""
    return {"name": PEOPLE[party], "account": demo.xrpl(party), "address": "1 Demo Street", "birth_date": "1970-01-01"}


def our_side(demo: DemoTreasury, account: str) -> dict[str, str]:
    """The same of the treasury, which pays from an account of its own."""
    return {"name": "Demo Treasury", "account": demo.xrpl(account), "address": "1 Demo Street"}


def months_later(day: date, months: int) -> date:
    """The same day of a month that many months later; for first days of months."""
    years, month = divmod(day.month - 1 + months, 12)
    return day.replace(year=day.year + years, month=month + 1)


def terms(demo: DemoTreasury, start: date) -> dict[str, Any]:
    """The document of the bond's terms: three quarters from the first day of a month."""
    return {
        "id": BOND_ID,
        "name": "Solar park",
        "issuer": "solar",
        "token": {"ledger": "xrpl", "code": BOND},
        "cash": {"ledger": "xrpl", "code": CASH, "issuer": demo.xrpl("bank")},
        "currency": "USD",
        "decimals": 2,
        "notional": NOTIONAL,
        "rate": "0.05",
        "day_count": "30E360",
        "cycle": "P3ML1",
        "start": start.isoformat(),
        "maturity": months_later(start, _MONTHS).isoformat(),
        "fees": [{"id": "trustee", "due": "500.00", "party": "trust", "address": demo.xrpl("trust")}],
    }


def structure(demo: DemoTreasury) -> dict[str, Any]:
    """The document of its series, tranches and holders: whoever is paid last earns most."""

    def held(party: str, units: str) -> dict[str, str]:
        return {"party": party, "units": units, "address": demo.xrpl(party)}

    senior = {"id": "A", "class": "senior", "notional": "900000.00", "holders": [held("ada", "2"), held("bob", "1")]}
    junior = {"id": "B", "class": "subordinated", "notional": "100000.00", "rate": "0.12"}
    series = {"id": "S1", "notional": NOTIONAL, "tranches": [senior, junior | {"holders": [held("cleo", "1")]}]}
    return {"series": [series], "equity": [held("solar", "1")]}
