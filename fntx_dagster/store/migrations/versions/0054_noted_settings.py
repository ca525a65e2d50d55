"""Which limits of the settings the audit log was told of last."""

from alembic import op

from fntx_dagster.store.migrations.append_only import protected

revision = "0054"
down_revision = "0053"


def upgrade() -> None:
    op.execute(_NOTED)
    op.execute(protected(appended=["treasury.noted_settings"]))


_NOTED = """
CREATE TABLE treasury.noted_settings (
    noted_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    wing text NOT NULL CHECK (wing ~ '^[a-z]{1,40}$'),
    digest text NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
    noted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE treasury.noted_settings IS 'which limits of a wing the audit log was told of, by their digest';
CREATE INDEX noted_settings_of_a_wing ON treasury.noted_settings (wing, noted_id DESC);
"""
