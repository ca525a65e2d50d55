"""What each verifier says of a disclosure by itself: ours, the strangers' script, and their page in a browser."""

from __future__ import annotations

import json
from typing import NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.metrics.catalogue import CATALOGUES, EXTENSIONS
from fntx_dagster.proof import disclosure as ours
from tests.verify.browser import Page
from verify import verify as script


class Case(NamedTuple):
    """A disclosure, the root that the contract holds for its trader, day and version, and the contract's word on it."""

    text: str
    root: str
    is_found: bool


class Verdict(NamedTuple):
    holds: bool
    problems: list[str]


def by_ours(case: Case) -> Verdict:
    try:
        disclosure = ours.parse(case.text, CATALOGUES, EXTENSIONS)
    except Permanent as refusal:
        return Verdict(False, [refusal.message])
    findings = ours.check(disclosure, bytes.fromhex(case.root[2:]))
    return Verdict(findings.holds, list(findings.problems))


def by_the_script(case: Case) -> Verdict:
    return Verdict(*script.verify(case.text, case.root))


def on_the_page(page: Page, some: list[Case]) -> list[Verdict]:
    verdicts = []
    for first in range(0, len(some), 200):
        asked = json.dumps([[case.text, case.root] for case in some[first : first + 200]])
        shown = page.ask(
            f"{asked}.map(([text, root]) => fntx.verify(text, root)).map((one) => [one.holds, one.problems])"
        )
        verdicts += [Verdict(*each) for each in shown]
    return verdicts


def all_refuse(some: list[Case], page: Page, same_words: bool = True) -> None:
    for case, shown in zip(some, on_the_page(page, some), strict=True):
        own, written = by_ours(case), by_the_script(case)
        assert (own.holds, written.holds, shown.holds) == (False, False, False), case.text[:300]
        if same_words:
            assert own == written == shown
