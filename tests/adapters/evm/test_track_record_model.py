"""The contract against a model in Python: random traders who post, post in batches, and amend, rightly and wrongly."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.adapters.evm.bare import FNTX, BareChain, number

FIRST = date(2024, 12, 27)  # two weeks and a half across a year's end
DAYS = [number(FIRST + timedelta(n)) for n in range(17)]
NOTHING = (bytes(32), bytes(32), 0, 0)

days = st.sampled_from(DAYS)
traders = st.integers(0, 2)
schemas = st.integers(1, 3).map(lambda n: bytes([n]) * 32)
roots = st.integers(1, 6).map(lambda n: bytes([0x80 + n]) * 32)
reasons = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


@pytest.fixture(scope="module")
def chain():
    return BareChain()


def test_the_contract_does_what_the_model_does(chain):
    start = chain.snapshot()

    class Traders(_Traders):
        def __init__(self):
            super().__init__(chain)

        def teardown(self):
            super().teardown()
            chain.revert(start)

    run_state_machine_as_test(Traders, settings=settings(max_examples=12, stateful_step_count=20, deadline=None))


class _Traders(RuleBasedStateMachine):
    """`stored` is the model: trader and day → each version as `versionOf` is to tell it, for ever."""

    def __init__(self, chain):
        super().__init__()
        self.chain = chain
        self.supply = chain.supply()
        self.stored = {}

    @rule(trader=traders, day=days, schema=schemas, root=roots)
    def post(self, trader, day, schema, root):
        versions = self.stored.get((trader, day))
        self._do(
            trader,
            ("postDailyRecord", day, schema, root),
            ("RecordExists", {"date": day, "root": versions[-1][0][0]}) if versions else None,
            {day: (schema, root)},
        )

    @rule(trader=traders, batch=st.lists(st.tuples(days, roots), min_size=1, max_size=9), schema=schemas)
    def post_a_batch(self, trader, batch, schema):
        refusal, new = None, {}
        for day, root in batch:
            known = new[day][1] if day in new else None
            if (trader, day) in self.stored:
                known = self.stored[trader, day][-1][0][0]
            if known:
                refusal = ("RecordExists", {"date": day, "root": known})
                break
            new[day] = (schema, root)
        self._do(
            trader, ("postDailyRecords", schema, [day for day, _ in batch], [root for _, root in batch]), refusal, new
        )

    @rule(data=st.data(), trader=traders, schema=schemas, root=roots, guessed=st.none() | roots, reason=reasons)
    def amend(self, data, trader, schema, root, guessed, reason):
        posted = [day for one, day in self.stored if one == trader]
        day = data.draw(st.sampled_from(posted) if posted else days)
        versions = self.stored.get((trader, day))
        latest = versions[-1][0][0] if versions else bytes(32)
        previous = guessed or latest
        refusal = None
        if versions is None:
            refusal = ("NoRecord", {"date": day})
        elif previous != latest:
            refusal = ("PreviousRootDiffers", {"date": day, "root": latest})
        elif root == latest:
            refusal = ("SameRoot", {"date": day})
        call = ("amendDailyRecord", day, previous, schema, root, reason)
        self._do(trader, call, refusal, {day: (schema, root)}, previous, reason)

    @rule(trader=traders, first=days, last=days)
    def read_a_page(self, trader, first, last):
        if first > last:
            refusal = ("InvalidRange", {"firstDate": first, "lastDate": last})
            assert self.chain.refused(self._address(0), "history", self._address(trader), first, last) == refusal
        else:
            self._compare_history(trader, first, last)

    @invariant()
    def ten_fntx_are_burned_for_each_version(self):
        versions = sum(len(versions) for versions in self.stored.values())
        assert self.supply - self.chain.supply() == versions * 10 * FNTX

    def teardown(self):
        for trader in range(3):
            self._compare_history(trader, DAYS[0], DAYS[-1])
        for (trader, day), versions in self.stored.items():
            built = [self.chain.ask("versionOf", self._address(trader), day, n + 1) for n in range(len(versions) + 1)]
            assert built == [*versions, [NOTHING, bytes(32), ""]]
            assert self.chain.ask("recordOf", self._address(trader), day) == versions[-1][0]

    def _do(self, trader, call, refusal, new, previous=bytes(32), reason=""):
        if refusal is not None:
            assert self.chain.refused(self._address(trader), *call) == refusal
            return
        self.chain.send(self._address(trader), *call)
        for day, (schema, root) in new.items():
            versions = self.stored.setdefault((trader, day), [])
            versions.append([(root, schema, self.chain.now(), len(versions) + 1), previous, reason])

    def _compare_history(self, trader, first, last):
        expected = [
            (day, *self.stored[trader, day][-1][0])
            for day in DAYS
            if first <= day <= last and (trader, day) in self.stored
        ]
        assert self.chain.ask("history", self._address(trader), first, last) == expected

    def _address(self, trader):
        return self.chain.traders[trader]
