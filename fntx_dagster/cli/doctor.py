"""`fntx doctor`: what is right, what is not, and what to do."""

from __future__ import annotations

from typing import Annotated

import typer

from fntx_dagster.cli.commands import as_typed
from fntx_dagster.cli.options import AsJson, print_json


def doctor(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port that the UI shall have.")] = 3000,
    as_json: AsJson = False,
) -> None:
    """Check the program, settings, home, database, broker, chain and ports, and say what to do. Exit code 1: something
    is to be mended.

    It closes the home to other users and starts its database, as every command does, and changes nothing else. It sends
    nothing but one request that the token is for. fntx doctor --json
    """
    from fntx_dagster.cli.terminal import BAD, DOUBTFUL, GOOD, line, out, styled
    from fntx_dagster.services.doctor.checks import Health
    from fntx_dagster.services.doctor.examining import examine

    found = examine(port)
    wrong = [finding for finding in found if finding.health is Health.WRONG]
    if as_json:
        print_json({"right": not wrong, "checks": [finding.as_dict() for finding in found]})
    else:
        marks = {Health.RIGHT: GOOD, Health.ADVICE: DOUBTFUL, Health.WRONG: BAD, Health.UNUSED: styled("–", "dim")}
        for finding in found:
            out(line(marks[finding.health], f" {finding.check}: {as_typed(finding.text)}"))
            if finding.way_out:
                out(f"    {as_typed(finding.way_out)}")
        out("", f"{len(wrong)} to mend." if wrong else "Nothing is to be mended.")
    if wrong:
        raise typer.Exit(1)
