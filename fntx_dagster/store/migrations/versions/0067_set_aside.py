"""Payments of distributions set aside for a payee who cannot be paid, and the releases that pay them later.

A payment that is set aside is a new row: the amount is held for its payee, and the distribution ends without it. A
release is a distribution of its own, without a waterfall. Its payments name those that they release, and carry their
amount: each is released by one alone that is neither withdrawn nor set aside again.
"""

from alembic import op

from fntx_dagster.store.migrations.append_only import protected

revision = "0067"
down_revision = "0066"


def upgrade() -> None:
    op.execute(_SET_ASIDE)
    op.execute(_RELEASES)
    op.execute(protected(appended=["treasury.payment_set_aside"]))
    op.execute(_GUARDS)
    op.execute(_HELD)


_SET_ASIDE = """
CREATE TABLE treasury.payment_set_aside (
    distribution_id uuid NOT NULL,
    number integer NOT NULL,
    proposal_id uuid NOT NULL REFERENCES treasury.proposal,
    reason text NOT NULL CHECK (reason <> ''),
    ledger_date date NOT NULL,
    set_aside_by text NOT NULL,
    set_aside_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (distribution_id, number),
    FOREIGN KEY (distribution_id, number) REFERENCES treasury.payment
);
COMMENT ON TABLE treasury.payment_set_aside IS 'payments that are not made for now: their amount is held for the payee';
COMMENT ON COLUMN treasury.payment_set_aside.proposal_id IS 'whose approval set it aside';
COMMENT ON COLUMN treasury.payment_set_aside.ledger_date IS
    'the UTC date of the ledger that was validated last, and held no such payment';
"""

_RELEASES = """
ALTER TABLE treasury.distribution ADD COLUMN kind text NOT NULL DEFAULT 'waterfall'
    CHECK (kind IN ('waterfall', 'release'));
COMMENT ON COLUMN treasury.distribution.kind IS 'waterfall: of cash that came in; release: of payments set aside';
DROP INDEX treasury.one_open_distribution;
CREATE UNIQUE INDEX one_open_distribution ON treasury.distribution (bond_id)
    WHERE state <> 'confirmed' AND NOT is_withdrawn AND kind = 'waterfall';
ALTER TABLE treasury.payment ADD COLUMN releases uuid, ADD COLUMN releases_number integer,
    ADD CHECK ((releases IS NULL) = (releases_number IS NULL)),
    ADD FOREIGN KEY (releases, releases_number) REFERENCES treasury.payment (distribution_id, number),
    DROP CONSTRAINT payment_invoice_id_key;
COMMENT ON COLUMN treasury.payment.releases IS 'the distribution whose payment releases_number was set aside';
CREATE UNIQUE INDEX payment_invoice ON treasury.payment (invoice_id) WHERE releases IS NULL;
CREATE INDEX payment_releases ON treasury.payment (releases, releases_number) WHERE releases IS NOT NULL;
"""

_GUARDS = """
CREATE FUNCTION treasury.guard_set_aside() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM treasury.payment_confirmed AS paid
        WHERE (paid.distribution_id, paid.number) = (NEW.distribution_id, NEW.number))
    THEN
        RAISE EXCEPTION 'a ledger holds the payment' USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT FROM treasury.distribution AS own
        WHERE own.distribution_id = NEW.distribution_id AND own.is_withdrawn)
    THEN
        RAISE EXCEPTION 'the distribution is withdrawn' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER unpaid BEFORE INSERT ON treasury.payment_set_aside
    FOR EACH ROW EXECUTE FUNCTION treasury.guard_set_aside();
ALTER TABLE treasury.payment_set_aside ENABLE ALWAYS TRIGGER unpaid;

CREATE FUNCTION treasury.guard_release() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE root treasury.payment;
BEGIN
    SELECT own.* INTO root FROM treasury.payment AS own
        JOIN treasury.payment_set_aside USING (distribution_id, number)
        WHERE (own.distribution_id, own.number) = (NEW.releases, NEW.releases_number) AND own.releases IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the payment is not set aside' USING ERRCODE = 'check_violation';
    END IF;
    IF (root.step, root.kind, root.line_id, root.party, root.amount)
        IS DISTINCT FROM (NEW.step, NEW.kind, NEW.line_id, NEW.party, NEW.amount)
    THEN
        RAISE EXCEPTION 'a release pays what was set aside, to the same party' USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (
        SELECT FROM treasury.payment_confirmed AS paid JOIN treasury.payment AS own USING (distribution_id, number)
        WHERE (own.distribution_id, own.number) = (NEW.releases, NEW.releases_number)
            OR (own.releases, own.releases_number) = (NEW.releases, NEW.releases_number))
    THEN
        RAISE EXCEPTION 'a ledger holds the payment' USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (
        SELECT FROM treasury.payment AS own JOIN treasury.distribution AS of_it USING (distribution_id)
        WHERE (own.releases, own.releases_number) = (NEW.releases, NEW.releases_number) AND NOT of_it.is_withdrawn
            AND NOT EXISTS (SELECT FROM treasury.payment_set_aside AS again
                WHERE (again.distribution_id, again.number) = (own.distribution_id, own.number)))
    THEN
        RAISE EXCEPTION 'the payment is released already' USING ERRCODE = 'unique_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER released_once BEFORE INSERT ON treasury.payment
    FOR EACH ROW WHEN (NEW.releases IS NOT NULL) EXECUTE FUNCTION treasury.guard_release();
ALTER TABLE treasury.payment ENABLE ALWAYS TRIGGER released_once;

CREATE FUNCTION treasury.guard_withdrawal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM treasury.payment_set_aside AS aside WHERE aside.distribution_id = NEW.distribution_id) THEN
        RAISE EXCEPTION 'payments of the distribution are set aside' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER withdrawn_whole BEFORE UPDATE ON treasury.distribution
    FOR EACH ROW WHEN (NEW.is_withdrawn AND NOT OLD.is_withdrawn) EXECUTE FUNCTION treasury.guard_withdrawal();
ALTER TABLE treasury.distribution ENABLE ALWAYS TRIGGER withdrawn_whole;
"""

_HELD = """
CREATE VIEW treasury.payment_held AS
SELECT own.bond_id, own.number AS distribution, root.distribution_id, root.number, root.kind, root.line_id, root.party,
    root.address, root.amount, aside.reason, aside.ledger_date AS held_from, (
        SELECT min((paid.closed_at AT TIME ZONE 'UTC')::date) FROM treasury.payment_confirmed AS paid
        JOIN treasury.payment AS by_it USING (distribution_id, number)
        WHERE (by_it.distribution_id, by_it.number) = (root.distribution_id, root.number)
            OR (by_it.releases, by_it.releases_number) = (root.distribution_id, root.number)
    ) AS held_until
FROM treasury.payment_set_aside AS aside
JOIN treasury.payment AS root USING (distribution_id, number)
JOIN treasury.distribution AS own USING (distribution_id)
WHERE root.releases IS NULL;
COMMENT ON VIEW treasury.payment_held IS 'what is held for payees, from the day on which it was set aside';
COMMENT ON COLUMN treasury.payment_held.held_until IS 'the UTC date on which it was paid; NULL: still held';
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fntx_api') THEN
        GRANT SELECT ON treasury.payment_held TO fntx_api;
    END IF;
END $$;
"""
