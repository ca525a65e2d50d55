"""Live orders: what was sent, who works on it and until when; markets that are followed; what a person has to look at.

A trade id names a fill of one symbol: some exchanges count them per symbol.
"""

from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE ledger.orders
            ADD COLUMN fingerprint bytea,
            ADD COLUMN sent_price numeric,
            ADD COLUMN time_in_force text CHECK (time_in_force IN ('GTC', 'IOC')),
            ADD COLUMN exchange_order_id text,
            ADD COLUMN held_until timestamptz,
            ADD COLUMN absent_since timestamptz,
            ADD COLUMN cancel_code text;
        CREATE INDEX orders_under_way ON ledger.orders (state)
            WHERE state IN ('submitting', 'unknown') OR cancel_code IS NOT NULL;
        CREATE INDEX orders_of_an_exchange ON ledger.orders (book_id, exchange, exchange_order_id)
            WHERE exchange_order_id IS NOT NULL;

        ALTER TABLE ledger.fills DROP CONSTRAINT fills_book_id_exchange_exchange_trade_id_key;
        ALTER TABLE ledger.fills ADD UNIQUE (book_id, exchange, symbol, exchange_trade_id);

        CREATE TABLE ledger.followed (
            book_id bigint NOT NULL REFERENCES ledger.books,
            exchange text NOT NULL,
            symbol text NOT NULL,
            followed_until timestamptz NOT NULL,
            PRIMARY KEY (book_id, exchange, symbol)
        );

        CREATE TABLE ledger.alarms (
            book_id bigint NOT NULL,
            kind text NOT NULL,
            about text NOT NULL,
            entry_no bigint NOT NULL,
            words text NOT NULL,
            raised_at timestamptz NOT NULL,
            PRIMARY KEY (book_id, kind, about),
            FOREIGN KEY (book_id, entry_no) REFERENCES ledger.entries
        );
        CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger.alarms
            FOR EACH ROW EXECUTE FUNCTION ledger.refuse();
        CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON ledger.alarms
            FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse();
        ALTER TABLE ledger.alarms ENABLE ALWAYS TRIGGER append_only;
        ALTER TABLE ledger.alarms ENABLE ALWAYS TRIGGER append_only_whole;

        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fntx_api') THEN
                GRANT SELECT, INSERT ON ledger.alarms TO fntx_api;
                GRANT SELECT, INSERT, UPDATE ON ledger.followed TO fntx_api;
            END IF;
        END $$
        """
    )
