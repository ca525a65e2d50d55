"""The signers of the demos of a treasury: each has a folder with keys, as on a machine of his own, and signs by the
programs of `sign/` in processes that import nothing of ours. This program reads what they hand out, and no key."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.settings import SIGNING


class DemoSigner(NamedTuple):
    """Somebody with keys of his own: his name, his folder, and what the others may know."""

    name: str
    folder: Path
    public: dict[str, str]


class SignerCall(NamedTuple):
    """A program that somebody calls in his folder."""

    signer: DemoSigner
    program: str
    arguments: Sequence[str]


def with_keys(folder: Path, names: Sequence[str]) -> list[DemoSigner]:
    """People who have made their keys, each in a process of his own, at the same time."""
    signers = [DemoSigner(name, folder / name, {}) for name in names]
    for signer in signers:
        signer.folder.mkdir(parents=True)
    done([SignerCall(signer, "make_keys.py", ["keys"]) for signer in signers])
    return [_read(each) for each in signers]


def with_accounts(folder: Path, names: Sequence[str]) -> dict[str, DemoSigner]:
    """The owners of accounts, by name: one process makes the keys of all."""
    folder.mkdir(parents=True)
    done([SignerCall(DemoSigner("the owner", folder, {}), "make_keys.py", [f"{name}/keys" for name in names])])
    return {name: _read(DemoSigner(name, folder / name, {})) for name in names}


def _read(signer: DemoSigner) -> DemoSigner:
    public = (signer.folder / "keys" / "public.json").read_text(encoding="utf-8")
    return signer._replace(public=json.loads(public))


def words_signed(signers: Sequence[DemoSigner], words: Sequence[bytes]) -> list[str]:
    """What each signs of words that are shown to him, in hex."""
    works = [
        SignerCall(signer, "words.py", ["keys/decisions.seed", content.hex()])
        for signer, content in zip(signers, words, strict=True)
    ]
    return [said.strip() for said in done(works)]


def decisions(signers: Sequence[DemoSigner], *proposals: str) -> list[list[dict[str, Any]]]:
    """What each signer returns to approve proposals, which he was given as JSON: a decision for each of them."""
    names = [f"proposal-{number}.json" for number in range(len(proposals))]
    for signer in signers:
        for name, proposal in zip(names, proposals, strict=True):
            (signer.folder / name).write_text(proposal, encoding="utf-8")
    arguments = ["approve", *names]
    works = [SignerCall(each, "decide.py", ["keys/decisions.seed", each.name, *arguments]) for each in signers]
    return [[json.loads(each) for each in said.splitlines()] for said in done(works)]


def transactions_signed(signers: Sequence[DemoSigner], ledger: str, *files: Path) -> list[tuple[str, bytes]]:
    """What signers return of exported files: the name of each one's file, and what it holds."""
    return signed_together([(each, ledger, files) for each in signers])


def signed_together(asked: Sequence[tuple[DemoSigner, str, Sequence[Path]]]) -> list[tuple[str, bytes]]:
    """The same of signers who sign the files of a ledger at the same time: who, where, what."""
    works = [
        SignerCall(signer, f"{ledger}_transaction.py", [f"keys/{ledger}.seed", *map(str, files)])
        for signer, ledger, files in asked
    ]
    returned: list[tuple[str, bytes]] = []
    for (signer, _, files), said in zip(asked, done(works), strict=True):
        place = signer.folder / f"signed-{files[0].stem}.txt"
        place.write_text(said, encoding="utf-8")
        returned.append((str(place), said.encode()))
    return returned


def done(works: Sequence[SignerCall]) -> list[str]:
    """What programs print, called at the same time. Permanent where one fails: it says why."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-I", str(SIGNING / each.program), *each.arguments],
            cwd=each.signer.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for each in works
    ]
    said: list[str] = []
    failures: list[str] = []
    for work, process in zip(works, processes, strict=True):
        printed, complained = process.communicate()
        said.append(printed)
        if process.returncode:
            last = (complained.strip().splitlines() or ["it said nothing"])[-1]
            failures.append(f"{work.program} of {work.signer.name} ended with {process.returncode}: {last}")
    if failures:
        raise Permanent("; ".join(failures), f"The programs are in {SIGNING}")
    return said
