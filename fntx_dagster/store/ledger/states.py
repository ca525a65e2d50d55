"""The statements that begin a change of a book, lock it, and read its state."""

from __future__ import annotations

from typing import LiteralString

BEGIN: LiteralString = """
    select set_config('lock_timeout', $1::text, true), (select set_config('role', rolname, true) from pg_roles
        where rolname = 'fntx_api' and pg_has_role(session_user, oid, 'MEMBER'))
"""
BY_INDEX: LiteralString = f"""
    select set_config('enable_seqscan', 'off', true), begun.* from ({BEGIN}) as begun
"""
"""As `BEGIN`, for the statements that every order runs. They are planned once on a connection and kept, often while the
tables are small; without an index they would look through all rows of later years, and all that were there before."""
LOCK: LiteralString = f"""
    with begun as materialized ({BY_INDEX})
    select book_id from begun, ledger.books where user_id = $2::text and is_paper = $3::boolean
    for no key update of books
"""
"""A row is locked after the tables are joined, and so after the settings are made."""
READ = """  -- $1: the book; from $2 on the fields of `About`, in their order
    with book as materialized (
        select books.*, books.xmin::text as version, split_part($6::text, '/', 1) as base,
            split_part($6::text, '/', 2) as quoted,
            $6::text is null or $3::date is null or not is_paper or exists (
                select from ledger.funds where funds.book_id = books.book_id and day < $3::date) as whole
        from ledger.books where book_id = $1::bigint
    ),
    resting as materialized (
        select * from ledger.orders where book_id = $1::bigint and exchange = $5::text
            and symbol = $6::text and state in ('open', 'partially_filled')
    ),
    held as materialized (
        select positions.*, split_part(positions.symbol, '/', 2) as currency, quantity * (bid + ask) * 0.5 as worth,
            (exchange, symbol) = ($5::text, $6::text) as here
        from ledger.positions left join ledger.quotes using (book_id, exchange, symbol)
        where book_id = $1::bigint and quantity <> 0
    ),
    bots as materialized (
        select '' as bot_id union select $4::text union select bot_id from resting
        union select bot_id from held, book where here
            or held.currency = case book.currency when quoted then base when base then quoted end
    ),
    apart as materialized (
        select case when bot_id in (select bot_id from bots) then bot_id end as bot_id, held.currency,
            sum(worth) as net, sum(abs(worth)) as gross, sum(cost) as cost,
            count(*) filter (where worth is null) as unpriced
        from held, book where not whole and not here group by 1, held.currency
    ),
    elsewhere as (
        select bot_id, currency, net, gross, cost, unpriced from apart where bot_id is not null
        union all
        select '', currency, sum(net), sum(gross), sum(cost), sum(unpriced) from apart group by currency
    ),
    rated as (
        select unnest(array[name || '/' || book.currency, book.currency || '/' || name])
        from book, (select currency from ledger.balances where book_id = $1::bigint
            union select split_part($6::text, '/', 2)) as moved (name)
    )
    select jsonb_build_object(
        'book', (select jsonb_build_array(currency, is_paper, whole, head_no, head_hash, first_day, version)
            from book),
        'elsewhere', (select coalesce(jsonb_agg(jsonb_build_array(bot_id, currency,
                case when unpriced = 0 then net end, case when unpriced = 0 then gross end, cost)), '[]')
            from elsewhere),
        'balances', (select coalesce(jsonb_agg(jsonb_build_array(currency, amount, fees)), '[]')
            from ledger.balances where book_id = $1::bigint),
        'positions', (select coalesce(jsonb_agg(jsonb_build_array(bot_id, exchange, symbol, quantity, cost, opened_at,
                realized, fees, best, worst)), '[]')
            from held, book where whole or here),
        'figures', (select coalesce(jsonb_agg(to_jsonb(figures)), '[]')
            from ledger.figures, book where figures.book_id = $1::bigint
                and (whole or bot_id in (select bot_id from bots))),
        'funds', (select coalesce(jsonb_agg(to_jsonb(funds)), '[]')
            from ledger.funds, book where funds.book_id = $1::bigint
                and (whole or bot_id in (select bot_id from bots))),
        'quotes', (select coalesce(jsonb_agg(jsonb_build_array(exchange, symbol, bid, ask, bid_size, ask_size, at,
                taken_bid, taken_ask)), '[]')
            from ledger.quotes, book where quotes.book_id = $1::bigint and (whole or symbol in (select * from rated)
                or (exchange, symbol) = ($5::text, $6::text))),
        'breakers', (select coalesce(jsonb_agg(jsonb_build_array(bot_id, trigger_type, trip_no)), '[]')
            from ledger.breakers where book_id = $1::bigint),
        'errors', (select coalesce(jsonb_agg(jsonb_build_array(bot_id, at)), '[]')
            from ledger.errors where book_id = $1::bigint and at > $2::timestamptz - interval '1 hour'),
        'resting', (select coalesce(jsonb_agg(to_jsonb(resting) order by created_at, order_id), '[]') from resting),
        'reducing', (select coalesce(sum(amount - filled), 0)
            from ledger.orders where book_id = $1::bigint and exchange = $5::text and symbol = $6::text
                and bot_id = $4::text and reduce_only
                and state in ('approved', 'submitting', 'open', 'partially_filled', 'unknown')),
        'usage', jsonb_build_array(
            (select coalesce(sum(used), 0) from ledger.approvals
                where book_id = $1::bigint and bot_id = $4::text and day = $3::date),
            (select coalesce(sum(used), 0) from ledger.approvals
                where book_id = $1::bigint and bot_id = '' and day = $3::date)),
        'approved', (select coalesce(jsonb_agg(approved_at), '[]') from ledger.orders
            where book_id = $1::bigint and exchange = $5::text and approved_at > $7::timestamptz),
        'answer', (select jsonb_build_array(encode(fingerprint, 'hex'), status, encode(body, 'base64'))
            from ledger.answers where book_id = $1::bigint and idempotency_key = $8::text),
        'lots', (select coalesce(jsonb_agg(jsonb_build_array(entry_no, quantity, price) order by rank), '[]')
            from (select lots.entry_no, lots.quantity, lots.price, coalesce(place, lots.entry_no) as rank
                from ledger.lots join held
                    using (book_id, bot_id, exchange, symbol)
                where here and bot_id = $4::text and (held.quantity < 0) = ($9::text = 'buy')
                order by rank limit 32) as oldest)
    )::text
"""
