select
    account_id,
    calendar,
    trading_day,
    previous_day,
    previous_close,
    opens_at,
    closes_at,
    early_close,
    morning,
    zone,
    sessions_a_year
from {{ source('accounting', 'account_sessions') }}
