"""The pages at the door: entering by a link, signing in and out, one's own account, and who signed in.

Each works without a script, but a passkey. Every sign-in answers with a new cookie.
"""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from starlette.responses import JSONResponse, RedirectResponse, Response

from fntx_dagster.services.visitors import entering, passkeys, signing_in, users
from fntx_dagster.services.visitors.passkeys import PasskeyOrigin
from fntx_dagster.services.visitors.signing_in import From, NotAdmitted, SignedIn
from fntx_dagster.web.asking import Answer, Asked, BadAddress, NotFound, Shown
from fntx_dagster.web.doors import cookie_name

_LONGEST = 600
_TOO_OFTEN = "There were too many failures for this name or from this address. Wait 15 minutes, or ask for a link."
_NOT_RIGHT = "That is not the name and password of a user."
_USED = "This link was used, is over, or was replaced by a newer one."
_LOG_ENTRIES = 200


def enter(asked: Asked) -> Answer:
    """`/enter`: exchange a link for a session. A script takes the code out of the address; without one it is pasted."""
    if not asked.acts:
        return _entrance(asked)
    code = asked.form.get("code", "").strip()
    secret = code.rpartition("#")[2]  # the whole link may be pasted
    try:
        cookie = signing_in.by_link(asked.site.db, secret, _where(asked), of_machine=_of_machine(asked))
    except NotAdmitted:
        return _entrance(asked, _USED, 403)
    if _of_machine(asked):
        entering.forget_link(asked.site.settings)
    return _admitted(asked, cookie, "/")


def sign_in(asked: Asked) -> Answer:
    """`/signin`: a name and a password; or a passkey, by a script."""
    there = _path_within(asked.form.get("to") or asked.request.query_params.get("to") or "/")
    if _of_machine(asked):
        return RedirectResponse(entering.PATH, 303)
    if not asked.acts:
        return _sign_in_page(there)
    name, password = (asked.form.get(field, "")[:_LONGEST] for field in ("name", "password"))
    try:
        cookie = signing_in.by_password(asked.site.db, name, password, _where(asked))
    except NotAdmitted as refused:
        return _sign_in_page(there, _TOO_OFTEN if refused.too_often else _NOT_RIGHT, 429 if refused.too_often else 403)
    return _admitted(asked, cookie, there)


def sign_in_by_passkey(asked: Asked) -> Answer:
    """`/signin/passkey`, for the script: what to sign, then what was signed."""
    db, origin = asked.site.db, _origin(asked)
    if "answer" not in asked.form:
        return Response(passkeys.asked_to_sign_in(db, origin), media_type="application/json")
    try:
        cookie = passkeys.by_passkey(db, origin, asked.form["answer"].encode(), _where(asked))
    except NotAdmitted as refused:
        said = _TOO_OFTEN if refused.too_often else "This passkey is not known here, or did not sign what was asked."
        return JSONResponse({"problem": said}, 429 if refused.too_often else 403)
    answer = JSONResponse({"to": _path_within(asked.form.get("to", "/"))})
    _give(asked, answer, cookie)
    return answer


_DONE = {
    "end": "The session has ended.",
    "remove": "The passkey is removed: it lets nobody in any more.",
    "password": "The password is set, and your other sessions have ended.",
    "passkey": "The passkey is added: sign in with it from now on.",
}


def sign_out(asked: Asked) -> Answer:
    """`/signout`: end the session, and let the browser forget what it keeps of the dashboard."""
    where = _where(asked)
    if where.cookie:
        signing_in.sign_out(asked.site.db, where.cookie, where.address)
    answer = RedirectResponse(entering.PATH if _of_machine(asked) else "/signin", 303)
    answer.delete_cookie(cookie_name(_is_secure(asked)), secure=_is_secure(asked), httponly=True, samesite="strict")
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


def account(asked: Asked) -> Answer:
    """`/account`: one's own sessions, passkeys and password."""
    signed = _signed(asked)
    if not asked.acts:
        return _account_page(asked, signed)
    db, wish = asked.site.db, asked.form.get("do")
    if wish == "end":
        if not signing_in.end_own(db, signed, _number(asked)):
            raise NotFound
    elif wish == "remove":
        if not passkeys.remove_passkey(db, signed, _number(asked)):
            raise NotFound
    elif wish == "password":
        old, new = (asked.form.get(field, "")[:_LONGEST] for field in ("old", "new"))
        try:
            signing_in.change_password(db, signed, old, new, _where(asked))
        except NotAdmitted as refused:
            said = _TOO_OFTEN if refused.too_often else "That is not your password."
            return _account_page(asked, signed, said, 429 if refused.too_often else 403)
    else:
        raise BadAddress("the form is none of this page's")
    return RedirectResponse(f"/account?done={wish}", 303)


def add_passkey(asked: Asked) -> Answer:
    """`/account/passkey`, for the script: what to make, then what was made."""
    db, signed, origin = asked.site.db, _signed(asked), _origin(asked)
    if "answer" not in asked.form:
        return Response(passkeys.asked_to_add(db, signed, origin), media_type="application/json")
    try:
        passkeys.add_passkey(db, signed, origin, asked.form["answer"].encode(), asked.form.get("name", ""))
    except NotAdmitted:
        return JSONResponse({"problem": "The passkey was not made for this session, or is known already."}, 403)
    return JSONResponse({"to": "/account?done=passkey"})


def visitors(asked: Asked) -> Answer:
    """`/system/visitors`: the users, who is signed in, and the log."""
    db = asked.site.db
    shown = {
        "users": users.list_users(db),
        "sessions": users.list_sessions(db),
        "log": users.read_log(db, _LOG_ENTRIES),
    }
    return Shown("visitors.html.j2", "Visitors", shown)


def to_the_door(asked: Asked) -> Answer:
    """What is answered to who is not signed in: where to sign in, and from there back to the page that was asked."""
    request = asked.request
    if asked.acts:
        return Shown("problem.html.j2", "Signed out", {"said": "Nobody is signed in.", "hint": "Sign in again."}, 401)
    there = quote(request.url.path) + (f"?{request.url.query}" if request.url.query else "")
    if request.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        # a browser sends no strict cookie with a link of another site, and does with what our own page goes on to
        return Shown("onward.html.j2", "One moment", {"there": there})
    if _of_machine(asked):
        return RedirectResponse(entering.PATH, 303)
    return RedirectResponse("/signin" if there == "/" else f"/signin?to={quote(there, safe='')}", 303)


def _entrance(asked: Asked, problem: str = "", status: int = 200) -> Shown:
    values = {"problem": problem, "of_machine": _of_machine(asked)}
    return Shown("enter.html.j2", "Enter", values, status)


def _sign_in_page(there: str, problem: str = "", status: int = 200) -> Shown:
    return Shown("signin.html.j2", "Sign in", {"there": there, "problem": problem}, status)


def _account_page(asked: Asked, signed: SignedIn, problem: str = "", status: int = 200) -> Shown:
    db = asked.site.db
    values = {
        "problem": problem,
        "done": "" if problem else asked.done(_DONE),
        "signed": signed,
        "sessions": signing_in.own_sessions(db, signed),
        "passkeys": passkeys.own_passkeys(db, signed),
    }
    return Shown("signed.html.j2", "Your sessions", values, status)


def _admitted(asked: Asked, cookie: str, there: str) -> Response:
    answer = RedirectResponse(there, 303)
    _give(asked, answer, cookie)
    return answer


def _give(asked: Asked, answer: Response, cookie: str) -> None:
    is_secure = _is_secure(asked)
    answer.set_cookie(
        cookie_name(is_secure),
        cookie,
        max_age=int(signing_in.SESSION_LASTS.total_seconds()),
        secure=is_secure,
        httponly=True,
        samesite="strict",
    )


def _path_within(text: str) -> str:
    """A path of the dashboard's own, with its query; `/` for anything else, such as another site."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return "/"
    is_own = text.startswith("/") and not text.startswith("//") and "\\" not in text and text.isascii()
    if not is_own or parts.scheme or parts.netloc or any(sign <= " " for sign in text):
        return "/"
    return text[:_LONGEST]


def _number(asked: Asked) -> int:
    text = asked.form.get("number", "")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise NotFound
    return int(text)


def _signed(asked: Asked) -> SignedIn:
    return asked.request.state.signed  # these pages are not open: somebody is


def _where(asked: Asked) -> From:
    return asked.request.state.where


def _of_machine(asked: Asked) -> bool:
    return asked.request.state.of_machine


def _is_secure(asked: Asked) -> bool:
    return not entering.is_local(asked.site.settings.web.origin or "http://localhost")


def _origin(asked: Asked) -> PasskeyOrigin:
    return PasskeyOrigin(asked.site.settings.web.origin or f"http://{asked.request.headers['host'].lower()}")
