"""`fntx aggregate`: totals over several traders of whom nobody is seen alone. What a stranger checks of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fntx_dagster.cli.options import AsJson, content_of, print_json
from fntx_dagster.foreign import cleaned

if TYPE_CHECKING:
    from fntx_dagster.services.aggregation.checking import CheckedEpoch

aggregate = typer.Typer(
    no_args_is_help=True,
    help="Totals over several traders of whom nobody is seen alone: submit, open, check. docs/aggregation.md",
)


@aggregate.command()
def check(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help='{"key": "0x…", "context": "0x…", "submission": "0x…"}; `-` reads standard input.'
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Check one submission: whether its proof holds under a pool's key. Needs no database and no chain.

    Exit code 0: it holds; 1: it does not; 2: the file is none.

    fntx aggregate check submission.json
    """
    from fntx_dagster.cli.terminal import BAD, GOOD, line, out
    from fntx_dagster.errors import Permanent
    from fntx_dagster.services.aggregation.checking import check_submission, read_epoch

    try:
        holds = check_submission(content_of(file, read_epoch))
    except Permanent as error:
        raise typer.BadParameter(f"{cleaned(file)}: {error}") from None
    if as_json:
        print_json({"holds": holds})
    else:
        out(line(GOOD if holds else BAD, " HOLDS" if holds else " DOES NOT HOLD"))
    if not holds:
        raise typer.Exit(1)


@aggregate.command()
def verify(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The record of an epoch; `-` reads standard input.")],
    as_json: AsJson = False,
) -> None:
    """Check a day of a pool as a stranger: committee, proofs, sums, shares and totals. Needs no database and no secret.

    Exit code 0: it holds; 1: it does not; 2: the file is none; 75: no verdict, the node does not answer.

    fntx aggregate verify epoch.json
    """
    from fntx_dagster.services.aggregation.checking import check_epoch, is_meant_as_an_epoch, read_epoch

    content = content_of(file, read_epoch)
    if not is_meant_as_an_epoch(content):
        raise typer.BadParameter(
            f"{cleaned(file)} is not the record of an epoch. `fntx aggregate record -o FILE` writes one"
        )
    checked = check_epoch(content)
    if as_json:
        print_json(checked.as_dict())
    else:
        _print_checked(checked)
    if checked.exit_code:
        raise typer.Exit(checked.exit_code)


def _print_checked(checked: CheckedEpoch) -> None:
    from fntx_dagster.cli.terminal import BAD, DOUBTFUL, GOOD, line, out

    record = checked.record
    if record is not None:
        evicted = len(record.submissions) - len(record.counted)
        out(f"{record.day}, pool {record.pool.aggregator} on chain {record.pool.chain_id}")
        out(
            f"{len(record.submissions)} submissions, {evicted} of them evicted, opened by {record.threshold} of "
            f"{len(record.trustees)} trustees"
        )
    if record is not None and checked.holds:
        unit = 10**record.rules.scale
        for name, value in zip(("AUM", "volume", "net P&L"), record.totals, strict=False):
            out(f"  {name:<8} {value * unit:>24,} {record.rules.currency}")
    for problem in checked.problems:
        out(line(BAD, f" {problem}"))
    for remark in checked.notes:
        out(f"  {remark}")
    for lack in checked.not_checked:
        out(f"  NOT CHECKED: {lack}")
    sign = BAD if checked.problems else GOOD if checked.away is None else DOUBTFUL
    out(line(sign, f" {checked.verdict}"))
