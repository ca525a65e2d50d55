"""A day frozen: its metrics, its salts, and the roots of its two trees, the record and the extension below slot 63.

What belongs here: what a record is bound to, how its values become a `SignedDay`, and how that becomes trees again.
Which days are signed or amended is `signing`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.adapters.evm import keys
from fntx_dagster.adapters.evm.client import EMBEDDED_CHAIN_ID, addresses_of
from fntx_dagster.adapters.evm.keys import KeyRing, key_ring
from fntx_dagster.errors import Permanent, masked
from fntx_dagster.metrics.catalogue import CATALOGUE, DERIVED, EXTENSION, EXTENSION_ROOT, Catalogue, digest_value
from fntx_dagster.model.chain import SignedDay, SignedExtension
from fntx_dagster.proof.leaves import Context, schema_hash_of
from fntx_dagster.proof.record import Record, build_record
from fntx_dagster.proof.salts import SaltForm
from fntx_dagster.samples import SAMPLE_ACCOUNT
from fntx_dagster.services.signatures.commitments import FrozenFigures, digests_of
from fntx_dagster.services.signatures.common_keys import common_secret, common_trader
from fntx_dagster.services.signatures.values import Values, catalogue_of, extension_catalogue_of
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.outbox import signatures

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings

FIRST_VERSION = 1


class Bound(NamedTuple):
    """The chain, contract, trader and secret that an account's records are bound to."""

    account_id: str
    chain_id: int
    contract: str
    trader: str
    secret: bytes

    def __repr__(self) -> str:
        return f"Bound({self.trader})"


def frozen(
    bound: Bound,
    day: date,
    values: Values,
    version: int = FIRST_VERSION,
    previous_root: bytes | None = None,
    reason: str | None = None,
) -> SignedDay:
    """The record of a day and its extension, by today's catalogues. `values` has every metric of both but those that
    are computed here."""
    context = Context(schema_hash_of(CATALOGUE.canonical()), bound.chain_id, bound.contract, bound.trader, day)
    its_context = replace(context, schema_hash=schema_hash_of(EXTENSION.canonical()))
    given = {**dict.fromkeys(DERIVED), **values}
    of_extension = EXTENSION.scaled({name: value for name, value in given.items() if name in EXTENSION.by_name})
    of_record = CATALOGUE.scaled({name: value for name, value in given.items() if name not in EXTENSION.by_name})
    figures = FrozenFigures(
        bound.account_id, day, version, context.schema_hash, its_context.schema_hash, of_record, of_extension
    )
    derived = digests_of(bound.secret, figures)

    def tree(own_context: Context, catalogue: Catalogue, scaled: dict[int, int | None]) -> Record:
        own = {catalogue.by_name[name].index: value for name, value in derived.items() if name in catalogue.by_name}
        return build_record(
            own_context, bound.account_id, scaled | own, bound.secret, version, salt_form=SaltForm.RECORD
        )

    extension = tree(its_context, EXTENSION, of_extension)
    derived[EXTENSION_ROOT] = digest_value(extension.root)
    record = tree(context, CATALOGUE, of_record)
    return SignedDay(
        account_id=bound.account_id,
        trading_day=day,
        version=version,
        schema_hash=context.schema_hash,
        root=record.root,
        chain_id=context.chain_id,
        contract=context.contract,
        trader=context.trader,
        secret_mark=keys.mark_of(bound.secret),
        values=_by_name(CATALOGUE, record),
        previous_root=previous_root,
        reason=reason,
        salt_form=SaltForm.RECORD,
        extension=SignedExtension(extension.context.schema_hash, _by_name(EXTENSION, extension)),
    )


def rebuilt(signed: SignedDay, ring: KeyRing) -> Record:
    """A frozen record with its salts, from the secret. Its root is the frozen one unless the record was changed."""
    return _tree(signed, ring, catalogue_of(signed), signed.schema_hash, signed.values)


def rebuilt_extension(signed: SignedDay, ring: KeyRing) -> Record | None:
    """The frozen extension of a day with its salts; None where it has none. Its root is the value of slot 63 unless it
    was changed."""
    catalogue = extension_catalogue_of(signed)
    if signed.extension is None or catalogue is None:
        return None
    return _tree(signed, ring, catalogue, signed.extension.schema_hash, signed.extension.values)


def changed_since_signing(signed: SignedDay, record: Record, extension: Record | None) -> Iterator[str]:
    """Each of the two trees that does not lead to the root that was frozen."""
    changed = "it, or the salt secret, was changed after signing"
    if record.root != signed.root:
        yield f"the stored record does not lead to its own root: {changed}"
    if (None if extension is None else f"0x{extension.root.hex()}") != signed.extension_root:
        yield f"the stored extension does not lead to its root in slot 63: {changed}"


def bound_of(settings: Settings, db: Database, reader: Readable, account_id: str) -> Bound:
    """What the account's next record is bound to, by what `reader` reads; `db` keeps which salt secret and development
    keys its machines sign with. Raises Permanent where it could not be posted or proved: another key
    or secret than before, a key that another account uses, made-up days on a public chain."""
    if account_id == SAMPLE_ACCOUNT and settings.chain.rpc_url is not None:
        raise Permanent("the sample account's days are made up and are not signed on a public chain", "Load your own")
    before = signatures.last_signed(reader, account_id)
    secret = (
        common_secret(settings, db) if before is None else keys.known_secret(key_ring(settings), before.secret_mark)
    )
    addresses, trader = addresses_of(settings), common_trader(settings, db, account_id)
    if before is not None and before.chain_id not in (addresses.chain_id, EMBEDDED_CHAIN_ID):
        raise Permanent(
            f"account {account_id} has signed on chain {before.chain_id} so far, and the settings name chain "
            f"{addresses.chain_id}",
            "Set FNTX_RPC_URL and FNTX_CONTRACTS as they were: what is signed elsewhere is missing there for ever",
        )
    here = signatures.last_signed(reader, account_id, addresses.chain_id)
    if here is not None and here.contract != addresses.track_record and here.chain_id != EMBEDDED_CHAIN_ID:
        raise Permanent(
            f"account {account_id} has signed for contract {here.contract} so far, and the settings name "
            f"{addresses.track_record}",
            "Set FNTX_CONTRACTS as it was: what is signed elsewhere is missing there for ever",
        )
    if here is not None and here.trader != trader:
        raise Permanent(
            f"account {account_id} has signed as {here.trader} so far, and the key in use is {trader}'s",
            "Restore the key from the backup",
        )
    if others := signatures.accounts_of_trader(reader, trader) - {account_id}:
        raise Permanent(
            f"{trader} signs for account {masked(min(others))} already, and the contract keeps one record a day",
            f"Give account {account_id} a key of its own",
        )
    return Bound(account_id, addresses.chain_id, addresses.track_record, trader, secret)


def _tree(
    signed: SignedDay, ring: KeyRing, catalogue: Catalogue, schema_hash: bytes, values: Mapping[str, int | None]
) -> Record:
    secret = keys.known_secret(ring, signed.secret_mark)
    context = Context(schema_hash, signed.chain_id, signed.contract, signed.trader, signed.trading_day)
    slots = {catalogue.by_name[name].index: value for name, value in values.items()}
    try:
        form = SaltForm(signed.salt_form)
    except ValueError:
        raise Permanent(
            f"{signed.trading_day} was signed by a later FNTX, whose salts have form {signed.salt_form}", "Update FNTX"
        ) from None
    return build_record(context, signed.account_id, slots, secret, signed.version, salt_form=form)


def _by_name(catalogue: Catalogue, record: Record) -> dict[str, int | None]:
    return {metric.name: record.values[metric.index] for metric in catalogue.metrics}
