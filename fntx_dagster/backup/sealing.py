"""Sealing what is backed up, as a stream: AES-256-GCM in pieces, under a key that a passphrase opens (scrypt).

A vault is the folder of all backups: it has one key, made of a passphrase and the vault's salt. A sealed file is a
header of eight random bytes, then pieces of at most a mebibyte. Each piece is bound to the file's name, to its place
and to whether it is the last, so that a file that was cut off, reordered or given another name does not open.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Iterator
from hashlib import scrypt
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fntx_dagster.errors import Permanent

VAULT_FORMAT = "fntx.backups/1"
PIECE = 1 << 20
_KEY_BYTES, _TAG, _PREFIX, _COUNTER, _LENGTH = 32, 16, 8, 4, 4
_COST, _BLOCK, _PARALLEL = 1 << 17, 8, 1
_MOST_COST = 1 << 18
_CHECK = b"fntx.backups/1 check"
SHORTEST_PASSPHRASE = 12


class Vault(NamedTuple):
    """What is written beside the backups: how the key is made of the passphrase (scrypt: salt, cost N, block r,
    parallel p), and `check`, by which a wrong passphrase is known. It holds no secret."""

    salt: bytes
    cost: int
    block: int
    parallel: int
    check: bytes

    def as_json(self) -> dict[str, Any]:
        """The object that the vault's file holds."""
        return {
            "format": VAULT_FORMAT,
            "kdf": "scrypt",
            "salt": self.salt.hex(),
            "n": self.cost,
            "r": self.block,
            "p": self.parallel,
            "check": self.check.hex(),
        }


def new_vault(passphrase: str) -> tuple[Vault, bytes]:
    """A vault for this passphrase, and its key. Permanent where the passphrase is too short."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise Permanent(
            f"the passphrase of the backups has fewer than {SHORTEST_PASSPHRASE} characters",
            "Choose a longer one, and keep it where the backups are not: nothing opens them without it",
        )
    salt = secrets.token_bytes(16)
    vault = Vault(salt, _COST, _BLOCK, _PARALLEL, b"")
    key = _derived(vault, passphrase)
    return vault._replace(check=_checked(key)), key


def vault_of(content: Any) -> Vault:
    """The vault that its file describes. Permanent where it is another kind of file, or asks for more than is sane."""
    try:
        if content["format"] != VAULT_FORMAT or content["kdf"] != "scrypt":
            raise ValueError
        vault = Vault(
            bytes.fromhex(content["salt"]),
            int(content["n"]),
            int(content["r"]),
            int(content["p"]),
            bytes.fromhex(content["check"]),
        )
        is_power = vault.cost >= 2 and vault.cost & (vault.cost - 1) == 0
        if not (is_power and vault.cost <= _MOST_COST and 1 <= vault.block <= 8 and 1 <= vault.parallel <= 4):
            raise ValueError
    except (KeyError, TypeError, ValueError):
        raise Permanent(
            "the file that describes the backups cannot be read", "Name a folder that `fntx backup` wrote"
        ) from None
    return vault


def key_of(vault: Vault, passphrase: str) -> bytes:
    """The vault's key. Permanent where the passphrase is another one."""
    key = _derived(vault, passphrase)
    if not hmac.compare_digest(_checked(key), vault.check):
        raise Permanent("the passphrase does not open these backups", "Use the one that they were made with")
    return key


def mac_of(key: bytes, content: bytes) -> str:
    """A keyed hash (HMAC-SHA256, hex): whoever lacks the key cannot make it for other content."""
    return hmac.digest(key, content, "sha256").hex()


def sealed(chunks: Iterable[bytes], key: bytes, name: str) -> Iterator[bytes]:
    """A file's content, sealed, piece by piece."""
    cipher, prefix = AESGCM(key), secrets.token_bytes(_PREFIX)
    yield prefix
    pieces, number = _pieces(chunks), 0
    waiting = next(pieces, b"")
    for following in pieces:
        yield _piece(cipher, prefix, number, waiting, name, is_last=False)
        waiting, number = following, number + 1
    yield _piece(cipher, prefix, number, waiting, name, is_last=True)


def unsealed(chunks: Iterable[bytes], key: bytes, name: str) -> Iterator[bytes]:
    """The content of a sealed file, piece by piece, each proved before it is given. Permanent where the key or the name
    is another, or anything was changed or cut off."""
    cipher, stream = AESGCM(key), ChunkReader(chunks)
    prefix, number, is_last = stream.read(_PREFIX), 0, False
    while not is_last:
        head = int.from_bytes(stream.read(_LENGTH), "big")
        is_last, length = bool(head >> 31), head & 0x7FFFFFFF
        if len(prefix) != _PREFIX or not _TAG <= length <= PIECE + _TAG:
            raise _damaged(name)
        try:
            yield cipher.decrypt(_nonce(prefix, number), stream.read(length), _bound_to(name, number, is_last))
        except InvalidTag:
            raise _damaged(name) from None
        number += 1
    if stream.read(1):
        raise _damaged(name)


def _derived(vault: Vault, passphrase: str) -> bytes:
    return scrypt(
        passphrase.encode(),
        salt=vault.salt,
        n=vault.cost,
        r=vault.block,
        p=vault.parallel,
        maxmem=2 * 128 * vault.block * (vault.cost + vault.parallel + 2),
        dklen=_KEY_BYTES,
    )


def _checked(key: bytes) -> bytes:
    return hmac.digest(key, _CHECK, "sha256")


def _piece(cipher: AESGCM, prefix: bytes, number: int, piece: bytes, name: str, *, is_last: bool) -> bytes:
    content = cipher.encrypt(_nonce(prefix, number), piece, _bound_to(name, number, is_last))
    return (len(content) | is_last << 31).to_bytes(_LENGTH, "big") + content


def _nonce(prefix: bytes, number: int) -> bytes:
    return prefix + number.to_bytes(_COUNTER, "big")


def _bound_to(name: str, number: int, is_last: bool) -> bytes:
    return f"{VAULT_FORMAT}|{name}|{number}|{is_last:d}".encode()


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of PIECE, the last one shorter; none where there are none."""
    waiting = bytearray()
    for chunk in chunks:
        waiting += chunk
        while len(waiting) >= PIECE:
            yield bytes(waiting[:PIECE])
            del waiting[:PIECE]
    if waiting:
        yield bytes(waiting)


class ChunkReader:
    """Chunks, read by length, as a file is."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks, self._waiting = iter(chunks), bytearray()

    def read(self, length: int) -> bytes:
        """The next bytes; fewer than asked for where the chunks end."""
        while len(self._waiting) < length and (chunk := next(self._chunks, None)) is not None:
            self._waiting += chunk
        taken = bytes(self._waiting[:length])
        del self._waiting[:length]
        return taken


def _damaged(name: str) -> Permanent:
    return Permanent(
        f"the backup's file {name} was changed or cut off", "Use another backup: `fntx backup --list` names them"
    )
