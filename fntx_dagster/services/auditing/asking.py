"""The ledgers that a proof names, each asked at a server that a stranger chose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fntx_dagster.adapters.ledgers.asking import ask_horizon, ask_rippled
from fntx_dagster.audit import answers
from fntx_dagster.audit.anchor import Anchor, origin_hash
from fntx_dagster.audit.checkpoint import Checkpoint
from fntx_dagster.audit.history import AnchoredHead, head_of

MOST_QUESTIONS = 200
"""To one server for the anchors of an account; of longer histories no verdict is given."""
_PAGE = 200
_TOO_MANY = "the account has too many transactions"

_Heads = list[AnchoredHead]


def ask_ledger(anchor: Anchor, checkpoint: Checkpoint, url: str) -> str | None:
    """What else a server tells of an anchor that its ledger holds. Permanent: it does not; Transient: the server cannot
    tell."""
    if anchor.ledger == "xrpl":
        _check_xrpl(anchor, checkpoint, url)
        return None
    if anchor.ledger == "stellar":
        _check_stellar(anchor, checkpoint, url)
        return None
    from fntx_dagster.adapters.evm.anchor_checking import find_anchor

    found = find_anchor(url, _place(anchor, checkpoint))
    if found.depth is None:
        return f"posted by {found.poster.lower()}"
    return (
        f"posted by {found.poster.lower()}. NOT FINAL: its block has {found.depth} blocks after it and is not "
        "finalized: the chain may still drop it"
    )


def anchored_heads(anchor: Anchor, checkpoint: Checkpoint, url: str) -> Sequence[AnchoredHead]:
    """All heads of the checkpoint's log that the account of an anchor has anchored, in the ledger's order. Transient
    where the server cannot tell."""
    if anchor.ledger in _PAGES:
        return [head for heads in _PAGES[anchor.ledger](anchor, checkpoint, url, newest_first=False) for head in heads]
    from fntx_dagster.adapters.evm.anchor_checking import anchored_heads as evm_heads

    return [AnchoredHead(*head) for head in evm_heads(url, _place(anchor, checkpoint))]


def newest_head(anchor: Anchor, checkpoint: Checkpoint, url: str) -> AnchoredHead | None:
    """The head that the account of an anchor on the XRP Ledger or on Stellar anchored last, of the checkpoint's log;
    None where it never did. Transient where the server cannot tell."""
    pages = _PAGES[anchor.ledger](anchor, checkpoint, url, newest_first=True)
    return next((heads[0] for heads in pages if heads), None)


def _check_xrpl(anchor: Anchor, checkpoint: Checkpoint, url: str) -> None:
    answers.check_xrpl_network(ask_rippled(url, "server_info", {}), anchor)
    place = {"min_ledger": anchor.position, "max_ledger": anchor.position}
    asked = {"transaction": anchor.tx_hash.upper(), "binary": False, **place}
    answers.check_xrpl(ask_rippled(url, "tx", asked), anchor, checkpoint)


def _xrpl_pages(anchor: Anchor, checkpoint: Checkpoint, url: str, *, newest_first: bool) -> Iterator[_Heads]:
    """The heads on each page of an account's transactions; Transient behind the last page that is asked for."""
    answers.check_xrpl_network(ask_rippled(url, "server_info", {}), anchor)
    whole = {"ledger_index_min": -1, "ledger_index_max": -1, "forward": not newest_first, "limit": _PAGE}
    asked = {"account": anchor.account, **whole}
    for _ in range(MOST_QUESTIONS):
        page = ask_rippled(url, "account_tx", asked)
        yield _heads(answers.xrpl_contents(page, anchor.account), checkpoint)
        if not page.get("marker"):
            return
        asked = {**asked, "marker": page["marker"]}
    answers.unanswered(_TOO_MANY)


def _check_stellar(anchor: Anchor, checkpoint: Checkpoint, url: str) -> None:
    state = ask_horizon(url, "/")
    answers.check_stellar_network(state, anchor)
    path = f"/transactions/{anchor.tx_hash.lower()}"
    found = ask_horizon(url, path)
    if found is None:
        answers.refuse_stellar(state, anchor)
    answers.check_stellar(found, ask_horizon(url, f"{path}/operations?limit={_PAGE}"), anchor, checkpoint)


def _stellar_pages(anchor: Anchor, checkpoint: Checkpoint, url: str, *, newest_first: bool) -> Iterator[_Heads]:
    """The heads in each of an account's transactions; Transient behind the last that is asked for."""
    answers.check_stellar_network(ask_horizon(url, "/"), anchor)
    cursor, asked = "", 0
    while asked < MOST_QUESTIONS:
        query = f"order={'desc' if newest_first else 'asc'}&limit={_PAGE}{f'&cursor={cursor}' if cursor else ''}"
        rows = answers.records(ask_horizon(url, f"/accounts/{anchor.account}/transactions?{query}"))
        asked += 1
        for tx_hash in answers.anchoring(rows):
            operations = ask_horizon(url, f"/transactions/{tx_hash}/operations?limit={_PAGE}")
            yield _heads(answers.stellar_contents(operations, anchor.account), checkpoint)
            asked += 1
        if len(rows) < _PAGE:
            return
        cursor = answers.cursor_behind(rows)
    answers.unanswered(_TOO_MANY)


def _heads(contents: Sequence[bytes | None], checkpoint: Checkpoint) -> list[AnchoredHead]:
    return [head for content in contents if (head := head_of(content, checkpoint)) is not None]


def _place(anchor: Anchor, checkpoint: Checkpoint):
    from fntx_dagster.adapters.evm.anchor_checking import AnchorPlace
    from fntx_dagster.model.chain import AnchorHead

    head = AnchorHead(checkpoint.size, checkpoint.root)
    origin = origin_hash(checkpoint.origin)
    return AnchorPlace(int(anchor.network), anchor.account, anchor.tx_hash, anchor.position, origin, head)


_PAGES = {"xrpl": _xrpl_pages, "stellar": _stellar_pages}
