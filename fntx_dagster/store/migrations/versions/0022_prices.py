"""Prices of exchanges as the price feed receives them: the newest of each symbol, and the last of each minute.

The history is append-only like the facts of the ledger. A price that jumped too far waits in the columns `held_…` of
its symbol's row until later prices confirm it.
"""

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE ledger.prices (
            exchange text NOT NULL,
            symbol text NOT NULL,
            source text NOT NULL,
            bid numeric NOT NULL,
            ask numeric NOT NULL,
            bid_size numeric,
            ask_size numeric,
            at timestamptz NOT NULL,
            received_at timestamptz NOT NULL,
            held_bid numeric,
            held_ask numeric,
            held_since timestamptz,
            PRIMARY KEY (exchange, symbol)
        );

        CREATE TABLE ledger.price_history (
            exchange text NOT NULL,
            symbol text NOT NULL,
            minute timestamptz NOT NULL,
            source text NOT NULL,
            bid numeric NOT NULL,
            ask numeric NOT NULL,
            bid_size numeric,
            ask_size numeric,
            at timestamptz NOT NULL,
            received_at timestamptz NOT NULL,
            PRIMARY KEY (exchange, symbol, minute)
        );

        CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger.price_history
            FOR EACH ROW EXECUTE FUNCTION ledger.refuse();
        CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON ledger.price_history
            FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse();
        ALTER TABLE ledger.price_history ENABLE ALWAYS TRIGGER append_only;
        ALTER TABLE ledger.price_history ENABLE ALWAYS TRIGGER append_only_whole;

        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fntx_api') THEN
                GRANT SELECT, INSERT ON ledger.price_history TO fntx_api;
                GRANT SELECT, INSERT, UPDATE ON ledger.prices TO fntx_api;
            END IF;
        END $$
        """
    )
