"""`fntx signals commit`, `commitments`, `reveal`, and how checked signals are shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fntx_dagster.cli.options import AsJson, print_json, settings_and_database

if TYPE_CHECKING:
    from fntx_dagster.model.chain import WaitingCommitment
    from fntx_dagster.services.signals.revealing import CheckedSignals

MaybeCode = Annotated[str | None, typer.Argument(metavar="[CODE]", help="The strategy; all where it is left out.")]


def commit(
    code: MaybeCode = None,
    again: Annotated[bool, typer.Option("--again", help="Those too that have failed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Commit the signals that wait for the chain, several in one transaction. While `fntx ui` runs, it does so within
    a minute of the entry.

    Signals are queued at their entry where the strategy says so: `fntx signals strategy CODE --commit`.

    fntx signals commit
    """
    from fntx_dagster.cli.terminal import error, out
    from fntx_dagster.services.signals.committing import commit_signals

    settings, db = settings_and_database()
    done = commit_signals(settings, db, code, again=again, on_progress=lambda text: None if as_json else out(text))
    if as_json:
        rows = {name: [_as_dict(row) for row in getattr(done, name)] for name in ("new", "waiting")}
        print_json({**rows, "stopped": done.stopped})
    else:
        out(f"{len(done.new)} signals are committed; {len(done.waiting)} wait or have failed.")
        for stopped, why in done.stopped.items():
            error(f"{stopped}: {why}")
    if done.stopped or done.waiting:
        raise typer.Exit(1)


def commitments(code: MaybeCode = None, as_json: AsJson = False) -> None:
    """List the commitments to signals: where each is on its way to the chain, its number there, and how long after the
    entry its block is.

    fntx signals commitments NIFTY_OPTIONS
    """
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.services.signals.committing import list_commitments

    _, db = settings_and_database()
    rows = list_commitments(db, code)
    if as_json:
        print_json([_as_dict(row) for row in rows])
        return
    table = new_table("strategy", "signal", "state", "block's time", "why not", right=("number",))
    for row in rows:
        at = f"{row.committed_at:%Y-%m-%d %H:%M:%S} UTC" if row.committed_at else ""
        number = "" if row.number is None else f"{row.number}"
        table.add_row(row.strategy_code, row.unique_id, row.state, at, row.error or "", number)
    out(table if rows else "No signal is committed: `fntx signals strategy CODE --commit` begins with the next entry.")


def reveal(
    code: Annotated[str, typer.Argument(metavar="CODE", help="The strategy's code.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write it there instead of printing it.")
    ] = None,
) -> None:
    """Write all signals of a strategy that are committed, in the order of their numbers, with their salts.

    Anybody checks with `fntx verify FILE --rpc URL` that none is left out or altered, and when each was committed. A
    signal that is still open is revealed too: reveal when that is no secret any more.

    \b
    fntx signals reveal NIFTY_OPTIONS -o signals.json
    fntx verify signals.json
    """
    from fntx_dagster.cli.plain import write_json
    from fntx_dagster.cli.terminal import error, out
    from fntx_dagster.services.signals.revealing import reveal as reveal_signals
    from fntx_dagster.services.signals.revealing import written_signals

    revealed = reveal_signals(*settings_and_database(), code)
    text = written_signals(revealed.content)
    if output is None:
        write_json(text)
    else:
        output.write_text(text, encoding="utf-8")
        out(f"wrote {len(revealed.content['signals'])} signals to {output}: `fntx verify {output}` checks them")
    if revealed.waiting:
        error(f"{revealed.waiting} signals are not on the chain yet, and not in the file")
    if revealed.unknown:
        numbers = ", ".join(map(str, revealed.unknown[:10]))
        error(f"this database does not know the signals of {len(revealed.unknown)} numbers: {numbers}")
        raise typer.Exit(1)


def print_checked_signals(checked: CheckedSignals) -> None:
    """Print what became of each revealed signal, and whether all hold."""
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.services.signals.revealing import NOT_CHECKED

    table = new_table("signal", "what", "entry", "verdict", right=("number", "committed after", "before its exit"))
    for each in checked.signals:
        signal = each.signal or {}
        entry = f"{each.entered_at:%Y-%m-%d %H:%M:%S} UTC" if each.entered_at else ""
        before = each.committed_at and each.first_exit_at and each.first_exit_at - each.committed_at
        table.add_row(
            f"{signal.get('unique_id', '')}",
            f"{signal.get('direction', '')} {signal.get('symbol', '')}",
            entry,
            each.fault or "holds",
            f"{each.number}",
            "" if each.delay is None else f"{each.delay.total_seconds():.0f} s",
            f"{before.total_seconds():.0f} s" if before else "open" if each.signal else "",
        )
    out(table)
    wrong = sum(each.fault is not None for each in checked.signals)
    out(f"{checked.strategy_code} of {checked.provider} on chain {checked.chain_id}: {len(checked.signals)} signals")
    if checked.longest_delay is not None:
        out(f"The latest was committed {checked.longest_delay.total_seconds():.0f} s after its entry.")
    out(f"{wrong} DO NOT HOLD." if wrong else "All hold: none is left out, and each is what was committed.")
    for words in NOT_CHECKED:
        out(f"NOT CHECKED: {words}")


def _as_dict(row: WaitingCommitment) -> dict[str, object]:
    return {**row._asdict(), "commitment": f"0x{row.commitment.hex()}"}
