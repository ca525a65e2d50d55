"""What witnesses say of what a stranger has checked: asked where the check held on the chain, and shown beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fntx_dagster.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fntx_dagster.services.signatures.checking import Checked
    from fntx_dagster.services.signatures.period_checking import CheckedPeriod
    from fntx_dagster.services.signatures.track_record import Node, TraderRecord
    from fntx_dagster.services.witnesses.reading import Witnesses


def of_disclosure(checked: Checked, rpc: str | None, given: Sequence[str]) -> list[Witnesses]:
    """Of the day of a disclosure, if the chain holds it."""
    from fntx_dagster.model.witnesses import AttestedDay
    from fntx_dagster.services.signatures.track_record import Node
    from fntx_dagster.services.witnesses.reading import names_of, witnesses_of

    disclosure = checked.disclosure
    if rpc is None or disclosure is None or not checked.on_chain:
        return []
    context = disclosure.context
    day = AttestedDay(context.trader, context.day, disclosure.version, disclosure.root)
    return [witnesses_of(Node(rpc, context.contract), [day], names_of(load_settings(), given))]


def of_period(checked: CheckedPeriod, rpc: str | None, given: Sequence[str]) -> list[Witnesses]:
    """Of each account of a proof of a period, if its days are those of the chain."""
    from fntx_dagster.model.witnesses import AttestedDay
    from fntx_dagster.services.signatures.track_record import Node
    from fntx_dagster.services.witnesses.reading import names_of, witnesses_of

    period = checked.alone.period
    if rpc is None or period is None or checked.problems or "days" in checked.unchecked:
        return []
    names = names_of(load_settings(), given)
    return [
        witnesses_of(
            Node(rpc, account.contract),
            [AttestedDay(account.trader, day.date, day.version, day.root) for day in account.days],
            names,
        )
        for account in period.accounts
    ]


def of_record(source: Node | Settings, trader: str, record: TraderRecord, given: Sequence[str]) -> list[Witnesses]:
    """Of the newest version of each day of a trader's record."""
    from fntx_dagster.model.witnesses import AttestedDay
    from fntx_dagster.services.witnesses.reading import names_of, witnesses_of

    names = names_of(source if isinstance(source, Settings) else load_settings(), given)
    newest = [(day.day, day.versions[-1].record) for day in record.days if day.versions]
    days = [AttestedDay(trader, day, stored.version, stored.root) for day, stored in newest]
    return [witnesses_of(source, days, names)]


def print_witnesses(told: Sequence[Witnesses]) -> None:
    """A line for each witness that has a name, and one for the others."""
    from fntx_dagster.cli.terminal import out

    out(*(f"  {line}" for witnesses in told for line in witnesses.lines))


def witnesses_as_dict(told: Sequence[Witnesses]) -> dict[str, Any]:
    """The same for programs: an entry for each account, none where the chain was not asked."""
    return {"attestations": [witnesses.as_dict() for witnesses in told]}
