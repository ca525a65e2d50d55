"""Corporate actions and transfers reach fills and lots: their contracts in columns, their kinds in the checks."""

from alembic import op

revision = "0007"
down_revision = "0006"

_NEW = {
    "corporate_actions": ("description", "underlying_symbol", "put_call", "action_id", "code"),
    "transfers": ("description", "underlying_symbol", "put_call"),
}
_NUMBERS = {"corporate_actions": ("multiplier", "strike"), "transfers": ("multiplier", "strike", "transfer_price")}
_ATTRIBUTES = {
    "underlying_symbol": "underlyingSymbol",
    "put_call": "putCall",
    "action_id": "actionID",
    "transfer_price": "transferPrice",
}
# These texts were kept unread; one that means nothing here leaves its column empty, as its row stays as delivered.
_READING = """
    CREATE FUNCTION pg_temp.number(told text) RETURNS numeric LANGUAGE plpgsql AS $$
        BEGIN RETURN replace(told, ',', '')::numeric; EXCEPTION WHEN data_exception THEN RETURN NULL; END $$;
    CREATE FUNCTION pg_temp.day(told text) RETURNS date LANGUAGE plpgsql AS $$
        BEGIN RETURN told::date; EXCEPTION WHEN data_exception THEN RETURN NULL; END $$;
"""
_NOTHING = "'', '-', '--', 'N/A'"

_KINDS = """
    ALTER TABLE alm_reporting.fills
        DROP CONSTRAINT fills_event_type_check,
        ADD CHECK (event_type IN ('trade', 'expiration', 'assignment', 'exercise', 'delivery', 'fx_conversion', 'split',
            'merger', 'spin_off', 'symbol_change', 'corporate_action', 'transfer_in', 'transfer_out')),
        DROP CONSTRAINT fills_label_source_check,
        ADD CHECK (label_source IN ('trade', 'option_eae', 'leg_pairing', 'book_trade_rule', 'corporate_action',
            'transfer'));
    ALTER TABLE alm_reporting.position_lots
        DROP CONSTRAINT position_lots_how_opened_check,
        ADD CHECK (how_opened IN ('trade', 'assignment', 'exercise', 'transfer', 'split', 'merger', 'spin_off',
            'symbol_change', 'corporate_action')),
        DROP CONSTRAINT position_lots_how_ended_check,
        ADD CHECK (how_ended IN ('traded', 'expired', 'assigned', 'exercised', 'delivered', 'transferred', 'split',
            'merged', 'spun_off', 'renamed', 'corporate_action'));
"""

# Fills and lots of these accounts are not what they were: their days are told again.
_UNTOLD = """
    INSERT INTO alm_reporting.untold_changes AS known (account_id, since)
    SELECT account_id, min(row_date) FROM (
        SELECT account_id, row_date FROM raw_flex.corporate_actions WHERE withdrawn_at IS NULL
        UNION ALL
        SELECT account_id, row_date FROM raw_flex.transfers WHERE withdrawn_at IS NULL
    ) AS booked
    GROUP BY account_id
    ON CONFLICT (account_id) DO UPDATE SET since = least(known.since, excluded.since), changed_at = clock_timestamp()
"""


def upgrade() -> None:
    op.execute(_READING)
    for table, texts in _NEW.items():
        for name in (*texts, *_NUMBERS[table]):
            kind = "text" if name in texts else "numeric"
            told = f"attributes ->> '{_ATTRIBUTES.get(name, name)}'"
            value = told if kind == "text" else f"pg_temp.number({told})"
            op.execute(f"ALTER TABLE raw_flex.{table} ADD COLUMN {name} {kind}")
            op.execute(f"UPDATE raw_flex.{table} SET {name} = {value} WHERE {told} NOT IN ({_NOTHING})")
        # dates come in several formats: of what is here already, the two that cannot be mistaken are read
        op.execute(f"ALTER TABLE raw_flex.{table} ADD COLUMN expiry date")
        op.execute(
            f"UPDATE raw_flex.{table} SET expiry = pg_temp.day(attributes ->> 'expiry')"
            r" WHERE attributes ->> 'expiry' ~ '^\d{4}-?\d{2}-?\d{2}$'"
        )
    op.execute(_KINDS)
    op.execute(_UNTOLD)
