"""What an operation may not do under a kind of proposal, although the kind has it: who has to approve, and whether
anybody is screened, goes by the kind."""

from __future__ import annotations

from typing import Any

from fntx_dagster.intents.refusal import TransactionRefused

_FREEZE, _AUTHORIZE = "freeze", "trustline.authorize"
_AUTHORIZED, _MAINTAIN = "authorized", "maintain_liabilities"
_LONGEST = 40
_SET = {_FREEZE: {_MAINTAIN}, _AUTHORIZE: {_AUTHORIZED}}
_CLEARED = {_FREEZE: {_AUTHORIZED, _MAINTAIN}, _AUTHORIZE: {_MAINTAIN}}


def check_line_flags(kind: str, op: str, params: Any) -> None:
    """Raise TransactionRefused where flags of a line on Stellar are not what the kind is for. To authorise a holder,
    also again after a freeze, is `trustline.authorize`, whose holder is screened; to take that back is `freeze`, which
    needs the signer of the role compliance. `clawback` of a line cannot be set again: nothing clears it."""
    if op != "trustline.flags" or kind not in _SET:
        return
    given = {name: params.get(name, []) for name in ("set", "clear")}
    if any(type(names) is not list for names in given.values()):
        return  # the builder says what is wrong with it
    for name, allowed in (("set", _SET[kind]), ("clear", _CLEARED[kind])):
        if strange := [flag for flag in given[name] if type(flag) is not str or flag not in allowed]:
            right = f": propose it as {_AUTHORIZE if kind == _FREEZE else _FREEZE}" if strange[0] == _AUTHORIZED else ""
            flag = repr(strange[0])[:_LONGEST]
            raise TransactionRefused("not_of_the_kind", f"{kind} does not {name} {flag} of a line{right}")
    if kind == _AUTHORIZE and _AUTHORIZED not in given["set"]:
        raise TransactionRefused("not_of_the_kind", f"{kind} sets {_AUTHORIZED}, and this does not")
