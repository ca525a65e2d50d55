"""`fntx treasury` from the first signers to a pause, as people type it, with signatures of public tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.governance.keys import KEYS, signed_by
from tests.homes import home
from tests.processes import run
from tests.services.governance.treasuries import FREEZE, PLATFORM


def test_signers_enroll_propose_decide_and_pause(used_home: Path, tmp_path: Path) -> None:
    with home(used_home) as path:
        config = tmp_path / "platform.yaml"
        config.write_text(json.dumps(PLATFORM), encoding="utf-8")  # JSON is YAML

        def treasury(*words: str, code: int = 0) -> Any:
            done = run(path, "treasury", *words, "--json", FNTX_TREASURY_CONFIG=str(config))
            assert done.returncode == code, done.stderr
            return json.loads(done.stdout) if code == 0 else done.stderr

        def file(name: str, content: Any) -> str:
            (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
            return str(tmp_path / name)

        rows = [
            {**signer, "scheme": KEYS[signer["id"]].scheme, "public_key": KEYS[signer["id"]].public.hex()}
            for signer in PLATFORM["signers"]
        ]
        unset = run(path, "treasury", "enroll", "--input", file("signers.json", {"signers": rows}), "--sign")
        assert (unset.returncode, "FNTX_TREASURY_CONFIG" in unset.stderr) == (1, True), "nobody signs for nothing"
        to_sign = treasury("enroll", "--input", file("signers.json", {"signers": rows}), "--sign")
        for row in rows:
            row["signature"] = signed_by(KEYS[row["id"]], bytes.fromhex(to_sign[row["id"]])).hex()
        assert treasury("enroll", "--input", file("signers.json", {"signers": rows})) == {"signer_set": 1}

        made = treasury("propose", "freeze", "--input", file("freeze.json", FREEZE))
        assert (made["state"], made["nonce"], made["required_roles"]) == ("pending_approval", 1, ["compliance"])
        assert "intent.op: trustline.freeze" in made["sentences"]
        for word, expected in (("treasury", "pending_approval"), ("compliance", "approved")):
            content = bytes.fromhex(made["to_sign"]["approve"]["hex"])
            own = {"signer": word, "decision": "approve", "signature": signed_by(KEYS[word], content).hex()}
            decided = treasury("decide", made["proposal"], "--file", file("decision.json", own))
            assert decided["state"] == expected
        assert "the proposal is approved" in treasury("decide", made["proposal"], "--file", file("d", own), code=1)
        assert [each["proposal"] for each in treasury("list")] == [made["proposal"]]
        assert treasury("expire") == {"expired": []}

        pause = treasury("pause", "--reason", "a key may be lost")
        content = bytes.fromhex(pause["to_sign"]["approve"]["hex"])
        own = {"signer": "trustee", "decision": "approve", "signature": signed_by(KEYS["trustee"], content).hex()}
        words = ("decide", pause["proposal"], "--file", file("decision.json", own))
        said = run(path, "treasury", *words, FNTX_TREASURY_CONFIG=str(config)).stdout
        assert said == "State: approved. Approved by trustee; rejected by nobody.\n", "`show` prints the rest"
        platform = treasury("signers")["platform"]
        assert (platform["state"], platform["proposal_id"]) == ("paused", pause["proposal"])
        assert [each["proposal_id"] for each in treasury("queue")] == [made["proposal"]]
        assert treasury("screen") == {"proposals": {}}
        assert "changes nothing of a freeze" in treasury("screen", made["proposal"], code=1)
        resume = treasury("resume", "--reason", "the key was found")
        assert treasury("cancel", resume["proposal"], "--reason", "too early")["state"] == "cancelled"
        assert [each["proposal"] for each in treasury("list", "--state", "cancelled")] == [resume["proposal"]]
        shown = run(path, "treasury", "show", made["proposal"], "--sign").stdout
        assert made["to_sign"]["reject"]["hex"] in shown
        assert "the compliance among them" in shown
