"""The beginning of `fntx demo --bond`: parties, all accounts of the treasury handed over to its signers, and the lines
for tokens and cash."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from fntx_dagster.cli.demo_bond import CASH, HOLDERS, LINE_LIMIT, PEOPLE, cash_of, raw_tokens
from fntx_dagster.cli.demo_ledgers import send_by_owners
from fntx_dagster.cli.demo_signers import DemoSigner, signed_together, transactions_signed
from fntx_dagster.cli.demo_treasury import BOND, BY, NETWORK_ID, DemoTreasury, load_made_up_list, must
from fntx_dagster.cli.issue_demo import confirmed, decide_all, decide_together, taken
from fntx_dagster.cli.terminal import GOOD, line, out, title
from fntx_dagster.services.account_setup.setting_up import set_up
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.screening.addresses import set_address
from fntx_dagster.services.screening.parties import set_party
from fntx_dagster.services.transactions.exporting import export_files
from fntx_dagster.services.transactions.submitting import submit
from fntx_dagster.services.treasury.flows import token_at

_WAIT = 60
_OWNERS = {"treasury": "house", "distribution": "house", "anchor": "attestation"}
"""Role → whose own key its account begins with, where that has another name."""
_DEFAULT_RIPPLE, _ALLOW_LOCKING = 8, 17


def know_parties(demo: DemoTreasury) -> None:
    """Enter everybody who lends, borrows or is paid."""
    title("Who lends, who borrows, who is paid")
    out(load_made_up_list(demo))
    set_party(demo.settings, demo.db, "house", "Demo Treasury", "Company", by=BY)
    for party, name in PEOPLE.items():
        set_party(demo.settings, demo.db, party, name, "Company", by=BY)
        set_address(demo.db, party, demo.xrpl(party), by=BY)
    out("solar borrows; ada, bob and cleo lend; trust is the trustee's firm; the cash is dollars of a bank.")
    out("Whoever is paid is screened against the list before anybody votes.")


def set_up_accounts(demo: DemoTreasury) -> None:
    """Give all nine accounts to the signers. Permanent where a ledger does not say so afterwards."""
    title("All nine accounts go from their own keys to the three people")
    for ledger in ("xrpl", "stellar"):
        folder = demo.folder / "to-sign" / ledger
        asked = set_up(demo.settings, demo.db, ledger, None, folder)
        must(asked.proposal is not None, f"the set-up on {ledger} is not proposed")
        assert asked.proposal is not None
        decide_together(demo, asked.proposal, demo.signers)
        files = set_up(demo.settings, demo.db, ledger, None, folder).files
        by_owner: dict[str, list[Path]] = defaultdict(list)
        for file in files:
            role = file.stem.split("-")[1]
            by_owner[_OWNERS.get(role, role)].append(file)
        taken(demo, signed_together([(demo.owners[owner], ledger, own) for owner, own in by_owner.items()]))
        done = set_up(demo.settings, demo.db, ledger, None, folder, _WAIT)
        must(done.is_done, f"the accounts on {ledger} are not set up: {done.next}")
        out(line(GOOD, f" {ledger}: {len(done.accounts)} accounts, two of three sign for each, no own key any more."))


def open_lines(demo: DemoTreasury) -> None:
    """Open the lines of others by their own wallets, and ours by decision. Permanent where one is not there."""
    title("Lines for dollars and tokens")
    seeds = {name: demo.owners[name].folder / "keys" / "xrpl.seed" for name in PEOPLE}

    def trusts(name: str, amount: dict[str, str]) -> tuple[Path, dict[str, Any]]:
        return seeds[name], {"TransactionType": "TrustSet", "LimitAmount": amount}

    flags = [
        (seeds["bank"], {"TransactionType": "AccountSet", "SetFlag": flag})
        for flag in (_DEFAULT_RIPPLE, _ALLOW_LOCKING)
    ]
    lines = [trusts(name, cash_of(demo, LINE_LIMIT)) for name in PEOPLE if name != "bank"]
    lines += [trusts(name, raw_tokens(demo, LINE_LIMIT)) for name in HOLDERS]
    lent = [paying(demo, "bank", name, cash_of(demo, value)) for name, value in HOLDERS.items()]
    lent.append(paying(demo, "bank", "solar", cash_of(demo, "100000")))
    send_by_owners(demo.ledgers.xrpl, [flags, lines, lent])
    tokens = token_at(demo.settings, demo.db, BOND)
    cash = {"currency": CASH, "issuer": demo.xrpl("bank"), "limit": LINE_LIMIT}
    intent = {"op": "trustline.set", "account": demo.xrpl("house"), "params": cash}
    dollars = {"ledger": "xrpl", "network_id": NETWORK_ID, "intent": intent}
    ours = [AskedFor("trustline.set", each) for each in (dollars, tokens.trust("treasury", LINE_LIMIT))]
    ours += [AskedFor("trustline.authorize", tokens.authorize(demo.xrpl(name))) for name in HOLDERS]
    carried_out(demo, ours)
    carried_out(demo, [AskedFor("trustline.authorize", tokens.authorize("treasury"))])
    out(line(GOOD, f" The treasury may hold {CASH} and {BOND}; ada, bob and cleo may hold {BOND}, by two who decided."))


def paying(demo: DemoTreasury, who: str, to: str, amount: dict[str, str]) -> tuple[Path, dict[str, Any]]:
    """A payment that somebody outside makes with his own wallet."""
    seed = demo.owners[who].folder / "keys" / "xrpl.seed"
    return seed, {"TransactionType": "Payment", "Destination": demo.xrpl(to), "Amount": amount}


class AskedFor(NamedTuple):
    """What is proposed: the kind, the payload, and what the travel rule wants to know of both sides."""

    kind: str
    payload: dict[str, Any]
    travel: Any = None


def carried_out(demo: DemoTreasury, asked: Sequence[AskedFor]) -> None:
    """Propose, let two signers approve and sign all of it, and wait for the ledger."""
    proposals = [propose(demo.settings, demo.db, each.kind, each.payload, ["house"], BY, each.travel) for each in asked]
    decide_all(demo, proposals, demo.signers[:2])
    sign_and_send(demo, proposals, demo.signers[:2])


def sign_and_send(demo: DemoTreasury, proposals: Sequence[UUID], signers: Sequence[DemoSigner]) -> None:
    """Export what is approved, let signers sign all of it at once, send it and wait for the ledger."""
    folder = demo.folder / "to-sign"
    files = [file for each in proposals for file in export_files(demo.settings, demo.db, each, folder, BY)]
    taken(demo, transactions_signed(signers, "xrpl", *files))
    for each in proposals:
        submit(demo.settings, demo.db, each, BY)
    for each in proposals:
        confirmed(demo, each)
