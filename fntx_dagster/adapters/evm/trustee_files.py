"""A trustee's file: the secret of the box key, encrypted as a V3 keystore encrypts, with the pool that it is for in
clear; and the note of what was served, which is on the disk before a share leaves.

The file is made before the pool is, because the pool names the box key: it is bound to one pool once, for good.
"""

from __future__ import annotations

import functools
import json
import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from filelock import FileLock

from fntx_dagster.adapters.evm.keys import write_new
from fntx_dagster.errors import Permanent

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
    except (ValueError, KeyError, TypeError, NotImplementedError):
        raise Permanent(
            f"the password does not open the trustee's file {path}", "Correct FNTX_KEYSTORE_PASSWORD, or the file"
        ) from None
    chain_id = content["chain_id"]
    return TrusteeFile(path, secret, None if chain_id is None else int(chain_id), content["contract"])


def bind_trustee_file(path: Path, chain_id: int, contract: str) -> None:
    """Say in the file which pool it is for. Permanent where it is for another one."""
    with FileLock(path.with_name(f".{path.name}.lock"), mode=0o600):
        content = _content(path)
        here = (f"{chain_id}", contract.lower())
        bound = (content["chain_id"], content["contract"])
        if bound == here:
            return
        if bound != (None, None):
            raise Permanent(f"{path} is for the pool {bound[1]} on chain {bound[0]}", "Use the file of this pool")
        unfinished = path.with_name(f".{path.name}.unfinished")
        unfinished.unlink(missing_ok=True)
        write_new(unfinished, _text(content["crypto"], bytes.fromhex(content["box_key"][2:]), *here))
        unfinished.replace(path)
        _sync_folder(path)


def note_before_serving(path: Path, day: str, served: str) -> None:
    """Keep, on the disk, what a share of a day is given for: a hash of the sums. Permanent where it is another one than
    before: two shares of sums that differ by a user decrypt that user."""
    note = _note_of(path)
    with FileLock(path.with_name(f".{path.name}.lock"), mode=0o600):
        notes = _notes(note)
        if day in notes:
            if notes[day] != served:
                raise Permanent(
                    f"a share of other sums of {day} was given before, as {note} says",
                    "Give none of these: together they would show single traders. The chain may have split",
                )
            return
        unfinished = note.with_name(f".{note.name}.unfinished")
        unfinished.unlink(missing_ok=True)
        write_new(unfinished, json.dumps({**notes, day: served}, indent=1) + "\n")
        unfinished.replace(note)
        _sync_folder(note)


def served_days(path: Path) -> set[date]:
    """The days that a share was given for, or was about to be."""
    return {date.fromisoformat(day) for day in _notes(_note_of(path))}


@functools.lru_cache(maxsize=16)
def _decrypted(keystore: str, password: SecretStr) -> int:
    """The secret of a keystore. Deriving the password's key takes a second on purpose, so it is done once."""
    from eth_account import Account

    return int.from_bytes(Account.decrypt(keystore, password.get_secret_value()))


def _note_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.served")


def _notes(note: Path) -> dict[str, str]:
    """Day → what was served."""
    try:
        notes = json.loads(note.read_text(encoding="ascii"))
    except FileNotFoundError:
        return {}
    except ValueError:
        notes = None
    if not isinstance(notes, dict):
        raise Permanent(f"{note} is damaged", "Restore it from the backup: it says which sums a share was given for")
    return notes


def _content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="ascii"))
        if content["format"] == FORMAT and {"chain_id", "contract", "box_key", "crypto"} <= content.keys():
            return content
    except OSError as error:
        raise Permanent(f"cannot read the trustee's file {path}: {error.strerror}", "Correct its path") from None
    except (ValueError, KeyError, TypeError):
        pass
    raise Permanent(f"{path} is no trustee's file", "`fntx aggregate trustee init` writes one")


def _text(crypto: Any, box_key: bytes, chain_id: str | None, contract: str | None) -> str:
    content = {"format": FORMAT, "chain_id": chain_id, "contract": contract, "box_key": f"0x{box_key.hex()}"}
    return json.dumps({**content, "crypto": crypto}, indent=1) + "\n"


def _sync_folder(file: Path) -> None:
    """The entry of a file in its folder, on the disk."""
    descriptor = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
