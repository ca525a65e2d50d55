"""Passkeys: adding one to a user, and signing in with it (WebAuthn).

A browser signs a challenge that counts once, for five minutes, and only for the sign-in or the session that asked for
it. The passkey itself says which user it is of, so nobody types a name and no answer tells whether a name exists.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import NamedTuple
from urllib.parse import urlsplit

import webauthn
from webauthn.helpers import base64url_to_bytes, exceptions, structs

from fntx_dagster.errors import Permanent
from fntx_dagster.foreign import cleaned
from fntx_dagster.services.visitors.signing_in import From, NotAdmitted, SignedIn, digest_of, new_secret
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.visitors import attempts, passkeys
from fntx_dagster.store.visitors.passkeys import PasskeyRow

__all__ = [
    "PasskeyOrigin",
    "PasskeyRow",
    "add_passkey",
    "asked_to_add",
    "asked_to_sign_in",
    "by_passkey",
    "own_passkeys",
    "remove_passkey",
]

_LONGEST_NAME = 40


class PasskeyOrigin(NamedTuple):
    """Where passkeys count: the origin that the dashboard is configured with."""

    origin: str

    @property
    def host(self) -> str:
        """The host alone, which passkeys are bound to."""
        return urlsplit(self.origin).hostname or ""


def asked_to_add(db: Database, signed: SignedIn, place: PasskeyOrigin) -> str:
    """What the browser's `navigator.credentials.create` takes, as JSON. Raises Permanent where there are no users."""
    handle = passkeys.handle_of(db, signed.user_id) if signed.user_id else None
    if signed.user_id is None or handle is None:
        raise Permanent("there is no user to add a passkey to", "`fntx users add NAME --role owner` adds one")
    known = [structs.PublicKeyCredentialDescriptor(id=row.credential_id) for row in own_passkeys(db, signed)]
    options = webauthn.generate_registration_options(
        rp_id=place.host,
        rp_name="FNTX",
        user_name=signed.user_id,
        user_id=handle,
        challenge=_challenge(db, signed.session_id),
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.REQUIRED,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=known,
    )
    return webauthn.options_to_json(options)


def add_passkey(db: Database, signed: SignedIn, place: PasskeyOrigin, answer: bytes, name: str) -> None:
    """Keep the passkey that a browser made. Raises NotAdmitted where it does not answer this session's challenge."""
    credential = _credential(answer)
    try:
        made = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=_used_challenge(db, credential, signed.session_id),
            expected_rp_id=place.host,
            expected_origin=place.origin,
            require_user_verification=True,
        )
    except _WRONG:
        raise NotAdmitted from None
    shown = cleaned(name, _LONGEST_NAME) or "passkey"
    if signed.user_id is None or not passkeys.add(
        db, signed.user_id, made.credential_id, made.credential_public_key, made.sign_count, shown
    ):
        raise NotAdmitted


def asked_to_sign_in(db: Database, place: PasskeyOrigin) -> str:
    """What the browser's `navigator.credentials.get` takes, as JSON."""
    options = webauthn.generate_authentication_options(
        rp_id=place.host,
        challenge=_challenge(db, None),
        user_verification=structs.UserVerificationRequirement.REQUIRED,
    )
    return webauthn.options_to_json(options)


def by_passkey(db: Database, place: PasskeyOrigin, answer: bytes, where: From) -> str:
    """The cookie of a new session, for a passkey that has signed the challenge. Raises NotAdmitted."""
    counted = digest_of(f"passkeys from {where.counted_as}")  # no name is typed: failures count by address alone
    if attempts.begin(db, counted, where.counted_as) is None:
        raise NotAdmitted(too_often=True)
    credential = _credential(answer)
    try:
        challenge = _used_challenge(db, credential, None)
        passkey = passkeys.find(db, base64url_to_bytes(credential["id"]))
        handle = credential["response"].get("userHandle")
        if passkey is None or (handle and base64url_to_bytes(handle) != passkey.handle):
            raise NotAdmitted
        signed = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=place.host,
            expected_origin=place.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
    except _WRONG:
        raise NotAdmitted from None
    cookie = new_secret()
    if not passkeys.begin_by_passkey(
        db, passkey, signed.new_sign_count, digest_of(cookie), where.proved("passkey"), where.before
    ):
        raise NotAdmitted
    attempts.succeeded(db, counted, where.counted_as)
    return cookie


def own_passkeys(db: Readable, signed: SignedIn) -> list[PasskeyRow]:
    """The passkeys of whoever is signed in, oldest first."""
    return passkeys.of_user(db, signed.user_id) if signed.user_id else []


def remove_passkey(db: Database, signed: SignedIn, passkey_id: int) -> bool:
    """Remove one of one's own passkeys; False where there is no such."""
    return signed.user_id is not None and passkeys.remove(db, signed.user_id, passkey_id)


_WRONG = (
    exceptions.WebAuthnException,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    EOFError,
    RecursionError,
)
"""What a hostile answer may make of the libraries that read it."""


def _challenge(db: Database, session_id: int | None) -> bytes:
    challenge = secrets.token_bytes(32)
    passkeys.make_challenge(db, hashlib.sha256(challenge).digest(), session_id)
    return challenge


def _used_challenge(db: Database, credential: dict, session_id: int | None) -> bytes:
    """The challenge that a browser says it signed, used up. Raises NotAdmitted where it is none of ours."""
    said = json.loads(base64url_to_bytes(credential["response"]["clientDataJSON"]))
    challenge = base64url_to_bytes(said["challenge"])
    if not passkeys.use_challenge(db, hashlib.sha256(challenge).digest(), session_id):
        raise NotAdmitted
    return challenge


def _credential(answer: bytes) -> dict:
    try:
        credential = json.loads(answer)
    except (ValueError, RecursionError):
        raise NotAdmitted from None
    if not isinstance(credential, dict) or not isinstance(credential.get("response"), dict):
        raise NotAdmitted
    return credential
