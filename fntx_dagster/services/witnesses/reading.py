"""What witnesses say of signed days, read from the chain by anybody: needs no database and no secret.

Nothing here changes a verdict: an attestation is the word of whoever signed it, and who that is, a reader decides. What
a file says of witnesses is not read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from fntx_dagster.adapters.evm.attestations import AttestationBook
from fntx_dagster.adapters.evm.reader import read_at
from fntx_dagster.errors import FntxError, Permanent
from fntx_dagster.foreign import cleaned
from fntx_dagster.model.witnesses import AttestedDay, level_in_words
from fntx_dagster.services.chain_of import connect
from fntx_dagster.services.ranges import refuse_backwards
from fntx_dagster.services.signatures.track_record import Node
from fntx_dagster.settings import Settings

if TYPE_CHECKING:
    from fntx_dagster.adapters.evm.reader import Reader
    from fntx_dagster.model.period import Period

MOST_LISTED = 2000
"""Attestations that one call lists: the node is asked about each."""

Names = Mapping[str, str]
"""A witness's address in lower case → the name that the reader gave it."""


class Witness(NamedTuple):
    """What one witness says of some days. `levels`: level → how many days stand with it; `of`: how many days were asked
    about. `attested_at` is the time of the newest level where one day was asked about and stands."""

    address: str
    name: str
    levels: Mapping[int, int]
    of: int
    revoked: int
    attested_at: datetime | None = None

    @property
    def days(self) -> int:
        """How many days stand."""
        return sum(self.levels.values())

    def __str__(self) -> str:
        """`Smith Audit (0x12…): broker_fetched, 240 of 252 days, 0 revoked`."""
        what = ", ".join(
            f"{level_in_words(level)}, {count} of {self.of} days" for level, count in sorted(self.levels.items())
        )
        when = f", at {self.attested_at:%Y-%m-%d %H:%M:%S} UTC" if self.attested_at else ""
        return f"{self.name} ({self.address}): {what or f'0 of {self.of} days'}{when}, {self.revoked} revoked"


class Witnesses(NamedTuple):
    """What is on the chain: the witnesses that the reader has named, and how many others have attestations that stand.
    `away`: why the chain gave no answer."""

    named: tuple[Witness, ...] = ()
    unnamed: tuple[str, ...] = ()
    """Their addresses."""
    away: str | None = None

    @property
    def lines(self) -> list[str]:
        """In words, each a line."""
        if self.away is not None:
            return [f"NOT CHECKED: which witnesses attest it ({self.away})"]
        count = len(self.unnamed)
        others = [f"{count} witness{'' if count == 1 else 'es'} whose name you did not give"] if count else []
        return [*(f"witness {each}" for each in self.named), *others]

    def as_dict(self) -> dict[str, Any]:
        """The same in plain values, for programs."""
        named = [
            {
                "witness": each.address,
                "name": each.name,
                "levels": {str(level): count for level, count in sorted(each.levels.items())},
                "days": each.days,
                "of": each.of,
                "revoked": each.revoked,
                "attested_at": each.attested_at,
            }
            for each in self.named
        ]
        return {"named": named, "unnamed": list(self.unnamed), "away": self.away}


class ListedAttestation(NamedTuple):
    """An attestation as the contract has it now."""

    witness: str
    attested: AttestedDay
    level: int
    attested_at: datetime
    revoked_at: datetime | None
    is_of_record: bool
    """Whether that root is the record's of that version; of another one an attestation counts for nothing."""

    def as_dict(self) -> dict[str, Any]:
        """The same in plain values, for programs."""
        trader, day, version, root = self.attested
        return {
            "witness": self.witness,
            "trader": trader,
            "date": day,
            "version": version,
            "root": f"0x{root.hex()}",
            "level": self.level,
            "level_in_words": level_in_words(self.level),
            "attested_at": self.attested_at,
            "revoked_at": self.revoked_at,
            "is_of_record": self.is_of_record,
        }


def names_of(settings: Settings, given: Iterable[str] = ()) -> dict[str, str]:
    """The names of witnesses: those of the settings, and those given as `0x…=NAME`. Permanent for another form."""
    from fntx_dagster.adapters.evm.typed import is_address

    names = {address.lower(): cleaned(name) for address, name in settings.witness.names.items()}
    for text in given:
        address, equals, name = text.partition("=")
        if not equals or not name.strip() or not is_address(address):
            raise Permanent(f"{cleaned(text)!r} names no witness", "Its form: 0x and 40 hex digits, =, the name")
        names[address.lower()] = cleaned(name.strip())
    return names


def witnesses_of(source: Node | Settings, days: Sequence[AttestedDay], names: Names) -> Witnesses:
    """What witnesses say of a trader's days, each with the root that its record has. Raises nothing: a node that is
    away is an outcome."""
    if not days:
        return Witnesses()
    try:
        with _chain(source) as chain:
            return witnesses_on(chain, days, names)
    except FntxError as error:
        return Witnesses(away=error.message)


def witnesses_on(chain: Reader, days: Sequence[AttestedDay], names: Names) -> Witnesses:
    """The same over a chain that is open. Transient where it does not answer."""
    book = AttestationBook(chain)
    if not days or not book.is_deployed():
        return Witnesses()
    asked = {_key(day) for day in days}
    one = days[0].day if len(days) == 1 else None
    trader, since = days[0].trader, min(day.day for day in days)
    said: dict[str, set[object]] = {}
    for address, attested in book.said(trader=trader, day=one, since=since):
        if _key(attested) in asked:
            said.setdefault(address.lower(), set()).add(_key(attested))
    named = [_witness(book, address, name, days, len(said.get(address, ()))) for address, name in names.items()]
    # everybody can attest: the others are told by events alone, however many they are, and not asked about one by one
    others = {address: keys for address, keys in said.items() if address not in names}
    for address, attested in book.revoked(trader=trader, day=one, since=since) if others else ():
        others.get(address.lower(), set()).discard(_key(attested))
    standing = tuple(sorted(address for address, keys in others.items() if keys))
    return Witnesses(tuple(each for each in named if each.days or each.revoked), standing)


def listed(
    source: Node | Settings, *, trader: str | None, witness: str | None, period: Period
) -> list[ListedAttestation]:
    """The attestations of a trader, or of a witness, of the days of a period, oldest first. Anybody attests whatever
    they like: where no witness is named, only those of a root that the record has are listed.

    Permanent where neither is given, the period is backwards, the chain has no contract of attestations, or there are
    more than `MOST_LISTED`; Transient where the node does not answer.
    """
    if trader is None and witness is None:
        raise Permanent("neither a trader nor a witness is named", "Give --trader or --witness")
    refuse_backwards(period)
    with _chain(source) as chain:
        book = AttestationBook(chain)
        book.check_deployed()
        said = book.said(trader=trader, witness=witness, since=period.first)
        found = dict.fromkeys(each for each in said if each[1].day in period)
        posted = book.posted({attested.trader for _, attested in found}, since=period.first)
        if witness is None:
            found = [each for each in found if each[1] in posted]
        if len(found) > MOST_LISTED:
            raise Permanent(
                f"there are {len(found)} attestations, and at most {MOST_LISTED} are listed at once",
                "Name the --witness, or fewer days with --from and --to",
            )
        rows = []
        for address, attested in found:
            held = book.attestation_of(address, attested)
            if held is not None:
                rows.append(ListedAttestation(address, attested, *held, attested in posted))
        return sorted(rows, key=lambda row: (row.attested.trader, row.attested.day, row.attested.version, row.witness))


def _witness(book: AttestationBook, address: str, name: str, days: Sequence[AttestedDay], said: int) -> Witness:
    levels = Counter(level for level in book.levels_of(address, days) if level)
    at = None
    if len(days) == 1 and levels:
        held = book.attestation_of(address, days[0])
        at = None if held is None else held.attested_at
    checksummed = book.chain.web3.to_checksum_address(address)
    return Witness(checksummed, name, dict(levels), len(days), max(said - levels.total(), 0), at)


def _key(attested: AttestedDay) -> tuple[object, ...]:
    return attested.day, attested.version, attested.root


def _chain(source: Node | Settings) -> Reader:
    return read_at(source.rpc_url, source.contract) if isinstance(source, Node) else connect(source)
