"""A pool of the tests' contracts, as the services look at it."""

from __future__ import annotations

from fntx_dagster.adapters.evm.pool_reading import PoolBook
from fntx_dagster.adapters.evm.reader import Reader
from fntx_dagster.model.chain import Addresses
from fntx_dagster.services.aggregation.pool import PoolView
from tests.contracts.pools import Base, Pool


def book_of(base: Base, contract: str) -> PoolBook:
    chain_id = base.chain.web3.eth.chain_id
    return PoolBook(Reader(base.chain.web3, Addresses(chain_id, base.fntx.address, base.records.address)), contract)


def view(pool: Pool) -> PoolView:
    return view_at(pool.base, pool.contract.address)


def view_at(base: Base, contract: str) -> PoolView:
    book = book_of(base, contract)
    return PoolView(book, book.terms())
