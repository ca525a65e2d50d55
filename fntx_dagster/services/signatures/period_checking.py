"""A stranger's check of a period's file: by itself, and, with a node's URL or a list from an explorer, that its days
are all that the trader posted.

Needs no database, no secret and no settings. `periods` says whether the file holds by itself; this module asks the
chain and the calendar, which alone know of a day that was left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.adapters.evm.contracts import NoTrackRecord
from fntx_dagster.adapters.evm.reader import AnotherChain, PostedNothing, read_at
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.metrics.catalogue import CATALOGUES, EXTENSIONS
from fntx_dagster.model.period import Period
from fntx_dagster.periods.checking import PeriodVerdict, check
from fntx_dagster.periods.file import MOST_BYTES, PeriodAccount, PeriodFile, published_pairs
from fntx_dagster.periods.history import HeldDay, against_history, listed_days, session_jumps, without_record
from fntx_dagster.periods.shown import CHAINED
from fntx_dagster.services.signatures.checking import SETTLED, posting_of
from fntx_dagster.services.signatures.history import KNOWN_YEARS
from fntx_dagster.services.signatures.outcomes import exit_code_of, verdict_of

if TYPE_CHECKING:
    from fntx_dagster.adapters.evm.reader import Reader
    from fntx_dagster.model.chain import Mined, StoredRecord

PERIOD_STEPS = {
    "code": "whether the contract's rules are FNTX's",
    "days": "whether the days of the file are all that the trader posted, and the latest of each",
    "posting": "who posted them, when, and whether that was late",
}
"""What only a chain can say, in the order in which it is asked."""

_WHOSE = "whether the trader's and the contract's address are the ones you expect: compare them"
_NAMED = 5
_NAMES_THE_FORMAT = re.compile(rb'"format"\s*:\s*"fntx\.period/')


class Timing(NamedTuple):
    """How many days of an account were posted late, before their close, and in blocks that are not final."""

    late: int
    early: int
    not_final: int


class CheckedPeriod(NamedTuple):
    """The outcome. `alone`: what the file says by itself; `problems`: why it does not hold; `notes`: what a reader
    should know beside the verdict; `unchecked`: those of PERIOD_STEPS that were not made, and why; `away`: why a node
    that was named gave no verdict; `timing` of each account, where a node was asked; `misaddressed`: that one of the
    problems which says that the file is for somebody else."""

    alone: PeriodVerdict
    problems: tuple[str, ...]
    unchecked: Mapping[str, str]
    notes: tuple[str, ...] = ()
    away: str | None = None
    timing: tuple[Timing, ...] = ()
    misaddressed: str | None = None

    @property
    def figures_hold(self) -> bool:
        """Whether nothing was found against the figures, whoever they are for."""
        return {*self.problems} <= {self.misaddressed}

    @property
    def verdict(self) -> str:
        """In the words of all verifiers."""
        return verdict_of(self.problems, self.unchecked, self.away)

    @property
    def not_checked(self) -> tuple[str, ...]:
        """What nobody has looked at, in words."""
        return (*(f"{PERIOD_STEPS[step]} ({why})" for step, why in self.unchecked.items()), _WHOSE)

    @property
    def exit_code(self) -> int:
        """0 it holds, 1 it does not, 75 nobody was asked whether a day was left out, or the node gave no verdict."""
        return exit_code_of(self.problems, is_undecided="days" in self.unchecked)

    def as_dict(self) -> dict[str, Any]:
        """The same in plain values, for programs. The names of the fields stay."""
        period = self.alone.period
        said = {
            "verdict": self.verdict,
            "holds": not self.problems,
            "on_chain": None if "days" in self.unchecked else not self.problems,
            "not_checked_on_chain": self.away,
            "problems": self.problems,
            "notes": self.notes,
            "not_checked": self.not_checked,
        }
        if period is None:
            return said | {"period": None, "figures": {}}
        timing: Sequence[Timing | None] = self.timing or [None] * len(period.accounts)
        return said | {
            "period": {
                "audience": period.audience,
                "currency": period.currency,
                "from": period.first,
                "to": period.last,
                "days": len(period.days),
                "shown": {name: True if name == CHAINED else f"{number}" for name, number in period.shown.items()},
                "accounts": [
                    {
                        "chain_id": f"{account.chain_id}",
                        "contract": account.contract,
                        "trader": account.trader,
                        "days": len(account.days),
                        "first_session": account.days[0].session,
                        "last_session": account.days[-1].session,
                        **(dict.fromkeys(Timing._fields) if posted is None else posted._asdict()),
                    }
                    for account, posted in zip(period.accounts, timing, strict=True)
                ],
            },
            "figures": self.alone.figures,
        }


def read_period(stream: BinaryIO) -> bytes:
    """Read a period's file, no more of it than shows that it is too long."""
    return stream.read(MOST_BYTES + 1)


def is_meant_as_a_period(content: bytes) -> bool:
    """Whether a file is a period's, be it cut off or changed: it names the format. Where in it, is free."""
    return _NAMES_THE_FORMAT.search(content) is not None


def check_period(
    text: str | bytes, rpc_url: str | None = None, listed: str | None = None, audience: str | None = None
) -> CheckedPeriod:
    """Check a period's file. `rpc_url` asks a node of its chain; `listed` is the text of a list of days that somebody
    read in an explorer (`periods.history.listed_days`); `audience` is whom the file must be made for.

    Raises Permanent for a list that is none, or a list for a file of several accounts. All else is an outcome. A file
    that does not hold by itself is not asked about.
    """
    held = None if listed is None else listed_days(listed)
    alone = check(text, published_pairs(CATALOGUES, EXTENSIONS))
    period, problems, misaddressed = alone.period, list(alone.problems), None
    if held is not None and period is not None and len(period.accounts) != 1:
        raise Permanent("a list of days is of one account, and the file has several", "Name a node with --rpc")
    if period is not None and audience is not None and period.audience != audience:
        misaddressed = f"the file is for {period.audience or 'everybody'}, and not for {audience}"
        problems.append(misaddressed)
    if period is None or problems:
        unchecked = _unchecked("the file by itself does not hold")
        return CheckedPeriod(alone, tuple(problems), unchecked, misaddressed=misaddressed)
    notes = tuple(_notes(period))
    if held is not None:
        [account] = period.accounts
        problems += _of_days(period, account, held)
        left = _unchecked("you gave a list; give --rpc for the rest", "code", "posting")
        return CheckedPeriod(alone, tuple(problems), left, (*notes, *_unknown_years(period)))
    if rpc_url is None:
        return CheckedPeriod(alone, (), _unchecked("give --rpc"), notes)
    try:
        return _asked(alone, period, rpc_url, notes)
    except NoTrackRecord:
        ended = _unchecked("the check ended before it", "days", "posting")
        return CheckedPeriod(alone, ("the contract is not FNTX's TrackRecord",), ended, notes)
    except AnotherChain as error:
        asked = ", ".join(sorted({f"{account.chain_id}" for account in period.accounts}))
        away = f"the node is of another chain: it serves chain {error.served}, the period is of chain {asked}"
    except (Transient, Permanent) as error:
        away = error.message
    return CheckedPeriod(alone, (), _unchecked("the node gave no verdict"), notes, away)


def _unchecked(why: str, *steps: str) -> dict[str, str]:
    """These steps, or all."""
    return dict.fromkeys(steps or PERIOD_STEPS, why)


def _notes(period: PeriodFile) -> Iterator[str]:
    """What the file says by itself."""
    if period.audience is not None:
        yield "whom it is for is a label: whoever holds the file can show it on"
    if CHAINED not in period.shown:
        yield "NOT CHAINED: nothing shows that no money moved between the days"
    for account in period.accounts:
        if jumps := session_jumps(account):
            pairs = ", ".join(f"{one} and {other}" for one, other in jumps[:_NAMED])
            yield f"the account's own count of sessions jumps {len(jumps)} times: between {pairs}"


def _unknown_years(period: PeriodFile) -> Iterator[str]:
    years = sorted({day.date.year for day in period.days} - {*KNOWN_YEARS})
    if years:
        yield f"the exchange's sessions of {', '.join(map(str, years))} are NOT CHECKED: they are not known here"


def _of_days(period: PeriodFile, account: PeriodAccount, held: Mapping[date, HeldDay]) -> list[str]:
    """Where the days are not all, by the contract and by the exchange's calendar."""
    problems, now = against_history(period, account, held), datetime.now(UTC)
    first = max(period.first, date(KNOWN_YEARS.start, 1, 1))
    last = min(period.last, date(KNOWN_YEARS.stop - 1, 12, 31), now.date())
    over = [each.day for each in sessions(first, last) if each.closes_at <= now] if first <= last else []
    told = {day for day in held if period.first <= day <= period.last}
    if missing := [day for day in without_record(period, account, over) if day not in told]:
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        named = ", ".join(map(str, missing[:_NAMED]))
        problems.append(f"{named}{more}: a session of the exchange without a record of the trader")
    return problems


def _asked(alone: PeriodVerdict, period: PeriodFile, rpc_url: str, notes: Sequence[str]) -> CheckedPeriod:
    problems: list[str] = []
    timing: list[Timing] = []
    told, unknown = [*notes, *_unknown_years(period)], 0
    for account in period.accounts:
        with read_at(rpc_url, account.contract.lower(), account.chain_id) as chain:
            if not chain.runs_our_code():
                raise NoTrackRecord(f"the contract {account.contract} is not FNTX's TrackRecord")
            stored = _history(chain, account, period)
            held = {day: HeldDay(each.version, each.root, each.schema_hash) for day, each in stored.items()}
            found = _of_days(period, account, held)
            if not found:
                mined = _transactions(chain, account, found)
                found += _posting_problems(account, mined, stored)
                unknown += sum(day.transaction is None or mined.get(day.transaction) is None for day in account.days)
                timing.append(_timing(chain, account, stored))
                told += _timing_notes(account, timing[-1], several=len(period.accounts) > 1)
            problems += found
    left = {}
    if problems:
        left, timing = _unchecked("the check ended before it", "posting"), []
    elif unknown:
        left = _unchecked(f"the file names no transaction of {unknown} days that this node knows", "posting")
    return CheckedPeriod(alone, tuple(problems), left, tuple(told), timing=tuple(timing))


def _history(chain: Reader, account: PeriodAccount, period: PeriodFile) -> dict[date, StoredRecord]:
    last = min(period.last, datetime.now(UTC).date())
    if last < period.first:
        return {}
    return chain.history(account.trader.lower(), Period(period.first, last))


def _transactions(chain: Reader, account: PeriodAccount, problems: list[str]) -> dict[str, Mined | None]:
    """Each named transaction once, whatever the number of days that it posted; None where the node does not know it.
    One that posted nothing is a problem."""
    found: dict[str, Mined | None] = {}
    for tx_hash in dict.fromkeys(day.transaction for day in account.days if day.transaction is not None):
        try:
            found[tx_hash] = chain.mined(tx_hash)
        except PostedNothing:
            problems.append(f"the transaction {tx_hash} posted no record")
    return found


def _posting_problems(
    account: PeriodAccount, mined: Mapping[str, Mined | None], stored: Mapping[date, StoredRecord]
) -> Iterator[str]:
    parties = (account.trader.lower(), account.contract.lower())
    for tx_hash, transaction in mined.items():
        if transaction is None:
            continue
        if (transaction.sender.lower(), (transaction.to or "").lower()) != parties:
            yield f"the transaction {tx_hash} was not sent by the trader to the contract"
        written = {(each.trader.lower(), each.day, each.version, each.root) for each in transaction.records}
        for day in account.days:
            if day.transaction == tx_hash and (parties[0], day.date, day.version, day.root) not in written:
                yield f"the transaction {tx_hash} did not post version {day.version} of {day.date}"
            elif day.transaction == tx_hash and stored[day.date].posted_at != transaction.mined_at:
                yield f"{day.date}: posted at another time than the contract says"


def _timing(chain: Reader, account: PeriodAccount, stored: Mapping[date, StoredRecord]) -> Timing:
    settled = chain.settled_at(SETTLED)
    postings = [(stored[day.date].posted_at, posting_of(day.date, stored[day.date].posted_at)) for day in account.days]
    return Timing(
        sum(posted.is_late for _, posted in postings),
        sum(posted.is_early for _, posted in postings),
        sum(moment > settled for moment, _ in postings),
    )


def _timing_notes(account: PeriodAccount, timing: Timing, *, several: bool) -> Iterator[str]:
    whose = f"trader {account.trader}: " if several else ""
    days = len(account.days)
    if timing.late:
        yield (
            f"{whose}{timing.late} of {days} days were posted more than 24 hours after their close: it does not show "
            "that their figures were fixed on the day"
        )
    if timing.early:
        yield f"{whose}{timing.early} of {days} days were posted before the session was over"
    if timing.not_final:
        yield f"{whose}NOT FINAL: {timing.not_final} of {days} days are in blocks that the chain may still drop"
