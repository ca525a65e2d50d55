"""`/a/{n}/shares`: what was shown to whom, how often it was seen, and buttons that end
each link, or show it to everybody."""

from __future__ import annotations

from starlette.responses import RedirectResponse

from fntx_dagster.services.sharing.making import end_link, list_links, publish_link
from fntx_dagster.services.signatures.register import registered, shown_names
from fntx_dagster.web import words
from fntx_dagster.web.asking import Answer, Asked, BadAddress, NotFound, Shown
from fntx_dagster.web.grids import Grid

_LINKS, _SHOWN = 50, 200
_DONE = {
    "end": "The link has ended: its page is gone for everybody.",
    "publish": "The link stands on the public page now, for everybody.",
}


def show(asked: Asked) -> Answer:
    """The links of the account and all that was shown of it; with a form, a link is ended or published."""
    if not asked.visitor.may_act:
        raise NotFound
    account, now = asked.account.account_id, asked.site.clock()
    if asked.acts:
        text = asked.form.get("link", "")
        if not (text.isascii() and text.isdigit() and len(text) < 19):
            raise BadAddress("link is the number of one")
        does = {"end": end_link, "publish": publish_link}.get(asked.form.get("do", ""))
        if does is None:
            raise BadAddress("do is end or publish")
        does(asked.site.db, int(text), {account}, by=asked.visitor.user_id)
        return RedirectResponse(f"/a/{asked.account.number}/shares?done={asked.form['do']}", 303)
    links = list_links(asked.site.db, {account}, before=asked.number("before"), most=_LINKS + 1)
    shown = [
        (
            f"{row.first_day}" if row.first_day == row.last_day else f"{row.first_day} to {row.last_day}",
            row.kind,
            words.metrics(shown_names(row)),
            row.audience or "",
            words.moment(row.shown_at),
            row.shown_by,
        )
        for row in registered(asked.site.db, {account}, _SHOWN)
    ]
    values = {
        "done": asked.done(_DONE),
        "links": [(link, link.is_open(now)) for link in links[:_LINKS]],
        "older": links[_LINKS - 1].share_id if len(links) > _LINKS else None,
        "most_shown": _SHOWN,
        "shown": Grid("Everything shown", ("Days", "By", "Figures", "For", "Made", "Made by"), shown, words=6),
    }
    return Shown("shares.html.j2", "Shown to strangers", values)
