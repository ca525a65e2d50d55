"""Prices of days that a person gives for a book: what its days are closed at where it took no quote, as of an import.

Of several prices of a symbol and day the newest counts.
"""

from alembic import op

from fntx_dagster.store.migrations.append_only import protected

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE ledger.day_prices (
            book_id bigint NOT NULL REFERENCES ledger.books,
            price_no bigint GENERATED ALWAYS AS IDENTITY,
            exchange text NOT NULL,
            symbol text NOT NULL,
            day date NOT NULL,
            price numeric NOT NULL CHECK (price > 0),
            source text NOT NULL,
            recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            PRIMARY KEY (book_id, price_no)
        );
        CREATE INDEX day_prices_of_a_symbol ON ledger.day_prices (book_id, exchange, symbol, day, price_no);
        """
    )
    op.execute(protected(appended=("ledger.day_prices",)))
