"""A record keeps the form of its salts: what was signed before salts bound chain, contract and trader goes on."""

from __future__ import annotations

from datetime import date

import pytest

from fntx_dagster.adapters.evm.client import Chain
from fntx_dagster.adapters.evm.keys import KeyRing, key_ring, salt_secret
from fntx_dagster.adapters.evm.served import serve
from fntx_dagster.errors import Permanent
from fntx_dagster.metrics.catalogue import CATALOGUE
from fntx_dagster.model.chain import SignedDay
from fntx_dagster.model.period import Period
from fntx_dagster.proof.leaves import Context
from fntx_dagster.proof.record import build_record
from fntx_dagster.proof.salts import SaltForm
from fntx_dagster.services.signatures.checking import check_disclosure
from fntx_dagster.services.signatures.disclosing import disclose_day
from fntx_dagster.services.signatures.freezing import rebuilt
from fntx_dagster.services.signatures.posting import post
from fntx_dagster.services.signatures.signing import sign
from fntx_dagster.services.signatures.verifying import prove_on_chain, verify_day
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.outbox.signatures import signed_version
from tests import by_hand
from tests.services.signatures.conftest import amended, as_before

ACCOUNT, DAY = "U7000001", date(2025, 7, 17)


def in_the_old_form(signed: SignedDay, keys: KeyRing) -> SignedDay:
    """The record as it was frozen before: by the old formula."""
    context = Context(signed.schema_hash, signed.chain_id, signed.contract, signed.trader, signed.trading_day)
    slots = {CATALOGUE.by_name[name].index: value for name, value in signed.values.items()}
    record = build_record(context, ACCOUNT, slots, salt_secret(keys), salt_form=SaltForm.ACCOUNT)
    return signed._replace(root=record.root, salt_form=1)


@pytest.fixture
def old(built: Database, settings: Settings, chain: Chain) -> SignedDay:
    """A posted record from before, whose row names no form."""
    by_hand.build(built, ACCOUNT, DAY)
    [signed] = sign(settings, built, Period.on(DAY)).new
    assert signed.salt_form == SaltForm.RECORD
    before = in_the_old_form(as_before(settings, signed), key_ring(settings))
    assert before.root != signed.root
    with built.connect() as connection:
        connection.execute("alter table alm_reporting.daily_signatures disable trigger all")
        connection.execute(
            """update alm_reporting.daily_signatures set root = %s, schema_hash = %s,
                record = (record - array['salt_form', 'extension'])
                    #- '{values,extension_root}' #- '{values,aggregation_commitments}'""",
            (before.root, before.schema_hash),
        )
        connection.execute("alter table alm_reporting.daily_signatures enable trigger all")
    assert len(post(settings, built, chain, Period.on(DAY)).new) == 1
    return before


def test_a_record_from_before_is_read_rebuilt_verified_and_disclosed_as_before(
    built: Database, settings: Settings, chain: Chain, old: SignedDay
) -> None:
    read = signed_version(built, ACCOUNT, DAY)
    assert read == old
    assert rebuilt(read, key_ring(settings)).root == old.root
    assert verify_day(built, chain, key_ring(settings), ACCOUNT, DAY).holds
    assert prove_on_chain(chain, read, key_ring(settings), "net_pnl")
    with serve(chain.web3.provider) as url:
        checked = check_disclosure(disclose_day(settings, built, ACCOUNT, DAY, ["net_pnl"], None), url)
    assert (checked.problems, checked.on_chain) == ((), True)


def test_its_correction_has_the_new_form_and_both_versions_are_proved(
    built: Database, settings: Settings, chain: Chain, old: SignedDay
) -> None:
    with built.connect() as connection:
        connection.execute("update alm_reporting.daily_summary set net_pnl = 13")
    [second] = amended(built, settings, DAY, DAY, "a correction")
    post(settings, built, chain, Period.on(DAY))
    assert (second.previous_root, second.salt_form) == (old.root, SaltForm.RECORD)
    assert signed_version(built, ACCOUNT, DAY) == second
    for version in (1, 2):
        text = disclose_day(settings, built, ACCOUNT, DAY, ["net_pnl"], version)
        assert check_disclosure(text).holds
        signed = signed_version(built, ACCOUNT, DAY, version)
        assert signed is not None
        assert prove_on_chain(chain, signed, key_ring(settings), "net_pnl")


def test_a_form_of_a_later_fntx_is_named(built: Database, settings: Settings, chain: Chain) -> None:
    by_hand.build(built, ACCOUNT, DAY)
    [signed] = sign(settings, built, Period.on(DAY)).new
    with pytest.raises(Permanent, match="salts have form 3"):
        rebuilt(signed._replace(salt_form=3), key_ring(settings))
