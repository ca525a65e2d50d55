"""verify.html on proofs of an audit log, in a real browser: it says what audit.py says."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.tools import ROOT, needs_browser
from tests.verify.audit_cases import LIES, anchored
from tests.verify.audit_logs import Log, mutations
from tests.verify.browser import Page, browser
from tests.verify.conftest import Audited
from tests.verify.ledgers import served
from tests.verify.pins import PAGE
from verify import audit as script

pytestmark = needs_browser
CASES = json.loads((ROOT / "tests/audit/vectors/audit-proofs.json").read_text(encoding="utf-8"))["cases"]
LOG = Log()


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser() as opened:
        opened.open(PAGE)
        yield opened


def checked(page: Page, files: list[bytes], urls: dict[str, str] | None = None, key: str = "") -> list[dict[str, Any]]:
    """What the page makes of files: the problem, and the verdict of each ledger."""
    texts = json.dumps([list(each) for each in files])
    return page.ask(f"""(async () => {{
      const found = [];
      for (const bytes of {texts}) {{
        const {{ problem, ledgers }} = await fntx.auditProofs.checkFile(
          Uint8Array.from(bytes), {json.dumps(urls or {})}, {json.dumps(key)});
        found.push({{ problem, ledgers }});
      }}
      return found;
    }})()""")


def test_its_hashes_and_signatures_are_those_of_the_libraries(page: Page) -> None:
    rng = random.Random(180)
    some = [rng.randbytes(length) for length in (0, 1, 55, 56, 63, 64, 65, 111, 112, 127, 128, 129, 500)]
    said = page.ask(f"""{json.dumps([list(each) for each in some])}.map((bytes) => [4, 8].map(
      (size) => fntx.hexOf(fntx.auditProofs.sha2(Uint8Array.from(bytes), size))))""")
    assert said == [[f"0x{hashlib.new(name, each).hexdigest()}" for name in ("sha256", "sha512")] for each in some]
    asked, expected = [], []
    for _ in range(6):
        secret, message = Ed25519PrivateKey.from_private_bytes(rng.randbytes(32)), rng.randbytes(50)
        key, signature = secret.public_key().public_bytes_raw(), secret.sign(message)
        at = rng.randrange(64)
        broken = signature[:at] + bytes([signature[at] ^ 1 << rng.randrange(8)]) + signature[at + 1 :]
        larger = signature[:32] + (int.from_bytes(signature[32:], "little") + script.Q).to_bytes(32, "little")
        for each in (signature, broken, larger):
            asked.append([list(part) for part in (key, message, each)])
            expected.append(each is signature)
    said = page.ask(f"""{json.dumps(asked)}.map(
      (parts) => fntx.auditProofs.isSigned(...parts.map((part) => Uint8Array.from(part))))""")
    assert said == expected


def test_of_the_published_cases_it_takes_the_whole_one_alone(page: Page) -> None:
    said = checked(page, [json.dumps(case["proof"]).encode() for case in CASES])
    assert [each["problem"] is None for each in said] == [case["expected"]["holds"] for case in CASES]
    for each, case in zip(said, CASES, strict=True):
        assert each["problem"] == script.verify(json.dumps(case["proof"]).encode())[1], case["id"]


def test_it_says_of_500_mutations_and_of_every_event_what_the_script_says(page: Page) -> None:
    content = LOG.proof(
        3, 8, [LOG.on_xrpl(8), LOG.on_stellar(8), LOG.on_evm(8, 1, "0x" + "1" * 40, "0x" + "c" * 64, 9)], 3
    )
    texts = mutations(random.Random(499), content, 500)
    texts += [
        json.dumps(LOG.proof(seq, size, older=older)).encode()
        for size in (1, 2, 5, 8, 13)
        for seq in range(size)
        for older in (None, (seq * 7) % size + 1)
    ]
    for text, each in zip(texts, checked(page, texts), strict=True):
        holds, why = script.verify(text)
        assert (each["problem"] is None) is holds, text
        # what is no proof at all is wrong usage of a command, and only does not hold on the page
        is_alike = each["problem"] == why or ("base64" in f"{why}" and "base64" in each["problem"])
        assert is_alike or f"{why}".startswith("it is"), text


def test_what_a_server_says_of_an_anchor_is_believed_in_no_other_form(page: Page) -> None:
    for name, lie in LIES.items():
        ledgers, anchors = anchored(LOG)
        lie.change(ledgers)
        with served(ledgers) as url:
            [said] = checked(page, [json.dumps(LOG.proof(2, 8, anchors)).encode()], {"xrpl": url, "stellar": url})
        verdicts = sorted(each["verdict"] for each in said["ledgers"])
        assert verdicts == sorted(["HOLDS", "DOES NOT HOLD" if lie.code == 1 else "NOT CHECKED"]), (name, said)
        assert any(lie.words in each["why"] for each in said["ledgers"]), (name, said)


def test_three_ledgers_are_asked(page: Page, audited: Audited) -> None:
    proof, [_, xrpl, _, horizon, _, rpc] = audited.proof, audited.urls
    urls = {"xrpl": xrpl, "stellar": horizon, "evm": rpc}
    changed = [
        ({}, "HOLDS", f"posted by {audited.poster.lower()}"),
        ({"chain_id": 1}, "NOT CHECKED", "the node is of another chain"),
        ({"block": 10**6}, "DOES NOT HOLD", "the transaction is in block"),
        ({"contract": "0x" + "11" * 20}, "DOES NOT HOLD", "is not FNTX's AuditAnchor"),
        ({"tx_hash": "0x" + "12" * 32}, "DOES NOT HOLD", "does not hold the transaction"),
        ({"tx_hash": audited.on_evm[5]["tx_hash"]}, "DOES NOT HOLD", "did not anchor the checkpoint in the contract"),
    ]
    files = [
        json.dumps({**proof, "anchors": [*proof["anchors"][:2], {**proof["anchors"][2], **change}]}).encode()
        for change, _, _ in changed
    ]
    for said, (_, verdict, words) in zip(checked(page, files, urls), changed, strict=True):
        assert [each["verdict"] for each in said["ledgers"]] == ["HOLDS", "HOLDS", verdict], said
        assert words in said["ledgers"][2]["why"]


def test_a_dropped_proof_is_shown_with_its_key_and_what_each_ledger_says(
    page: Page, audited: Audited, tmp_path
) -> None:
    file = tmp_path / "proof.json"
    file.write_text(json.dumps(audited.proof))

    def dropped(**typed: str) -> tuple[str, str]:
        page.open(PAGE)
        for name, text in typed.items():
            page.ask(f"document.getElementById({json.dumps(name.replace('_', '-'))}).value = {json.dumps(text)}")
        data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            page.send("Input.dispatchDragEvent", type=kind, x=300, y=200, data=data)
        page.ask("""new Promise((done) => {
          const look = () => /^(Checking|No disclosure)/.test(document.getElementById("verdict").textContent)
            ? setTimeout(look, 20) : done();
          look();
        })""")
        shown = "document.getElementById('audit')"
        return page.ask("document.getElementById('verdict').textContent"), page.ask(f"{shown}.innerText")

    _, xrpl, _, horizon, _, rpc = audited.urls
    verdict, said = dropped(xrpl=xrpl, horizon=horizon, rpc=rpc, log_key=audited.log.log_key)
    assert verdict == "Holds"
    assert audited.log.log_key in said
    assert said.count(": HOLDS") == 3
    assert "checking against one server trusts that server" in said
    verdict, said = dropped()
    assert verdict == "Not checked on a ledger: xrpl, stellar, evm. Otherwise it holds"
    assert "whether the key is the one that the log's owner publishes" in said
    assert dropped(log_key="another")[0] == "Does not hold"
    assert dropped(rpc=rpc, xrpl="ftp://x")[0] == "A URL begins with http:// or https://"
