"""A stranger's check of a disclosure: the file by itself, and, with a node's URL, against the chain.

Needs no database, no secret and no settings. `verify/verify.py` and `verify/verify.html` do the same without any of
this program.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.chain.reader import read_at
from fntx_dagster.errors import Permanent
from fntx_dagster.metrics.catalogue import CATALOGUES
from fntx_dagster.proof.disclosure import Disclosed, Disclosure, check, parse
from fntx_dagster.signatures.history import history_of

if TYPE_CHECKING:
    from fntx_dagster.chain.reader import Reader, Version


class Checked(NamedTuple):
    """The outcome. `verdicts`: each metric with whether it leads to the root, and the contract says so where it was
    asked; `on_chain` None: no node was asked; `notes`: what a reader should know beside the verdict."""

    disclosure: Disclosure | None
    verdicts: tuple[tuple[Disclosed, bool], ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    on_chain: bool | None

    @property
    def holds(self) -> bool:
        return not self.problems


def check_disclosure(text: str | bytes, rpc_url: str | None = None, root: str | None = None) -> Checked:
    """Check a file; `rpc_url` asks a node of its chain, `root` (0x and 64 hex digits) is compared.

    A file that does not hold is an outcome, not an error. Permanent for a root that is none and for a node of another
    chain or without the contract, Transient where the node does not answer.
    """
    known = None if root is None else _root(root)
    try:
        disclosure = parse(text, CATALOGUES)
    except Permanent as error:
        return Checked(None, (), (error.message,), (), None)
    found = check(disclosure, known)
    if rpc_url is None:
        notes = () if known else (_NOT_ASKED,)
        return Checked(disclosure, found.verdicts, found.problems, notes, None)
    with read_at(rpc_url, disclosure.context.contract.lower(), disclosure.context.chain_id) as chain:
        wrong = tuple(_problems(chain, disclosure))
        confirmed = tuple((metric, leads and _confirmed(chain, disclosure, metric)) for metric, leads in found.verdicts)
        refused = tuple(
            f"the contract does not confirm {metric.name} (slot {metric.index})"
            for (metric, leads), (_, confirms) in zip(found.verdicts, confirmed, strict=True)
            if leads and not confirms
        )
        notes = tuple(_notes(chain, disclosure))
    return Checked(disclosure, confirmed, (*found.problems, *wrong, *refused), notes, not wrong and not refused)


_NOT_ASKED = (
    "whether the chain holds this root was not asked: give the URL of a node with --rpc, or the root that you read "
    "from the contract with --root"
)


def _root(text: str) -> bytes:
    try:
        root = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        root = b""
    if len(root) != 32:
        raise Permanent(f"{text!r} is no root", "Give 0x and 64 hex digits")
    return root


def _version(chain: Reader, disclosure: Disclosure) -> Version | None:
    return chain.version_of(disclosure.context.trader, disclosure.context.day, disclosure.version)


def _problems(chain: Reader, disclosure: Disclosure) -> Iterator[str]:
    context = disclosure.context
    if not chain.runs_our_code():
        yield f"the code at {context.contract} is not FNTX's TrackRecord: what it says proves nothing"
    stored = _version(chain, disclosure)
    if stored is None:
        yield f"the contract holds no version {disclosure.version} of {context.day} of trader {context.trader}"
    elif not stored.record.holds(context.schema_hash, disclosure.root):
        yield f"the contract holds root 0x{stored.record.root.hex()}, not the disclosure's"
    if disclosure.transaction is None:
        return
    try:
        mined = chain.mined(disclosure.transaction)
    except Permanent:  # it is there, and posted nothing at this contract
        mined = None
    written = mined.records if mined else ()
    wanted = (context.trader.lower(), context.day, disclosure.version, disclosure.root)
    if wanted not in [(one.trader.lower(), one.day, one.version, one.root) for one in written]:
        yield f"transaction {disclosure.transaction} did not post this record"


def _confirmed(chain: Reader, disclosure: Disclosure, metric: Disclosed) -> bool:
    context = disclosure.context
    return chain.verify_metric(
        context.trader, context.day, disclosure.version, metric.index, metric.scaled, metric.salt, metric.path
    )


def _notes(chain: Reader, disclosure: Disclosure) -> Iterator[str]:
    context = disclosure.context
    stored = _version(chain, disclosure)
    if stored is None:
        return
    posted_at = stored.record.posted_at
    days = history_of(chain, context.trader, context.day, context.day, posted_at)
    if not days or days[0].behind is None:
        yield f"posted {posted_at:%Y-%m-%d %H:%M} UTC; {context.day} was no session of the exchange"
    else:
        first = f"first posted {days[0].versions[0].record.posted_at:%Y-%m-%d %H:%M} UTC"
        if days[0].is_early:
            yield f"{first}, before the session was over: the figures cannot be that session's"
        else:
            late = ", late: it does not show that the figures were fixed on the day" if days[0].is_late() else ""
            yield f"{first}, {days[0].behind_in_words} after the session's close{late}"
    if stored.reason:
        yield f"version {disclosure.version} corrects the one before it; the reason given: {stored.reason}"
    newest = chain.record_of(context.trader, context.day)
    if newest is not None and newest.version > disclosure.version:
        later = chain.version_of(context.trader, context.day, newest.version)
        reason = f"; the reason given: {later.reason}" if later and later.reason else ""
        yield f"superseded: the trader has posted version {newest.version} of this day since{reason}"
