"""`fntx treasury` on tokens: which there are, and a proposal of each way that one goes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fntx_dagster.cli.options import AsJson, print_json, settings_and_database
from fntx_dagster.cli.treasury_proposals import document, said

if TYPE_CHECKING:
    from fntx_dagster.services.treasury.flows import TokenAt, TokenView

_Code = Annotated[str, typer.Argument(metavar="TOKEN", help="Its code, such as OPTKAS.BOND.", show_default=False)]
_Amount = Annotated[str, typer.Argument(metavar="AMOUNT", help="How many, such as 250.5.", show_default=False)]
_Holder = Annotated[
    str, typer.Argument(metavar="HOLDER", help="A role of ours, such as treasury, or an address.", show_default=False)
]
_Party = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ID",
        help="A party to screen, as `fntx compliance party ID --name NAME` enters it; again for more. Needed where no "
        "address but ours is named: yourselves.",
        show_default=False,
    ),
]
_Travel = Annotated[
    str | None,
    typer.Option(
        "--travel-rule",
        metavar="FILE",
        help="Who pays and who is paid, above FNTX_TRAVEL_RULE_AMOUNT (1000): JSON, as docs/treasury.md shows.",
    ),
]


def tokens(as_json: AsJson = False) -> None:
    """List the tokens of the treasury, the ways that they may go, and how much is out.

    fntx treasury tokens --json
    """
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.services.treasury.flows import tokens

    settings, db = settings_and_database()
    views = tokens(settings, db)
    if as_json:
        print_json([_as_dict(view) for view in views])
        return
    table = new_table("token", "ledger", "issuer", "holders may pass it on", "ways", right=("out", "in escrows"))
    for token, supply, locked, problem in views:
        ways = "; ".join(f"{each.kind}: {each.source} to {', '.join(each.to)}" for each in token.flow)
        amounts = [f"{each:f}" if each is not None else "" for each in (supply, locked)]
        transfers = "yes" if token.transferable else "no"
        table.add_row(token.code, token.ledger, token.issuer, transfers, ways or problem, *amounts)
    out(table if views else "The configuration has no token.")


def trust(
    code: _Code,
    holder: _Holder,
    limit: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="The most that the line holds; by default the token's.")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Of a holder who is none of ours: write his file into DIR."),
    ] = None,
    party: _Party = None,
    as_json: AsJson = False,
) -> None:
    """Propose a holder's trust line. For an address that is none of ours, write the unsigned transaction with -o: its
    owner signs and sends it himself.

    fntx treasury trust OPTKAS.BOND treasury --limit 100000000 --party house
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.errors import Permanent
    from fntx_dagster.services.treasury.flows import write_for_owner

    settings, db, at = _token(code)
    most = limit or at.token.limit
    if most is None:
        raise Permanent(f"the configuration has no limit for {code}", "Give it with --limit")
    payload = at.trust(holder, most)
    if folder is None:
        _proposed(settings, db, "trustline.set", payload, party, None, as_json=as_json)
        return
    file = str(write_for_owner(settings, db, payload, folder))
    if as_json:
        print_json({"files": [file]})
    else:
        out(f"Written: {file}. Its holder signs and sends it; nothing of it is kept here.")


def authorize(
    code: _Code,
    holder: _Holder,
    distributes: Annotated[
        bool, typer.Option("--distributes", help="Let it pass the token on, which other holders cannot.")
    ] = False,
    party: _Party = None,
    as_json: AsJson = False,
) -> None:
    """Propose that the issuer authorises a holder's line. On the XRP Ledger this cannot be taken back.

    fntx treasury authorize OPTKAS.BOND treasury --party house
    """
    settings, db, at = _token(code)
    kind = "trustline.set" if distributes else "trustline.authorize"
    payload = at.distributor(holder) if distributes else at.authorize(holder)
    _proposed(settings, db, kind, payload, party, None, as_json=as_json)


def issue(
    code: _Code,
    amount: _Amount,
    to: Annotated[str, typer.Option(metavar="HOLDER", help="Who gets them: a role of ours, or an address.")],
    party: _Party = None,
    travel: _Travel = None,
    as_json: AsJson = False,
) -> None:
    """Propose an issue. The ledger is asked first: without a line, above its limit, not authorised or frozen, nothing
    is proposed.

    fntx treasury issue OPTKAS.BOND 250000 --to treasury --party house --travel-rule travel.json
    """
    settings, db, at = _token(code)
    payload = at.pay(amount, at.token.issuer, to)
    _proposed(settings, db, "iou.issue", payload, party, travel, as_json=as_json)


def distribute(
    code: _Code,
    amount: _Amount,
    to: Annotated[str, typer.Option(metavar="HOLDER", help="Who gets them: an address, or a role of ours.")],
    source: Annotated[
        str | None, typer.Option("--from", metavar="ROLE", help="From whose account; by default as configured.")
    ] = None,
    party: _Party = None,
    travel: _Travel = None,
    as_json: AsJson = False,
) -> None:
    """Propose a payment of tokens that we hold to a holder.

    fntx treasury distribute OPTKAS.BOND 1000 --to rPT1Sjq2YGrBMTttX4GZHjKu9dyfzbpAYe
    """
    settings, db, at = _token(code)
    payload = at.pay(amount, source or at.source_of("distribution.pay"), to)
    _proposed(settings, db, "distribution.pay", payload, party, travel, as_json=as_json)


def redeem(
    code: _Code,
    amount: _Amount,
    source: Annotated[str, typer.Option("--from", metavar="ROLE", help="The account of ours that holds them.")],
    party: _Party = None,
    travel: _Travel = None,
    as_json: AsJson = False,
) -> None:
    """Propose a payment of tokens back to their issuer, which ends them.

    fntx treasury redeem OPTKAS.BOND 1000 --from treasury --party house
    """
    settings, db, at = _token(code)
    payload = at.pay(amount, source, at.token.issuer)
    _proposed(settings, db, "iou.redeem", payload, party, travel, as_json=as_json)


def freeze(
    code: _Code,
    holder: Annotated[
        str | None, typer.Argument(metavar="[HOLDER]", help="Left out: with --all.", show_default=False)
    ] = None,
    everybody: Annotated[bool, typer.Option("--all", help="All that the issuer issued, on the XRP Ledger.")] = False,
    end: Annotated[bool, typer.Option("--end", help="End the freeze.")] = False,
    party: _Party = None,
    as_json: AsJson = False,
) -> None:
    """Propose to freeze a holder's line; on Stellar its authorisation is taken back. With --end, propose the opposite;
    on Stellar that is to authorise the holder again, who is screened.

    fntx treasury freeze OPTKAS.BOND rPT1Sjq2YGrBMTttX4GZHjKu9dyfzbpAYe
    """
    from fntx_dagster.errors import Permanent

    if everybody is (holder is not None):
        raise Permanent("either a holder or --all is frozen", "Name one of the two")
    settings, db, at = _token(code)
    change = at.unfreeze if end else at.freeze
    payload = at.freeze_all(end=end) if holder is None else change(holder)
    kind = "trustline.authorize" if end and at.token.ledger == "stellar" else "freeze"
    _proposed(settings, db, kind, payload, party, None, as_json=as_json)


def _token(code: str) -> tuple[Any, Any, TokenAt]:
    from fntx_dagster.services.treasury.flows import token_at

    settings, db = settings_and_database()
    return settings, db, token_at(settings, db, code)


def _proposed(
    settings: Any,
    db: Any,
    kind: str,
    payload: dict[str, Any],
    party: list[str] | None,
    travel: str | None,
    *,
    as_json: bool,
) -> None:
    from fntx_dagster.services.governance.proposing import propose

    rule = document(travel) if travel else None
    said(settings, db, propose(settings, db, kind, payload, party or [], travel=rule), as_json=as_json)


def _as_dict(view: TokenView) -> dict[str, Any]:
    token = view.token._asdict()
    token["flow"] = [{"kind": each.kind, "from": each.source, "to": [*each.to]} for each in view.token.flow]
    return token | {"supply": view.supply, "locked": view.locked, "problem": view.problem}
