"""The treasury's configuration: networks, accounts, signers and thresholds, read so strictly that a slip is found.

It holds addresses only. Its hash belongs to the version of the signer set, so that a change of the file counts once
people approved it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.governance.addresses import is_stellar_address, is_xrpl_address
from fntx_dagster.governance.decisions import payload_hash
from fntx_dagster.governance.fields import StrictFields
from fntx_dagster.governance.kinds import FEWEST_SIGNERS, ROLES
from fntx_dagster.governance.tokens import TreasuryToken, default_tokens, read_tokens

XRPL_ROLES = ("issuer", "treasury", "escrow", "attestation", "amm", "trading")
STELLAR_ROLES = ("issuer", "distribution", "anchor")
MOST_SIGNERS = 20
"""That an account of Stellar can have; one of the XRP Ledger can have 32."""
LONGEST_BETWEEN_ANCHORS = 366 * 86_400
"""In seconds."""
_MOST_NETWORK = 2**32 - 1
_ALL_DROPS = 100_000_000_000_000_000
"""Of all XRP that there is."""
_ALL_LUMENS = Decimal(50_001_806_812)
_MOST_WEIGHT = 255
_DROPS = re.compile("0|[1-9][0-9]{0,17}").fullmatch
_LUMENS = re.compile(r"(?:0|[1-9][0-9]{0,10})(?:\.[0-9]{1,7})?").fullmatch


class ConfiguredSigner(NamedTuple):
    """A signer as the ledgers know him."""

    id: str
    role: str
    xrpl: str
    stellar: str


class TreasuryConfig(NamedTuple):
    """What the rest of the treasury asks of a configuration; `document` is all of it. `hash`: of the document's
    canonical form, so that blanks and comments of the file do not count."""

    document: Mapping[str, Any]
    hash: str
    platform: str
    threshold: int
    config_threshold: int
    anchor_every_s: int
    signers: tuple[ConfiguredSigner, ...]
    network_id: int
    passphrase: str
    xrpl_accounts: Mapping[str, str]
    """Role → address."""
    stellar_accounts: Mapping[str, str]
    stellar_anchor: str
    """The account that anchors on Stellar: the `anchor_account`, else that of the role."""
    tokens: tuple[TreasuryToken, ...]

    @property
    def issuers(self) -> frozenset[str]:
        """The addresses that issue something, on both ledgers: those of the role, of the asset and of each token."""
        own = {self.xrpl_accounts["issuer"], self.stellar_accounts["issuer"]}
        asset = self.document["stellar"]["asset"]["issuer"]
        return frozenset({*own, asset, *(token.issuer_address for token in self.tokens)})


def read_config(document: Any) -> TreasuryConfig:
    """A configuration from its document. Raises Permanent that names the first field that is missing, left over or not
    of its form."""
    whole = StrictFields(document, "")
    platform, threshold = whole.text("platform"), whole.whole("threshold", 2, MOST_SIGNERS)
    for name in ("version", "network"):
        whole.text(name)
    config_threshold = whole.whole("config_threshold", max(3, threshold), MOST_SIGNERS)
    anchor_every_s = whole.whole("anchor_every_s", 1, LONGEST_BETWEEN_ANCHORS)
    signers = tuple(_signer(each) for each in whole.objects("signers"))
    _check_signers(signers, config_threshold)
    network_id, xrpl_accounts = _xrpl(whole.object("xrpl"))
    passphrase, stellar_accounts, stellar_anchor = _stellar(whole.object("stellar"), len(signers))
    accounts = {"xrpl": xrpl_accounts, "stellar": stellar_accounts}
    tokens = read_tokens(whole, accounts) or default_tokens(document, accounts)
    whole.end()
    return TreasuryConfig(
        document,
        payload_hash(document),
        platform,
        threshold,
        config_threshold,
        anchor_every_s,
        signers,
        network_id,
        passphrase,
        xrpl_accounts,
        stellar_accounts,
        stellar_anchor,
        tokens,
    )


def _signer(fields: StrictFields) -> ConfiguredSigner:
    signer = ConfiguredSigner(
        fields.text("id"),
        fields.one_of("role", ROLES),
        fields.checked("xrpl", is_xrpl_address, "an address of the XRP Ledger"),
        fields.checked("stellar", is_stellar_address, "a public key of Stellar"),
    )
    fields.end()
    return signer


def _check_signers(signers: tuple[ConfiguredSigner, ...], most_needed: int) -> None:
    if len(signers) < max(FEWEST_SIGNERS, most_needed):
        raise Permanent(
            f"signers: there are {len(signers)}, and {max(FEWEST_SIGNERS, most_needed)} have to be able to approve",
            "Name more signers, or lower config_threshold",
        )
    if len(signers) > MOST_SIGNERS:
        raise Permanent(
            f"signers: there are {len(signers)}, and an account of Stellar has {MOST_SIGNERS} at most",
            "Name fewer signers",
        )
    if missing := [role for role in ROLES if role not in {signer.role for signer in signers}]:
        raise Permanent(f"signers: nobody has the role {missing[0]}", "Each of the three roles needs a signer")
    for name in ("id", "xrpl", "stellar"):
        values = [getattr(signer, name) for signer in signers]
        if twice := [value for value in values if values.count(value) > 1]:
            raise Permanent(f"signers: {name} {twice[0]} is there twice", "Each signer is a person of their own")


def _xrpl(fields: StrictFields) -> tuple[int, dict[str, str]]:
    network_id = fields.whole("network_id", 0, _MOST_NETWORK)
    fields.one_of("issuer_role", XRPL_ROLES)
    for name in ("reserve_base", "reserve_inc", "margin_drops"):
        fields.checked(name, _are_drops, f"a number of drops of at most {_ALL_DROPS}, as a text")
    accounts = {}
    for role, account in fields.each("accounts", XRPL_ROLES):
        accounts[role] = account.checked("address", is_xrpl_address, "an address of the XRP Ledger")
        account.flags("flags")
        for line in account.objects("trustlines"):
            line.text("currency")
            line.checked("issuer", is_xrpl_address, "an address of the XRP Ledger")
            line.decimal("limit")
            line.yes_or_no("authorized")
            line.end()
        account.end()
    fields.end()
    _check_distinct("xrpl.accounts", accounts)
    return network_id, accounts


def _are_drops(text: str) -> bool:
    return _DROPS(text) is not None and int(text) <= _ALL_DROPS


def _are_lumens(text: str) -> bool:
    return _LUMENS(text) is not None and Decimal(text) <= _ALL_LUMENS


def _stellar(fields: StrictFields, signers: int) -> tuple[str, dict[str, str], str]:
    passphrase = fields.text("passphrase")
    fields.checked("base_reserve", _are_lumens, f"an amount of at most {_ALL_LUMENS} lumens, as a text")
    _check_thresholds(fields.object("thresholds"), signers)
    asset = fields.object("asset")
    asset.text("code")
    asset.checked("issuer", is_stellar_address, "a public key of Stellar")
    asset.end()
    accounts = {}
    for role, account in fields.each("accounts", STELLAR_ROLES):
        accounts[role] = account.checked("address", is_stellar_address, "a public key of Stellar")
        account.flags("flags")
        account.end()
    anchor = accounts["anchor"]
    if fields.has("anchor_account"):
        anchor = fields.checked("anchor_account", is_stellar_address, "a public key of Stellar")
    fields.end()
    _check_distinct("stellar.accounts", accounts)
    return passphrase, accounts, anchor


def _check_thresholds(fields: StrictFields, signers: int) -> None:
    """Each signer weighs 1. A threshold that one of them, or the own key of an account, reaches alone would let one
    person move money whatever was decided; one above the number of signers would let nobody."""
    low, med, high = (fields.whole(name, 2, _MOST_WEIGHT) for name in ("low", "med", "high"))
    master = fields.whole("master", 0, _MOST_WEIGHT)
    fields.end()
    if not low <= med <= high <= signers:
        raise Permanent(
            f"stellar.thresholds: low {low}, med {med} and high {high} do not rise to the number of signers, {signers}",
            "What needs more signers has the higher threshold, and no threshold is above the number of signers",
        )
    if master >= low:
        raise Permanent(
            f"stellar.thresholds.master is {master}: the own key of an account would sign alone for what needs {low}",
            "Write 0, so that the own key signs nothing",
        )


def _check_distinct(where: str, accounts: Mapping[str, str]) -> None:
    addresses = [*accounts.values()]
    if twice := [address for address in addresses if addresses.count(address) > 1]:
        raise Permanent(f"{where}: {twice[0]} has two roles", "Each role has an account of its own")
