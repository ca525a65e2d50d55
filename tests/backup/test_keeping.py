"""Which backups a rule keeps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.backup.keeping import Keeping, keeping_of, kept
from fntx_dagster.errors import Permanent

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
MOMENTS = st.lists(
    st.datetimes(datetime(2020, 1, 1), datetime(2027, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC)), max_size=40
)
RULES = st.builds(Keeping, *(st.integers(0, 5) for _ in range(3))).filter(any)


def test_a_rule_is_read_as_it_is_written() -> None:
    assert keeping_of("7d,4w,12m") == Keeping(7, 4, 12)
    assert keeping_of(" 12m, 7d ") == Keeping(7, 0, 12)
    for wrong in ("", "7", "d", "7d,7d", "0d", "-1d", "7y", "7d;4w", "٧d", "99999d"):
        with pytest.raises(Permanent, match="--keep cannot be"):
            keeping_of(wrong)


def test_the_newest_of_each_day_week_and_month_stays() -> None:
    daily = [NOON - timedelta(days=days) for days in range(100)]
    twice = [moment + timedelta(hours=6) for moment in daily]
    stays = kept([*daily, *twice], keeping_of("3d,2w,3m"))
    assert sorted(f"{moment:%m-%d %H}" for moment in stays) == [
        "01-31 18",
        "02-28 18",
        "03-29 18",
        "03-30 18",
        "03-31 18",
    ]


@given(MOMENTS, RULES)
def test_what_is_kept_is_kept_again_and_the_newest_always(moments: list[datetime], rule: Keeping) -> None:
    stays = kept(moments, rule)
    assert stays <= set(moments)
    assert kept(stays, rule) == stays
    assert len(stays) <= sum(rule) + 1
    assert not moments or max(moments) in stays


@given(MOMENTS, RULES, st.integers(1, 400))
def test_a_later_backup_removes_none_that_a_new_rule_would_bring_back(
    moments: list[datetime], rule: Keeping, days: int
) -> None:
    later = [*moments, datetime(2027, 1, 1, tzinfo=UTC) + timedelta(days=days)]
    assert kept(later, rule) - {max(later)} <= kept(moments, rule)
