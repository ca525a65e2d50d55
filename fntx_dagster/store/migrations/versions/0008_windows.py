"""What metrics of windows need and PostgreSQL lacks: the lowest returns of a window that slides by a day, its drawdown,
and the growth of money that comes and goes."""

from alembic import op

revision = "0008"
down_revision = "0007"

_LOWEST = """
-- The values of a window in ascending order. A value's place among the others is found in log n, so no window is sorted
-- anew. Where a window only grows, the `kept` lowest are enough; where it slides, any may come to be one of them.
CREATE FUNCTION alm_reporting.lowest_with(ascending double precision[], value double precision, kept bigint)
RETURNS double precision[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    place int := CASE WHEN ascending = '{}' THEN 0 ELSE width_bucket(value, ascending) END;
BEGIN
    IF place >= kept THEN RETURN ascending; END IF;
    RETURN ascending[1:place] || value || ascending[place + 1:kept - 1];
END $$;

CREATE FUNCTION alm_reporting.lowest_slid_to(ascending double precision[], value double precision, kept bigint)
RETURNS double precision[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    RETURN alm_reporting.lowest_with(ascending, value, cardinality(ascending) + 1);
END $$;

CREATE FUNCTION alm_reporting.lowest_slid_from(ascending double precision[], value double precision, kept bigint)
RETURNS double precision[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    place int := width_bucket(value, ascending);
BEGIN
    RETURN ascending[1:place - 1] || ascending[place + 1:];
END $$;

CREATE AGGREGATE alm_reporting.lowest(value double precision, kept bigint) (
    SFUNC = alm_reporting.lowest_with, STYPE = double precision[], INITCOND = '{}',
    MSFUNC = alm_reporting.lowest_slid_to, MINVFUNC = alm_reporting.lowest_slid_from,
    MSTYPE = double precision[], MINITCOND = '{}'
);
COMMENT ON AGGREGATE alm_reporting.lowest(double precision, bigint) IS
    'the values in ascending order, at least the `kept` lowest of them';
"""

_DRAWDOWN = """
-- Wealth over its highest so far, and the lowest that this has been. What has been lost is the same share of any
-- wealth, so the opening value is 1, and it is the first peak.
CREATE FUNCTION alm_reporting.fallen_by(share_and_lowest double precision[], daily_return double precision)
RETURNS double precision[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    RETURN ARRAY[
        least(share_and_lowest[1] * (1 + daily_return), 1),
        least(share_and_lowest[1] * (1 + daily_return), share_and_lowest[2])
    ];
END $$;

CREATE FUNCTION alm_reporting.drawdown_of(share_and_lowest double precision[])
RETURNS double precision LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN share_and_lowest[2] - 1;

-- A window that slides keeps its returns: what it has lost cannot be told from what it had lost yesterday.
CREATE FUNCTION alm_reporting.returns_slid_to(returns double precision[], daily_return double precision)
RETURNS double precision[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    RETURN returns || daily_return;
END $$;

CREATE FUNCTION alm_reporting.returns_slid_from(returns double precision[], daily_return double precision)
RETURNS double precision[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    RETURN returns[2:];
END $$;

CREATE FUNCTION alm_reporting.drawdown_through(returns double precision[])
RETURNS double precision LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    daily_return double precision;
    share double precision := 1;
    lowest double precision := 1;
BEGIN
    FOREACH daily_return IN ARRAY returns LOOP
        share := least(share * (1 + daily_return), 1);
        IF share < lowest THEN lowest := share; END IF;
    END LOOP;
    RETURN lowest - 1;
END $$;

CREATE AGGREGATE alm_reporting.drawdown(daily_return double precision) (
    SFUNC = alm_reporting.fallen_by, STYPE = double precision[], INITCOND = '{1,1}',
    FINALFUNC = alm_reporting.drawdown_of,
    MSFUNC = alm_reporting.returns_slid_to, MINVFUNC = alm_reporting.returns_slid_from,
    MSTYPE = double precision[], MINITCOND = '{}', MFINALFUNC = alm_reporting.drawdown_through
);
COMMENT ON AGGREGATE alm_reporting.drawdown(double precision) IS
    'the lowest of wealth over its highest before, less 1, of daily returns in their order; 0 where there is none';
"""

_MONEY_WEIGHTED = """
-- The growth g of money from the first flow to the last day: sum(flow_i * g^rest_i) = worth. A flow is positive when it
-- is paid in and negative when it is paid out; rest is the share of the days that is left after it. Newton's method on
-- the logarithms of what was paid in and of what came out of it: where flows are small beside the whole, their
-- difference is nearly a straight line. What Newton throws out of the bracket is halved. Where the first flow is paid
-- in and something is left there is a g; where there are several, it is the one that this comes to from no gain.
CREATE FUNCTION alm_reporting.money_weighted_growth(
    flows double precision[], days date[], worth double precision, last_day date
) RETURNS double precision LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    rests double precision[];
    low double precision := -46;
    high double precision := 46;
    rate double precision := 0;
    following double precision;
    grown double precision;
    paid double precision;
    got double precision;
    paid_moves double precision;
    got_moves double precision;
    slope double precision;
    miss double precision;
BEGIN
    IF coalesce(flows[1], 0) <= 0 OR worth <= 0 OR last_day <= days[1] THEN RETURN NULL; END IF;
    IF cardinality(flows) = 1 THEN RETURN worth / flows[1]; END IF;
    rests := ARRAY(SELECT (last_day - day)::double precision / (last_day - days[1]) FROM unnest(days) AS day);
    FOR step IN 1..100 LOOP
        paid := 0;
        paid_moves := 0;
        got := worth;
        got_moves := 0;
        FOR place IN 1..cardinality(flows) LOOP
            grown := flows[place] * exp(rate * rests[place]);
            IF grown > 0 THEN
                paid := paid + grown;
                paid_moves := paid_moves + grown * rests[place];
            ELSE
                got := got - grown;
                got_moves := got_moves - grown * rests[place];
            END IF;
        END LOOP;
        miss := ln(got / paid);
        slope := paid_moves / paid - got_moves / got;
        IF miss > 0 THEN low := rate; ELSE high := rate; END IF;
        following := CASE WHEN slope > 0 THEN rate + miss / slope END;
        IF following IS NULL OR following NOT BETWEEN low AND high THEN following := (low + high) / 2; END IF;
        EXIT WHEN abs(following - rate) <= 1e-13;
        rate := following;
    END LOOP;
    -- what has grown or shrunk beyond 20 digits has no rate that means anything
    RETURN CASE WHEN abs(rate) < 45 THEN exp(following) END;
END $$;
"""


def upgrade() -> None:
    op.execute(_LOWEST)
    op.execute(_DRAWDOWN)
    op.execute(_MONEY_WEIGHTED)
