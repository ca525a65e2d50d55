"""Rows that queries of several names choose from one section: which of them a file of one query decides about.

A row with an id of the broker's counts as long as the newest statement of some query that covers its day holds it; so a
query decides about the rows that it delivered itself, even where another query's statement is newer. What belongs here
is SQL for `merging`: the days that a file's query is the newest of (`own`), and which other queries hold a row
(`raw_flex.also_delivered`). A file without a query's name decides by its days alone.
"""

from __future__ import annotations

from psycopg import sql

OWN_DAYS = sql.SQL("""
    create temporary table own on commit drop as
    select account_id, section, day, true as is_newest from covered
    union all
    select claims.account_id, claims.section, claims.day, false
    from claims
    join raw_flex.statements as mine on mine.statement_id = claims.statement_id
    join raw_flex.coverage as newest
        on newest.account_id = claims.account_id and newest.section = claims.section and newest.day = claims.day
    join raw_flex.statements as covering on covering.statement_id = newest.statement_id
    join raw_flex.files as other on other.file_id = covering.file_id
    where other.query_name <> {query}
        and not exists (
            select from covered
            where covered.account_id = claims.account_id and covered.section = claims.section
                and covered.day = claims.day
        )
        and not exists (
            select from raw_flex.statements as newer
            join raw_flex.files using (file_id)
            where files.query_name = {query} and newer.file_id <> {file_id} and newer.account_id = mine.account_id
                and claims.day between newer.from_date and newer.to_date
                and newer.when_generated > claims.when_generated
                and jsonb_exists(files.delivered -> 'sections', claims.section)
        )
""")
"""The days of a file's statements on which no newer one covers the section (`is_newest`), or only one of another query.
"""

NOTE_HOLDERS = """
    with touched as (
        select fresh.row_id, fresh.fate, fresh.statement_id, present.statement_id as brought_by,
            present.withdrawn_at is not null as was_gone, files.query_name
        from {fresh} as fresh
        join {target} as present using (row_id)
        join raw_flex.statements on statements.statement_id = present.statement_id
        join raw_flex.files using (file_id)
        where fresh.by_id and files.query_name <> {ours}
    ), taken_over as (
        delete from raw_flex.also_delivered as holder using touched
        where touched.fate = 'updated' and holder.section = {name} and holder.row_id = touched.row_id
            and holder.query_name = {ours}
    )
    insert into raw_flex.also_delivered (section, row_id, query_name, statement_id)
    select {name}, row_id, case fate when 'updated' then query_name else {ours} end,
        case fate when 'updated' then brought_by else statement_id end
    from touched
    where not (fate = 'updated' and was_gone)
    on conflict (section, row_id, query_name) do update set statement_id = excluded.statement_id
"""
"""Of the rows that another query brought: this one holds them, too; where it changes one, the other still holds it."""

LET_GO = """
    delete from raw_flex.also_delivered as holder using {target} as present, own
    where holder.section = {name} and holder.query_name = {ours} and present.row_id = holder.row_id
        and own.section = {name} and own.account_id = present.account_id and own.day = present.row_date
        and not {delivered}
"""
"""What the query no longer holds."""

HAND_OVER = """
    with handed as (
        delete from raw_flex.also_delivered as holder using {target} as present, own
        where holder.section = {name} and holder.query_name <> {ours} and present.row_id = holder.row_id
            and own.section = {name} and own.account_id = present.account_id and own.day = present.row_date
            and present.withdrawn_at is null and not {delivered} and {is_of_query}
            and holder.query_name = (
                select min(first.query_name) from raw_flex.also_delivered as first
                where first.section = holder.section and first.row_id = holder.row_id
                    and first.query_name <> {ours}
            )
        returning holder.row_id, holder.statement_id
    )
    update {target} as present set statement_id = handed.statement_id
    from handed where present.row_id = handed.row_id
"""
"""A row that the query no longer holds and another one does is the other's from now on."""


def is_of_query(query: str | None) -> sql.Composable:
    """Whether a present row has an id of the broker's and came by this query; never of a file without a name."""
    return _came_by(sql.SQL("="), query)


def is_of_another_query(query: str | None) -> sql.Composable:
    """Whether a present row has an id of the broker's and came by a query of another name; never of a file without a
    name."""
    return _came_by(sql.SQL("<>"), query)


def _came_by(comparison: sql.SQL, query: str | None) -> sql.Composable:
    if query is None:
        return sql.SQL("false")
    return sql.SQL(
        """(split_part(present.row_key, '~', 1) = present.attributes ->> 'transactionID' and exists (
            select from raw_flex.statements join raw_flex.files using (file_id)
            where statements.statement_id = present.statement_id and files.query_name {comparison} {query}
        ))"""
    ).format(comparison=comparison, query=sql.Literal(query))
