"""A package: written, read, refused; both roots without the secret; sealed for one witness."""

from __future__ import annotations

import hmac
import json
from datetime import date, timedelta
from hashlib import sha256
from typing import Any
from unittest.mock import patch

import pytest
from Crypto.Cipher import AES
from Crypto.Protocol.DH import import_x25519_private_key, import_x25519_public_key, key_agreement

from fntx_dagster.errors import Permanent
from fntx_dagster.proof.form import checksum_of
from fntx_dagster.witness import sealing
from fntx_dagster.witness.comparison import need_roots
from fntx_dagster.witness.package import is_meant_as_a_package, parse, written
from tests.witness.examples import package, signed

# https://github.com/cfrg/draft-irtf-cfrg-hpke, the vectors of RFC 9180: mode 0, kem 0x0020, kdf 0x0001, aead 0x0002
VECTOR = {
    "info": "4f6465206f6e2061204772656369616e2055726e",
    "skRm": "497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d",
    "pkRm": "430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c",
    "enc": "6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256",
    "key": "f50b0609186798729ed0564b36ef2ef8044f1f9d05636874d1f46c819c7a669f",
    "base_nonce": "151d9929e2449747889bc923",
    "aad": "436f756e742d30",
    "ct": "e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cdad859d5b7a",
    "pt": "4265617574792069732074727574682c20747275746820626561757479",
}


def key_and_nonce(private: bytes, enc: bytes, info: bytes) -> tuple[bytes, bytes]:
    """The receiver's key schedule in the base mode, written from RFC 9180, sections 4.1 and 5.1."""
    own = import_x25519_private_key(private)
    public = own.public_key().export_key(format="raw")
    dh = bytes(key_agreement(eph_priv=own, eph_pub=import_x25519_public_key(enc), kdf=lambda shared: shared))

    def extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
        return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, "sha256")

    def expand(suite: bytes, prk: bytes, label: bytes, about: bytes, length: int) -> bytes:
        labeled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + about
        return hmac.digest(prk, labeled + b"\x01", "sha256")[:length]

    kem, suite = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x02"
    shared = expand(kem, extract(kem, b"", b"eae_prk", dh), b"shared_secret", enc + public, 32)
    about = b"\x00" + extract(suite, b"", b"psk_id_hash", b"") + extract(suite, b"", b"info_hash", info)
    secret = extract(suite, shared, b"secret", b"")
    return expand(suite, secret, b"key", about, 32), expand(suite, secret, b"base_nonce", about, 12)


def test_what_is_sealed_is_what_rfc_9180_says() -> None:
    """The test's own key schedule gives what the published vector says, and opens what is sealed here."""
    vector = {name: bytes.fromhex(text) for name, text in VECTOR.items()}
    key, nonce = key_and_nonce(vector["skRm"], vector["enc"], vector["info"])
    assert (key, nonce) == (vector["key"], vector["base_nonce"])
    cipher = AES.new(key, AES.MODE_GCM, nonce=nonce)
    cipher.update(vector["aad"])
    assert cipher.decrypt_and_verify(vector["ct"][:-16], vector["ct"][-16:]) == vector["pt"]

    assert sealing.public_key(vector["skRm"]) == vector["pkRm"]
    content = sealing.sealed(vector["pt"], vector["pkRm"])
    key, nonce = key_and_nonce(vector["skRm"], content[:32], sealing.INFO)
    assert AES.new(key, AES.MODE_GCM, nonce=nonce).decrypt_and_verify(content[32:-16], content[-16:]) == vector["pt"]
    assert sealing.unsealed(content, vector["skRm"]) == vector["pt"]


def test_a_sealed_package_opens_for_one_key_and_unchanged_alone() -> None:
    private = sealing.new_private_key()
    content = sealing.sealed(written(package()).encode(), sealing.public_key(private))
    assert parse(sealing.unsealed(content, private)) == package()
    assert not is_meant_as_a_package(b"{" + content[1:])
    assert is_meant_as_a_package(b"\n " + written(package()).encode())
    changed = [content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :] for place in (0, 31, 32, 500, -1)]
    for wrong, key in [
        (content, sealing.new_private_key()),
        *((each, private) for each in (*changed, b"", content[:40])),
    ]:
        with pytest.raises(Permanent, match="sealed for another key, or was changed"):
            sealing.unsealed(wrong, key)
    for key in (bytes(32), b"", b"\x01" + bytes(31), bytes(33)):
        with pytest.raises(Permanent, match="none of X25519"):
            sealing.sealed(b"", key)


def test_a_package_is_read_as_it_was_written_and_leads_to_both_roots_without_the_secret() -> None:
    made = package()
    assert parse(written(made)) == made
    assert parse(written(package(statements=()))) == package(statements=())
    need_roots(parse(written(made)))


def test_nothing_private_is_in_a_repr() -> None:
    made = package()
    shown = repr(made)
    day = made.days[0]
    assert day.blindings is not None
    assert day.blindings.aggregation is not None
    private = [
        "U7000001", "0.012", str(day.record.values[4]), day.record.salts[4].hex(), repr(day.record.salts[4]),
        str(day.blindings.period), *map(str, day.blindings.aggregation),
    ]  # fmt: skip
    assert not [text for text in private if text in shown]
    assert repr(day.blindings) == "Blindings()"


def spoiled(change: Any) -> bytes:
    """A package in which a function changed something, with a new checksum."""
    content = json.loads(written(package()))
    change(content)
    return json.dumps({**content, "checksum": checksum_of(content)}).encode()


def setting(*path: Any, to: Any) -> Any:
    def change(content: Any) -> None:
        for step in path[:-1]:
            content = content[step]
        content[path[-1]] = to

    return change


@pytest.mark.parametrize(
    ("path", "to", "words"),
    [
        (("format",), "fntx.package/2", "format is not fntx.package/1"),
        (("chain_id",), 31337, "chain_id is no chain's number"),
        (("chain_id",), "0", "chain_id is no chain's number"),
        (("trader",), "0x12", "trader is not an address"),
        (("account",), "../../etc", "account is not an account's id"),
        (("account",), "U7\u001b[31m", "account is not an account's id"),
        (("settings",), [], "settings is not a table"),
        (("days",), [], "days is not a list"),
        (("days", 1, "date"), "2025-07-17", "does not come after"),
        (("days", 0, "date"), "2025-02-30", "date is not a day"),
        (("days", 0, "version"), True, "version is not a number"),
        (("days", 0, "record", "values", "64"), "1", "salts does not have exactly"),
        (("days", 0, "record", "values", "4"), 5, "neither null nor a whole number"),
        (("days", 0, "record", "values", "4"), str(2**255), "neither null nor a whole number"),
        (("days", 0, "record", "values", "4"), "007", "neither null nor a whole number"),
        (("days", 0, "record", "salts", "4"), "0xff", "is not a hash"),
        (("days", 0, "blindings", "period"), "0x" + "f" * 64, "neither null nor a scalar"),
        (("days", 0, "blindings", "aggregation"), ["0x" + "0" * 64] * 2, "neither null nor three scalars"),
        (("statements", 0, "name"), "../July.xml", "is not a file's name"),
        (("statements", 0, "name"), ".hidden.xml", "is not a file's name"),
        (("statements", 0, "base64"), "QUJD", "sha256 is another one"),
        (("statements", 0, "base64"), "QUJ", "base64 is not"),
        (("statements",), [], "statements is not a list of files"),
        (("more",), 1, "does not have exactly the keys"),
    ],
)
def test_a_package_of_another_form_is_refused_with_the_field(path: Any, to: Any, words: str) -> None:
    with pytest.raises(Permanent, match=words.replace("(", r"\(")):
        parse(spoiled(setting(*path, to=to)))


@pytest.mark.parametrize(
    "content",
    [b"", b"[" * 200_000, b"{" * 50 + b"}" * 50, b"\xff\xfe", b'{"a": 1, "a": 1}', b"null", b'"', b"{}", b"1e5"],
)
def test_whatever_the_bytes_nothing_but_permanent_is_raised(content: bytes) -> None:
    with pytest.raises(Permanent):
        parse(content)


def test_each_changed_byte_is_noticed() -> None:
    text = written(package(signed(date(2025, 7, 18)), statements=())).encode()
    for place in range(0, len(text) - 2, 37):
        changed = text[:place] + (b"7" if text[place : place + 1] != b"7" else b"8") + text[place + 1 :]
        with pytest.raises(Permanent):
            parse(changed)


@pytest.mark.parametrize(
    ("path", "to", "words"),
    [
        (("days", 0, "record", "values", "13"), "1", "2025-07-17 does not lead to its root"),
        (("days", 0, "record", "salts", "13"), "0x" + "1" * 64, "2025-07-17 does not lead to its root"),
        (("days", 0, "root"), "0x" + "1" * 64, "2025-07-17 does not lead to its root"),
        (("days", 0, "extension", "values", "4"), "9", "extension of 2025-07-17 is not the one that was signed"),
        (("days", 1, "extension"), None, "extension of 2025-07-18 is left out"),
        (("days", 1, "blindings"), None, "blindings of 2025-07-18 are not those of its commitments"),
        (("trader",), "0x" + "9" * 40, "2025-07-17 does not lead to its root"),
        (("chain_id",), "1", "2025-07-17 does not lead to its root"),
    ],
)
def test_a_package_that_does_not_lead_to_its_roots_is_refused(path: Any, to: Any, words: str) -> None:
    with pytest.raises(Permanent, match=words) as refusal:
        need_roots(parse(spoiled(setting(*path, to=to))))
    assert "80100" not in str(refusal.value)


def test_a_digest_of_a_statement_is_of_its_content() -> None:
    [statement] = parse(written(package())).statements
    assert statement.sha256 == sha256(statement.content).hexdigest()


@pytest.mark.parametrize("rubbish", [b"[],", b'"a",', b'{"a":1},', b"1,", b'{"0":"1"},'])
def test_rubbish_of_many_values_is_refused_before_it_is_parsed(rubbish: bytes) -> None:
    content = b'{"days":[' + rubbish * (10_000_000 // len(rubbish)) + b"1]}"
    unparsed = patch.object(json, "loads", side_effect=AssertionError("it is parsed"))
    with unparsed, pytest.raises(Permanent, match="more values than its form can have"):
        parse(content)


def test_the_densest_package_of_many_days_is_read() -> None:
    """Each value is one digit or null, there is no white space and no statement, and it is too large for the small ones
    that are never counted."""
    content = json.loads(written(package()))
    content.pop("statements", None)
    [day, *_] = content["days"]
    for tree in (day["record"], day["extension"]):
        tree["values"] = {slot: "1" if int(slot) % 2 else None for slot in tree["values"]}
    content["days"] = [{**day, "date": f"{date(2000, 1, 1) + timedelta(days=number)}"} for number in range(300)]
    text = json.dumps({**content, "checksum": checksum_of(content)}, separators=(",", ":"))
    assert sum(map(text.count, '",[]{}')) * 8 < len(text)
    assert len(parse(text).days) == 300
