"""The ways of a token as payloads of proposals: trusted, authorised, issued, passed on, redeemed, frozen; and the
transaction that a holder who is none of ours signs himself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from fntx_dagster.errors import FntxError, Permanent
from fntx_dagster.governance.addresses import is_stellar_address, is_xrpl_address
from fntx_dagster.governance.config import TreasuryConfig
from fntx_dagster.governance.tokens import TreasuryToken
from fntx_dagster.services.governance.configuration import approved_config
from fntx_dagster.services.transactions.exporting import written
from fntx_dagster.services.transactions.opening import opened
from fntx_dagster.services.treasury.secrets import require_no_secret
from fntx_dagster.services.treasury.signing import NamedSigner, stellar_file, xrpl_file
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database

HOLDER = "holder"
_SECONDS_PER_LEDGER = 3.5
Payload = dict[str, Any]


class TokenAt(NamedTuple):
    """A token of a configuration, and what its payloads are made of."""

    config: TreasuryConfig
    token: TreasuryToken

    def address(self, who: str) -> str:
        """The address of a role of ours, or one that is given as such. Raises Permanent for anything else."""
        known = self.config.xrpl_accounts if self.token.ledger == "xrpl" else self.config.stellar_accounts
        is_address = is_xrpl_address if self.token.ledger == "xrpl" else is_stellar_address
        require_no_secret(who)
        if who not in known and not is_address(who):
            raise Permanent(
                f"{who[:70]!r} is no account of ours on {self.token.ledger}, and no address there",
                f"Name one of {', '.join(known)}, or copy an address whole",
            )
        return known.get(who, who)

    def payload(self, account: str, op: str, **params: Any) -> Payload:
        network = self.config.network_id if self.token.ledger == "xrpl" else self.config.passphrase
        intent = {"op": op, "account": account, "params": params}
        return {"ledger": self.token.ledger, "network_id": network, "intent": intent}

    @property
    def asset(self) -> dict[str, str]:
        code = "currency" if self.token.ledger == "xrpl" else "code"
        return {code: self.token.code, "issuer": self.token.issuer_address}

    def trust(self, holder: str, limit: str) -> Payload:
        """A holder's line. A limit of 0 gives it up."""
        where = self.asset if self.token.ledger == "xrpl" else {"asset": self.asset}
        return self.payload(self.address(holder), "trustline.set", **where, limit=limit)

    def authorize(self, holder: str) -> Payload:
        return self._line_of(holder, "trustline.authorize", set=["authorized"])

    def freeze(self, holder: str) -> Payload:
        return self._line_of(holder, "trustline.freeze", clear=["authorized"])

    def unfreeze(self, holder: str) -> Payload:
        return self._line_of(holder, "trustline.unfreeze", set=["authorized"])

    def _line_of(self, holder: str, op: str, **flags: list[str]) -> Payload:
        issuer, address = self.token.issuer_address, self.address(holder)
        if self.token.ledger == "xrpl":
            return self.payload(issuer, op, currency=self.token.code, holder=address)
        return self.payload(issuer, "trustline.flags", trustor=address, asset=self.asset, **flags)

    def freeze_all(self, *, end: bool = False) -> Payload:
        """All that the issuer issued, at once; or the end of that."""
        if self.token.ledger != "xrpl":
            raise Permanent("Stellar freezes each holder by itself", "Name the holder")
        return self.payload(self.token.issuer_address, "account.flag", **{"clear" if end else "set": "global_freeze"})

    def distributor(self, holder: str) -> Payload:
        """Let a holder pass the token on although holders otherwise cannot: the issuer clears NoRipple of his line."""
        if self.token.ledger != "xrpl":
            raise Permanent("on Stellar whoever is authorised passes a token on", "Leave --distributes out")
        flags = {"limit": "0", "flags": ["clear_no_ripple"]}
        issuer, address = self.token.issuer_address, self.address(holder)
        return self.payload(issuer, "trustline.set", currency=self.token.code, issuer=address, **flags)

    def pay(self, amount: str, source: str, to: str) -> Payload:
        """A payment of so many tokens."""
        sent = {"amount": {**self.asset, "value": amount}} if self.token.ledger == "xrpl" else {"amount": amount}
        where = {} if self.token.ledger == "xrpl" else {"asset": self.asset}
        return self.payload(self.address(source), "payment", destination=self.address(to), **where, **sent)

    def source_of(self, kind: str) -> str:
        """The role from whose account the token goes by a kind, where the configuration names one. Permanent else."""
        sources = {each.source for each in self.token.flow if each.kind == kind}
        if len(sources) != 1:
            raise Permanent(f"the configuration names {len(sources)} accounts from which it goes", "Name it: --from")
        return sources.pop()


class TokenView(NamedTuple):
    """A token as it is listed. `supply`: what is out, in tokens; `locked`: of it in escrows; None where no server was
    asked, and `problem` says why."""

    token: TreasuryToken
    supply: Decimal | None
    locked: Decimal | None
    problem: str


def token_at(settings: Settings, db: Database, code: str) -> TokenAt:
    """The token of that code. Raises Permanent where the configuration has none, or two."""
    with db.connect() as connection:
        config = approved_config(settings, connection)
    found = [token for token in config.tokens if token.code == code]
    if len(found) != 1:
        known = ", ".join(token.code for token in config.tokens) or "none"
        raise Permanent(f"the configuration has {len(found)} tokens {code[:40]!r}", f"It has {known}")
    return TokenAt(config, found[0])


def tokens(settings: Settings, db: Database) -> list[TokenView]:
    """The tokens of the configuration, with what their ledgers say is out, where a server is named and answers."""
    with db.connect() as connection:
        config = approved_config(settings, connection)
    return [_view(settings, config, token) for token in config.tokens]


def _view(settings: Settings, config: TreasuryConfig, token: TreasuryToken) -> TokenView:
    try:
        with opened(settings, config, token.ledger) as ledger:
            return TokenView(token, *ledger.supply(token.code, token.issuer_address), "")
    except FntxError as error:
        return TokenView(token, None, None, error.message)


def write_for_owner(settings: Settings, db: Database, payload: Payload, folder: Path) -> Path:
    """Write the file of a transaction that its account's owner signs and sends himself; nothing of it is kept. Raises
    TransactionRefused where it would fail on its ledger."""
    with db.connect() as connection:
        config = approved_config(settings, connection)
    account = payload["intent"]["account"]
    with opened(settings, config, payload["ledger"]) as ledger:
        terms = ledger.terms(payload, 1, key=account)
        text = ledger.build(payload, terms, terms.sequence, None).text
    owner = [NamedSigner(HOLDER, account)]
    if payload["ledger"] == "stellar":
        document = stellar_file(config.passphrase, text, owner, payload)
    else:
        ends = datetime.now(UTC) + timedelta(seconds=_SECONDS_PER_LEDGER * (terms.ends_at - terms.head))
        about = f"about {ends:%Y-%m-%d %H:%M} UTC"
        document = xrpl_file(config.network_id, text, owner, payload, about, single=True)
    return written(folder, f"{payload['intent']['op']}-{account}.json", document)
