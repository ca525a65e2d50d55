"""Cash that came in on a bond, and its distributions: frozen lines and payments, and what became of each payment.

Receipts, lines, payments, attempts and confirmations take no UPDATE, DELETE or TRUNCATE from anybody. Of a distribution
the state alone changes. A payment is confirmed once, by one transaction of a ledger.
"""

from alembic import op

from fntx_dagster.store.migrations.append_only import protected

revision = "0061"
down_revision = "0060"


def upgrade() -> None:
    op.execute(_RECEIPTS)
    op.execute(_DISTRIBUTIONS)
    op.execute(_PAYMENTS)
    op.execute(protected(appended=_FACTS, changed=["treasury.distribution"]))
    op.execute(_GUARDS)


_FACTS = [
    "treasury.cash_receipt",
    "treasury.distribution_receipt",
    "treasury.distribution_line",
    "treasury.distribution_proposal",
    "treasury.payment",
    "treasury.payment_attempt",
    "treasury.payment_confirmed",
]

_RECEIPTS = """
CREATE TABLE treasury.cash_receipt (
    receipt_id uuid PRIMARY KEY,
    bond_id text NOT NULL REFERENCES treasury.bond,
    amount numeric NOT NULL CHECK (amount > 0),
    received_on date NOT NULL,
    ledger text CHECK (ledger IN ('xrpl', 'stellar')),
    tx_hash text CHECK (tx_hash ~ '^[0-9a-f]{64}$'),
    ledger_index bigint,
    evidence text NOT NULL DEFAULT '',
    evidence_sha256 text CHECK (evidence_sha256 ~ '^[0-9a-f]{64}$'),
    reason text NOT NULL DEFAULT '',
    recorded_by text NOT NULL,
    recorded_at timestamptz NOT NULL,
    CHECK ((tx_hash IS NULL) = (ledger IS NULL) AND (tx_hash IS NULL) = (ledger_index IS NULL)),
    CHECK ((tx_hash IS NULL) <> (evidence_sha256 IS NULL)),
    CHECK (evidence_sha256 IS NULL OR (evidence <> '' AND reason <> '')),
    UNIQUE (ledger, tx_hash),
    UNIQUE (bond_id, evidence_sha256)
);
COMMENT ON TABLE treasury.cash_receipt IS 'cash that came in on a bond: by a validated transaction, or by evidence';
COMMENT ON COLUMN treasury.cash_receipt.received_on IS 'the UTC date of the validated ledger, or that of the evidence';
COMMENT ON COLUMN treasury.cash_receipt.evidence IS 'the name of the document; evidence_sha256 is of its bytes';
"""

_DISTRIBUTIONS = """
CREATE TABLE treasury.distribution (
    distribution_id uuid PRIMARY KEY,
    bond_id text NOT NULL REFERENCES treasury.bond,
    number integer NOT NULL CHECK (number > 0),
    period integer NOT NULL CHECK (period > 0),
    available numeric NOT NULL CHECK (available >= 0),
    carried numeric NOT NULL CHECK (carried >= 0 AND carried <= available),
    retained numeric NOT NULL CHECK (retained >= 0 AND retained <= available),
    document text NOT NULL,
    hash text NOT NULL CHECK (hash ~ '^[0-9a-f]{64}$'),
    ledger text NOT NULL CHECK (ledger IN ('xrpl', 'stellar')),
    account text NOT NULL CHECK (account <> ''),
    head bigint NOT NULL CHECK (head >= 0),
    computed_by text NOT NULL,
    computed_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('computed', 'proposed', 'paying', 'confirmed', 'failed')),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (bond_id, number)
);
COMMENT ON TABLE treasury.distribution IS 'distributions of a bond''s cash; all but the state is frozen';
COMMENT ON COLUMN treasury.distribution.carried IS 'of the cash, what the distribution before retained';
COMMENT ON COLUMN treasury.distribution.document IS 'deal, lines and payments as canonical JSON; hash is its SHA-256';
COMMENT ON COLUMN treasury.distribution.account IS 'the account on the ledger that pays';
COMMENT ON COLUMN treasury.distribution.head IS 'the last ledger when it was frozen: its payments come after it';
CREATE UNIQUE INDEX one_open_distribution ON treasury.distribution (bond_id) WHERE state <> 'confirmed';

CREATE TABLE treasury.distribution_receipt (
    receipt_id uuid PRIMARY KEY REFERENCES treasury.cash_receipt,
    distribution_id uuid NOT NULL REFERENCES treasury.distribution
);
COMMENT ON TABLE treasury.distribution_receipt IS 'which receipts a distribution distributes: each once';
CREATE INDEX receipts_of ON treasury.distribution_receipt (distribution_id);

CREATE TABLE treasury.distribution_line (
    distribution_id uuid NOT NULL REFERENCES treasury.distribution,
    line integer NOT NULL CHECK (line > 0),
    step integer NOT NULL CHECK (step BETWEEN 1 AND 8),
    kind text NOT NULL CHECK (kind IN ('fee', 'interest', 'principal', 'residual')),
    class text NOT NULL CHECK (class IN ('trustee', 'senior', 'mezzanine', 'subordinated', 'equity')),
    line_id text NOT NULL CHECK (line_id <> ''),
    due numeric NOT NULL CHECK (due >= 0),
    arrears_before numeric NOT NULL CHECK (arrears_before >= 0),
    paid numeric NOT NULL CHECK (paid BETWEEN 0 AND due + arrears_before),
    shortfall numeric NOT NULL CHECK (shortfall = due + arrears_before - paid),
    PRIMARY KEY (distribution_id, line)
);

CREATE TABLE treasury.distribution_proposal (
    proposal_id uuid PRIMARY KEY REFERENCES treasury.proposal,
    distribution_id uuid NOT NULL REFERENCES treasury.distribution,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE treasury.distribution_proposal IS 'the proposals whose approval lets a distribution be paid';
CREATE INDEX distribution_proposals_of ON treasury.distribution_proposal (distribution_id);
"""

_PAYMENTS = """
CREATE TABLE treasury.payment (
    distribution_id uuid NOT NULL REFERENCES treasury.distribution,
    number integer NOT NULL CHECK (number > 0),
    step integer NOT NULL CHECK (step BETWEEN 1 AND 8),
    kind text NOT NULL CHECK (kind IN ('fee', 'interest', 'principal', 'residual')),
    line_id text NOT NULL CHECK (line_id <> ''),
    party text NOT NULL REFERENCES treasury.party,
    address text NOT NULL CHECK (address <> ''),
    amount numeric NOT NULL CHECK (amount > 0),
    invoice_id text NOT NULL UNIQUE CHECK (invoice_id ~ '^[0-9a-f]{64}$'),
    PRIMARY KEY (distribution_id, number)
);
COMMENT ON TABLE treasury.payment IS 'what each holder gets of a distribution: one transaction of the ledger each';
COMMENT ON COLUMN treasury.payment.invoice_id IS 'InvoiceID on the XRP Ledger, the memo''s hash on Stellar';

CREATE TABLE treasury.payment_attempt (
    proposal_id uuid PRIMARY KEY REFERENCES treasury.proposal,
    distribution_id uuid NOT NULL,
    number integer NOT NULL,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    FOREIGN KEY (distribution_id, number) REFERENCES treasury.payment
);
COMMENT ON TABLE treasury.payment_attempt IS 'the proposals that pay: another one only after the one before has ended';
CREATE INDEX payment_attempts_of ON treasury.payment_attempt (distribution_id, number);

CREATE TABLE treasury.payment_confirmed (
    distribution_id uuid NOT NULL,
    number integer NOT NULL,
    tx_hash text NOT NULL UNIQUE CHECK (tx_hash ~ '^[0-9a-f]{64}$'),
    ledger_index bigint NOT NULL,
    closed_at timestamptz NOT NULL,
    confirmed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (distribution_id, number),
    FOREIGN KEY (distribution_id, number) REFERENCES treasury.payment
);
COMMENT ON TABLE treasury.payment_confirmed IS 'payments that a validated ledger holds, found by their invoice id';
"""

_GUARDS = """
CREATE FUNCTION treasury.guard_distribution() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR (to_jsonb(NEW) - '{state,updated_at}'::text[])
        IS DISTINCT FROM (to_jsonb(OLD) - '{state,updated_at}'::text[])
    THEN
        RAISE EXCEPTION 'a distribution is frozen' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guarded BEFORE UPDATE OR DELETE ON treasury.distribution
    FOR EACH ROW EXECUTE FUNCTION treasury.guard_distribution();
CREATE TRIGGER kept_whole BEFORE TRUNCATE ON treasury.distribution
    FOR EACH STATEMENT EXECUTE FUNCTION treasury.guard_distribution();
ALTER TABLE treasury.distribution ENABLE ALWAYS TRIGGER guarded;
ALTER TABLE treasury.distribution ENABLE ALWAYS TRIGGER kept_whole;
"""
