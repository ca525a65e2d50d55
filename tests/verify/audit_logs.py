"""Audit logs for tests of the strangers' verifiers: a key, events, and proof files of them, made here by hand."""

from __future__ import annotations

import json
import random
from base64 import b64encode
from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Content = dict[str, Any]
ORIGIN = "fntx.audit/00112233445566778899aabbccddeeff"
TIME = "2026-11-29T02:00:00Z"
XRPL_ACCOUNT = "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"
STELLAR_ACCOUNT = "GAAZI4TCR3TY5OJHCTJC2A4QSY6CJWJH5IAJTGKIN2ER7LBNVKOCCWN7"
PASSPHRASE = "Test SDF Network ; September 2015"


class Log:
    """A log of so many events, each of which says its own number. Two logs of other `fork`s differ from event 3 on."""

    def __init__(self, size: int = 13, fork: str = "") -> None:
        self.size, self.fork = size, fork
        self.key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
        self.origin_hash = sha256(ORIGIN.encode()).digest()

    @cached_property
    def events(self) -> list[Content]:
        made: list[Content] = []
        previous = bytes(32)
        for seq in range(self.size):
            event = {
                "v": 1,
                "seq": seq,
                "time": f"2026-11-29T01:00:{seq % 60:02}.000000Z",
                "type": "iou_issued",
                "actor": "signer:treasury",
                "subject": {"kind": "proposal", "id": f"p-{seq}"},
                "ledger": None,
                "details": {"amount": f"{seq}.10", "note": self.fork if seq >= 3 else "", "é\U0001f600": 7},
                "prev_hash": previous.hex(),
                "salt": sha256(bytes([seq % 256])).hexdigest()[:32],
            }
            previous = leaf(event)
            made.append(event)
        return made

    @cached_property
    def leaves(self) -> list[bytes]:
        return [leaf(event) for event in self.events]

    @property
    def log_key(self) -> str:
        return f"{ORIGIN}+{self._key_id.hex()}+{b64encode(self._public).decode()}"

    def root(self, size: int) -> bytes:
        return root_of(self.leaves[:size])

    def payload(self, size: int) -> bytes:
        return self.root(size) + size.to_bytes(8, "big") + self.origin_hash[:8]

    def note(self, size: int) -> str:
        text = f"{ORIGIN}\n{size}\n{b64encode(self.root(size)).decode()}\ntime {TIME}\n"
        signed = self._key_id + self.key.sign(text.encode())
        return f"{text}\n— {ORIGIN} {b64encode(signed).decode()}\n"

    def proof(self, seq: int, size: int, anchors: Sequence[Content] = (), older: int | None = None) -> Content:
        """The proof file of event `seq` under the checkpoint of `size` events."""
        consistency = older and {"size": older, "root": self.root(older).hex(), "hashes": self.consistency(older, size)}
        return {
            "format": "fntx-audit-proof/1",
            "event": self.events[seq],
            "leaf_hash": self.leaves[seq].hex(),
            "checkpoint": self.note(size),
            "log_key": self.log_key,
            "inclusion": {
                "leaf_index": seq,
                "tree_size": size,
                "hashes": [each.hex() for each in _path(self.leaves[:size], seq)],
            },
            "consistency": consistency,
            "anchors": [*anchors],
        }

    def consistency(self, smaller: int, size: int) -> list[str]:
        return [each.hex() for each in _goes_on(self.leaves[:size], smaller, True)]

    def case(self, smaller: int, size: int) -> Content:
        """A consistency proof as `fntx audit check` takes it."""
        roots = {"root1": self.root(smaller).hex(), "root2": self.root(size).hex()}
        sizes = {"size1": smaller, "size2": size}
        return {
            "kind": "consistency",
            "id": f"{smaller}-{size}",
            **sizes,
            **roots,
            "proof": self.consistency(smaller, size),
        }

    def on_xrpl(self, size: int, tx_hash: str = "A" * 64, index: int = 2000) -> Content:
        return {
            "ledger": "xrpl",
            "network_id": 1,
            "account": XRPL_ACCOUNT,
            "tx_hash": tx_hash,
            "ledger_index": index,
            "memo": self.payload(size).hex(),
        }

    def on_stellar(self, size: int, tx_hash: str = "b" * 64, sequence: int = 77) -> Content:
        return {
            "ledger": "stellar",
            "passphrase": PASSPHRASE,
            "account": STELLAR_ACCOUNT,
            "tx_hash": tx_hash,
            "ledger_sequence": sequence,
            "data_name": "fntx.audit",
            "value": b64encode(self.payload(size)).decode(),
        }

    def on_evm(self, size: int, chain_id: int, contract: str, tx_hash: str, block: int) -> Content:
        return {
            "ledger": "evm",
            "chain_id": chain_id,
            "contract": contract,
            "tx_hash": tx_hash,
            "block": block,
            "origin_hash": self.origin_hash.hex(),
            "size": size,
            "root": self.root(size).hex(),
        }

    @property
    def _public(self) -> bytes:
        return b"\x01" + self.key.public_key().public_bytes_raw()

    @property
    def _key_id(self) -> bytes:
        return sha256(f"{ORIGIN}\n".encode() + self._public).digest()[:4]


def leaf(event: Content) -> bytes:
    return sha256(b"\0" + rfc8785.dumps(event)).digest()


def root_of(leaves: Sequence[bytes]) -> bytes:
    """By the definition of RFC 6962, 2.1."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256().digest()
    split = _split(len(leaves))
    return sha256(b"\1" + root_of(leaves[:split]) + root_of(leaves[split:])).digest()


def mutations(rng: random.Random, content: Content, count: int) -> list[bytes]:
    """That many ways to change one or more bytes of the file of a content."""
    text = json.dumps(content, ensure_ascii=False, indent=1).encode()
    return [_mutated(rng, text) for _ in range(count)]


def _mutated(rng: random.Random, text: bytes) -> bytes:
    at = rng.randrange(len(text))
    how = rng.randrange(6)
    if how == 0:
        return text[:at] + bytes([text[at] ^ 1 << rng.randrange(8)]) + text[at + 1 :]
    if how == 1:
        return text[:at] + text[at + 1 :]
    if how == 2:
        return text[:at] + bytes([rng.choice(b'0123456789abcdef"{}[],: \n')]) + text[at:]
    if how == 3:
        digits = [place for place, byte in enumerate(text) if byte in b"0123456789abcdef"]
        at = rng.choice(digits)
        return text[:at] + bytes([rng.choice(b"0123456789abcdefABCDEF+/=.eE-")]) + text[at + 1 :]
    if how == 4:
        lines = text.split(b"\n")
        at = rng.randrange(len(lines))
        lines.insert(rng.randrange(len(lines)), lines[at])
        return b"\n".join(lines)
    lines = text.split(b"\n")
    del lines[rng.randrange(len(lines))]
    return b"\n".join(lines)


def _path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    if len(leaves) < 2:
        return []
    split = _split(len(leaves))
    if index < split:
        return [*_path(leaves[:split], index), root_of(leaves[split:])]
    return [*_path(leaves[split:], index - split), root_of(leaves[:split])]


def _goes_on(leaves: Sequence[bytes], smaller: int, is_whole: bool) -> list[bytes]:
    """RFC 6962, 2.1.2."""
    if smaller == len(leaves):
        return [] if is_whole else [root_of(leaves)]
    split = _split(len(leaves))
    if smaller <= split:
        return [*_goes_on(leaves[:split], smaller, is_whole), root_of(leaves[split:])]
    return [*_goes_on(leaves[split:], smaller - split, False), root_of(leaves[:split])]


def _split(size: int) -> int:
    return 1 << (size - 1).bit_length() - 1
