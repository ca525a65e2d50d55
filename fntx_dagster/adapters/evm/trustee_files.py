"""A trustee's file: the secret of the box key, encrypted as a V3 keystore encrypts, with the pool that it is for in
clear; and the note of what was served, which is on the disk before a share leaves.

The file is made before the pool is, because the pool names the box key: it is bound to one pool once, for good. From
then on it is worth nothing without its note, which lies beside it under the name of the box key.
"""

from __future__ import annotations

import functools
import json
import os
import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from filelock import FileLock

from fntx_dagster.adapters.evm.keys import write_new
from fntx_dagster.errors import Permanent
from fntx_dagster.proof.form import ADDRESS, day_of, is_text, matches, need, need_keys, strict_json

if TYPE_CHECKING:
    from pydantic import SecretStr

FORMAT = "fntx.trustee/1"


class TrusteeFile(NamedTuple):
    """A trustee's file, opened. `chain_id` and `contract` (lower case) are None while it is bound to no pool."""

    path: Path
    secret: int
    chain_id: int | None
    contract: str | None

    def __repr__(self) -> str:
        return f"TrusteeFile({self.path})"


def new_trustee_file(path: Path, secret: int, box_key: bytes, password: str) -> None:
    """Write a new file, mode 0600, bound to no pool. Never overwrites."""
    from eth_account import Account

    if not password:
        raise Permanent(f"{path} needs a password", "Choose one that nobody guesses")
    keystore: dict[str, Any] = dict(Account.encrypt(secret.to_bytes(32), password, kdf="scrypt"))
    write_new(path, _text(keystore["crypto"], box_key, None, None))


def open_trustee_file(path: Path, password: SecretStr | None) -> TrusteeFile:
    """A trustee's file. Permanent where it is none, or the password does not open it."""
    content = _content(path)
    if password is None:
        raise Permanent(f"the trustee's file {path} needs its password", "Set FNTX_KEYSTORE_PASSWORD")
    try:
        secret = _decrypted(json.dumps({"version": 3, "crypto": content["crypto"]}), password)
    except ValueError:
        raise Permanent(
            f"the password does not open the trustee's file {path}", "Correct FNTX_KEYSTORE_PASSWORD, or the file"
        ) from None
    chain_id = content["chain_id"]
    return TrusteeFile(path, secret, None if chain_id is None else int(chain_id), content["contract"])


def bind_trustee_file(path: Path, chain_id: int, contract: str) -> None:
    """Say in the file which pool it is for, and begin the note of what is served. Permanent where it is for another
    one."""
    file = path.resolve()
    note = _note_of(file)
    with _lock_of(note):
        content = _content(file)
        here = (f"{chain_id}", contract.lower())
        bound = (content["chain_id"], content["contract"])
        if bound == here:
            return
        if bound != (None, None):
            raise Permanent(f"{path} is for the pool {bound[1]} on chain {bound[0]}", "Use the file of this pool")
        if not note.exists():  # before the file is bound: one that is bound has its note
            _replace(note, "{}\n")
        _replace(file, _text(content["crypto"], bytes.fromhex(content["box_key"][2:]), *here))


def note_before_serving(path: Path, day: str, served: str) -> None:
    """Keep, on the disk, what a share of a day is given for: a hash of the sums. Permanent where it is another one than
    before: two shares of sums that differ by a user decrypt that user; and where the note is missing."""
    note = _note_of(path)
    with _lock_of(note):
        notes = _notes(note)
        if day not in notes:
            _replace(note, json.dumps({**notes, day: served}, indent=1) + "\n")
        elif notes[day] != served:
            raise Permanent(
                f"a share of other sums of {day} was given before, as {note} says",
                "Give none of these: together they would show single traders. The chain may have split",
            )


def served_days(path: Path) -> set[date]:
    """The days that a share was given for, or was about to be."""
    return {date.fromisoformat(day) for day in _notes(_note_of(path))}


@functools.lru_cache(maxsize=16)
def _decrypted(keystore: str, password: SecretStr) -> int:
    """The secret of a keystore. Deriving the password's key takes a second on purpose, so it is done once."""
    from eth_account import Account

    return int.from_bytes(Account.decrypt(keystore, password.get_secret_value()))


def _note_of(path: Path) -> Path:
    """The note beside the file itself, wherever a link to it lies, by the box key: a renamed file keeps its note."""
    file = path.resolve()
    return file.with_name(f"trustee-{_content(file)['box_key'][2:18]}.served")


def _lock_of(note: Path) -> FileLock:
    return FileLock(note.with_name(f".{note.name}.lock"), mode=0o600)


def _notes(note: Path) -> dict[str, str]:
    """Day → what was served."""
    try:
        notes = strict_json(note.read_bytes())
        need(type(notes) is dict, "no object")
        for day, served in notes.items():
            day_of(day)
            need(is_text(served), "no text")
    except FileNotFoundError:
        raise Permanent(
            f"{note} is missing: it says which sums a share was given for",
            "Put it beside the trustee's file: it moves with it, and is restored from the backup with it",
        ) from None
    except OSError as error:
        raise Permanent(f"cannot read {note}: {error.strerror}", "Let its owner run the trustee") from None
    except Permanent:
        raise Permanent(
            f"{note} is damaged", "Restore it from the backup: it says which sums a share was given for"
        ) from None
    return notes


def _content(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            content = strict_json(stream.read(_MOST + 1), most=_MOST)
        _check_form(content)
    except OSError as error:
        raise Permanent(f"cannot read the trustee's file {path}: {error.strerror}", "Correct its path") from None
    except Permanent:
        raise Permanent(f"{path} is no trustee's file", "`fntx aggregate trustee init` writes one") from None
    return content


def _check_form(content: Any) -> None:
    """Permanent unless the content is as `_text` writes it."""
    need_keys("it", content, {"format", "chain_id", "contract", "box_key", "crypto"})
    bound = (content["chain_id"], content["contract"])
    need(content["format"] == FORMAT, "another format")
    need(matches(_BOX_KEY, content["box_key"]), "no box key")
    need(bound == (None, None) or (matches(_CHAIN_ID, bound[0]) and matches(ADDRESS, bound[1])), "no pool")
    crypto = content["crypto"]
    need_keys("crypto", crypto, {"cipher", "cipherparams", "ciphertext", "kdf", "kdfparams", "mac"})
    need_keys("cipherparams", crypto["cipherparams"], {"iv"})
    need((crypto["cipher"], crypto["kdf"]) == ("aes-128-ctr", "scrypt"), "another cipher")
    written = [crypto["cipherparams"]["iv"], crypto["ciphertext"], crypto["mac"]]
    parameters = crypto["kdfparams"]
    need_keys("kdfparams", parameters, {"dklen", "n", "p", "r", "salt"})
    need(all(matches(_HEX, each) for each in [*written, parameters["salt"]]), "no hex digits")
    costs = [parameters[name] for name in ("dklen", "n", "r", "p")]
    need(all(type(each) is int for each in costs), "no numbers")
    need(all(0 < each <= most for each, most in zip(costs, (32, 1 << 18, 8, 1), strict=True)), "too slow to open")


def _text(crypto: Any, box_key: bytes, chain_id: str | None, contract: str | None) -> str:
    content = {"format": FORMAT, "chain_id": chain_id, "contract": contract, "box_key": f"0x{box_key.hex()}"}
    return json.dumps({**content, "crypto": crypto}, indent=1) + "\n"


def _replace(file: Path, content: str) -> None:
    """Write a file anew: on the disk, whole or as it was."""
    unfinished = file.with_name(f".{file.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    write_new(unfinished, content)
    unfinished.replace(file)
    descriptor = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_MOST = 10_000
_BOX_KEY = re.compile(r"0x[0-9a-f]{192}")
_CHAIN_ID = re.compile(r"[1-9][0-9]{0,77}")
_HEX = re.compile(r"(?:[0-9a-f]{2}){16,64}")
