"""Who may decide and what was decided: signer sets, proposals, signed decisions, standing approvals, the pause.

What a decision depends on never changes; decisions, signers and uses of a standing approval take no UPDATE, DELETE or
TRUNCATE from anybody. The states are those of the tables of steps.
"""

from alembic import op

from fntx_dagster.store.migrations.append_only import protected

revision = "0042"
down_revision = "0041"


def upgrade() -> None:
    op.execute(_TABLES)
    op.execute(
        protected(
            appended=["treasury.signer", "treasury.decision", "treasury.standing_use"],
            changed=[
                "treasury.platform_state",
                "treasury.signer_set",
                "treasury.proposal",
                "treasury.standing_approval",
            ],
        )
    )
    op.execute(_GUARDS)


_TABLES = """
CREATE TABLE treasury.signer_set (
    version bigint PRIMARY KEY CHECK (version > 0),
    state text NOT NULL CHECK (state IN ('pending', 'active', 'retired')),
    threshold integer NOT NULL CHECK (threshold >= 2),
    config_threshold integer NOT NULL CHECK (config_threshold >= 3),
    config_hash text NOT NULL CHECK (config_hash ~ '^[0-9a-f]{64}$'),
    config text NOT NULL,
    proposal_id uuid,
    effective_from timestamptz NOT NULL,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz
);
COMMENT ON TABLE treasury.signer_set IS 'versions of the set of signers with the configuration that they approved';
COMMENT ON COLUMN treasury.signer_set.effective_from IS 'a pending set replaces the active one then at the earliest';
CREATE UNIQUE INDEX one_active_signer_set ON treasury.signer_set (state) WHERE state = 'active';
CREATE UNIQUE INDEX one_pending_signer_set ON treasury.signer_set (state) WHERE state = 'pending';

CREATE TABLE treasury.signer (
    version bigint NOT NULL REFERENCES treasury.signer_set,
    signer_id text NOT NULL CHECK (signer_id <> ''),
    role text NOT NULL CHECK (role IN ('treasury', 'compliance', 'trustee')),
    scheme text NOT NULL CHECK (scheme IN ('ed25519', 'secp256k1')),
    public_key text NOT NULL CHECK (public_key ~ '^[0-9A-F]{66}$'),
    xrpl text NOT NULL,
    stellar text NOT NULL,
    signature text NOT NULL,
    PRIMARY KEY (version, signer_id),
    UNIQUE (version, public_key)
);
COMMENT ON COLUMN treasury.signer.signature IS 'of the signer, over his own registration';

CREATE TABLE treasury.proposal (
    proposal_id uuid PRIMARY KEY,
    nonce bigint NOT NULL UNIQUE CHECK (nonce > 0),
    kind text NOT NULL,
    payload text NOT NULL,
    payload_hash text NOT NULL CHECK (payload_hash ~ '^[0-9a-f]{64}$'),
    parties text[] NOT NULL,
    signer_set bigint NOT NULL REFERENCES treasury.signer_set,
    threshold integer NOT NULL CHECK (threshold > 0),
    expires_at timestamptz NOT NULL,
    proposed_by text NOT NULL,
    created_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('draft', 'screening', 'pending_approval', 'blocked', 'approved', 'rejected',
        'expired', 'cancelled', 'prepared', 'signing', 'ready', 'submitted', 'confirmed', 'failed')),
    reason text NOT NULL DEFAULT '',
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON COLUMN treasury.proposal.nonce IS 'rises by one with each proposal of the installation';
COMMENT ON COLUMN treasury.proposal.payload IS 'canonical JSON, as it is hashed';
COMMENT ON COLUMN treasury.proposal.parties IS 'ids of those who are screened';
CREATE INDEX open_proposals ON treasury.proposal (expires_at)
    WHERE state IN ('draft', 'screening', 'blocked', 'pending_approval', 'approved');

CREATE TABLE treasury.decision (
    proposal_id uuid NOT NULL REFERENCES treasury.proposal,
    signer_id text NOT NULL,
    decision text NOT NULL CHECK (decision IN ('approve', 'reject')),
    signature text NOT NULL,
    decided_at timestamptz NOT NULL,
    PRIMARY KEY (proposal_id, signer_id)
);
COMMENT ON TABLE treasury.decision IS 'decisions whose signatures verified; the first of a signer stands';

CREATE TABLE treasury.standing_approval (
    proposal_id uuid PRIMARY KEY REFERENCES treasury.proposal,
    state text NOT NULL CHECK (state IN ('active', 'ended')),
    template text NOT NULL,
    per_day integer NOT NULL CHECK (per_day > 0),
    fee_cap numeric NOT NULL CHECK (fee_cap > 0),
    ends_at timestamptz NOT NULL
);
COMMENT ON COLUMN treasury.standing_approval.fee_cap IS 'in drops or stroops, for one transaction';

CREATE TABLE treasury.standing_use (
    proposal_id uuid NOT NULL REFERENCES treasury.standing_approval,
    use_no bigint NOT NULL CHECK (use_no > 0),
    used_at timestamptz NOT NULL,
    payload_hash text NOT NULL CHECK (payload_hash ~ '^[0-9a-f]{64}$'),
    fee numeric NOT NULL CHECK (fee >= 0),
    PRIMARY KEY (proposal_id, use_no)
);

CREATE TABLE treasury.platform_state (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    instance text NOT NULL CHECK (instance ~ '^[0-9a-f]{32}$'),
    state text NOT NULL CHECK (state IN ('running', 'paused')),
    reason text NOT NULL DEFAULT '',
    proposal_id uuid REFERENCES treasury.proposal,
    since timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE treasury.platform_state IS 'whether anything may be prepared, exported or submitted';
"""

_GUARDS = """
CREATE FUNCTION treasury.guard_proposal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR (NEW.proposal_id, NEW.nonce, NEW.kind, NEW.payload, NEW.payload_hash, NEW.parties,
            NEW.signer_set, NEW.threshold, NEW.expires_at, NEW.proposed_by, NEW.created_at)
        IS DISTINCT FROM (OLD.proposal_id, OLD.nonce, OLD.kind, OLD.payload, OLD.payload_hash, OLD.parties,
            OLD.signer_set, OLD.threshold, OLD.expires_at, OLD.proposed_by, OLD.created_at)
    THEN
        RAISE EXCEPTION 'what is decided on stays' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guarded BEFORE UPDATE OR DELETE ON treasury.proposal
    FOR EACH ROW EXECUTE FUNCTION treasury.guard_proposal();
CREATE TRIGGER kept_whole BEFORE TRUNCATE ON treasury.proposal
    FOR EACH STATEMENT EXECUTE FUNCTION treasury.guard_proposal();
ALTER TABLE treasury.proposal ENABLE ALWAYS TRIGGER guarded;
ALTER TABLE treasury.proposal ENABLE ALWAYS TRIGGER kept_whole;
"""
