"""What a report says first: which sections the statements of its days lack, and what they say against each other.

Here belongs only what changes the meaning of figures; which sessions are complete is in `coverage`.
"""

from __future__ import annotations

from fntx_dagster.model.lacking import Lacking
from fntx_dagster.model.period import Period
from fntx_dagster.store.database import Readable


def lacking(db: Readable, account: str, period: Period) -> Lacking:
    """What an account's statements of a range lack and contradict. A section is lacking where no statement of the range
    holds it, although the account held or traded something that it lists."""
    parameters = {"account": account, "first": period.first, "last": period.last}
    with db.connect() as connection:
        sections = connection.execute(_LACKING, parameters).fetchall()
        base = connection.execute(
            "select base_currency, source, contradictions from alm_reporting.base_currencies where account_id = %s",
            [account],
        ).fetchone()
    return Lacking(tuple(section for (section,) in sections), *(base or ()))


_LACKING = """
    with delivered as (
        select distinct section from raw_flex.coverage
        where account_id = %(account)s and day between %(first)s and %(last)s
    ),
    held as (
        select from alm_reporting.position_lots
        where account_id = %(account)s and opened_session <= %(last)s
            and (closed_session is null or closed_session >= %(first)s)
    ),
    ended as (
        select from alm_reporting.fills
        where account_id = %(account)s and session between %(first)s and %(last)s and put_call is not null
            and event_type in ('expiration', 'assignment', 'exercise')
    )
    select section from (
        values ('trades', true), ('change_in_nav', true), ('cash_transactions', true),
            ('open_positions', exists (select from held)), ('option_eae', exists (select from ended))
    ) as needed (section, is_needed)
    where is_needed and section not in (select section from delivered)
"""
