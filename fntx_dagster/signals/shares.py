"""How the lots that a block order got are shared: by the deficit rule.

Lots go one at a time to whoever is furthest below his quota (his wish × all that is filled ÷ all that is wished for),
never beyond his wish; ties go to the larger wish, then to the lower id by its UTF-8 bytes. Where nobody has anything
yet, this is the method of largest remainders. Unlike that method, it never takes a lot back when more is filled later.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

RULE = "deficit/1"
"""The name and version of the rule, as the audit trail states it."""


def shared_lots(lots: int, wishes: Sequence[int], held: Sequence[int], ids: Sequence[str]) -> list[int]:
    """How many of `lots` more each gets: `wishes` and `held` in lots, in the order of `ids`.

    Raises ValueError where more is given than is wished for.
    """
    wished, filled = sum(wishes), sum(held) + lots
    if lots < 0 or filled > wished or any(have > wish for have, wish in zip(held, wishes, strict=True)):
        raise ValueError(f"{lots} lots more than {sum(held)} cannot be shared among wishes for {wished}")
    if not lots:
        return [0] * len(ids)
    # deficits in parts of a lot of 1 ÷ `wished`: the next lot of a user is as urgent as his deficit then
    deficits = [wish * filled - have * wished for wish, have in zip(wishes, held, strict=True)]
    whole = [max(deficit, 0) // wished for deficit in deficits]
    given = whole if sum(whole) <= lots else [0] * len(ids)
    left = lots - sum(given)
    urgency = [
        (more * wished - deficit, -wish, name.encode(), place)
        for place, (deficit, more, wish, have, name) in enumerate(zip(deficits, given, wishes, held, ids, strict=True))
        if have + more < wish
    ]
    if min(deficits) >= 0 and given is whole:  # then nobody's second lot comes before another's first
        for *_, place in heapq.nsmallest(left, urgency):
            given[place] += 1
        return given
    heapq.heapify(urgency)
    for _ in range(left):
        deficit, wish, name, place = urgency[0]
        given[place] += 1
        if held[place] + given[place] < wishes[place]:
            heapq.heapreplace(urgency, (deficit + wished, wish, name, place))
        else:
            heapq.heappop(urgency)
    return given
