"""What a report says first: which sections the statements of its days lack, and what they say against each other.

Here belongs only what changes the meaning of figures; which sessions are complete is in `coverage`.
"""

from __future__ import annotations

from fntx_dagster.model.lacking import Lacking
from fntx_dagster.model.period import Period
from fntx_dagster.store.database import Readable
from fntx_dagster.store.raw_flex.option_rows import NEEDS_TERMS


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
        without_terms = tuple(symbol for (symbol,) in connection.execute(_WITHOUT_TERMS, parameters))
    known = Lacking(tuple(section for (section,) in sections), *(base or ()))
    return known._replace(without_terms=without_terms)


# in the range, or at the last close before it
_WITHOUT_TERMS = f"""
    select distinct coalesce(symbol, conid) from raw_flex.open_positions
    where account_id = %(account)s and withdrawn_at is null and position <> 0 and row_date <= %(last)s
        and row_date >= coalesce(
            (
                select max(row_date) from raw_flex.open_positions
                where account_id = %(account)s and withdrawn_at is null and row_date < %(first)s
            ),
            %(first)s
        )
        and {NEEDS_TERMS}
        and (strike is null or expiry is null or put_call is null)
    order by 1
"""

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
