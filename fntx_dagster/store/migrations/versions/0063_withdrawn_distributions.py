"""Distributions that were withdrawn, and receipts that were voided: new rows, with who did it and why.

A withdrawn distribution is failed for good. Its receipts are free again, so that a receipt may stand in several
distributions, but in one alone that is not withdrawn. The transaction or the evidence of a voided receipt may be
recorded again.
"""

from alembic import op

from fntx_dagster.store.migrations.append_only import protected

revision = "0063"
down_revision = "0062"


def upgrade() -> None:
    op.execute(_WITHDRAWN)
    op.execute(_VOIDED)
    op.execute(protected(appended=["treasury.distribution_withdrawn", "treasury.receipt_voided"]))
    op.execute(_GUARDS)


_WITHDRAWN = """
CREATE TABLE treasury.distribution_withdrawn (
    distribution_id uuid PRIMARY KEY REFERENCES treasury.distribution,
    reason text NOT NULL CHECK (reason <> ''),
    withdrawn_by text NOT NULL,
    withdrawn_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE treasury.distribution_withdrawn IS 'distributions that pay nobody any more, by whom and why';
ALTER TABLE treasury.distribution ADD COLUMN is_withdrawn boolean NOT NULL DEFAULT false,
    ADD CHECK (NOT is_withdrawn OR state = 'failed');
COMMENT ON COLUMN treasury.distribution.is_withdrawn IS 'failed for good: its receipts are free again';
DROP INDEX treasury.one_open_distribution;
CREATE UNIQUE INDEX one_open_distribution ON treasury.distribution (bond_id)
    WHERE state <> 'confirmed' AND NOT is_withdrawn;
ALTER TABLE treasury.distribution_receipt DROP CONSTRAINT distribution_receipt_pkey,
    ADD PRIMARY KEY (receipt_id, distribution_id);
COMMENT ON TABLE treasury.distribution_receipt IS
    'which receipts a distribution distributes: each in one that is not withdrawn';
"""

_VOIDED = """
CREATE TABLE treasury.receipt_voided (
    receipt_id uuid PRIMARY KEY REFERENCES treasury.cash_receipt,
    reason text NOT NULL CHECK (reason <> ''),
    voided_by text NOT NULL,
    voided_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE treasury.receipt_voided IS 'receipts that were recorded wrongly and count no more, by whom and why';
ALTER TABLE treasury.cash_receipt ADD COLUMN voided_before integer NOT NULL DEFAULT 0,
    DROP CONSTRAINT cash_receipt_ledger_tx_hash_key,
    DROP CONSTRAINT cash_receipt_bond_id_evidence_sha256_key,
    ADD UNIQUE (ledger, tx_hash, voided_before),
    ADD UNIQUE (bond_id, evidence_sha256, voided_before);
COMMENT ON COLUMN treasury.cash_receipt.voided_before IS
    'how many receipts of the same transaction, or for the bond of the same evidence, were voided before this one';
"""

_GUARDS = """
CREATE OR REPLACE FUNCTION treasury.guard_distribution() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR (to_jsonb(NEW) - '{state,updated_at,is_withdrawn}'::text[])
        IS DISTINCT FROM (to_jsonb(OLD) - '{state,updated_at,is_withdrawn}'::text[])
    THEN
        RAISE EXCEPTION 'a distribution is frozen' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF OLD.is_withdrawn OR (NEW.is_withdrawn AND OLD.state = 'confirmed') THEN
        RAISE EXCEPTION 'a distribution that is % does not change', CASE WHEN OLD.is_withdrawn THEN 'withdrawn'
            ELSE OLD.state END USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NEW.is_withdrawn AND EXISTS (
        SELECT FROM treasury.payment_confirmed AS paid WHERE paid.distribution_id = NEW.distribution_id)
    THEN
        RAISE EXCEPTION 'a ledger holds payments of the distribution' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION treasury.guard_distributed_receipt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM treasury.receipt_voided AS voided WHERE voided.receipt_id = NEW.receipt_id) THEN
        RAISE EXCEPTION 'the receipt is voided' USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (
        SELECT FROM treasury.distribution_receipt AS used JOIN treasury.distribution AS own USING (distribution_id)
        WHERE used.receipt_id = NEW.receipt_id AND NOT own.is_withdrawn)
    THEN
        RAISE EXCEPTION 'the receipt is distributed already' USING ERRCODE = 'unique_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER distributed_once BEFORE INSERT ON treasury.distribution_receipt
    FOR EACH ROW EXECUTE FUNCTION treasury.guard_distributed_receipt();

CREATE FUNCTION treasury.guard_voided_receipt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM treasury.distribution_receipt AS used JOIN treasury.distribution AS own USING (distribution_id)
        WHERE used.receipt_id = NEW.receipt_id AND NOT own.is_withdrawn)
    THEN
        RAISE EXCEPTION 'the receipt is distributed' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER voided_while_free BEFORE INSERT ON treasury.receipt_voided
    FOR EACH ROW EXECUTE FUNCTION treasury.guard_voided_receipt();

CREATE FUNCTION treasury.count_voided_receipts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.voided_before := (
        SELECT count(*) FROM treasury.cash_receipt AS own JOIN treasury.receipt_voided USING (receipt_id)
        WHERE (own.ledger, own.tx_hash) = (NEW.ledger, NEW.tx_hash)
            OR (own.bond_id, own.evidence_sha256) = (NEW.bond_id, NEW.evidence_sha256));
    RETURN NEW;
END $$;
CREATE TRIGGER counted BEFORE INSERT ON treasury.cash_receipt
    FOR EACH ROW EXECUTE FUNCTION treasury.count_voided_receipts();
ALTER TABLE treasury.distribution_receipt ENABLE ALWAYS TRIGGER distributed_once;
ALTER TABLE treasury.receipt_voided ENABLE ALWAYS TRIGGER voided_while_free;
ALTER TABLE treasury.cash_receipt ENABLE ALWAYS TRIGGER counted;
"""
