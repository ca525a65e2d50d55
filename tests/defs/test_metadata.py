from datetime import date

import dagster as dg

from fntx_dagster.defs.internals import describe
from fntx_dagster.defs.partitions import SESSIONS
from fntx_dagster.defs.ranges import range_tags
from fntx_dagster.model.period import Period


def test_each_session_has_its_own_metadata_and_no_others() -> None:
    days = [date(2025, 7, 16), date(2025, 7, 17)]

    @dg.multi_asset(
        specs=[dg.AssetSpec("fills"), dg.AssetSpec("lots")],
        partitions_def=SESSIONS,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def built(context):
        describe(context, [(day, {"rows": day.day}) for day in days], "fills")
        describe(context, [(days[0], {"NAV of A1": 1.5})], "fills")
        describe(context, [(days[1], {"rows": 3})], "lots")
        yield dg.MaterializeResult(asset_key="fills", metadata={"all": True})
        yield dg.MaterializeResult(asset_key="lots")

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([built], instance=instance, tags=range_tags(Period(*days)))
    described = {
        (event.asset_key.to_user_string(), event.partition): {
            name: value.value for name, value in event.materialization.metadata.items()
        }
        for event in result.get_asset_materialization_events()
    }
    assert described == {
        ("fills", "2025-07-16"): {"all": True, "rows": 16, "NAV of A1": 1.5},
        ("fills", "2025-07-17"): {"all": True, "rows": 17},
        ("lots", "2025-07-16"): {},
        ("lots", "2025-07-17"): {"rows": 3},
    }
