"""A link from its making to its end: what it shows, what follows from it, how often it was seen, and to whom."""

from __future__ import annotations

import base64
import json
import zlib
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import Period
from fntx_dagster.services.sharing import making, showing
from fntx_dagster.services.sharing.making import TERMINAL, LinkTerms, MadeLink, make_file, make_link
from fntx_dagster.services.sharing.planning import plan
from fntx_dagster.services.sharing.showing import ShownLinks, count_view
from fntx_dagster.services.signatures.checking import check_disclosure
from fntx_dagster.services.signatures.register import registered
from fntx_dagster.store.shares import reading
from tests import by_hand
from tests.services.sharing.conftest import ACCOUNT, DAYS, PERIOD, Owner


def made(owner: Owner, *metrics: str, days: list[date] | None = None, **terms) -> MadeLink:
    return make_link(
        owner.settings,
        owner.db,
        ACCOUNT,
        PERIOD,
        metrics or ("net_pnl", "base_currency"),
        LinkTerms(**terms),
        days,
        by="ada",
    )


def test_a_link_shows_the_signed_days_of_its_period_and_their_chosen_metrics(owner: Owner) -> None:
    link = made(owner)
    shown = ShownLinks(owner.db).shown_by(link.token)
    assert shown is not None
    assert [(day.day, day.version) for day in shown.days] == [(day, 1) for day in DAYS]
    assert [metric.value for day in shown.days for metric in day.metrics if metric.name == "net_pnl"] == [
        "12.50000000",
        "22.50000000",
        "32.50000000",
    ]
    assert {metric.unit for day in shown.days for metric in day.metrics} == {"HKD", "ascii_letters"}
    assert (shown.period, shown.is_own_node, shown.expires_at) == (PERIOD, True, None)
    assert link.plan.missing == (date(2025, 7, 14), date(2025, 7, 18))
    assert [check_disclosure(document).holds for document in reading.documents(owner.db, link.share_id)] == [True] * 3


def test_no_byte_of_what_a_stranger_gets_is_of_anything_else(owner: Owner) -> None:
    link = made(owner, "net_pnl", note="for the hedge fund", days=DAYS[:1])
    shown = ShownLinks(owner.db).shown_by(link.token)
    assert shown is not None
    [document] = json.loads(shown.series)["disclosures"]
    assert [metric["name"] for metric in document["metrics"]] == ["net_pnl"]
    everything = f"{shown}"
    for hidden in (ACCOUNT, "hedge fund", "22.5", "32.5", "1001", "2025-07-16", link.token):
        assert hidden not in everything
    salts = {metric["salt"] for metric in document["metrics"]}
    assert len(salts) == 1


def test_what_a_link_shows_stays_as_it_was_made_when_a_day_is_corrected(owner: Owner) -> None:
    from tests.services.signatures.conftest import amended

    link = made(owner)
    before = ShownLinks(owner.db).shown_by(link.token)
    with owner.db.connect() as connection:
        connection.execute("update alm_reporting.daily_summary set net_pnl = 99 where trading_day = %s", (DAYS[1],))
    assert amended(owner.db, owner.settings, DAYS[1], DAYS[1], "a fee")
    assert ShownLinks(owner.db).shown_by(link.token) == before
    assert [
        day.version for day in (ShownLinks(owner.db).shown_by(made(owner).token) or pytest.fail("nothing")).days
    ] == [1, 2, 1]


def test_a_link_that_was_ended_or_has_expired_or_never_was_shows_nothing(owner: Owner) -> None:
    link, short = made(owner), made(owner, lasts=timedelta(seconds=1))
    assert short.expires_at is not None
    making.end_link(owner.db, link.share_id, {ACCOUNT}, by=TERMINAL)
    assert ShownLinks(owner.db).shown_by(link.token) is None
    with owner.db.connect() as connection:
        connection.execute("select pg_sleep(extract(epoch from %s - clock_timestamp()) + 0.01)", (short.expires_at,))
    assert ShownLinks(owner.db).shown_by(short.token) is None
    for text in ("", "A" * 22, link.token[:-1], link.token + "=", "é" * 22, "../../etc/passwd", "\x00" * 22):
        assert ShownLinks(owner.db).shown_by(text) is None
    with pytest.raises(Permanent, match="was ended before"):
        making.end_link(owner.db, link.share_id, by=TERMINAL)


def test_another_accounts_link_can_neither_be_listed_nor_ended(owner: Owner) -> None:
    link = made(owner)
    assert making.list_links(owner.db, {"U9"}) == []
    with pytest.raises(Permanent, match="there is no link"):
        making.end_link(owner.db, link.share_id, {"U9"}, by=TERMINAL)
    assert ShownLinks(owner.db).shown_by(link.token) is not None


def test_a_plan_that_was_agreed_to_is_the_one_that_is_published_or_none_is(owner: Owner) -> None:
    from fntx_dagster.services.signatures.signing import sign
    from tests.services.signatures.conftest import amended

    def link(digest: str) -> MadeLink:
        return make_link(owner.settings, owner.db, ACCOUNT, PERIOD, ["net_pnl"], LinkTerms(), by="ada", digest=digest)

    agreed = plan(owner.db, ACCOUNT, PERIOD, ["net_pnl"]).digest
    assert plan(owner.db, ACCOUNT, PERIOD, ["delta"]).digest != agreed
    assert link(agreed).plan.digest == agreed
    friday = date(2025, 7, 18)
    by_hand.build(owner.db, ACCOUNT, friday)
    sign(owner.settings, owner.db, Period.on(friday))
    with pytest.raises(making.PlanChanged, match="has changed since you saw it"):
        link(agreed)
    agreed = plan(owner.db, ACCOUNT, PERIOD, ["net_pnl"]).digest
    with owner.db.connect() as connection:
        connection.execute("update alm_reporting.daily_summary set net_pnl = 99 where trading_day = %s", (DAYS[1],))
    assert amended(owner.db, owner.settings, DAYS[1], DAYS[1], "a fee")
    with pytest.raises(making.PlanChanged):
        link(agreed)
    assert len(making.list_links(owner.db)) == 1


def test_who_disclosed_and_who_ended_a_link_is_kept(owner: Owner) -> None:
    first, second = made(owner), made(owner)
    making.end_link(owner.db, first.share_id, by="bob")
    make_file(owner.settings, owner.db, ACCOUNT, DAYS[2], ["net_pnl"], by=TERMINAL)
    links = {link.share_id: (link.made_by, link.ended_by) for link in making.list_links(owner.db, {ACCOUNT})}
    assert links == {first.share_id: ("ada", "bob"), second.share_id: ("ada", None)}
    assert [row.made_by for row in making.shown_to_strangers(owner.db, ACCOUNT, first.share_id)] == ["ada"] * 3
    [file, *_] = registered(owner.db, {ACCOUNT})
    assert (file.kind, file.shown_by) == ("disclosure", "the terminal")


def test_links_are_read_in_parts_newest_first(owner: Owner) -> None:
    first, second, third = (made(owner, days=DAYS[:1]).share_id for _ in range(3))
    assert [row.share_id for row in making.list_links(owner.db, {ACCOUNT}, most=2)] == [third, second]
    assert [row.share_id for row in making.list_links(owner.db, {ACCOUNT}, before=second, most=2)] == [first]


def test_the_token_is_not_kept_and_a_new_one_is_made_for_each_link(owner: Owner) -> None:
    tokens = {made(owner, days=DAYS[:1]).token for _ in range(20)}
    assert len(tokens) == 20
    assert {len(base64.urlsafe_b64decode(f"{token}==")) for token in tokens} == {16}
    with owner.db.connect() as connection:
        kept = connection.execute("select shares::text from sharing.shares").fetchall()
    assert not any(token in row for token in tokens for (row,) in kept)


def test_views_are_counted_by_day_and_place_and_nobody_is_kept(owner: Owner) -> None:
    link = made(owner, note="for Ada")
    shown = ShownLinks(owner.db).shown_by(link.token)
    assert shown is not None
    for place, times in zip(showing.PLACES, (3, 2, 1), strict=True):
        for _ in range(times):
            count_view(owner.db, shown, place)
    [row] = making.list_links(owner.db, {ACCOUNT})
    assert (row.views, row.badges, row.files, row.last_viewed) == (3, 2, 1, datetime.now(UTC).date())
    assert (row.note, row.days, row.metrics) == ("for Ada", 3, ["base_currency", "net_pnl"])
    with owner.db.connect() as connection:
        columns = connection.execute("select * from sharing.views").description or []
    assert [column.name for column in columns] == ["share_id", "day", "place", "times"]


def test_what_was_shown_counts_when_more_is_to_be_shown_also_after_a_link_has_ended(owner: Owner) -> None:
    terms = ["gross_pnl", "commissions", "interest", "fees"]
    with owner.db.connect() as connection:
        accounts = connection.execute("select distinct account_id from alm_reporting.daily_summary").fetchall()
    assert accounts == [(ACCOUNT,)]
    link = made(owner, *terms)
    making.end_link(owner.db, link.share_id, by=TERMINAL)
    make_file(owner.settings, owner.db, ACCOUNT, DAYS[0], ["broker_residual"], by=TERMINAL)
    planned = plan(owner.db, ACCOUNT, PERIOD, ["broker_residual"])
    assert planned.shown_before == 3 * len(terms) + 1
    [follows] = planned.follows
    assert (follows.metric, follows.is_exact, follows.days) == ("net_pnl", True, tuple(DAYS[1:]))
    assert plan(owner.db, ACCOUNT, PERIOD, ["delta"]).follows == ()


def test_everything_that_was_shown_is_listed(owner: Owner) -> None:
    link = made(owner, "net_pnl", days=DAYS[:1])
    make_file(owner.settings, owner.db, ACCOUNT, DAYS[2], ["delta", "net_pnl"], by=TERMINAL)
    rows = making.shown_to_strangers(owner.db, ACCOUNT)
    assert [(row.share_id, row.trading_day, row.metrics) for row in rows] == [
        (link.share_id, DAYS[0], ["net_pnl"]),
        (None, DAYS[2], ["delta", "net_pnl"]),
    ]


@pytest.mark.parametrize("table", ["shares", "disclosures", "endings"])
def test_what_was_shown_cannot_be_unsaid(owner: Owner, table: str) -> None:
    making.end_link(owner.db, made(owner).share_id, by=TERMINAL)
    for statement in (f"delete from sharing.{table}", f"truncate sharing.{table} cascade"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), owner.db.connect() as connection:
            connection.execute(statement.encode())


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"note": "x" * 201}, "the note is too long"),
        ({"note": "two\nlines"}, "not one line"),
        ({"lasts": timedelta(0)}, "lasts for more than no time"),
        ({"node": "javascript:alert(1)"}, "no URL"),
        ({"node": "https://me:secret@node"}, "no URL"),
        ({"node": "https://a b"}, "no URL"),
        ({"node": "https://[::1"}, "no URL"),
    ],
)
def test_terms_that_cannot_be_are_refused(owner: Owner, terms: dict, message: str) -> None:
    with pytest.raises(Permanent, match=message):
        made(owner, **terms)


def test_days_and_metrics_that_cannot_be_shown_are_refused(owner: Owner) -> None:
    for metrics, days, message in (
        (["net_pnl"], [date(2025, 7, 14)], "2025-07-14 has no signed record"),
        (["no_such"], None, "no catalogue has a metric no_such"),
        ([], None, "no metric is named"),
        (["net_pnl", "net_pnl"], None, "named twice"),
    ):
        with pytest.raises(Permanent, match=message):
            make_link(owner.settings, owner.db, ACCOUNT, PERIOD, metrics, LinkTerms(), days, by="ada")
    assert making.list_links(owner.db) == []


def test_a_day_that_is_left_out_and_one_that_is_not_posted_are_named_beforehand(owner: Owner) -> None:
    from fntx_dagster.model.period import Period
    from fntx_dagster.services.signatures.signing import sign

    friday = date(2025, 7, 18)
    by_hand.build(owner.db, ACCOUNT, friday)
    sign(owner.settings, owner.db, Period.on(friday))
    planned = plan(owner.db, ACCOUNT, PERIOD, ["net_pnl"], [DAYS[0], friday])
    assert (planned.left_out, planned.not_posted) == (tuple(DAYS[1:]), (friday,))
    assert planned.missing == (date(2025, 7, 14),)


def test_a_disclosure_in_a_links_fragment_is_the_packed_document(owner: Owner) -> None:
    shown = ShownLinks(owner.db).shown_by(made(owner).token)
    assert shown is not None
    fragment = shown.days[0].fragment
    raw = zlib.decompress(base64.urlsafe_b64decode(fragment + "=" * (-len(fragment) % 4)), -15)
    packed = json.loads(raw)
    assert packed == json.loads(shown.series)["disclosures"][0]
    assert len(fragment) < 2000
    assert len(packed["catalogue"]) == 66
