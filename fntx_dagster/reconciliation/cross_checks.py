"""The checks that hold over both ledgers: who governs the accounts, the anchors of the audit log, and whose signatures
their transactions bear."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from fntx_dagster.reconciliation.items import ReconFinding
from fntx_dagster.reconciliation.reading import (
    Document,
    NoAnswer,
    NotOnLedger,
    account_of,
    inner,
    names,
    number,
    part,
    rows,
    said,
    text,
    whole,
)
from fntx_dagster.reconciliation.stellar_checks import signer_weights, standing_keys

LEDGERS = ("xrpl", "stellar")
ANCHOR_KEY = "anchor"
"""Who signs alone under a standing approval, where signers are named by their ids."""


def governance(config: Document, observed: Document, records: Document) -> ReconFinding:
    """The same people sign for all accounts of both ledgers, so many of them as the threshold says, and nobody signs
    alone. An account that gives no answer leaves the question open, even where another differs."""
    faults: list[str] = []
    for ledger, judge in (("xrpl", _governed_on_xrpl), ("stellar", _governed_on_stellar)):
        for role in inner(config, ledger, "accounts"):
            try:
                account = account_of(observed, ledger, role)
            except NotOnLedger as error:
                faults.append(f"{ledger} {role}: {error}")
                continue
            faults += [f"{ledger} {role}: {fault}" for fault in judge(config, records, role, account)]
    people = names(text(part(each, "id")) for each in rows(config, "signers"))
    expected = f"{whole(part(config, 'threshold'))} of {people} on every account"
    return ReconFinding(expected, f"{len(faults)} differences" if faults else expected, faults)


def _governed_on_xrpl(config: Document, records: Document, role: str, account: Document) -> list[str]:
    listed, threshold = part(account, "signer_list"), whole(part(config, "threshold"))
    faults = []
    if listed is None:
        faults.append("it has no list of signers")
    else:
        if (quorum := whole(part(listed, "quorum"))) != threshold:
            faults.append(f"the quorum is {quorum} instead of {threshold}")
        found = [(text(part(row, "account")), whole(part(row, "weight"))) for row in rows(listed, "signers")]
        faults += _people_faults(config, "xrpl", [address for address, _ in found])
        faults += [f"{address} has the weight {weight}" for address, weight in found if weight != 1]
        listed_often = Counter(address for address, _ in found)
        faults += [f"{address} is listed {times} times" for address, times in listed_often.items() if times > 1]
    if part(account, "master_disabled") is not True:
        faults.append("its own key signs")
    key = part(account, "regular_key")
    if key is not None and text(key) not in standing_keys(records, "xrpl", role):
        faults.append(f"the regular key {key} signs alone")
    return faults


def _governed_on_stellar(config: Document, records: Document, role: str, account: Document) -> list[str]:
    own = text(part(config, "stellar", "accounts", role, "address"))
    standing = standing_keys(records, "stellar", role)
    keys = [key for key in signer_weights(account) if key != own and key not in standing]
    return _people_faults(config, "stellar", keys)


def _people_faults(config: Document, ledger: str, found: Sequence[str]) -> list[str]:
    wanted = {text(part(each, ledger)): str(each.get("id")) for each in rows(config, "signers")}
    faults = [f"{key} signs and is not configured" for key in found if key not in wanted]
    return faults + [f"{name} does not sign" for key, name in wanted.items() if key not in found]


def attestation(config: Document, observed: Document, records: Document, now_s: int) -> ReconFinding:
    """Each anchor on a ledger is a checkpoint of ours, their sizes rise, and the newest is the last checkpoint; that
    one may wait for its anchors as long as the configuration says."""
    ours = [(whole(part(row, "size")), _root(row), whole(part(row, "time_s"))) for row in rows(records, "checkpoints")]
    last = max(ours, default=None)
    faults: list[str] = []
    behind: list[str] = []
    said_by: list[str] = []
    for ledger in LEDGERS:
        if inner(observed, "anchors", ledger).get("found") is False:
            raise NotOnLedger(f"the account that anchors on {ledger} is not on the ledger")
        found = [(whole(part(row, "size")), _root(row)) for row in rows(observed, "anchors", ledger, "rows")]
        faults += _anchor_faults(ledger, found, {(size, root) for size, root, _ in ours})
        said_by.append(f"{ledger} {found[-1][0] if found else 'none'}")
        if last is not None and (not found or found[-1] != last[:2]):
            behind.append(ledger)
    expected = "no checkpoint yet" if last is None else f"{last[0]} events on both ledgers"
    waits = "there is no checkpoint yet" if last is None else ""
    if behind and last is not None:
        waits = f"the last checkpoint, of {last[0]} events, is not the newest anchor on {' and '.join(behind)}"
        # its age is left out, so that the same difference has the same words on the next day
        faults += [waits] if now_s - last[2] >= whole(part(config, "anchor_every_s")) else []
    return ReconFinding(expected, ", ".join(said_by), faults, waits)


def _anchor_faults(ledger: str, found: Sequence[tuple[int, str]], ours: set[tuple[int, str]]) -> list[str]:
    faults = [
        f"{ledger}: the anchor of {size} events is no checkpoint of ours"
        for size, root in found
        if (size, root) not in ours
    ]
    sizes = [size for size, _ in found]
    falls = [(before, after) for before, after in pairwise(sizes) if after <= before]
    return faults + [f"{ledger}: an anchor of {after} events follows one of {before}" for before, after in falls]


def _root(row: Document) -> str:
    return text(part(row, "root")).lower()


def signatures(config: Document, observed: Document, records: Document) -> ReconFinding:
    """Each transaction of our accounts on the ledgers is one of ours, with the signers that we recorded and as many as
    it needs, and each of ours is there."""
    there = _by_hash(rows(observed, "account_transactions", "rows"))
    confirmed = _by_hash(rows(records, "confirmed"))
    under_way = _by_hash(rows(records, "under_way")) if "under_way" in records else {}
    ours = under_way | confirmed
    faults = [f"the transaction {hash_} is none of ours" for hash_ in there if hash_ not in ours]
    faults += [f"our transaction {hash_} is not on the ledger" for hash_ in confirmed if hash_ not in there]
    for hash_ in there.keys() & ours.keys():
        found, recorded = _signers(there[hash_]), _signers(ours[hash_])
        if found != recorded:
            faults.append(f"the transaction {hash_} is signed by {names(found)} instead of {names(recorded)}")
        needed = _needed(config, there[hash_], ours[hash_], found)
        if len(found) < needed:
            faults.append(f"the transaction {hash_} has {len(found)} of {needed} signatures")
    return ReconFinding(f"{len(confirmed)} of our transactions", f"{len(there)} on the ledgers", sorted(faults))


def _by_hash(found: list[Document]) -> dict[str, Document]:
    return {text(part(row, "hash")).upper(): row for row in found}


def _signers(row: Document) -> frozenset[str]:
    found = part(row, "signers")
    if not isinstance(found, list):
        raise NoAnswer("the signers of a transaction are no list")
    return frozenset(map(text, found))


def _needed(config: Document, row: Document, record: Document, found: frozenset[str]) -> int:
    """How many sign: one where the approval that covers it says so, else the threshold of what it does."""
    is_config = part(row, "config_change")
    if not isinstance(is_config, bool):
        raise NoAnswer("nothing says whether a transaction changes the configuration")
    covered = record.get("covered_by")
    alone = covered == "standing" or (found == {ANCHOR_KEY} and _no_person(config))
    if covered == "setup" or (alone and not is_config):
        return 1
    return whole(part(config, "config_threshold" if is_config else "threshold"))


def _no_person(config: Mapping[str, Any]) -> bool:
    return all(each.get("id") != ANCHOR_KEY for each in rows(config, "signers"))


def custody(records: Document) -> ReconFinding:
    """What stands in escrows is what the custodian states, within a ten-thousandth of the larger."""
    total, stated = number(part(records, "escrow_total")), records.get("custodian")
    if stated is None:
        return ReconFinding("a statement of the custodian", said(total), waits="there is no statement of the custodian")
    found = number(part(records, "custodian"))
    near = abs(total - found) * 10_000 <= max(abs(total), abs(found))
    faults = [] if near else [f"they differ by {said(abs(total - found))}"]
    return ReconFinding(f"{said(found)} as the custodian states", said(total), faults)


def audit_coverage(config: Document, records: Document) -> ReconFinding:
    """Each confirmed transaction has its event in the audit log, and no event waits too long for an anchor."""
    confirmed = _by_hash(rows(records, "confirmed"))
    audited = part(records, "audited")
    if not isinstance(audited, list):
        raise NoAnswer("the audited transactions are no list")
    known = {text(each).upper() for each in audited}
    faults = [f"the transaction {hash_} has no event in the audit log" for hash_ in confirmed if hash_ not in known]
    age, most = part(records, "first_unanchored_age_s"), whole(part(config, "anchor_every_s"))
    if age is not None and number(age) >= most:
        faults.append(f"an event waits longer than {most} s for an anchor")
    waited = "nothing waits for an anchor" if age is None else f"the oldest waits {said(number(age))} s for an anchor"
    expected = f"{len(confirmed)} transactions with an event; none waits {most} s for an anchor"
    return ReconFinding(expected, f"{len(confirmed.keys() & known)} with an event; {waited}", faults)
