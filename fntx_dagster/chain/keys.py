"""Keys and the salt secret: made on first use in the data folder, readable by their owner alone, never printed.

Each account has its own trader key, because the contract keeps records by trader and day. A key's file is named by a
keyed hash of the account, so that a listing of the folder tells nobody whose it is. The salt secret is what every
disclosure rests on: without it no signed metric can be proved again, so back the folder up.
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from filelock import FileLock

from fntx_dagster.errors import Permanent

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

_KEY_BYTES = 32


class Signed(NamedTuple):
    """A signed transaction. `raw` is what is broadcast; `tx_hash` (0x…) is known before that."""

    raw: bytes
    tx_hash: str
    nonce: int


class Signer:
    """The one thing that holds a key. Shows its address and nothing else."""

    def __init__(self, key: bytes) -> None:
        from eth_account import Account
        from eth_keys.exceptions import ValidationError

        try:
            self._account: LocalAccount = Account.from_key(key)
        except (ValueError, ValidationError):  # whatever they say, they may quote the key
            raise Permanent("the trader's key is no private key", "Give 32 bytes as hex digits") from None
        self.address: str = self._account.address

    def __repr__(self) -> str:
        return f"Signer({self.address})"

    def sign(self, transaction: dict[str, Any]) -> Signed:
        """Sign a transaction that has its nonce, fees, gas and chain id."""
        signed = self._account.sign_transaction(transaction)
        return Signed(bytes(signed.raw_transaction), f"0x{signed.hash.hex()}", transaction["nonce"])


def salt_secret(folder: Path) -> bytes:
    """The secret that all salts are derived from: 32 random bytes, made on first use."""
    return _kept(folder, "salt.secret")


def mark_of(secret: bytes) -> str:
    """A mark that recognises a secret and tells nothing of it, to be kept where the secret is not."""
    return hmac.digest(secret, b"mark of the salt secret", "sha256")[:8].hex()


def deployer_of(folder: Path) -> Signer:
    """The development key that deploys on the embedded chain and funds its traders."""
    return Signer(_kept(folder, "deployer.key"))


def trader_of(folder: Path, account_id: str) -> Signer:
    """The development key of an account, made on first use."""
    name = hmac.digest(salt_secret(folder), b"trader key file of " + account_id.encode(), "sha256")[:16].hex()
    return Signer(_kept(folder, f"trader-{name}.key"))


def _kept(folder: Path, name: str) -> bytes:
    """The 32 bytes in a file of `folder`; random ones the first time, and always the same after it."""
    file = folder / name
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(folder / ".lock", mode=0o600):
            if not file.exists():
                _write_once(file, secrets.token_bytes(_KEY_BYTES))
    try:
        content = bytes.fromhex(file.read_text(encoding="ascii"))
    except ValueError:
        content = b""
    if len(content) != _KEY_BYTES:
        raise Permanent(f"{file} does not hold {_KEY_BYTES} bytes as hex digits", "Restore it from the backup")
    return content


def _write_once(file: Path, content: bytes) -> None:
    """Write under another name, then rename, so that a killed process leaves all or nothing. The lock is held."""
    unfinished = file.with_name(f".{file.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(content.hex())
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.replace(file)
