select
    session as trading_day,
    (previous_close at time zone 'America/New_York')::date as previous_day,
    previous_close,
    opens_at,
    closes_at,
    early_close
from {{ source('accounting', 'trading_sessions') }}
