"""Broker statements and corrections in the ledger: accounts' books, which row of a statement an entry books, reversals.

A fill that is corrected keeps the exchange's trade id: `fills.replaces` is the number of the entry that it replaces, so
that a trade id comes once for each. `lots.place` orders a lot that a correction put before later ones (null: by its
number). `restated` holds the gross P&L of fills that a correction before them changed.
"""

from alembic import op

revision = "0025"
down_revision = "0024"

APPEND_ONLY = ("statement_entries", "reversals")
DERIVED = ("restated", "accounts")


def upgrade() -> None:
    op.execute(_TABLES)
    for table in APPEND_ONLY:
        op.execute(
            f"""
            CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger.{table}
                FOR EACH ROW EXECUTE FUNCTION ledger.refuse();
            CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON ledger.{table}
                FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse();
            ALTER TABLE ledger.{table} ENABLE ALWAYS TRIGGER append_only;
            ALTER TABLE ledger.{table} ENABLE ALWAYS TRIGGER append_only_whole;
            """
        )
    appended = ", ".join(f"ledger.{table}" for table in APPEND_ONLY)
    changed = ", ".join(f"ledger.{table}" for table in DERIVED)
    op.execute(
        f"""
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fntx_api') THEN
                GRANT SELECT, INSERT ON {appended} TO fntx_api;
                GRANT SELECT, INSERT, UPDATE, DELETE ON {changed} TO fntx_api;
            END IF;
        END $$
        """
    )


_TABLES = """
CREATE TABLE ledger.accounts (
    account_id text PRIMARY KEY,
    book_id bigint NOT NULL UNIQUE REFERENCES ledger.books
);

CREATE TABLE ledger.statement_entries (
    book_id bigint NOT NULL,
    entry_no bigint NOT NULL,
    source text NOT NULL,
    digest text NOT NULL,
    money_no bigint NOT NULL,
    PRIMARY KEY (book_id, entry_no),
    FOREIGN KEY (book_id, entry_no) REFERENCES ledger.entries
);
CREATE INDEX statement_entries_of_a_row ON ledger.statement_entries (book_id, source);

CREATE TABLE ledger.reversals (
    book_id bigint NOT NULL,
    reversed_no bigint NOT NULL,
    entry_no bigint NOT NULL,
    PRIMARY KEY (book_id, reversed_no),
    FOREIGN KEY (book_id, entry_no) REFERENCES ledger.entries,
    FOREIGN KEY (book_id, reversed_no) REFERENCES ledger.entries
);

CREATE TABLE ledger.restated (
    book_id bigint NOT NULL,
    entry_no bigint NOT NULL,
    realized_pnl numeric NOT NULL,
    PRIMARY KEY (book_id, entry_no)
);

CREATE INDEX entries_that_correct ON ledger.entries (book_id, entry_no) WHERE body ? 'place' OR body ? 'reverses';
ALTER TABLE ledger.lots ADD COLUMN place numeric;
CREATE INDEX lots_in_order ON ledger.lots (book_id, bot_id, exchange, symbol, (coalesce(place, entry_no)));
ALTER TABLE ledger.figures ADD COLUMN income numeric NOT NULL DEFAULT 0;
ALTER TABLE ledger.fills ADD COLUMN replaces bigint NOT NULL DEFAULT 0;
ALTER TABLE ledger.fills DROP CONSTRAINT fills_book_id_exchange_symbol_exchange_trade_id_key;
ALTER TABLE ledger.fills ADD UNIQUE (book_id, exchange, symbol, exchange_trade_id, replaces);
"""
