"""The normal form of a name: what of it is compared, in Latin letters and without what tells nobody apart.

`fntx-name/1` is deterministic. Letters are made Latin by their sound; within a word that mixes scripts, letters that
look Latin count as what they look like, because nobody writes such a word but to deceive.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from anyascii import anyascii

from fntx_dagster.errors import Permanent

ALGORITHM = "fntx-name/1"
LONGEST_NAME = 300
"""Characters of a party's name, as it is given and in its normal form."""
LONGEST_LISTED = 2000
"""Characters of a name on a list."""
_MOST_WORDS = 60

_ABBREVIATED = (
    "ltd limited llc inc incorporated corp corporation co company gmbh ag aktiengesellschaft kg kgaa ug ohg "
    "sa sas sarl sab spa srl sro scs se cv bv bvba nv ab as asa oy oyj aps plc pte pty pvt ltda cia sl "
    "oao ooo zao pao ao ojsc cjsc pjsc jsc llp lp"
)
_LONG_FORMS = (
    "open joint stock company",
    "public joint stock company",
    "closed joint stock company",
    "joint stock company",
    "limited liability company",
    "limited liability partnership",
    "public limited company",
    "private limited company",
    "societatea cu raspundere limitata",
    "obshchestvo s ogranichennoy otvetstvennostyu",
    "sociedad anonima",
    "societe anonyme",
    "sp z o o",
)
_SMALL_WORDS = frozenset(("the", "of", "and", "und"))
_COURTESY = "mr mrs ms dr prof sir mme monsieur herr frau president prasident sheikh shaikh haji hajji mv mt"
_ARTICLES = frozenset(("al", "el"))
_DROPPED = (frozenset(_ABBREVIATED.split()) | _SMALL_WORDS, frozenset(_COURTESY.split()), _ARTICLES)
"""Legal forms and small words, titles, articles: each kind unless nothing else would be left."""
_SONS = frozenset(("bin", "ben"))

_APOSTROPHES = re.compile("['’ʼʻ`´]")
_DOTTED = re.compile(r"\b(?:[a-z]\.){2,}")
_SIGNS = re.compile("[^a-z0-9]+")
_LONG_FORM = re.compile(rf"\b(?:{'|'.join(_LONG_FORMS)})\b")
_REPEATED = re.compile(r"(.)\1+")
# one sound, several spellings, longest first
_SPELLINGS = (
    ("shch", "sh"),
    ("sch", "sh"),
    ("kh", "h"),
    ("ph", "f"),
    ("ou", "u"),
    ("oo", "u"),
    ("ee", "i"),
    ("ck", "k"),
    ("q", "k"),
    ("w", "v"),
    ("y", "i"),
    ("j", "i"),
    ("z", "s"),
    ("hs", "s"),
    ("x", "s"),
)
_CHEROKEE = "ᎠᎡᎢᎥᎩᎪᎫᎬᎳᎷᎻᎽᏀᏂᏃᏏᏒᏔᏕᏙᏚᏞᏟᏢᏦᏧᏴᏵ"
_LISU = "ꓐꓑꓓꓔꓖꓗꓙꓚꓜꓝꓟꓠꓡꓢꓣꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴ"
_CHEROKEE_LOOKS = "DRTiYAJEWMHYGhZbRWSVSLCPKdBG"
_LOOKS = str.maketrans(
    f"{_CHEROKEE}{_CHEROKEE.lower()}{_LISU}аАвВеЕкКмМнНоОрРсСтТуУхХіІјЈѕЅԁһԛԝαΑΒεΕΖΗιΙκΚΜΝνοΟρΡτΤυΥχΧ",
    f"{_CHEROKEE_LOOKS}{_CHEROKEE_LOOKS}BPDTGKJCZFMNLSRVHWXYAEIOUaABBeEkKmMHHoOpPcCtTyYxXiIjJsSdhqwaABeEZHiIkKMNvoOpPtTuYxX",
)
_LETTERS = re.compile(r"[^\W\d_]+")
_LATIN = re.compile("[A-Za-z]")
_LOOKALIKE = re.compile("[\u0370-\u052f\u13a0-\u13ff\ua4d0-\ua4ff\uab70-\uabbf]")
"""Greek and Cyrillic, Cherokee, Lisu."""
_ESCAPE = re.compile("(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]")
"""What steers a terminal."""
_UNSEEN = ("Cc", "Cf", "Cs", "Co")
_JOINERS = "\u200c\u200d"
"""Persian and Indian names are written with them."""


class Name(NamedTuple):
    """A name as it is compared: its words in their order, and the same words with one spelling for each sound."""

    words: tuple[str, ...]
    spelt: tuple[str, ...]

    @property
    def text(self) -> str:
        return " ".join(self.words)

    @property
    def sound(self) -> str:
        return " ".join(self.spelt)


def normal_form(text: str) -> Name:
    """The normal form of a party's name. Permanent where nothing of it is left, or it is too long to be a name."""
    if len(text) > LONGEST_NAME:
        raise Permanent(
            f"a name has {len(text)} characters, more than {LONGEST_NAME}", "Give the name alone, without its address"
        )
    name = listed_form(text)
    if not name.words:
        raise Permanent("a name holds no letter and no digit", "Give the name of the person or body")
    if len(name.text) > LONGEST_NAME or len(name.words) > _MOST_WORDS:
        raise Permanent(
            f"a name has more than {LONGEST_NAME} letters or {_MOST_WORDS} words once it is written in Latin letters",
            "Give the name alone, without its address",
        )
    return name


def require_visible(name: str) -> None:
    """Raise Permanent for a party's name with a control character, or one that turns or hides letters: what a person
    reads would not be what is compared."""
    for place, sign in enumerate(name, 1):
        if unicodedata.category(sign) in _UNSEEN and sign not in _JOINERS:
            raise Permanent(
                f"character {place} of the name is U+{ord(sign):04X}, which nobody sees",
                "Type the name anew, in letters as they are read",
            )


def listed_form(text: str) -> Name:
    """The normal form of any text; without a word where it holds no letter and no digit."""
    return of_words(_words(text))


def of_words(words: tuple[str, ...]) -> Name:
    """The name that has these words of a normal form."""
    return Name(words, tuple(map(_spelt, words)))


def _words(text: str) -> tuple[str, ...]:
    composed = unicodedata.normalize("NFKC", text if text.isprintable() else _visible(text))
    if not composed.isascii():
        composed = anyascii(_LETTERS.sub(_undisguised, composed))
    plain = _APOSTROPHES.sub("", composed.casefold())
    plain = _DOTTED.sub(lambda match: match[0].replace(".", "") + " ", plain.replace("&", " and "))
    plain = " ".join(_SIGNS.sub(" ", plain).split())
    words = (_LONG_FORM.sub(" ", plain).split() or plain.split()) if " " in plain else plain.split()
    for dropped in _DROPPED:
        words = [word for word in words if word not in dropped] or words
    return tuple("ibn" if word in _SONS else word for word in words)


def _visible(text: str) -> str:
    """A text without the characters that only steer how others are shown."""
    return "".join(sign for sign in _ESCAPE.sub("", text) if unicodedata.category(sign) != "Cf")


def _undisguised(match: re.Match[str]) -> str:
    """A word, with its lookalikes made Latin where it has Latin letters too."""
    word = match[0]
    return word.translate(_LOOKS) if _LATIN.search(word) and _LOOKALIKE.search(word) else word


@lru_cache(50_000)
def _spelt(word: str) -> str:
    for written, sound in _SPELLINGS:
        word = word.replace(written, sound)
    return _REPEATED.sub(r"\1", word)
