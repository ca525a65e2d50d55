"""Bonds: their terms, series, tranches and holders, what is due by schedule, what was paid, accruals, every step.

Terms and structure never change; holdings, dues, payments, accruals and steps take no UPDATE, DELETE or TRUNCATE from
anybody. The states are those of the table of steps.
"""

from alembic import op

from fntx_dagster.store.migrations.append_only import protected

revision = "0057"
down_revision = "0056"


def upgrade() -> None:
    op.execute(_BOND)
    op.execute(_STRUCTURE)
    op.execute(_MONEY)
    op.execute(_STEPS)
    appended = ("fee", "series", "tranche", "holding", "cashflow", "paid", "accrual", "event", "proposal")
    op.execute(protected(appended=[f"treasury.bond_{name}" for name in appended], changed=["treasury.bond"]))
    op.execute(_GUARDS)


_BOND = """
CREATE TABLE treasury.bond (
    bond_id text PRIMARY KEY CHECK (bond_id ~ '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$'),
    name text NOT NULL CHECK (name <> ''),
    issuer text NOT NULL REFERENCES treasury.party,
    token_ledger text NOT NULL CHECK (token_ledger IN ('xrpl', 'stellar')),
    token_code text NOT NULL,
    token_issuer text NOT NULL,
    cash_ledger text NOT NULL CHECK (cash_ledger IN ('xrpl', 'stellar')),
    cash_code text NOT NULL,
    cash_issuer text NOT NULL,
    currency text NOT NULL CHECK (currency <> ''),
    decimals integer NOT NULL CHECK (decimals BETWEEN 0 AND 7),
    notional numeric NOT NULL CHECK (notional > 0),
    rate numeric NOT NULL CHECK (rate >= 0),
    day_count text NOT NULL CHECK (day_count IN ('AA', 'A360', 'A365', '30E360')),
    cycle text NOT NULL CHECK (cycle ~ '^P[1-9][0-9]*[DWMQHY]L[01]$'),
    business_days text NOT NULL,
    calendar text NOT NULL CHECK (calendar IN ('NC', 'MF')),
    start_date date NOT NULL,
    maturity_date date NOT NULL CHECK (maturity_date > start_date),
    grace_days integer NOT NULL CHECK (grace_days >= 0),
    cure_days integer NOT NULL CHECK (cure_days >= 0),
    terms text NOT NULL,
    terms_hash text NOT NULL CHECK (terms_hash ~ '^[0-9a-f]{64}$'),
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('Draft', 'Structuring', 'Pending_Approval', 'Active', 'Rejected', 'Funding',
        'Funded', 'Distributing', 'Current', 'Delinquent', 'Defaulted', 'Cured', 'Accelerated', 'Liquidating',
        'Liquidated', 'Matured', 'Redeemed', 'Paused')),
    structure text,
    structure_hash text CHECK (structure_hash ~ '^[0-9a-f]{64}$'),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((structure IS NULL) = (structure_hash IS NULL)),
    CHECK (structure IS NOT NULL OR state = 'Draft')
);
COMMENT ON TABLE treasury.bond IS 'bonds with their terms, which never change, and the state that each is in';
COMMENT ON COLUMN treasury.bond.token_code IS 'the token that stands for the bond on its ledger';
COMMENT ON COLUMN treasury.bond.cash_code IS 'what holders are paid in: an asset on a ledger, one to one in currency';
COMMENT ON COLUMN treasury.bond.rate IS 'a year, 0.05 for 5 %, of tranches that have none of their own';
COMMENT ON COLUMN treasury.bond.business_days IS 'how a date that is no business day is shifted, as ACTUS names it';
COMMENT ON COLUMN treasury.bond.terms IS 'canonical JSON as it was handed in; terms_hash is its SHA-256';
COMMENT ON COLUMN treasury.bond.structure IS 'series, tranches and holders at structuring, as canonical JSON';
"""

_STRUCTURE = """
CREATE TABLE treasury.bond_fee (
    bond_id text NOT NULL REFERENCES treasury.bond,
    fee_id text NOT NULL CHECK (fee_id <> ''),
    amount numeric NOT NULL CHECK (amount > 0),
    party text NOT NULL REFERENCES treasury.party,
    address text NOT NULL CHECK (address <> ''),
    PRIMARY KEY (bond_id, fee_id)
);
COMMENT ON TABLE treasury.bond_fee IS 'fees that are due in each period, before everything else, and who gets them';

CREATE TABLE treasury.bond_series (
    bond_id text NOT NULL REFERENCES treasury.bond,
    series_id text NOT NULL CHECK (series_id <> ''),
    notional numeric NOT NULL CHECK (notional > 0),
    PRIMARY KEY (bond_id, series_id)
);

CREATE TABLE treasury.bond_tranche (
    bond_id text NOT NULL,
    tranche_id text NOT NULL CHECK (tranche_id <> ''),
    series_id text NOT NULL,
    class text NOT NULL CHECK (class IN ('senior', 'mezzanine', 'subordinated')),
    notional numeric NOT NULL CHECK (notional > 0),
    rate numeric NOT NULL CHECK (rate >= 0),
    day_count text NOT NULL CHECK (day_count IN ('AA', 'A360', 'A365', '30E360')),
    repayment text NOT NULL CHECK (repayment IN ('bullet', 'linear', 'annuity')),
    PRIMARY KEY (bond_id, tranche_id),
    FOREIGN KEY (bond_id, series_id) REFERENCES treasury.bond_series
);
COMMENT ON COLUMN treasury.bond_tranche.repayment IS 'at maturity, in equal parts, or in equal payments with interest';

CREATE TABLE treasury.bond_holding (
    holding_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bond_id text NOT NULL REFERENCES treasury.bond,
    tranche_id text,
    holder text NOT NULL REFERENCES treasury.party,
    units numeric NOT NULL CHECK (units = trunc(units)),
    address text NOT NULL CHECK (address <> ''),
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    FOREIGN KEY (bond_id, tranche_id) REFERENCES treasury.bond_tranche
);
COMMENT ON TABLE treasury.bond_holding IS 'changes of what holders have: the sum of units counts, and the last address';
COMMENT ON COLUMN treasury.bond_holding.tranche_id IS 'NULL: the equity, which gets what is left';
COMMENT ON COLUMN treasury.bond_holding.units IS 'more (or, negative, fewer) units of the tranche';
COMMENT ON COLUMN treasury.bond_holding.address IS 'the account on the ledger of the cash at which the holder is paid';
CREATE INDEX bond_holding_of ON treasury.bond_holding (bond_id, tranche_id, holder, holding_id);
"""

_MONEY = """
CREATE TABLE treasury.bond_cashflow (
    bond_id text NOT NULL REFERENCES treasury.bond,
    kind text NOT NULL CHECK (kind IN ('fee', 'interest', 'principal')),
    line_id text NOT NULL CHECK (line_id <> ''),
    period integer NOT NULL CHECK (period > 0),
    period_start date NOT NULL,
    period_end date NOT NULL CHECK (period_end > period_start),
    due_date date NOT NULL,
    outstanding numeric CHECK (outstanding >= 0),
    amount numeric NOT NULL CHECK (amount >= 0),
    PRIMARY KEY (bond_id, kind, line_id, period)
);
COMMENT ON TABLE treasury.bond_cashflow IS 'what is due by schedule, frozen when the bond was structured';
COMMENT ON COLUMN treasury.bond_cashflow.line_id IS 'the tranche, or the fee';
COMMENT ON COLUMN treasury.bond_cashflow.period_end IS 'interest counts to this date';
COMMENT ON COLUMN treasury.bond_cashflow.due_date IS 'shifted to a business day as the terms say';
COMMENT ON COLUMN treasury.bond_cashflow.outstanding IS 'of the tranche in the period, by schedule; NULL of a fee';

CREATE TABLE treasury.bond_paid (
    source text PRIMARY KEY CHECK (source <> ''),
    bond_id text NOT NULL REFERENCES treasury.bond,
    kind text NOT NULL CHECK (kind IN ('fee', 'interest', 'principal')),
    line_id text NOT NULL CHECK (line_id <> ''),
    amount numeric NOT NULL CHECK (amount > 0),
    paid_on date NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE treasury.bond_paid IS 'what a ledger confirmed as paid on a line; the oldest due of it is paid first';
COMMENT ON COLUMN treasury.bond_paid.source IS 'the payment of a distribution: it counts once';
COMMENT ON COLUMN treasury.bond_paid.paid_on IS 'the UTC date of the validated ledger with the payment';
CREATE INDEX bond_paid_of ON treasury.bond_paid (bond_id, kind, line_id);

CREATE TABLE treasury.bond_accrual (
    bond_id text NOT NULL,
    tranche_id text NOT NULL,
    day date NOT NULL,
    period integer NOT NULL CHECK (period > 0),
    outstanding numeric NOT NULL CHECK (outstanding >= 0),
    amount numeric NOT NULL,
    accrued numeric NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (bond_id, tranche_id, day),
    FOREIGN KEY (bond_id, tranche_id) REFERENCES treasury.bond_tranche
);
COMMENT ON TABLE treasury.bond_accrual IS 'interest of each day; the days of a period sum to its coupon';
COMMENT ON COLUMN treasury.bond_accrual.accrued IS 'of the period, at the end of the day';
"""

_STEPS = """
CREATE TABLE treasury.bond_event (
    bond_id text NOT NULL REFERENCES treasury.bond,
    audit_seq bigint NOT NULL,
    type text NOT NULL,
    event text NOT NULL,
    from_state text NOT NULL,
    to_state text NOT NULL,
    reason text NOT NULL DEFAULT '',
    actor text NOT NULL,
    ledger_date timestamptz,
    proposal_id uuid REFERENCES treasury.proposal,
    details jsonb NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (bond_id, audit_seq)
);
COMMENT ON TABLE treasury.bond_event IS 'every step of a bond, with the number of its event in the audit log';
COMMENT ON COLUMN treasury.bond_event.ledger_date IS 'the close time of the ledger by which a clock judged the step';

CREATE TABLE treasury.bond_proposal (
    proposal_id uuid PRIMARY KEY REFERENCES treasury.proposal,
    bond_id text NOT NULL REFERENCES treasury.bond,
    event text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE treasury.bond_proposal IS 'proposals whose approval takes a step of a bond';
CREATE INDEX bond_proposals_of ON treasury.bond_proposal (bond_id, made_at);
"""

_GUARDS = """
CREATE FUNCTION treasury.guard_bond() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE'
        OR (to_jsonb(NEW) - '{state,structure,structure_hash,updated_at}'::text[])
            IS DISTINCT FROM (to_jsonb(OLD) - '{state,structure,structure_hash,updated_at}'::text[])
        OR (OLD.structure IS NOT NULL
            AND (NEW.structure, NEW.structure_hash) IS DISTINCT FROM (OLD.structure, OLD.structure_hash))
    THEN
        RAISE EXCEPTION 'the terms of a bond stay' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guarded BEFORE UPDATE OR DELETE ON treasury.bond
    FOR EACH ROW EXECUTE FUNCTION treasury.guard_bond();
CREATE TRIGGER kept_whole BEFORE TRUNCATE ON treasury.bond
    FOR EACH STATEMENT EXECUTE FUNCTION treasury.guard_bond();
ALTER TABLE treasury.bond ENABLE ALWAYS TRIGGER guarded;
ALTER TABLE treasury.bond ENABLE ALWAYS TRIGGER kept_whole;
"""
