"""A stranger's check of a disclosure: the file by itself, and, with a node's URL, against the chain.

Needs no database, no secret and no settings. `verify/verify.py` and `verify/verify.html` do the same without any of
this program, and say it in the same words.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.adapters.evm.contracts import NoTrackRecord
from fntx_dagster.adapters.evm.reader import AnotherChain, PostedNothing, read_at
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.metrics.catalogue import CATALOGUES, EXTENSIONS
from fntx_dagster.model.session import SEVEN_DAYS
from fntx_dagster.proof.disclosure import EXTENSION_SLOT, FORMAT, Disclosure, Verdicts, check, parse
from fntx_dagster.services.signatures.history import KNOWN_YEARS, LATE_AFTER, closing_of, in_words
from fntx_dagster.services.signatures.outcomes import exit_code_of, verdict_of

if TYPE_CHECKING:
    from fntx_dagster.adapters.evm.reader import Reader
    from fntx_dagster.model.chain import Mined, Version
    from fntx_dagster.proof.disclosure import Disclosed, DisclosedExtension

SETTLED = 12
"""Blocks on top of a record's, after which a chain is not expected to drop it."""

STEPS = {
    "code": "whether the contract's rules are FNTX's",
    "record": "whether this root is on the chain, and the contract itself finds each metric in it",
    "posting": "who posted it, when, and whether that was late",
    "latest": "whether a later version corrects it",
}
"""What only a chain can say, in the order in which it is asked."""


class Posted(NamedTuple):
    """When the trader posted the disclosed version. `behind`: from the session's close, None where that is not
    known: outside KNOWN_YEARS; `is_early`: before the session was over."""

    posted_at: datetime
    behind: timedelta | None
    is_late: bool
    is_early: bool


class Checked(NamedTuple):
    """The outcome.

    `verdicts`: each metric with whether it leads to the root, and the contract says so where it was asked;
    `of_extension`: the same of the extension's metrics, of whose root the contract says it; `problems`: why it does not
    hold; `notes`: what a reader should know beside the verdict; `unchecked`: those of STEPS that were
    not made, and why. `away`: why a node that was named gave no verdict. `posted` is there where the trader's own
    transaction shows it, `superseded_by` where there is a later version, with the reason that was given for it.
    """

    disclosure: Disclosure | None
    verdicts: Verdicts
    of_extension: Verdicts
    problems: tuple[str, ...]
    unchecked: Mapping[str, str]
    notes: tuple[str, ...] = ()
    away: str | None = None
    posted: Posted | None = None
    superseded_by: int | None = None
    superseded_reason: str | None = None

    @property
    def holds(self) -> bool:
        """No check failed. A check that could not be made, because a node did not answer, is no failure."""
        return not self.problems

    @property
    def on_chain(self) -> bool | None:
        """Whether the chain holds the record; None: no node was asked, or it gave no verdict."""
        return None if "code" in self.unchecked else not self.problems

    @property
    def not_checked(self) -> tuple[str, ...]:
        """What nobody has looked at, in words."""
        return (*(f"{STEPS[step]} ({why})" for step, why in self.unchecked.items()), _ADDRESSES)

    @property
    def verdict(self) -> str:
        """In the words of all verifiers."""
        verdict = verdict_of(self.problems, self.unchecked, self.away)
        if self.problems or self.away is not None or self.superseded_by is None:
            return verdict
        return f"{verdict}, but is superseded by version {self.superseded_by}"

    @property
    def exit_code(self) -> int:
        """0 it holds, 1 it does not, 75 the node gave no verdict."""
        return exit_code_of(self.problems, is_undecided=self.away is not None)


def is_meant_as_a_disclosure(content: bytes) -> bool:
    """Whether a file is a disclosure, be it cut off or changed: its form is that of JSON, and it names the format or a
    root."""
    begins = content.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{")
    return begins and (FORMAT.partition("/")[0].encode() in content or b'"root"' in content)


def check_disclosure(text: str | bytes, rpc_url: str | None = None, root: bytes | None = None) -> Checked:
    """Check a file; `rpc_url` asks a node of its chain, `root` (32 bytes, known from elsewhere) is compared.

    Raises nothing: a file that does not hold, a node that is away or of another chain, and one that answers nonsense
    are outcomes. A file that does not hold by itself is not asked about.
    """
    try:
        disclosure = parse(text, CATALOGUES, EXTENSIONS)
    except Permanent as error:
        return Checked(None, (), (), (error.message,), _unchecked(_ALONE))
    alone = check(disclosure, root)
    if alone.problems:
        return Checked(disclosure, alone.verdicts, alone.of_extension, alone.problems, _unchecked(_ALONE))
    if rpc_url is None:
        given = {} if root is None else {"record": "you gave the root; give --rpc for the rest"}
        return Checked(disclosure, alone.verdicts, alone.of_extension, (), _unchecked("give --rpc") | given)
    try:
        with read_at(rpc_url, disclosure.context.contract.lower(), disclosure.context.chain_id) as chain:
            return _asked(chain, disclosure)
    except NoTrackRecord:
        return _of_another_contract(disclosure)
    except AnotherChain as error:
        asked = disclosure.context.chain_id
        away = f"the node is of another chain: it serves chain {error.served}, the disclosure is of chain {asked}"
    except (Transient, Permanent) as error:
        away = error.message
    return Checked(
        disclosure, alone.verdicts, alone.of_extension, (), _unchecked("the node gave no verdict"), away=away
    )


def posting_of(day: date, posted_at: datetime, closes_at: datetime | None = None) -> Posted:
    """What the time (aware) says at which a day's record was posted. `closes_at`: when its session ended, where that is
    known; else it is the exchange's session or, on a day without one, the day of UTC."""
    if closes_at is None and day.year in KNOWN_YEARS:
        closes_at = closing_of(day) or sessions(day, day, SEVEN_DAYS)[0].closes_at
    if closes_at is None:
        return Posted(posted_at, None, False, False)
    behind = posted_at - closes_at
    return Posted(posted_at, behind, behind > LATE_AFTER, behind < timedelta(0))


def timing(day: date, posted: Posted) -> str:
    """When a day's record was posted and whether that was late, in the words of all verifiers."""
    said = f"posted at {_utc(posted.posted_at)}, by the chain's clock"
    if day.year not in KNOWN_YEARS:
        return f"{said}; whether that was late is NOT CHECKED: the exchange's sessions of {day.year} are not known here"
    if posted.is_early:
        return f"{said}, before the session was over: the figures cannot be that session's"
    end = "the session's close"
    if closing_of(day) is None:  # only a market that never closes has a session then
        end = "the end of the day in UTC, which is no day of the New York Stock Exchange"
    late = ", late: it does not show that the figures were fixed on the day" if posted.is_late else ""
    return f"{said}, {in_words(posted.behind)} after {end}{late}"


_ADDRESSES = "whether the trader's and the contract's address are the ones you expect: compare them"
_ALONE = "the file by itself does not hold"
_ENDED = "the check ended before it"


def _unchecked(why: str, *steps: str) -> dict[str, str]:
    """These steps, or all."""
    return dict.fromkeys(steps or STEPS, why)


def _of_another_contract(disclosure: Disclosure) -> Checked:
    """Nothing is asked of it: what it says proves nothing."""
    problem = f"the contract {disclosure.context.contract} is not FNTX's TrackRecord"
    unchecked = _unchecked(_ENDED, "record", "posting", "latest")
    alone = check(disclosure)
    return Checked(disclosure, alone.verdicts, alone.of_extension, (problem,), unchecked)


def _asked(chain: Reader, disclosure: Disclosure) -> Checked:
    """A disclosure that holds by itself, against the chain. What the deployment of the contract wrote, its code does
    not show: only the trader's own call does."""
    context, version = disclosure.context, disclosure.version
    if not chain.runs_our_code():
        return _of_another_contract(disclosure)
    stored = chain.version_of(context.trader, context.day, version)
    verdicts = tuple(
        (metric, stored is not None and _confirmed(chain, disclosure, metric.index, metric.scaled, metric))
        for metric in disclosure.metrics
    )
    extension = disclosure.extension
    leads_on = stored is not None and (
        extension is None or _confirmed(chain, disclosure, EXTENSION_SLOT, extension.scaled_root, extension)
    )
    of_extension = () if extension is None else tuple((metric, leads_on) for metric in extension.metrics)
    problems = tuple(_record_problems(disclosure, stored, verdicts, leads_on))
    if stored is None or problems:
        return Checked(disclosure, verdicts, of_extension, problems, _unchecked(_ENDED, "posting", "latest"))
    mined, unchecked = None, {}
    try:
        mined = None if disclosure.transaction is None else chain.mined(disclosure.transaction)
        if mined is not None:
            problems = tuple(_posting_problems(disclosure, mined, stored.record.posted_at))
        else:
            unchecked = _unchecked(_why_unknown(disclosure), "posting")
    except PostedNothing:
        problems = (_posted_something_else(disclosure),)
    posted = None if mined is None or problems else posting_of(context.day, mined.mined_at)
    newest = chain.record_of(context.trader, context.day)
    later = None
    if newest is not None and newest.version > version:
        later = chain.version_of(context.trader, context.day, newest.version)
    return Checked(
        disclosure,
        verdicts,
        of_extension,
        problems,
        unchecked,
        tuple(_notes(chain, disclosure, stored, mined, posted, later)),
        posted=posted,
        superseded_by=later.record.version if later else None,
        superseded_reason=later.reason if later else None,
    )


def _confirmed(
    chain: Reader, disclosure: Disclosure, index: int, scaled: int | None, shown: Disclosed | DisclosedExtension
) -> bool:
    """Whether the contract finds that value in that slot, by the salt and the path that are shown."""
    context = disclosure.context
    return chain.verify_metric(context.trader, context.day, disclosure.version, index, scaled, shown.salt, shown.path)


def _record_problems(
    disclosure: Disclosure, stored: Version | None, verdicts: Verdicts, leads_on: bool
) -> Iterator[str]:
    context = disclosure.context
    if stored is None:
        yield f"the contract has no version {disclosure.version} of this trader's record of {context.day}"
        return
    if stored.record.root != disclosure.root:
        yield "the contract has another root"
    if stored.record.schema_hash != context.schema_hash:
        yield "the contract has another catalogue's hash"
    for metric, confirms in verdicts:
        if not confirms:
            yield f"the contract does not find {metric.name} (slot {metric.index}) in the record"
    if not leads_on:
        yield f"the contract does not find the extension's root (slot {EXTENSION_SLOT}) in the record"


def _posting_problems(disclosure: Disclosure, mined: Mined, posted_at: datetime) -> Iterator[str]:
    context = disclosure.context
    written = [
        (record.trader.lower(), record.day, record.version, record.schema_hash, record.root) for record in mined.records
    ]
    parties = (mined.sender.lower(), (mined.to or "").lower())
    if (context.trader.lower(), context.day, disclosure.version, context.schema_hash, disclosure.root) not in written:
        yield _posted_something_else(disclosure)
    elif parties != (context.trader.lower(), context.contract.lower()):
        yield f"the transaction {mined.tx_hash} was not sent by the trader to the contract"
    elif mined.mined_at != posted_at:
        yield f"the transaction {mined.tx_hash} was mined at another time than the contract says"


def _posted_something_else(disclosure: Disclosure) -> str:
    return f"the transaction {disclosure.transaction} did not post this record"


def _why_unknown(disclosure: Disclosure) -> str:
    if disclosure.transaction is None:
        return "the disclosure names no transaction"
    return "this node does not know the transaction"


def _notes(
    chain: Reader,
    disclosure: Disclosure,
    stored: Version,
    mined: Mined | None,
    posted: Posted | None,
    later: Version | None,
) -> Iterator[str]:
    """The disclosed version's own time first: that of another one says nothing of its figures."""
    context, version = disclosure.context, disclosure.version
    if posted is not None and mined is not None:
        yield timing(context.day, posted)
        yield from _not_final(chain, mined)
    if version > 1:
        first = chain.version_of(context.trader, context.day, 1)
        if first is not None:
            yield f"version 1 was posted at {_utc(first.record.posted_at)}, as the contract says"
        yield f'version {version} corrects the one before it; the reason given: "{stored.reason}"'
    if later is not None:
        yield f'superseded by version {later.record.version}; the reason given: "{later.reason}"'


def _not_final(chain: Reader, mined: Mined) -> Iterator[str]:
    deep, finalized = max(chain.height - mined.block_number, 0), chain.finalized_height
    if deep < SETTLED and (finalized is None or finalized < mined.block_number):
        yield (
            f"NOT FINAL: the record's block has {deep} blocks after it and is not finalized: "
            "the chain may still drop it"
        )


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
