"""`/a/{n}/shares`: what was shown to whom, how often it was seen, and a button that ends each link."""

from __future__ import annotations

from starlette.responses import RedirectResponse

from fntx_dagster.services.sharing.making import end_link, list_files, list_links
from fntx_dagster.web import words
from fntx_dagster.web.asking import Answer, Asked, BadAddress, NotFound, Shown
from fntx_dagster.web.grids import Grid

_LINKS, _FILES = 50, 200


def show(asked: Asked) -> Answer:
    """The links and the files of the account that the address names; with a form, the end of one of them."""
    if not asked.visitor.may_act:
        raise NotFound
    account, now = asked.account.account_id, asked.site.clock()
    if asked.acts:
        text = asked.form.get("link", "")
        if not (text.isascii() and text.isdigit() and len(text) < 19):
            raise BadAddress("link is the number of one")
        end_link(asked.site.db, int(text), {account}, by=asked.visitor.user_id)
        return RedirectResponse(f"/a/{asked.account.number}/shares", 303)
    links = list_links(asked.site.db, {account}, before=asked.number("before"), most=_LINKS + 1)
    files = [
        (f"{row.trading_day}", f"{row.version}", ", ".join(row.metrics), words.moment(row.made_at), row.made_by)
        for row in list_files(asked.site.db, account, _FILES)
    ]
    values = {
        "links": [(link, link.is_open(now)) for link in links[:_LINKS]],
        "older": links[_LINKS - 1].share_id if len(links) > _LINKS else None,
        "most_files": _FILES,
        "files": Grid("Files", ("Day", "Version", "Figures", "Made", "By"), files, words=5),
    }
    return Shown("shares.html.j2", "Shown to strangers", values)
