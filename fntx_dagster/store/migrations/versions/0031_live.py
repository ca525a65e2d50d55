"""What happens now, as events that a browser or a program follows by their number; and the newest state of each.

A number is drawn and its transaction committed under one lock, so that whoever reads on from the last number misses
none. Each statement that appends tells `fntx_live` once, without a number: PostgreSQL makes one notification of equal
ones in a transaction, and every reader reads on from its own number.

What the ledger and the outbox record has numbers of its own: `live.cursors` says up to where events were made of it, in
the transaction that makes them. Alerts have none and change: their triggers note each change in
`live.changed_alerts`, of which events are made, so that who writes alerts does not wait for the stream.
"""

from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    op.execute(_TABLES)
    op.execute(_TRIGGERS)
    op.execute(_ALERTS)
    op.execute(_BEFORE)


_TABLES = """
CREATE SCHEMA live;

CREATE TABLE live.events (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id text,
    trading_day date,
    kind text NOT NULL,
    key text,
    as_of timestamptz NOT NULL,
    heard_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    is_state boolean NOT NULL DEFAULT false,
    is_provisional boolean NOT NULL DEFAULT false,
    body jsonb NOT NULL
);
COMMENT ON COLUMN live.events.account_id IS 'null: it is about the platform, not about one account';
COMMENT ON COLUMN live.events.key IS
    'of a fact what it is known by: the same one is kept once, null: every row is another; of a state what it is about';
COMMENT ON COLUMN live.events.is_state IS 'only the newest of its account, kind and key counts';
COMMENT ON COLUMN live.events.as_of IS 'when it was so, by the clock of who says it';
COMMENT ON COLUMN live.events.heard_at IS 'when this platform heard of it';
COMMENT ON COLUMN live.events.is_provisional IS 'no statement has confirmed it: the gateway says so';
CREATE UNIQUE INDEX one_event_of_a_fact ON live.events (kind, key, (coalesce(account_id, '')))
    WHERE key IS NOT NULL AND NOT is_state;
CREATE INDEX events_of_a_day ON live.events (account_id, trading_day, event_id);
CREATE INDEX old_events ON live.events USING brin (heard_at);

CREATE TABLE live.states (
    account_id text NOT NULL,
    kind text NOT NULL,
    key text NOT NULL DEFAULT '',
    trading_day date NOT NULL,
    as_of timestamptz NOT NULL,
    heard_at timestamptz NOT NULL,
    event_id bigint NOT NULL,
    body jsonb NOT NULL,
    PRIMARY KEY (account_id, kind, key)
);
COMMENT ON TABLE live.states IS 'the newest event of each state: what a page shows before it follows';

CREATE TABLE live.cursors (
    source text PRIMARY KEY,
    position bigint NOT NULL
);
COMMENT ON TABLE live.cursors IS 'up to which number of a source its events were made';

CREATE TABLE live.orders (
    order_id uuid PRIMARY KEY,
    book_id bigint NOT NULL,
    state text NOT NULL,
    filled numeric NOT NULL
);
COMMENT ON TABLE live.orders IS 'orders that have not ended, as their newest event says';
CREATE INDEX orders_of_a_book ON live.orders (book_id);

CREATE TABLE live.changed_alerts (
    change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id bigint NOT NULL,
    state text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE live.changed_alerts IS 'changes of alerts of which no event was made yet';

CREATE TABLE live.heartbeats (
    task text PRIMARY KEY,
    holder text NOT NULL,
    beat_at timestamptz NOT NULL
);
COMMENT ON TABLE live.heartbeats IS 'who writes events of what, and when it last said so';
"""

_TRIGGERS = """
CREATE FUNCTION live.take_turn() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('fntx live events', 0));
    RETURN NULL;
END $$;
CREATE FUNCTION live.tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM appended) THEN
        PERFORM pg_notify('fntx_live', '');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER take_turn BEFORE INSERT ON live.events FOR EACH STATEMENT EXECUTE FUNCTION live.take_turn();
CREATE TRIGGER tell AFTER INSERT ON live.events REFERENCING NEW TABLE AS appended
    FOR EACH STATEMENT EXECUTE FUNCTION live.tell();
"""

_ALERTS = """
CREATE FUNCTION live.note_alert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO live.changed_alerts (alert_id, state) VALUES (NEW.alert_id, CASE
        WHEN NEW.resolved_at IS NOT NULL THEN 'resolved' WHEN NEW.dismissed_at IS NOT NULL THEN 'dismissed'
        ELSE 'open' END);
    RETURN NULL;
END $$;
CREATE TRIGGER note_alert AFTER INSERT ON alm_reporting.alerts
    FOR EACH ROW EXECUTE FUNCTION live.note_alert();
CREATE TRIGGER note_changed_alert AFTER UPDATE ON alm_reporting.alerts
    FOR EACH ROW WHEN ((OLD.resolved_at, OLD.dismissed_at) IS DISTINCT FROM (NEW.resolved_at, NEW.dismissed_at))
    EXECUTE FUNCTION live.note_alert();
"""

_BEFORE = """
-- events are made of what is recorded from now on
INSERT INTO live.cursors (source, position) SELECT 'book ' || book_id, head_no FROM ledger.books;
INSERT INTO live.cursors (source, position)
SELECT 'signatures', coalesce(max(event_id), 0) FROM alm_reporting.signature_events;
"""
