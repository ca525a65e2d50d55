"""The key that traders encrypt to is the one that the trustees formed, whatever a contract says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fntx_dagster.adapters.evm.pool_reading import PoolBook
from fntx_dagster.adapters.evm.reader import Reader
from fntx_dagster.curve.group import GENERATOR, write_wide
from fntx_dagster.errors import Permanent
from fntx_dagster.model.chain import Addresses
from fntx_dagster.services.aggregation.pool import PoolView
from tests.contracts.chains import Anvil
from tests.contracts.pools import Base, Pool
from tests.tools import needs_anvil

pytestmark = needs_anvil


@pytest.fixture(scope="module")
def base() -> Iterator[Base]:
    chain = Anvil()
    yield Base(chain)
    chain.stop()


def view(pool: Pool) -> PoolView:
    web3 = pool.chain.web3
    addresses = Addresses(web3.eth.chain_id, pool.base.fntx.address, pool.base.records.address)
    book = PoolBook(Reader(web3, addresses), pool.contract.address)
    return PoolView(book, book.terms())


def test_the_key_follows_from_the_contributions(base: Base) -> None:
    pool = Pool(base)
    assert view(pool).checked_key() == pool.key


def test_a_key_that_a_deployment_put_there_is_refused(base: Base) -> None:
    formed, empty = view(Pool(base)), view(Pool(base, is_formed=False))
    for key in (GENERATOR, -GENERATOR):
        with pytest.raises(Permanent, match="is not the one that its trustees formed"):
            formed._replace(terms=formed.terms._replace(key=write_wide(key))).checked_key()
    with pytest.raises(Permanent, match="has not contributed to the key"):
        empty._replace(terms=empty.terms._replace(key=write_wide(GENERATOR))).checked_key()
    with pytest.raises(Permanent, match="has no key yet"):
        empty.checked_key()
