"""What signs is known by its form in every text and field; what people write of their work is not taken for it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.errors import Permanent
from fntx_dagster.governance.config import read_config
from fntx_dagster.governance.mnemonic_words import mnemonic_words
from fntx_dagster.governance.secret_shapes import seems_a_secret
from fntx_dagster.services.governance.deciding import decide
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.reading import list_proposals
from fntx_dagster.services.governance.standing import end
from fntx_dagster.services.screening.parties import set_party
from fntx_dagster.services.treasury.secrets import holds_a_secret, names_a_secret, require_plain
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from tests.governance.keys import KEYS
from tests.services.governance.treasuries import FREEZE, PLATFORM, STANDING, begun, decision, intent
from tests.services.screening.conftest import BY

ROOT = Path(__file__).parents[3]
WORDS = sorted(mnemonic_words())
MNEMONICS = st.lists(st.sampled_from(WORDS), min_size=12, max_size=24).filter(lambda words: len({*words}) > 1)
PHRASE = "legal winner thank year wave sausage worth useful legal winner thank yellow"
XPRV = "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi"
SECRETS = {
    "12 words": PHRASE,
    "24 words": f"{PHRASE} {PHRASE}",
    "one that is often shown": "abandon " * 11 + "about",
    "in capitals": PHRASE.upper(),
    "with a slip": PHRASE.replace("yellow", "zebra"),
    "numbered": " ".join(f"{number}. {word}" for number, word in enumerate(PHRASE.split(), 1)),
    "on lines": PHRASE.replace(" ", "\n"),
    "with commas": PHRASE.replace(" ", ", "),
    "in a sentence": f"the words are {PHRASE}, keep them",
    "an XRPL family seed": "sEdTM1uX8pu2do5XvTnutH6HsouMaM2",
    "an XRPL family seed of secp256k1": "snoPBrXtMeMyMHUVTgbuqAfg1SUTb",
    "a Stellar seed": "SDJHRQF4GCMIIKAAAQ6IHY42X73FQFLHUULAPSKKD4DFDM7UXWWCRHBE",
    "an extended private key": XPRV,
    "a private key that xrpl-py writes": "00" + "AB" * 32,
    "hex that is called a private key": f"the private key is {'ab' * 32}",
    "hex that is called one in a field": f"private_key=0x{'AB' * 32}",
    "hex that is called a seed": f"Seed: {'ab' * 16}",
    "PEM": "-----BEGIN PRIVATE KEY-----",
}
FIELDS = ("passphrase", "mnemonic", "secret", "seed", "private_key", "privateKey", "seed-phrase", "SECRET_KEY")
REASONS = (
    "a key may be lost",
    "the key was found",
    "The coupon of March is paid to 41 holders; see the waterfall of 2026-03-31.",
    "Reverse transaction 8F2C9D0B1A6E4F5C7D8E9FA0B1C2D3E4F5061728394A5B6C7D8E9FA0B1C2D3E4, sent twice",
    f"seen on ledger 93412 as {'ab' * 32}",
    "secret ballot of the board on 4 May; the seed round is closed, and the private placement too",
    "seed phrase of the old wallet was shown on a call: rotate the signer",
    "holder rPT1Sjq2YGrBMTttX4GZHjKu9dyfzbpAYe asked to redeem 1,000 of OPTKAS.BOND",
    "GBZXN7PIRZGNMHGA7MUUUF4GWPY5AYPV6LY4UV2GL6VJGIQRXFDNMADI was authorised by mistake",
    "we can not wait any more: price will move only this week",
    "Only pay what will come next month when they have more than enough money, then stop",
)


def sentences() -> list[str]:
    """What people wrote about this project: each sentence of the documentation."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md"))]
    return [each.strip() for text in texts for each in re.split(r"(?<=[.:;?])\s|\n\n|\|", text) if each.strip()]


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS)
def test_what_signs_is_known_wherever_it_stands(text: str) -> None:
    for around in ("{}", "use {} now", "({})", 'word "{}".'):
        assert seems_a_secret(around.format(text)), around
    with pytest.raises(Permanent) as refused:
        require_plain("the reason", text)
    assert text not in str(refused.value)
    assert names_a_secret({"a": [{"b": text}]})
    assert holds_a_secret(json.dumps({"memo": {"text": text}}).encode())


@given(
    st.lists(st.sampled_from(WORDS), min_size=12, max_size=24).filter(lambda words: len({*words}) > 1),
    st.sampled_from([" ", "-", "\n", ", ", " 7 "]),
)
def test_any_words_of_a_mnemonic_are_one_in_a_text_and_in_a_list(words: list[str], between: str) -> None:
    assert seems_a_secret(between.join(words))
    assert names_a_secret({"words": words})
    assert names_a_secret(dict(zip(map(str, range(24)), words, strict=False)))


def test_every_sentence_of_the_documentation_and_whole_pages_are_no_secret() -> None:
    written = sentences()
    assert len(written) > 3000
    assert [each for each in written if seems_a_secret(each)] == []
    assert [path.name for path in sorted((ROOT / "docs").glob("*.md")) if seems_a_secret(path.read_text("utf-8"))] == []


@given(st.lists(st.sampled_from([*REASONS, *sentences()]), min_size=1, max_size=12))
def test_reasons_that_people_give_are_no_secret_however_they_follow_each_other(parts: list[str]) -> None:
    assert not names_a_secret({"reason": " ".join(parts), "parts": parts})


@pytest.mark.parametrize("reason", REASONS)
def test_a_reason_that_speaks_of_keys_is_taken(reason: str) -> None:
    require_plain("the reason", reason)


def test_hex_alone_is_no_reason_and_may_be_a_value() -> None:
    with pytest.raises(Permanent, match="private key"):
        require_plain("the reason", "ab" * 32)
    assert not names_a_secret({"invoice_id": "AB" * 32, "parties": ["good"] * 101})


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_that_is_named_after_what_signs_is_refused(name: str) -> None:
    assert names_a_secret({"intent": {name: "hunter2"}})
    assert names_a_secret([{name: 5}])
    assert not names_a_secret({name: ""})


def test_the_passphrase_of_a_network_is_none() -> None:
    assert not names_a_secret(PLATFORM)
    assert not names_a_secret({"config": PLATFORM | {"stellar": PLATFORM["stellar"] | {"passphrase": "ours alone"}}})
    assert not names_a_secret({"passphrase": "Public Global Stellar Network ; September 2015"})
    assert names_a_secret({"config": PLATFORM | {"stellar": PLATFORM["stellar"] | {"passphrase": PHRASE}}})


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS)
def test_no_error_of_a_configuration_shows_what_signs(text: str) -> None:
    signers = [PLATFORM["signers"][0] | {"xrpl": text}, *PLATFORM["signers"][1:]]
    with pytest.raises(Permanent, match=r"signers\[0\].xrpl seems to hold") as refused:
        read_config(PLATFORM | {"signers": signers})
    assert text[:10] not in str(refused.value)


def test_nothing_that_signs_is_kept_of_a_proposal_its_texts_or_a_party(database: Database, tmp_path: Path) -> None:
    settings = begun(tmp_path, database)
    memo = intent("trustline.freeze", **FREEZE["intent"]["params"] | {"memo": PHRASE})
    tried: dict[str, Any] = {
        "memo": lambda: propose(settings, database, "freeze", memo),
        "reason": lambda: propose(settings, database, "emergency.pause", {"reason": PHRASE}),
        "field": lambda: propose(settings, database, "bond.approve", {"title": "A bond", "passphrase": "x"}, ["p"]),
        "title": lambda: propose(settings, database, "bond.approve", {"title": PHRASE}, ["p"]),
        "name": lambda: set_party(settings, database, "p", PHRASE, by=BY),
        "end": lambda: end(settings, database, approved_standing(settings, database), PHRASE),
    }
    for name, attempt in tried.items():
        with pytest.raises(Permanent, match="mnemonic"):
            attempt()
        with database.connect() as connection:
            rows = connection.execute("select logged::text from treasury.audit_event as logged").fetchall()
        assert rows, "what was done before is in the log"
        assert not [row for row in rows if "winner" in row[0] or b"winner".hex() in row[0]], name
    assert len(list_proposals(database, "all")) == 1


def approved_standing(settings: Settings, db: Database) -> Any:
    proposal = propose(settings, db, "standing.approve", STANDING)
    for signer in KEYS:
        decide(settings, db, proposal, decision(db, proposal, signer))
    return proposal
