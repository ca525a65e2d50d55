"""A witness's word onto the chain: attestations of the days that agree, revocations, the key for sealed packages.

Each is said once: the outbox keeps every step before it is taken, and the contract is read first. A witness signs with
the key of the account `witness`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from fntx_dagster.adapters.evm import keys
from fntx_dagster.adapters.evm.attestation_calls import attestation_transport
from fntx_dagster.adapters.evm.attestations import AttestationBook
from fntx_dagster.errors import Permanent
from fntx_dagster.foreign import cleaned
from fntx_dagster.model.witnesses import AttestedDay, WaitingAttestation, level_in_words
from fntx_dagster.outbox.sender import OnProgress, send
from fntx_dagster.report.clock import utc_minute
from fntx_dagster.services.chain import put_attestations
from fntx_dagster.services.chain_of import connect
from fntx_dagster.services.signatures.posting import policy_of
from fntx_dagster.services.witnesses.keeping import is_made_here
from fntx_dagster.services.witnesses.signing import WITNESS, need_own
from fntx_dagster.store.outbox import attestations
from fntx_dagster.store.outbox.attestations import AttestationJournal
from fntx_dagster.witness.report import MAX_BYTES, parse, written
from fntx_dagster.witness.sealing import X25519, public_key

if TYPE_CHECKING:
    from datetime import date, datetime
    from pathlib import Path

    from fntx_dagster.adapters.evm.client import Chain
    from fntx_dagster.adapters.evm.keys import Signer
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database

LONGEST_REASON = 256
_IN_A_BLOCK = ("mined", "final")


class Attesting(NamedTuple):
    """What a call brought onto the chain, and what still waits or has failed. `contract` is Attestations' address."""

    chain_id: int
    contract: str
    witness: str
    new: list[WaitingAttestation]
    waiting: list[WaitingAttestation]

    def as_dict(self) -> dict[str, Any]:
        """The same in plain values, for programs."""
        rows = {name: [_as_dict(row) for row in getattr(self, name)] for name in ("new", "waiting")}
        return {"chain_id": self.chain_id, "contract": self.contract, "witness": self.witness, **rows}


class WitnessKey(NamedTuple):
    """The public key, in hex, that packages are sealed with for a witness; and what its domain publishes."""

    witness: str
    key: str

    @property
    def well_known(self) -> dict[str, str]:
        """The content of `/.well-known/fntx-witness.json`."""
        return {"witness": self.witness, "key": self.key}


def post_report(settings: Settings, db: Database, file: Path, on_progress: OnProgress = lambda text: None) -> Attesting:
    """Attest the days of a report that agree, on the chain of the settings. Called again it goes on.

    Permanent where the report is another witness's, of another chain or contract, or not one that this home made, where
    no day agrees, or where the contract holds another root for a day that it names; Transient where the node does not
    answer.
    """
    try:
        with file.open("rb") as stream:
            report = parse(stream.read(MAX_BYTES + 1))
    except OSError as error:
        raise Permanent(f"cannot read {cleaned(file.name)}: {error.strerror}", "Name the report's file") from None
    days = [AttestedDay(report.trader, day.day, day.version, day.root) for day in report.agreeing]
    if not days:
        raise Permanent("no day of the report agrees, and only those that do are attested")
    with connect(settings) as chain:
        signer = _witness(settings, chain)
        need_own(settings, report.witness)
        if (chain.chain_id, chain.contract.lower()) != (report.chain_id, report.contract.lower()):
            raise Permanent(
                f"the report is of days in {report.contract} on chain {report.chain_id}, and the settings name "
                f"{chain.contract} on chain {chain.chain_id}",
                "Set FNTX_RPC_URL and FNTX_CONTRACTS to that chain",
            )
        days = [day._replace(trader=chain.web3.to_checksum_address(day.trader)) for day in days]
        _need_records(chain, days)
        if not is_made_here(settings, report):
            raise Permanent(
                "this home made no such report, and signs only its own",
                "Check the package here with `fntx attest check`, and post the report that it writes",
            )
        on_progress(f"signing for {len(days)} days of {report.trader}: {level_in_words(report.level)}")
        where = _where(settings, chain, signer)
        attestations.keep_report(db, report.evidence, written(report))
        attestations.queue(db, where, days, report.level, report.evidence)
        return _send(settings, db, chain, signer, where, on_progress)


def post_waiting(settings: Settings, db: Database, on_progress: OnProgress = lambda text: None) -> Attesting:
    """Post the attestations and revocations of the settings' witness that still wait. Raises as `post_report`."""
    with connect(settings) as chain:
        signer = _witness(settings, chain)
        return _send(settings, db, chain, signer, _where(settings, chain, signer), on_progress)


def revoke(
    settings: Settings,
    db: Database,
    trader: str,
    day: date,
    version: int,
    reason: str,
    on_progress: OnProgress = lambda text: None,
) -> Attesting:
    """Take the attestation of a version of a trader's day back, for ever, with a reason that everybody reads.

    Permanent where the reason is empty or too long, where nothing is attested, or where it is revoked with another
    reason; Transient where the node does not answer.
    """
    if not 0 < len(reason.encode()) <= LONGEST_REASON:
        raise Permanent(f"the reason has {len(reason.encode())} bytes", f"Give one of 1 to {LONGEST_REASON} bytes")
    with connect(settings) as chain:
        signer = _witness(settings, chain)
        where, address = _where(settings, chain, signer), chain.web3.to_checksum_address(trader)
        held = chain.version_of(address, day, version)
        if held is None:
            raise Permanent(f"the contract has no version {version} of {day} of {trader}", "Check day and version")
        attested = AttestedDay(address, day, version, held.record.root)
        found = AttestationBook(chain).attestation_of(signer.address, attested)
        if found is None:
            raise Permanent(f"{signer.address} has attested no version {version} of {day}, so there is none to revoke")
        _need_no_other_reason(db, where, attested, found.revoked_at, reason)
        attestations.queue(db, where, [attested], found.level, bytes(32), reason)
        return _send(settings, db, chain, signer, where, on_progress)


def make_key(settings: Settings) -> WitnessKey:
    """The witness's key for sealed packages, made at the first call."""
    public = public_key(keys.witness_key(settings.paths.keys))
    return WitnessKey(keys.signer_of(settings, WITNESS).address, f"0x{public.hex()}")


def publish_key(settings: Settings) -> WitnessKey:
    """Publish that key on the chain of the settings, unless it is the latest there already."""
    key = make_key(settings)
    content = X25519 + bytes.fromhex(key.key[2:])
    with connect(settings) as chain:
        signer = _witness(settings, chain)
        _where(settings, chain, signer)
        book = AttestationBook(chain)
        if book.published_key(signer.address) != content:
            with chain.turn_of(signer.address):
                chain.invoke(signer, book.attestations, "publishKey", content)
    return key


def key_of(settings: Settings, witness: str) -> bytes:
    """The X25519 key, 32 bytes, that a witness has published on the chain of the settings. Permanent where it has
    none."""
    with connect(settings) as chain:
        book = AttestationBook(chain)
        content = book.published_key(witness) if book.is_deployed() else None
    if content is None or not content.startswith(X25519) or len(content) != 33:
        raise Permanent(
            f"{witness} has published no key to seal a package with",
            "Ask the witness to call `fntx attest key publish`, give the key with --key, or leave the package open",
        )
    return content[1:]


def _witness(settings: Settings, chain: Chain) -> Signer:
    return chain.trader(WITNESS)


def _where(settings: Settings, chain: Chain, signer: Signer) -> tuple[int, str, str]:
    """The chain, Attestations' address and the witness. The embedded chain gets the contract by itself; elsewhere a
    person puts it there."""
    book = AttestationBook(chain)
    if chain.is_embedded:
        put_attestations(settings, chain)
    else:
        book.check_deployed()
    return chain.chain_id, book.contract, signer.address


def _need_records(chain: Chain, days: list[AttestedDay]) -> None:
    """Permanent unless the contract holds every root that is to be attested."""
    for attested in days:
        held = chain.version_of(attested.trader, attested.day, attested.version)
        if held is None or held.record.root != attested.root:
            raise Permanent(
                f"the contract does not hold that root as version {attested.version} of {attested.day}: the day is not "
                "posted, or the package is of another record",
                "Ask the trader to post the day, then post the report again",
            )


def _need_no_other_reason(
    db: Database, where: tuple[int, str, str], attested: AttestedDay, revoked_at: datetime | None, reason: str
) -> None:
    """Permanent where a version is revoked, or is about to be, and not with this reason."""
    reasons = {
        row.reason
        for row in attestations.attestations(db, where)
        if row.reason and row.state != "failed" and (row.trader, row.day, row.version, row.root) == attested
    }
    if reason not in reasons and (reasons or revoked_at):
        when = f"was revoked at {utc_minute(revoked_at)}" if revoked_at else "is about to be revoked"
        raise Permanent(
            f"version {attested.version} of {attested.day} {when}, and its reason stays",
            "Tell the trader and the readers whatever it does not say",
        )


def _send(
    settings: Settings,
    db: Database,
    chain: Chain,
    signer: Signer,
    where: tuple[int, str, str],
    on_progress: OnProgress,
) -> Attesting:
    limits = settings.posting
    before = {_key(row) for row in attestations.attestations(db, where) if row.state in _IN_A_BLOCK}
    journal = AttestationJournal(db, WITNESS, where)
    transport = attestation_transport(chain, signer, limits.fee_cap, settings.chain.confirmations, limits.modest_tip)
    send(transport, journal, policy_of(settings), on_progress)
    after = attestations.attestations(db, where)
    new = [row for row in after if row.state in _IN_A_BLOCK and _key(row) not in before]
    return Attesting(*where, new, [row for row in after if row.state not in _IN_A_BLOCK])


def _key(row: WaitingAttestation) -> tuple[object, ...]:
    return row.trader, row.day, row.version, row.root, row.level, row.reason


def _as_dict(row: WaitingAttestation) -> dict[str, Any]:
    return {**row._asdict(), "root": f"0x{row.root.hex()}"}
