"""Checkpoints, sealed lines and proof files: what was signed or sealed holds, and any other byte does not."""

from __future__ import annotations

import copy
import json
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.audit.anchor import Anchor, as_proved, check_anchor, payload
from fntx_dagster.audit.canonical import canonical
from fntx_dagster.audit.checkpoint import Checkpoint, LogKey, opened, origin_of, read_verifier_key
from fntx_dagster.audit.event import EventSubject, LedgerPlace, LoggedEvent, NewAuditEvent, check_form, logged
from fntx_dagster.audit.proof_file import OlderTree, check_proof, proof_file, read_proof, verdict
from fntx_dagster.audit.sealing import key_id_of, read_line, seal, unsealed
from fntx_dagster.errors import Permanent
from fntx_dagster.proof.log_tree import leaf_hash, log_path, log_root
from tests.audit.vectors_of import sealed_line, whole_proof

KEY = LogKey(origin_of(bytes(range(16))), bytes(range(32)))
AT = datetime(2026, 11, 29, 2, 0, 0, tzinfo=UTC)
CHECKPOINT = Checkpoint(KEY.verifier.origin, 8, sha256(b"root").digest(), AT)
NOTE = KEY.signed(CHECKPOINT)
EVENT = NewAuditEvent("iou_issued", "signer:treasury", EventSubject("proposal", "p-1"), {"amount": "1.10"})


def event(seq: int = 0, prev_hash: bytes = bytes(32), what: NewAuditEvent = EVENT) -> LoggedEvent:
    return logged(what, seq, AT, prev_hash, bytes(16))


def test_a_note_has_the_form_that_other_programs_read() -> None:
    """The rules of Go's sumdb/note, applied by hand."""
    text, _, line = NOTE.partition("\n\n")
    dash, name, signature = line.removesuffix("\n").split(" ")
    assert (dash, name) == ("—", KEY.verifier.origin)
    key_name, key_hash, key_data = KEY.verifier.text.split("+", 2)
    data = b64decode(key_data)
    assert key_hash == sha256(f"{key_name}\n".encode() + data).hexdigest()[:8]
    assert b64decode(signature)[:4].hex() == key_hash
    Ed25519PublicKey.from_public_bytes(data[1:]).verify(b64decode(signature)[4:], f"{text}\n".encode())


def test_a_note_opens_to_what_was_signed_in_whatever_zone_its_time_was() -> None:
    assert opened(NOTE, KEY.verifier) == CHECKPOINT
    elsewhere = AT.astimezone(tz=None) + timedelta(0)
    assert KEY.signed(CHECKPOINT._replace(time=elsewhere)) == NOTE
    assert read_verifier_key(KEY.verifier.text) == KEY.verifier
    assert LogKey.read(KEY.private_text).verifier == KEY.verifier


@given(st.integers(0, len(NOTE) - 1), st.characters(codec="utf-8"))
def test_a_note_in_which_any_sign_is_another_does_not_open(at: int, sign: str) -> None:
    changed = NOTE[:at] + sign + NOTE[at + 1 :]
    if changed != NOTE:
        with pytest.raises(Permanent):
            opened(changed, KEY.verifier)


@pytest.mark.parametrize(
    "note",
    [
        NOTE + NOTE.partition("\n\n")[2],
        NOTE + "\n",
        NOTE[:-1],
        "\n" + NOTE,
        NOTE.replace("\n8\n", "\n08\n"),
        NOTE.replace("\n", "\r\n"),
        "",
    ],
)
def test_a_note_with_more_or_less_than_its_form_does_not_open(note: str) -> None:
    with pytest.raises(Permanent):
        opened(note, KEY.verifier)


def test_a_note_of_another_log_or_key_does_not_open() -> None:
    other = LogKey(origin_of(bytes(16)), bytes(range(32)))
    with pytest.raises(Permanent, match="not of the log"):
        opened(NOTE, other.verifier)
    with pytest.raises(Permanent, match="another key"):
        opened(NOTE, LogKey(KEY.verifier.origin, bytes(32)).verifier)
    with pytest.raises(Permanent, match="another log"):
        other.signed(CHECKPOINT)
    for text in (
        "",
        "a+b+c",
        KEY.verifier.text[:-1],
        KEY.verifier.text.replace("+", "+f", 1),
        KEY.verifier.text + "\n",
    ):
        with pytest.raises(Permanent):
            read_verifier_key(text)
    for text in ("", NOTE, KEY.private_text.replace("KEY+", "KEY+x"), KEY.private_text[:-3]):
        with pytest.raises(Permanent):
            LogKey.read(text)
    assert KEY.private_text.strip() not in repr(KEY)


@given(st.integers(0, 2**40), st.dictionaries(st.text(st.characters(codec="utf-8")), st.integers(0, 9)))
def test_a_line_opens_with_its_key_alone(seq: int, details: dict[str, int]) -> None:
    key = bytes(range(32))
    made = event(seq, sha256(b"before").digest(), EVENT._replace(details=details))
    line = seal(made, key, key_id_of(key), bytes(12))
    read = read_line(json.loads(json.dumps(line.as_exported())))
    assert read == line
    shown = unsealed(read, key)
    assert canonical(shown) == made.canonical
    assert (shown["seq"], shown["details"]) == (seq, details)
    with pytest.raises(Permanent, match="does not open"):
        unsealed(line, bytes(32))


@given(st.sampled_from(["seq", "nonce", "ciphertext", "prev_hash", "leaf_hash"]), st.data())
def test_a_line_in_which_anything_is_another_does_not_open(name: str, data: st.DataObject) -> None:
    exported, key = sealed_line()
    line = read_line(exported)
    old = getattr(line, name)
    if isinstance(old, int):
        new = old + data.draw(st.integers(1, 99))
    else:
        at, bit = data.draw(st.integers(0, len(old) - 1)), data.draw(st.integers(0, 7))
        new = old[:at] + bytes([old[at] ^ 1 << bit]) + old[at + 1 :]
    with pytest.raises(Permanent):
        unsealed(line._replace(**{name: new}), key)


def test_a_sealed_event_that_is_not_in_its_form_or_place_is_refused() -> None:
    key = bytes(range(32))

    def sealed(content: bytes, seq: int = 3) -> None:
        own = LoggedEvent(seq, AT, "iou_issued", bytes(32), content, leaf_hash(content))
        unsealed(seal(own, key, "k", bytes(12)), key)

    good = event(3).canonical
    sealed(good)
    for content in (good + b" ", good.replace(b'"v":1', b'"v":2'), good.replace(b'"v":1', b'"v":1,"v":1'), b"{}", b""):
        with pytest.raises(Permanent):
            sealed(content)
    with pytest.raises(Permanent, match="another place"):
        sealed(good, seq=4)


@pytest.mark.parametrize(
    "wrong",
    [
        EVENT._replace(type="party_thrown"),
        EVENT._replace(type="proposal_"),
        EVENT._replace(actor="treasury"),
        EVENT._replace(actor="signer:"),
        EVENT._replace(subject=EventSubject("", "1")),
        EVENT._replace(details={"amount": 1.1}),
        EVENT._replace(details={"amount": 2**53}),
        EVENT._replace(details={"name": "\ud800"}),
        EVENT._replace(details={"deep": [{"at": AT}]}),
        EVENT._replace(ledger=LedgerPlace("xrpl", -1, "AA", 1)),
        EVENT._replace(ledger=LedgerPlace("", 1, "AA", 1)),
    ],
)
def test_a_wrong_event_is_refused_before_it_is_hashed(wrong: NewAuditEvent) -> None:
    with pytest.raises(Permanent):
        event(what=wrong)


@pytest.mark.parametrize("name", ["proposal_approve", "transaction_lapse", "key_rotated", "compliance_check_passed"])
def test_types_and_transitions_are_events(name: str) -> None:
    made = event(what=EVENT._replace(type=name, ledger=LedgerPlace("stellar", "Test SDF Network", "ab", 7)))
    assert json.loads(made.canonical)["ledger"] == {
        "name": "stellar",
        "network": "Test SDF Network",
        "tx": "ab",
        "index": 7,
    }


@pytest.mark.parametrize("time", ["2026-11-29T01:00:00Z", "2026-13-29T01:00:00.000000Z", "2026-11-29 01:00:00.000000Z"])
def test_a_time_that_is_none_is_refused(time: str) -> None:
    content = json.loads(event().canonical)
    check_form(content)
    with pytest.raises(Permanent, match="time"):
        check_form(content | {"time": time})


def test_a_proof_file_is_made_read_and_holds() -> None:
    events = [event()]
    for seq in range(1, 6):
        events.append(event(seq, events[-1].leaf_hash))
    hashes = [each.leaf_hash for each in events]
    checkpoint = Checkpoint(KEY.verifier.origin, 6, log_root(hashes), AT)
    note = KEY.signed(checkpoint)
    anchors = [
        Anchor(6, "xrpl", "1", "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh", "A" * 64, 5),
        Anchor(6, "stellar", "Test SDF Network", "G" + "A" * 55, "b" * 64, 6),
        Anchor(6, "evm", "1", "0x" + "1" * 40, "0x" + "c" * 64, 7),
    ]
    older = OlderTree(6, checkpoint.root, [])
    for each in events:
        made = proof_file(json.loads(each.canonical), note, KEY.verifier, log_path(hashes, each.seq), older, anchors)
        checked = check_proof(read_proof(json.dumps(made).encode()))
        assert checked.event["seq"] == each.seq
        assert (checked.checkpoint, checked.key, checked.goes_on_from) == (checkpoint, KEY.verifier, 6)
        assert [*checked.anchors] == anchors
    assert (
        payload(checkpoint) == checkpoint.root + bytes(7) + b"\x06" + sha256(KEY.verifier.origin.encode()).digest()[:8]
    )
    with pytest.raises(Permanent, match="another checkpoint"):
        as_proved(anchors[0]._replace(size=5), checkpoint)
    with pytest.raises(Permanent, match="none of"):
        as_proved(anchors[0]._replace(ledger="moon"), checkpoint)


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value of a document that holds no other."""
    if isinstance(value, dict):
        return [path for name, inner in value.items() for path in paths(inner, (*at, name))]
    if isinstance(value, list):
        return [path for number, inner in enumerate(value) for path in paths(inner, (*at, number))]
    return [at]


WHOLE = whole_proof()
# What says where to ask a ledger is no part of what is signed: that ledger's answer is compared with it.
PLACES = {"network_id", "account", "tx_hash", "ledger_index", "passphrase", "ledger_sequence", "chain_id", "contract"}
PLACES |= {"block"}


@pytest.mark.parametrize("path", [path for path in paths(WHOLE) if path[-1] not in PLACES], ids=str)
@pytest.mark.parametrize("new", [None, 0.0, -1, 10**20, "", [], {}, True, "ff" * 32])
def test_a_proof_in_which_any_value_is_another_does_not_hold(path: tuple[Any, ...], new: Any) -> None:
    changed = copy.deepcopy(WHOLE)
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    if inner[path[-1]] == new and type(inner[path[-1]]) is type(new):
        return
    inner[path[-1]] = new
    shown = verdict(changed)
    assert not shown.holds
    assert shown.reason


@pytest.mark.parametrize("path", [path for path in paths(WHOLE["anchors"]) if path[-1] in PLACES], ids=str)
@pytest.mark.parametrize("new", [None, 0.5, -1, "", "x\n", [], True, "é"])
def test_a_place_on_a_ledger_that_is_none_is_refused(path: tuple[Any, ...], new: Any) -> None:
    changed = copy.deepcopy(WHOLE)
    changed["anchors"][path[0]][path[1]] = new
    assert not verdict(changed).holds


def test_a_proof_may_have_no_anchors_and_no_older_root() -> None:
    assert verdict({**WHOLE, "anchors": [], "consistency": None}).holds
    assert not verdict({name: value for name, value in WHOLE.items() if name != "anchors"}).holds
    assert not verdict({**WHOLE, "more": 1}).holds


def test_an_anchor_with_another_field_or_of_another_ledger_is_refused() -> None:
    checkpoint = check_proof(WHOLE).checkpoint
    for entry in WHOLE["anchors"]:
        assert check_anchor(entry, checkpoint).size == 8
        for wrong in ({**entry, "more": 1}, {**entry, "ledger": "Xrpl"}, {**entry, "ledger": None}, "xrpl", None):
            with pytest.raises(Permanent):
                check_anchor(wrong, checkpoint)
    upper = {**WHOLE["anchors"][0], "memo": WHOLE["anchors"][0]["memo"].upper()}
    assert check_anchor(upper, checkpoint).ledger == "xrpl"


def test_a_proof_file_that_is_too_large_or_ambiguous_is_not_read() -> None:
    text = json.dumps(WHOLE)
    assert read_proof(text.encode()) == WHOLE
    for content in (text.encode() + b" " * 10**6, text.replace('"v": 1', '"v": 1, "v": 1').encode(), b"{"):
        with pytest.raises(Permanent):
            read_proof(content)
