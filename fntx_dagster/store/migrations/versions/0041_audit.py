"""The audit log: sealed events in an order without gaps, checkpoints over them, and the ledgers that hold those.

The tables take no UPDATE, DELETE or TRUNCATE from anybody, whatever a session sets, and an event that does not follow
the last one is refused. What DDL of the owner or a superuser could still change, checkpoints and anchors show.
"""

from alembic import op

from fntx_dagster.store.migrations.append_only import protected

revision = "0041"
down_revision = "0040"


def upgrade() -> None:
    op.execute(_TABLES)
    op.execute(_ORDER)
    op.execute(protected(appended=["treasury.audit_event", "treasury.audit_checkpoint", "treasury.anchor"]))


_TABLES = """
CREATE SCHEMA IF NOT EXISTS treasury;

CREATE TABLE treasury.audit_event (
    seq bigint PRIMARY KEY CHECK (seq >= 0),
    at timestamptz NOT NULL,
    type text NOT NULL,
    key_id text NOT NULL,
    nonce bytea NOT NULL CHECK (octet_length(nonce) = 12),
    ciphertext bytea NOT NULL CHECK (octet_length(ciphertext) > 16),
    prev_hash bytea NOT NULL CHECK (octet_length(prev_hash) = 32),
    leaf_hash bytea NOT NULL CHECK (octet_length(leaf_hash) = 32),
    UNIQUE (key_id, nonce)
);
COMMENT ON TABLE treasury.audit_event IS 'the audit log: one sealed event in each row, from 0, without gaps';
COMMENT ON COLUMN treasury.audit_event.at IS 'as in the event; in clear, for searching';
COMMENT ON COLUMN treasury.audit_event.type IS 'as in the event; in clear, for searching';
COMMENT ON COLUMN treasury.audit_event.ciphertext IS 'AES-256-GCM of the event in its canonical form, the tag behind';
COMMENT ON COLUMN treasury.audit_event.leaf_hash IS 'SHA-256 of 0x00 and the event: a leaf of the tree';
CREATE INDEX audit_event_at ON treasury.audit_event USING brin (at);
CREATE INDEX audit_event_rotations ON treasury.audit_event (seq) WHERE type = 'key_rotated';

CREATE TABLE treasury.audit_checkpoint (
    size bigint PRIMARY KEY CHECK (size > 0),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    compact_range bytea[] NOT NULL,
    note text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE treasury.audit_checkpoint IS 'signed notes over the first `size` events';
COMMENT ON COLUMN treasury.audit_checkpoint.compact_range IS 'roots of the perfect subtrees, the largest first';

CREATE TABLE treasury.anchor (
    anchor_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    size bigint NOT NULL REFERENCES treasury.audit_checkpoint,
    ledger text NOT NULL CHECK (ledger IN ('xrpl', 'stellar', 'evm')),
    network text NOT NULL,
    account text NOT NULL,
    tx_hash text NOT NULL,
    position bigint NOT NULL CHECK (position >= 0),
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (ledger, network, tx_hash)
);
COMMENT ON TABLE treasury.anchor IS 'transactions, final on their ledgers, that hold a checkpoint';
COMMENT ON COLUMN treasury.anchor.network IS 'network id of the XRP Ledger, passphrase of Stellar, chain id';
COMMENT ON COLUMN treasury.anchor.account IS 'who sent it; of an EVM chain the contract';
COMMENT ON COLUMN treasury.anchor.position IS 'the index or sequence of the ledger, or the block';
CREATE INDEX anchors_of_a_checkpoint ON treasury.anchor (size);
"""

_ORDER = """
CREATE FUNCTION treasury.audit_tail(OUT next_seq bigint, OUT prev_hash bytea, OUT key_id text) LANGUAGE plpgsql AS $$
BEGIN
    -- A snapshot that is older than the lock would show a tail that is no longer the last.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the audit log is appended to in READ COMMITTED' USING ERRCODE = 'active_sql_transaction';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('fntx audit log', 0));
    SELECT last.seq + 1, last.leaf_hash, last.key_id INTO next_seq, prev_hash, key_id
        FROM treasury.audit_event AS last ORDER BY last.seq DESC LIMIT 1;
    IF NOT FOUND THEN
        next_seq := 0;
        prev_hash := decode(repeat('00', 32), 'hex');
    END IF;
END $$;
COMMENT ON FUNCTION treasury.audit_tail IS 'where the next event goes; nobody else appends before the transaction ends';

CREATE FUNCTION treasury.in_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.prev_hash IS DISTINCT FROM (CASE NEW.seq
        WHEN 0 THEN decode(repeat('00', 32), 'hex')
        ELSE (SELECT leaf_hash FROM treasury.audit_event WHERE seq = NEW.seq - 1) END)
    THEN
        RAISE EXCEPTION 'treasury.audit_event: event % does not follow the one before it', NEW.seq
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER in_order BEFORE INSERT ON treasury.audit_event
    FOR EACH ROW EXECUTE FUNCTION treasury.in_order();
ALTER TABLE treasury.audit_event ENABLE ALWAYS TRIGGER in_order;
"""
