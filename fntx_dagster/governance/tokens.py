"""The tokens of a configuration: who issues each, which ways it may go, whether holders may pass it on.

A configuration that names none has those of its trust lines and of its asset; then the ledgers alone say where they go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.governance.fields import StrictFields

OUTSIDE = "outside"
"""Stands in a flow for whoever is none of ours: a bond holder, a bank."""
MOVES = ("iou.issue", "distribution.pay", "escrow.create", "escrow.finish")
"""The kinds of proposals that move a token on. Back to its issuer it may always go."""
_XRPL_CODE = re.compile("[!-~][ -~]{1,18}[!-~]").fullmatch
_STELLAR_CODE = re.compile("[A-Za-z0-9]{1,12}").fullmatch


class TokenMove(NamedTuple):
    """A way that a token may go: by a proposal of this kind, from the account of a role to those of roles."""

    kind: str
    source: str
    to: tuple[str, ...]


class TreasuryToken(NamedTuple):
    """A token. `issuer`: its account's role; `issuer_address` on the ledger; `limit`: of a holder's line, as a decimal
    text; `flow`: empty where the ledgers alone say where it goes."""

    code: str
    ledger: str
    issuer: str
    issuer_address: str
    transferable: bool
    limit: str | None
    flow: tuple[TokenMove, ...]

    def may_go(self, kind: str, source: str, to: str) -> bool:
        """Whether a proposal of a kind may move it from the account of a role to that of another, or outside."""
        return not self.flow or any(each.kind == kind and each.source == source and to in each.to for each in self.flow)


def read_tokens(whole: StrictFields, accounts: Mapping[str, Mapping[str, str]]) -> tuple[TreasuryToken, ...]:
    """The tokens of a document's `tokens`, which may be missing; `accounts`: ledger → role → address. Raises Permanent
    that names the field that is wrong."""
    if not whole.has("tokens"):
        return ()
    tokens = tuple(_token(each, accounts) for each in whole.objects("tokens"))
    names = [(each.ledger, each.code, each.issuer) for each in tokens]
    if twice := [name for name in names if names.count(name) > 1]:
        raise Permanent(f"tokens: {twice[0][1]} is there twice", "Name each token once")
    return tokens


def _token(fields: StrictFields, accounts: Mapping[str, Mapping[str, str]]) -> TreasuryToken:
    ledger = fields.one_of("ledger", [*accounts])
    roles = accounts[ledger]
    is_code = _XRPL_CODE if ledger == "xrpl" else _STELLAR_CODE
    code = fields.checked("code", lambda text: is_code(text) is not None and text != "XRP", f"a code of {ledger}")
    issuer = fields.one_of("issuer", [*roles])
    transferable = fields.yes_or_no("transferable")
    limit = fields.decimal("limit") if fields.has("limit") else None
    flow = tuple(_move(each, [*roles]) for each in fields.objects("flow"))
    fields.end()
    if strange := [move for move in flow if move.kind == "iou.issue" and move.source != issuer]:
        raise Permanent(f"tokens: {code} is not issued by {strange[0].source}", f"Its issuer is {issuer}")
    return TreasuryToken(code, ledger, issuer, roles[issuer], transferable, limit, flow)


def _move(fields: StrictFields, roles: list[str]) -> TokenMove:
    kind, source = fields.one_of("kind", MOVES), fields.one_of("from", roles)
    to: Any = fields.any("to")
    if type(to) is not list or not to or not all(type(each) is str and each in (*roles, OUTSIDE) for each in to):
        raise Permanent(f"tokens: the ways of {kind} lead to {to!r}"[:200], f"Name of {', '.join(roles)}, {OUTSIDE}")
    fields.end()
    return TokenMove(kind, source, tuple(to))


def default_tokens(document: Mapping[str, Any], accounts: Mapping[str, Mapping[str, str]]) -> tuple[TreasuryToken, ...]:
    """The tokens of the trust lines and of the asset, of which a configuration says no more."""
    found: dict[tuple[str, str, str], TreasuryToken] = {}
    roles = {ledger: {address: role for role, address in known.items()} for ledger, known in accounts.items()}
    for account in document["xrpl"]["accounts"].values():
        for line in account["trustlines"]:
            if role := roles["xrpl"].get(line["issuer"]):
                token = TreasuryToken(line["currency"], "xrpl", role, line["issuer"], False, line["limit"], ())
                found.setdefault(("xrpl", *token[:2]), token)
    asset = document["stellar"]["asset"]
    if role := roles["stellar"].get(asset["issuer"]):
        found["stellar", asset["code"], role] = TreasuryToken(
            asset["code"], "stellar", role, asset["issuer"], False, None, ()
        )
    return tuple(found.values())
