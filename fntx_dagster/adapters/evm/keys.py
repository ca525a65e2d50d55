"""Keys and the salt secret: who signs for an account, and what is never printed.

An account's key is in an encrypted keystore file, in the environment, or a development key that is made on first use in
the data folder, readable by its owner alone. Beside a database that several machines may share nothing is made unless
the settings ask for it: each machine would make its own. Each account has its own key, because the contract keeps
records by trader and day. A development key's file is named by a keyed hash of the account, so that a listing of the
folder does not reveal whose it is. Every disclosure needs the salt secret: without it no signed metric can be proved
again, so back the folder up.
"""

from __future__ import annotations

import functools
import hmac
import json
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from filelock import FileLock

from fntx_dagster.errors import Permanent, masked

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount
    from pydantic import SecretStr

    from fntx_dagster.settings import Settings

_KEY_BYTES = 32
_WITNESS_KEY = "witness.key"
_SALT_SECRET = "salt.secret"


class Signed(NamedTuple):
    """A signed transaction. `raw` is what is broadcast; `tx_hash` (0x…) is known before that."""

    raw: bytes
    tx_hash: str


class Signer(Protocol):
    """Who signs a trader's transactions.

    A hardware wallet or a remote signer is one more class with these two: `address`, EIP-55, and `sign`, which may wait
    for a person and raises Transient where the device is away and Permanent where it refuses. `signer_of` returns it;
    nothing else in the project takes a key.
    """

    @property
    def address(self) -> str:
        """The signer's address, EIP-55."""
        ...

    def sign(self, transaction: dict[str, Any]) -> Signed:
        """Sign a transaction (EIP-1559) that has its nonce, fees, gas and chain id."""
        ...


class LocalSigner:
    """A key in this process. Shows its address and nothing else."""

    def __init__(self, key: bytes) -> None:
        from eth_account import Account
        from eth_utils.exceptions import ValidationError

        try:
            self._account: LocalAccount = Account.from_key(key)
        except (ValueError, ValidationError):  # their texts may quote the key
            raise Permanent("the trader's key is no private key", "Give 32 bytes as hex digits") from None
        self.address: str = self._account.address

    def __repr__(self) -> str:
        return f"LocalSigner({self.address})"

    def sign(self, transaction: dict[str, Any]) -> Signed:
        signed = self._account.sign_transaction(transaction)
        return Signed(bytes(signed.raw_transaction), f"0x{signed.hash.hex()}")


class KeyRing(NamedTuple):
    """The keys of a home: its folder, the salt secret where the settings bring it, and whether what is missing is
    made."""

    folder: Path
    salt: SecretStr | None = None
    makes: bool = True


def key_ring(settings: Settings) -> KeyRing:
    """The keys of the settings' home."""
    makes = settings.database.url is None or settings.keys.make
    return KeyRing(settings.paths.keys, settings.keys.salt, makes)


def signer_of(settings: Settings, account_id: str) -> Signer:
    """Who signs for an account, without asking a node: its keystore file; else, on a chain by RPC URL, `trader_key`;
    else its development key. Permanent for a key or a keystore that cannot be used, naming the file."""
    if account_id in settings.keys.keystores:
        return _unlocked(settings.keys.keystores[account_id].expanduser().resolve(), settings.keys.keystore_password)
    if settings.chain.rpc_url is not None and settings.keys.trader_key is not None:
        return LocalSigner(_key_in(settings.keys.trader_key, "FNTX_TRADER_KEY"))
    return trader_of(key_ring(settings), account_id)


def has_development_key(settings: Settings, account_id: str) -> bool:
    """Whether an account is signed for with a development key of this home."""
    by_url = settings.chain.rpc_url is not None and settings.keys.trader_key is not None
    return account_id not in settings.keys.keystores and not by_url


def new_keystore(file: Path, password: str) -> str:
    """Make a key, encrypted with `password` in a V3 keystore (scrypt, mode 0600); its address. Never overwrites."""
    return _write_keystore(file, secrets.token_bytes(_KEY_BYTES), password)


def import_key(file: Path, password: str, key: SecretStr) -> str:
    """Put a key that is there already (hex digits) into a V3 keystore, as `new_keystore` does; its address."""
    return _write_keystore(file, _key_in(key, "the key"), password)


def salt_secret(ring: KeyRing) -> bytes:
    """The secret that all salts are derived from: that of the settings, else 32 random bytes in the folder, made on
    first use where keys may be made. Permanent where it is missing or none."""
    if ring.salt is not None:
        try:
            given = bytes.fromhex(ring.salt.get_secret_value().strip())
        except ValueError:
            given = b""
        if len(given) != _KEY_BYTES:
            raise Permanent(
                f"FNTX_SALT is not {_KEY_BYTES} bytes as hex digits", f"Give it what keys/{_SALT_SECRET} holds"
            )
        return given
    if not ring.makes and not (ring.folder / _SALT_SECRET).exists():
        raise Permanent(
            f"{ring.folder / _SALT_SECRET} is missing, and none is made beside a database that machines may share",
            f"Set FNTX_SALT_FILE to a copy of keys/{_SALT_SECRET} of the machine that signs already; where nothing was "
            "ever signed, FNTX_MAKE_KEYS=1 on one machine makes it",
        )
    return _kept(ring.folder, _SALT_SECRET)


def secret_if_made(ring: KeyRing) -> bytes | None:
    """The salt secret; None where none was made yet. It never makes one."""
    return salt_secret(ring) if ring.salt is not None or (ring.folder / _SALT_SECRET).exists() else None


def known_secret(ring: KeyRing, mark: str) -> bytes:
    """The salt secret that has this mark; Permanent where it is missing or another one. It never makes a secret."""
    file = ring.folder / _SALT_SECRET
    if ring.salt is None and not file.exists():
        raise Permanent(
            f"{file} is missing",
            "Restore it from the backup, or name a copy of it by FNTX_SALT_FILE: what is signed is proved with it",
        )
    secret = salt_secret(ring)
    if mark_of(secret) != mark:
        raise Permanent(
            "the salt secret is not the one that this was signed with",
            f"Restore {file} from the backup" if ring.salt is None else "Correct FNTX_SALT_FILE (or FNTX_SALT)",
        )
    return secret


def witness_key(folder: Path) -> bytes:
    """The X25519 key that packages for this home's witness are sealed for: 32 random bytes, made on first use."""
    return _kept(folder, _WITNESS_KEY)


def known_witness_key(folder: Path) -> bytes:
    """The same; Permanent where it was never made."""
    if not (folder / _WITNESS_KEY).exists():
        raise Permanent(
            "the file is no package, or is sealed, and this home has no key to open it with",
            "`fntx attest key init` makes one; give the trader what it shows",
        )
    return witness_key(folder)


def mark_of(secret: bytes) -> str:
    """A mark that recognises a secret and reveals nothing of it, to be kept where the secret is not."""
    return hmac.digest(secret, b"mark of the salt secret", "sha256")[:8].hex()


def deployer_of(folder: Path) -> LocalSigner:
    """The development key that deploys on the embedded chain and funds its traders."""
    return LocalSigner(_kept(folder, "deployer.key"))


def trader_of(ring: KeyRing, account_id: str) -> LocalSigner:
    """The development key of an account, made on first use where keys may be made; else Permanent."""
    if not ring.makes and not has_trader(ring, account_id):
        raise Permanent(
            f"account {masked(account_id)} has no key, and none is made beside a database that machines may share",
            "Name its keystore in FNTX_KEYSTORES, or set FNTX_TRADER_KEY_FILE; FNTX_MAKE_KEYS=1 makes a development "
            "key where this machine alone signs",
        )
    return LocalSigner(_kept(ring.folder, _trader_file(ring, account_id)))


def has_trader(ring: KeyRing, account_id: str) -> bool:
    """Whether the development key of an account is in this home."""
    return (ring.folder / _trader_file(ring, account_id)).exists()


def _trader_file(ring: KeyRing, account_id: str) -> str:
    name = hmac.digest(salt_secret(ring), b"trader key file of " + account_id.encode(), "sha256")[:16].hex()
    return f"trader-{name}.key"


def _key_in(key: SecretStr, where: str) -> bytes:
    try:
        return bytes.fromhex(key.get_secret_value().strip().removeprefix("0x"))
    except ValueError:
        raise Permanent(f"{where} is no private key", "Give 32 bytes as hex digits") from None


@functools.lru_cache(maxsize=64)
def _unlocked(file: Path, password: SecretStr | None) -> LocalSigner:
    """The key in a keystore file. Deriving the password's key takes a second on purpose, so it is done once."""
    from eth_account import Account

    if password is None:
        raise Permanent(f"the keystore {file} needs its password", "Set FNTX_KEYSTORE_PASSWORD")
    try:
        content = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Permanent(
            f"cannot read the keystore {file}: {getattr(error, 'strerror', 'it is no text')}",
            "Correct its path in FNTX_KEYSTORES or restore it from the backup",
        ) from None
    try:
        return LocalSigner(bytes(Account.decrypt(json.loads(content), password.get_secret_value())))
    except ValueError as error:
        if "MAC mismatch" in str(error):
            raise Permanent(
                f"the password does not open the keystore {file}", "Correct FNTX_KEYSTORE_PASSWORD"
            ) from None
    except (KeyError, TypeError, AttributeError, NotImplementedError):
        pass
    raise Permanent(f"{file} is no V3 keystore", "Name a file of that form, as wallets write it")


def _write_keystore(file: Path, key: bytes, password: str) -> str:
    from eth_account import Account

    address = LocalSigner(key).address
    if not password:
        raise Permanent(f"the keystore {file} needs a password", "Choose one that nobody guesses")
    write_new(file, json.dumps(Account.encrypt(key, password, kdf="scrypt")))
    return address


def write_new(file: Path, content: str) -> None:
    """Write a file that holds a secret: on the disk, whole or not at all, readable by its owner alone. Permanent where
    it exists: none is overwritten."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.{secrets.token_hex(4)}.unfinished")
    try:
        _write(unfinished, content)
        os.link(unfinished, file)  # unlike a rename, it fails where the file exists
    except FileExistsError:
        raise Permanent(f"{file} exists", "Choose another name: a keystore is never overwritten") from None
    except OSError as error:
        raise Permanent(f"cannot write {file}: {error.strerror}", "Choose a folder that you may write to") from None
    finally:
        unfinished.unlink(missing_ok=True)


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
    _write(unfinished, content.hex())
    unfinished.replace(file)


def _write(file: Path, content: str) -> None:
    """A new file, readable by its owner alone, on the disk."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
