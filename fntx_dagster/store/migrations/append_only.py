"""SQL that makes tables append-only and says what the API's role may do with them; for migrations from 0028 on.

A migration that was released must go on doing what it did: add a function for what is new, change none that a
migration uses.
"""

from __future__ import annotations

from collections.abc import Sequence


def protected(*, appended: Sequence[str] = (), changed: Sequence[str] = ()) -> str:
    """The statements that protect tables; a migration runs them after its CREATE TABLEs, with `op.execute`.

    `appended`: tables of facts, as `schema.table`. They take no UPDATE, DELETE or TRUNCATE from anybody, whatever a
    session sets; `fntx_api` may SELECT and INSERT. `changed`: tables that are derived from facts or hold what goes on;
    `fntx_api` may SELECT, INSERT, UPDATE and DELETE. Where that role could not be made, nothing is granted.
    """
    schemas = sorted({name.split(".")[0] for name in (*appended, *changed)})
    refusals = [_REFUSAL.format(schema=schema) for schema in sorted({name.split(".")[0] for name in appended})]
    triggers = [_TRIGGERS.format(schema=name.split(".")[0], table=name) for name in appended]
    grants = [f"GRANT USAGE ON SCHEMA {', '.join(schemas)} TO fntx_api;"]
    if appended:
        grants.append(f"GRANT SELECT, INSERT ON {', '.join(appended)} TO fntx_api;")
    if changed:
        grants.append(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(changed)} TO fntx_api;")
    return "".join([*refusals, *triggers, _GRANTS.format(grants="\n        ".join(grants))])


# as in 0020
_REFUSAL = """
CREATE OR REPLACE FUNCTION {schema}.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '{schema}.% is append-only: a correction is a new entry', TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
"""

_TRIGGERS = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION {schema}.refuse();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.refuse();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only_whole;
"""

_GRANTS = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fntx_api') THEN
        {grants}
    END IF;
END $$;
"""
