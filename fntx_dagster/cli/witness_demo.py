"""A step of `fntx demo --proofs`: one witness fetches statements and attests, one gets a forged file and refuses."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

from fntx_dagster.cli.attest import print_checked_package
from fntx_dagster.cli.terminal import GOOD, line, note, out, title
from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import Period
from fntx_dagster.services.chain import serve
from fntx_dagster.services.database import Database
from fntx_dagster.services.sharing.making import TERMINAL
from fntx_dagster.services.signatures.track_record import Node
from fntx_dagster.services.witnesses.checking import CheckedPackage, check_package, read_package
from fntx_dagster.services.witnesses.packaging import make_package
from fntx_dagster.services.witnesses.posting import make_key, post_report
from fntx_dagster.services.witnesses.reading import listed, names_of, witnesses_of
from fntx_dagster.services.witnesses.workspace import Way
from fntx_dagster.settings import Settings
from fntx_dagster.settings.flex import FlexSettings
from fntx_dagster.simulate.account import Account
from fntx_dagster.simulate.delivery import ACTIVITY, QUERIES, answers, delivered
from fntx_dagster.simulate.trading import trade
from fntx_dagster.simulate.webservice import serve as serve_broker

_DAYS = 14
"""The days that the witnesses look at, from the account's first on."""
_NAME = "Demo Audit"
_FAULT = "Report it: this is a fault of FNTX"


def witness_the_first_days(settings: Settings, db: Database, account: str, year: Period) -> None:
    """Package the first days of the account for a witness, and check the package twice. Raises Permanent where the
    honest one does not agree, or the forged file is not noticed."""
    title("A witness recomputes the first days from the broker's own statements, and attests them")
    [books] = trade(1, [account], *year, trades_per_day=3)
    days = Period(year.first, year.first.replace(day=_DAYS))
    witness = make_key(settings).witness
    file = settings.paths.home / "package.json"
    file.write_bytes(make_package(settings, db, account, days, witness, by=TERMINAL).content)
    package = read_package(settings, file)
    out(f"{file.name}: {len(package.days)} days, with every figure of them; it goes to the witness alone")
    checked = _fetching(settings, books, year, lambda own: check_package(own, package, Way(fetches=True)))
    print_checked_package(checked)
    report = settings.paths.home / "report.json"
    report.write_text(checked.written, encoding="ascii")
    if not checked.agrees:
        raise Permanent("the witness who fetched the same does not agree", _FAULT)
    posted = post_report(settings, db, report, note)
    with serve(settings, 0) as chain:
        node = Node(chain.url, chain.contract)
        attested = [row.attested for row in listed(node, trader=package.trader, witness=witness, period=days)]
        told = witnesses_of(node, attested, names_of(settings, [f"{posted.witness}={_NAME}"]))
    out(*(line(GOOD, f" {said}") for said in told.lines))
    title("A witness who is handed a forged file refuses")
    folder = settings.paths.home / "forged"
    folder.mkdir()
    (folder / "January.xml").write_bytes(_forged(books, days))
    refused = check_package(settings, package, Way(folder=folder))
    print_checked_package(refused)
    if refused.agrees:
        raise Permanent("a forged file was not noticed", _FAULT)
    out(line(GOOD, " the forged day is named, and is not attested"))


def _fetching(
    settings: Settings, books: Account, year: Period, check: Callable[[Settings], CheckedPackage]
) -> CheckedPackage:
    """Check while a simulated broker serves the books to a token of the witness."""
    token = str(secrets.randbelow(10**24))
    with serve_broker(answers({token: [books]}, lambda: year.last), {token: [ACTIVITY]}) as broker:
        flex = FlexSettings.model_validate(
            {
                "tokens": {"witness": token},
                "queries": {"witness": {"Activity": ACTIVITY}},
                "url": broker.url,
                "hosts": ["127.0.0.1"],
                "wait": 0.2,
            }
        )
        return check(settings.model_copy(update={"flex": flex}))


def _forged(books: Account, days: Period) -> bytes:
    """The statements of the days, with another net asset value at the end of the last."""
    document = delivered([books], QUERIES[ACTIVITY], *days, as_of=days.last)
    assert document is not None
    head, mark, tail = b"".join(document).rpartition(b"<ChangeInNAV ")
    return head + mark + re.sub(rb'mtm="(-?)', rb'mtm="\g<1>9', tail, count=1)
