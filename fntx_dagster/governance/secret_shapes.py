"""The forms of what signs: seeds and private keys of the ledgers, extended keys, PEM, and the words of a mnemonic.

A text is judged by its forms alone. 64 hex digits are as often a hash as a private key: they count where the text calls
them one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fntx_dagster.governance.addresses import XRPL_ALPHABET, is_stellar_seed, is_xrpl_seed
from fntx_dagster.governance.mnemonic_words import mnemonic_words

FEWEST_WORDS = 12
"""Of a mnemonic (BIP-39 has 12 to 24). So many of its words in a row are in no sentence: each needs an `a` or `the`."""
_SHAPES = re.compile(
    # a private key as xrpl-py writes one, PEM
    r"(?<![A-Za-z0-9])00[0-9A-Fa-f]{64}(?![A-Za-z0-9])|PRIVATE KEY-----"
    # extended private keys of BIP-32
    r"|(?<![A-Za-z0-9])[xyztuvXYZTUV]prv[1-9A-HJ-NP-Za-km-z]{100,112}"
    # where nothing stands beside them, seeds are refused with a wrong character, too
    r"|(?<![A-Za-z0-9+/=_-])(?:s[1-9A-HJ-NP-Za-km-z]{28}|sEd[1-9A-HJ-NP-Za-km-z]{28}|S[A-Z2-7]{55})"
    r"(?![A-Za-z0-9+/=_-])"
).search
_CALLED_SECRET = re.compile(
    r"\b(?:priv|private|secret|signing|master|seed)(?:[ _-]?(?:key|seed|hex|phrase))?\b[^0-9A-Za-z]{0,6}"
    r"(?:(?:is|was|of|in|hex|key|now)[^0-9A-Za-z]{1,4}){0,3}(?:0x)?(?:[0-9a-f]{64}|[0-9a-f]{32})(?![0-9a-z])",
    re.IGNORECASE,
).search
_HEX_ALONE = re.compile(r"\s*(?:0x)?[0-9A-Fa-f]{64}\s*").fullmatch
_XRPL_SEEDS = re.compile(f"(?=(s[{XRPL_ALPHABET}]{{28}}))(?=(sEd[{XRPL_ALPHABET}]{{28}})?)")
_STELLAR_SEEDS = re.compile("(?=(S[A-Z2-7]{55}))")
_WORDS = re.compile("[A-Za-z]+")


def seems_a_secret(text: str) -> bool:
    """Whether a text has the form of what signs, wherever it stands in it."""
    return _SHAPES(text) is not None or _CALLED_SECRET(text) is not None or any(_seeds(text)) or has_mnemonic(text)


def is_hex_alone(text: str) -> bool:
    """Whether a text is nothing but 64 hex digits, as a private key is, and as no sentence is."""
    return _HEX_ALONE(text) is not None


def has_mnemonic(text: str) -> bool:
    """Whether words of BIP-39's English list follow each other as in a mnemonic, whatever signs and numbers stand
    between them and whether their checksum holds or not: one may have been copied with a slip."""
    known, run = mnemonic_words(), list[str]()
    for word in map(str.lower, _WORDS.findall(text)):
        run = [*run[-FEWEST_WORDS:], word] if word in known else []
        if len(run) >= FEWEST_WORDS and len({*run}) > 1:  # a word that is only repeated says nothing
            return True
    return False


def _seeds(text: str) -> Iterator[bool]:
    """Of each place where a seed could begin, whatever stands beside it, whether one does by its checksum."""
    for found in _XRPL_SEEDS.finditer(text):
        yield any(is_xrpl_seed(each) for each in found.groups() if each)
    for found in _STELLAR_SEEDS.finditer(text):
        yield is_stellar_seed(found[1])
