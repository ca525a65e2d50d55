#!/usr/bin/env python3
# ruff: noqa: T201, UP017, UP033, B905, RUF007 - it prints, and runs on Python 3.9 too
"""Checks an FNTX disclosure: does each metric in it belong to the record that a trader posted on a chain? And an FNTX
period: are its figures the sums of the days that the trader posted, none of which it shows?

    python verify.py disclosure.json                      the file agrees with itself
    python verify.py disclosure.json --root 0x...         ... and with a root that you read on the chain yourself
    python verify.py disclosure.json --rpc https://...    ... and with the contract, asked through a node
    python verify.py period.json --rpc https://...        the same of a period; --root-file has the roots of its days

Needs Python 3.9 or newer and nothing else; trusts no file or server of FNTX. Ends with 0 if the file holds, 1 if
not, 2 for wrong usage, 75 if the chain could not be asked or, for a period, nobody was asked whether a day is left out.
README.md beside this file says what it proves and what not.

How to read it: PART 1, some 150 lines, is the proof: its first 20 lines for one metric, the rest for the record on the
chain. PART 2 refuses files that are not exactly as FNTX writes them, so that no two readers understand one file
differently. PART 3 is the command and how a node is asked. PART 4 says whether a record was posted late. PART 5 is
forms, encodings and Keccak-256; its last 80 lines can be skipped if you compare `keccak256` with another one. PARTS 6
to 8 are for periods alone: their form, their proof (docs/periods.md says why it is one), and the group it stands in.
PART 9 is what witnesses say of the days, which changes no verdict.

How a record is made: a metric's value is a whole number (its decimals are in the catalogue; null is the smallest
int256). Its leaf is keccak256(keccak256(schemaHash, chainId, contract, trader, date, index, value, salt)), each of 32
bytes. Leaves stand in 64 slots, the metric's index is its slot, and pairs are hashed as keccak256(0x01, left, right),
six times, up to one root. The trader posts the root. A disclosure shows value, salt and the six siblings on the way up.
Slot 63 is the root of a second tree of the day, the extension: made alike, under a catalogue of its own.
"""

import argparse
import functools
import hashlib
import http.client
import itertools
import json
import math
import re
import sys
import threading
import urllib.error
import urllib.request
from datetime import date, datetime, timedelta, timezone
from typing import Any

# keccak256 of each catalogue that FNTX published: the versions of what the slots mean (docs/catalogue.md).
SCHEMAS = {
    "0x1cda7eed0388f7daf57281ce7d7d595d743d9bbece5e7a65c768188e478f5b4d": 1,
    "0x0e007ac5d71a4a608134bc65c676b26540f161fc09d1d4c9f212cea6be71d3fe": 2,
    "0x5512ddf6470936d5035d7c7224d7244e2cdd4b3874346e073c956cfe27b33908": 3,
    "0x908f3e578665de7d609ee81bd2ce8e117e74df733b1fe2fe6ec788e1ba426d74": 4,
}
# The same of the catalogues of extensions.
EXTENSION_SCHEMAS = {
    "0xecd78649125695a450353a769ee5ce0595bd8da10b4b942d544d0f5bf1e8a291": 1,
}
# keccak256 of each TrackRecord that FNTX published, with the address of the FNTX token in its code replaced by zeros.
CODES = {
    "0x003648da93b10afa11f2e7d843171ad329fb7cb06dd648236ea5383cd3bdeda0": 2,
}
NULL = -(2**255)
FINAL_AFTER = 12  # blocks on top of a record's, where the chain calls none final

# What only a chain can say.
STEPS = {
    "code": "whether the contract's rules are FNTX's",
    "record": "whether this root is on the chain, and the contract itself finds each metric in it",
    "posting": "who posted it, when, and whether that was late",
    "latest": "whether a later version corrects it",
}


# PART 1: THE PROOF


def leads_to_root(disclosure, metric, tree):
    """From value and salt to the leaf, from the leaf up to the root of `tree`: the disclosure, or its extension."""
    leaf = keccak256(keccak256(
        bytes_of(schema_hash(tree))
        + word(int(disclosure["chain_id"]))
        + word(disclosure["contract"])
        + word(disclosure["trader"])
        + word(yyyymmdd(disclosure))
        + word(metric["index"])
        + word(scaled_of(metric))
        + bytes_of(metric["salt"])
    ))  # fmt: skip
    node = leaf
    for level, sibling in enumerate(map(bytes_of, metric["path"])):
        is_right = metric["index"] >> level & 1  # the index's bits say on which side the node stands
        node = keccak256(b"\x01" + (sibling + node if is_right else node + sibling))
    return hex_of(node) == tree["root"]


def slot_63(extension):
    """The record's metric whose value is the extension's root."""
    shown = {"index": 63, "name": "the extension's root", "scaled": str(number_of(extension["root"]))}
    return {**shown, "salt": extension["salt"], "path": extension["path"]}


def check(disclosure, root=None):
    """The problems of a disclosure that was read: metrics that do not lead to its root, and another root than yours."""
    problems, extension = [], disclosure.get("extension")
    if root is not None and root.lower() != disclosure["root"]:
        problems.append("root is not the one that was given")
    for metric in disclosure["metrics"]:
        if not leads_to_root(disclosure, metric, disclosure):
            problems.append(f"{metric['name']} (slot {metric['index']}) does not lead to the root")
    for metric in extension["metrics"] if extension else []:
        if not leads_to_root(disclosure, metric, extension):
            name = f"{metric['name']} (slot {metric['index']} of the extension)"
            problems.append(f"{name} does not lead to the extension's root")
    if extension and not leads_to_root(disclosure, slot_63(extension), disclosure):
        problems.append("the extension's root (slot 63) does not lead to the root")
    return problems


class ChainCheck:
    """What a chain answered: `unchecked` has each of STEPS that was not made, and why; `latest` is a later version."""

    def __init__(self, why, steps=STEPS):
        self.problems, self.notes, self.unchecked = [], [], dict.fromkeys(steps, why)
        self.latest: int | None = None


def check_on_chain(disclosure, url):
    """What a node says about the record, as a ChainCheck; NoVerdict if it says nothing, or is of another chain."""
    chain_id, contract, version = int(disclosure["chain_id"]), disclosure["contract"], disclosure["version"]
    served = int(ask(url, "eth_chainId"), 16)
    if served != chain_id:
        raise NoVerdict(
            f"the node is of another chain: it serves chain {served}, the disclosure is of chain {chain_id}"
        )
    chain = ChainCheck("the check ended before it")

    # 1. The contract has the code whose rules are known: since its deployment nobody can change or delete a record in
    # it. What the deployment itself wrote, its code does not show: hence step 3, and hence you have to know the
    # contract's address.
    del chain.unchecked["code"]
    if not is_known_code(contract, url):
        chain.problems.append(f"the contract {contract} is not FNTX's TrackRecord")
        return chain

    # 2. It holds this root and this catalogue for this trader, day and version, and itself finds each metric in it. Of
    # an extension it finds the root, as slot 63; what lies below that was checked here.
    day = word(disclosure["trader"]) + word(yyyymmdd(disclosure))
    stored = call(url, contract, "versionOf(address,uint32,uint32)", day + word(version))
    posted_at, stored_version = number(stored, 2), number(stored, 3)
    if stored_version != version:
        chain.problems.append(f"the contract has no version {version} of this trader's record of {disclosure['date']}")
    else:
        if hex_of(stored[:32]) != disclosure["root"]:
            chain.problems.append("the contract has another root")
        if hex_of(stored[32:64]) != schema_hash(disclosure):
            chain.problems.append("the contract has another catalogue's hash")
        extension = disclosure.get("extension")
        for metric in disclosure["metrics"] + ([slot_63(extension)] if extension else []):
            proof = word(version) + word(metric["index"]) + word(scaled_of(metric))
            proof += b"".join(map(bytes_of, [metric["salt"], *metric["path"]]))
            function = "verifyMetric(address,uint32,uint32,uint256,int256,bytes32,bytes32[6])"
            if number(call(url, contract, function, day + proof), 0) != 1:
                name = f"{metric['name']} (slot {metric['index']})"
                chain.problems.append(f"the contract does not find {name} in the record")
    del chain.unchecked["record"]
    if chain.problems:
        return chain

    # 3. The transaction that the discloser names is the trader's own, and it posted this very record at that time.
    check_posting(disclosure, url, posted_at, chain)

    # 4. The contract holds no later version.
    latest = number(call(url, contract, "recordOf(address,uint32)", day), 3)
    chain.latest = latest if latest > version else None
    del chain.unchecked["latest"]
    return chain


def is_known_code(contract, url):
    """Whether the contract's code is one that FNTX published. Deployments differ by the token's address alone, behind
    the instruction PUSH32 (0x7f)."""
    code = bytes_of(ask(url, "eth_getCode", contract, "latest"))
    token = call(url, contract, "fntx()")[:32] if code else b""
    return hex_of(keccak256(code.replace(b"\x7f" + token, b"\x7f" + bytes(len(token))))) in CODES


def check_posting(disclosure, url, posted_at, chain):
    """Add to `chain` what the named transaction shows. Without it, trader and time are but the contract's word."""
    transaction = disclosure["transaction"]
    receipt = transaction and ask(url, "eth_getTransactionReceipt", transaction)
    if receipt is None:
        known = "this node does not know the transaction" if transaction else "the disclosure names no transaction"
        chain.unchecked["posting"] = known
        return
    time = int(ask(url, "eth_getBlockByHash", receipt["blockHash"], False)["timestamp"], 16)
    del chain.unchecked["posting"]
    parties, schema = [str(receipt["from"]).lower(), str(receipt["to"]).lower()], schema_hash(disclosure)
    if int(receipt["status"], 16) != 1 or not any(is_posting(log, disclosure, schema) for log in receipt["logs"]):
        chain.problems.append(f"the transaction {transaction} did not post this record")
    elif parties != [disclosure["trader"].lower(), disclosure["contract"].lower()]:
        chain.problems.append(f"the transaction {transaction} was not sent by the trader to the contract")
    elif time != posted_at:
        chain.problems.append(f"the transaction {transaction} was mined at another time than the contract says")
    else:
        chain.notes.append(timing(disclosure["date"], posted_at))
        mined_in = int(receipt["blockNumber"], 16)
        depth = max(int(ask(url, "eth_blockNumber"), 16) - mined_in, 0)
        if depth < FINAL_AFTER and not is_finalized(url, mined_in):
            chain.notes.append(
                f"NOT FINAL: the record's block has {depth} blocks after it and is not finalized: "
                "the chain may still drop it"
            )


def is_posting(log, record, schema):
    """Whether a transaction's log says that the contract stored this very record."""
    event = keccak256(b"DailyRecordPosted(address,uint32,bytes32,bytes32,uint32)")
    topics = [hex_of(event), hex_of(word(record["trader"])), hex_of(word(yyyymmdd(record)))]
    data = schema + record["root"][2:] + word(record["version"]).hex()
    return log["address"].lower() == record["contract"].lower() and log["topics"] == topics and log["data"] == data


# PART 2: READING THE FILE

FORMAT = "fntx.disclosure/1"
FORMAT_WITH_EXTENSION = "fntx.disclosure/2"
MAX_BYTES = 1_000_000
KEYS = ["catalogue", "chain_id", "checksum", "contract", "date", "format", "metrics"]
KEYS += ["root", "trader", "transaction", "version"]
EXTENSION_KEYS = ["catalogue", "metrics", "path", "root", "salt"]
METRIC_KEYS = ["decimals", "index", "name", "path", "salt", "scaled", "unit", "value"]
# Texts (kept) and the space between tokens (dropped). A text that is not ended goes on to the end of the file: so the
# time to look through a file grows with its length, and not with the square of it.
TEXT_OR_SPACE = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z))|[ \t\r\n]+', re.DOTALL)


def verify(text, root=None):
    """(holds, problems) of a disclosure's text (str or bytes), without a chain; `root`: 0x..., known from elsewhere."""
    try:
        problems = check(read(text), root)
    except Refused as refusal:
        problems = [str(refusal)]
    return not problems, problems


class Refused(Exception):
    """Something in the file is not as FNTX writes it; the message names the field."""


def read(text):
    """The disclosure as a dict, if every field of it has the right form; else Refused."""
    content = read_json("the disclosure", text, MAX_BYTES)
    is_extended = type(content) is dict and content.get("format") == FORMAT_WITH_EXTENSION
    need_keys("the disclosure", content, sorted([*KEYS, "extension"]) if is_extended else KEYS)
    is_known = is_extended or content["format"] == FORMAT
    need(is_known, f"format is neither {FORMAT} nor {FORMAT_WITH_EXTENSION}")
    chain_id = content["chain_id"]
    need(is_number(chain_id) and 0 < int(chain_id) < 2**256, "chain_id is no chain's number")
    for field in ("contract", "trader"):
        need(matches("0x[0-9a-fA-F]{40}", content[field]), f"{field} is not an address")
    need(is_day(content["date"]), "date is not a day from 1970-01-01 to 9999-12-31")
    version = content["version"]
    need(type(version) is int and 1 <= version < 2**32, "version is not a number from 1 to 4294967295")
    need(is_hash(content["root"]), "root is not a hash")
    need(content["transaction"] is None or is_hash(content["transaction"]), "transaction is neither a hash nor null")
    slots = read_catalogue("catalogue", content, SCHEMAS)
    read_metrics("metrics", content["metrics"], slots, 0 if is_extended else 1)
    if is_extended:
        read_extension(content["extension"], slots)
    # The checksum finds a change on the way. It is no proof of origin: whoever changes the file can compute it anew.
    need(is_hash(content["checksum"]), "checksum is not a hash")
    checksum = hex_of(keccak256(canonical(content, ["checksum"])))
    need(content["checksum"] == checksum, "checksum is another one: the file was changed")
    return content


def read_json(what, text, most):
    """The content of JSON that could not be written in another way; else Refused."""
    need(len(text) <= most, f"{what} has more than {most} bytes")
    need(text.isascii(), f"{what} is not plain ASCII text")
    text = text if isinstance(text, str) else text.decode("ascii")
    # Python's JSON reader recurses: no file of ours has more than 100 brackets within each other.
    brackets = re.sub(r"[^][{}]+", "", TEXT_OR_SPACE.sub("", text))
    depths = itertools.accumulate(1 if bracket in "[{" else -1 for bracket in brackets)
    need(max(depths, default=0) <= 100, f"{what} is not JSON")
    try:
        content = json.loads(text)
        again = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    except (ValueError, RecursionError):
        raise Refused(f"{what} is not JSON") from None
    # Readers of JSON differ (which of two equal keys counts?), so there is one way to write it. Only space is free.
    compact = TEXT_OR_SPACE.sub(lambda match: match[1] or "", text)
    as_written = "a key twice, or a number or text in another notation"
    need(compact == again, f"{what} is not JSON as FNTX writes it: {as_written}")
    return content


def canonical(content, without):
    """A content as JSON with sorted keys and no spaces, some of its keys left out."""
    rest = {key: content[key] for key in content if key not in without}
    return json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()


def read_catalogue(where, tree, schemas):
    """The slots of a tree's catalogue, by index."""
    catalogue = tree["catalogue"]
    is_published = type(catalogue) is str and schema_hash(tree) in schemas
    need(is_published, f"{where} is not one that FNTX published")
    return {slot["index"]: slot for slot in json.loads(catalogue)["metrics"]}


def read_extension(extension, slots):
    """Refused unless an extension has the right form; `slots`: of the record, with one for the extension's root."""
    need_keys("extension", extension, EXTENSION_KEYS)
    need(63 in slots, "catalogue has no slot for an extension")
    its_slots = read_catalogue("extension.catalogue", extension, EXTENSION_SCHEMAS)
    is_root = is_hash(extension["root"]) and number_of(extension["root"]) != NULL
    need(is_root, "extension.root is not a hash that a slot can hold")
    need(is_hash(extension["salt"]), "extension.salt is not a hash")
    need_path("extension.path", extension["path"])
    read_metrics("extension.metrics", extension["metrics"], its_slots, 1)


def read_metrics(where, metrics, slots, least):
    """Refused unless it is a list of metrics of the right form, each slot once."""
    is_list = type(metrics) is list and least <= len(metrics) <= 64
    need(is_list, f"{where} is not a list of {least} to 64 metrics")
    seen = set()
    for place, metric in enumerate(metrics):
        read_metric(f"{where}[{place}]", metric, slots)
        need(metric["index"] not in seen, f"{where}[{place}].index is there twice")
        seen.add(metric["index"])


def read_metric(where, metric, slots):
    """Refused unless a metric has the right form, is the catalogue's, and its text says what was signed."""
    need_keys(where, metric, METRIC_KEYS)
    index, scaled = metric["index"], metric["scaled"]
    need(type(index) is int and index in slots, f"{where}.index is not a slot of the catalogue")
    for field in ("name", "unit", "decimals"):
        is_same = json.dumps(metric[field]) == json.dumps(slots[index][field])  # 1 is neither 1.0 nor true
        need(is_same, f"{where}.{field} is not the catalogue's")
    fits = scaled is None or (is_number(scaled) and NULL < int(scaled) < -NULL)
    need(fits, f"{where}.scaled is neither null nor a whole number that int256 holds")
    value = None if scaled is None else text_of(int(scaled), metric["unit"], metric["decimals"])
    need(value != "", f"{where}.scaled stands for no letters")
    need(metric["value"] == value, f"{where}.value is not what scaled says")
    need(is_hash(metric["salt"]), f"{where}.salt is not a hash")
    need_path(f"{where}.path", metric["path"])


# PART 3: THE COMMAND, AND ASKING A NODE

SECONDS = 30  # that a node has for the whole of one answer
OTHER_FILES = {
    b"epoch": "a day of a pool, not a disclosure: `fntx aggregate verify` checks it",
    b"package": "a witness's package, not a proof: what witnesses say is on the chain, see --witness",
    b"witness": "a witness's report, not a proof: what witnesses say is on the chain, see --witness",
    b"series": "several days of a trader: the page verify.html checks it",
    b"share": "a proof of a share of a signal: `fntx verify` checks it",
    b"signals": "revealed signals: `fntx verify` checks them",
}


def main():
    parser = argparse.ArgumentParser(description="Check an FNTX disclosure or period.")
    parser.add_argument("file", help="the disclosure or the period, a JSON file")
    parser.add_argument("--rpc", metavar="URL", help="a node of the disclosure's chain, to ask the contract")
    parser.add_argument("--root", metavar="0x...", help="the record's root, if you know it from the chain")
    parser.add_argument(
        "--root-file", metavar="FILE", help="of a period: lines with date, version and root of each day"
    )
    parser.add_argument("--audience", metavar="TEXT", help="of a period: whom it has to be for")
    parser.add_argument(
        "--witness", metavar="0x...=NAME", action="append", default=[], help="a witness that you know; once for each"
    )
    parser.add_argument("--attestations", metavar="0x...", help="the contract of attestations, if it is another one")
    given = parser.parse_args()
    if not all(matches("0x[0-9a-fA-F]{40}=.*[^ ].*", witness) for witness in given.witness):
        parser.error("--witness: give 0x and 40 hex digits, =, the name")
    if given.attestations is not None and not matches("0x[0-9a-fA-F]{40}", given.attestations):
        parser.error("--attestations: give 0x and 40 hex digits")
    if given.rpc is not None and not re.match("(?i)https?://", given.rpc):
        parser.error("--rpc: give a URL that begins with http:// or https://")
    if given.root is not None and not matches("0x[0-9a-fA-F]{64}", given.root):
        parser.error("--root: give 0x and 64 hex digits")
    if given.root is not None and given.rpc is not None:
        parser.error("give one of --rpc and --root: a node is asked for the root itself")
    try:
        with open(given.file, "rb") as file:
            text = file.read(PERIOD_BYTES + 1)
    except OSError as error:
        parser.error(f"cannot read {given.file}: {error.strerror}")
    if other := re.search(rb'"format"\s*:\s*"fntx\.(epoch|package|witness|series|share|signals)/', text):
        parser.error(f"{given.file} is {OTHER_FILES[other[1]]}")
    if re.search(rb'"format"\s*:\s*"fntx\.period/', text):
        return main_of_period(text, given, parser)
    if given.root_file is not None or given.audience is not None:
        parser.error("--root-file and --audience go with a period")
    is_object = text.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    if not is_object or not (b"fntx.disclosure" in text or b'"root"' in text):
        parser.error(f"{given.file} is neither a disclosure nor a period")
    try:
        disclosure = read(text)
    except Refused as refusal:
        print(f"DOES NOT HOLD: {refusal}")
        return 1

    print("Record of {date}, version {version}, of trader {trader}".format(**disclosure))
    print("in contract {contract} on chain {chain_id}".format(**disclosure))
    extension = disclosure.get("extension")
    of_record = [(metric, leads_to_root(disclosure, metric, disclosure)) for metric in disclosure["metrics"]]
    leads_on = extension and leads_to_root(disclosure, slot_63(extension), disclosure)
    of_extension = [
        (metric, leads_on and leads_to_root(disclosure, metric, extension))
        for metric in (extension["metrics"] if extension else [])
    ]
    for metric, leads in of_record + of_extension:
        verdict = "leads to the root" if leads else "DOES NOT LEAD TO THE ROOT"
        value = "null (not defined)" if metric["value"] is None else f"{metric['value']} {unit_of(disclosure, metric)}"
        print(f"  {metric['name']}: {value}: {verdict}")
    problems = check(disclosure, given.root)
    chain = ChainCheck("the file by itself does not hold" if problems else "give --rpc")
    if given.root and not problems:
        chain.unchecked["record"] = "you gave the root; give --rpc for the rest"
    if given.rpc and not problems:
        try:
            chain = check_on_chain(disclosure, given.rpc)
        except (NoVerdict, ValueError, TypeError, KeyError, AttributeError, OverflowError, OSError) as error:
            return no_verdict(error)
        problems = chain.problems
    told = witness_lines(disclosure, [disclosure], given) if given.rpc and not problems else []
    return conclude(problems, chain, STEPS, told)


def no_verdict(error):
    """What is printed where a node gave no verdict; the exit code."""
    why = error if isinstance(error, NoVerdict) else "the node's answer is not a node's"
    print("- the file agrees with itself, and no more is known")
    print(f"NOT CHECKED ON THE CHAIN: {why}. Try again, or name another node")
    return 75


def conclude(problems, chain, steps, told):
    """The last lines that are printed, with what witnesses have `told`; the exit code."""
    for line in problems + chain.notes + told:
        print(f"- {line}")
    for step, why in chain.unchecked.items():
        print(f"NOT CHECKED: {steps[step]} ({why})")
    print("NOT CHECKED: whether the trader's and the contract's address are the ones you expect: compare them")
    print(verdict_of(problems, chain))
    if problems:
        return 1
    return 75 if "history" in chain.unchecked else 0  # of a period a day may be left out


def verdict_of(problems, chain):
    if problems:
        return "DOES NOT HOLD"
    holds = "HOLDS, as far as checked" if chain.unchecked else "HOLDS"
    return f"{holds}, but is superseded by version {chain.latest}" if chain.latest else holds


def unit_of(disclosure, metric):
    """The unit as people read it: an amount needs the letters of its currency, which are a metric of their own."""
    if metric["unit"] != "base_currency":
        return metric["unit"]
    letters = [other["value"] for other in disclosure["metrics"] if other["name"] == "base_currency"]
    return (letters and letters[0]) or "(in the account's base currency, which is not disclosed)"


class NoVerdict(Exception):
    """The node did not answer, or not as a node of the disclosure's chain does."""


class Declined(NoVerdict):
    """The node answered that it does not answer this question, or too much to be read; another one it may."""


def is_finalized(url, block_number):
    """Whether the chain calls that block final; a node that does not know the word says nothing."""
    try:
        return int(ask(url, "eth_getBlockByNumber", "finalized", False)["number"], 16) >= block_number
    except (NoVerdict, ValueError, TypeError, KeyError):
        return False


def call(url, contract, function, arguments=b""):
    """What a function of the contract answers, as bytes."""
    data = hex_of(keccak256(function.encode())[:4] + arguments)
    return bytes_of(ask(url, "eth_call", {"to": contract, "data": data}, "latest"))


def ask(url, method, *params) -> Any:
    """A node's answer to one JSON-RPC question: any JSON."""
    question = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    try:
        answer = json.loads(fetched(url, question))
        if "revert" in str(answer.get("error", "")):
            return "0x"  # a contract that does not know the function
        return answer["result"]
    except (OSError, ValueError, KeyError, AttributeError, RecursionError, http.client.HTTPException) as error:
        is_answer = isinstance(error, (urllib.error.HTTPError, ValueError, KeyError))
        kind = Declined if is_answer else NoVerdict
        raise kind(f"the node does not answer {method} ({type(error).__name__})") from None


def fetched(url, question):
    """The body of a node's answer, of 10 MB at most, all of it within SECONDS; else OSError or HTTPException."""
    ended = []

    def fetch():
        headers = {"Content-Type": "application/json", "User-Agent": "fntx-verify"}
        try:
            request = urllib.request.Request(url, question, headers)
            with urllib.request.build_opener(NoRedirect).open(request, timeout=SECONDS) as response:
                ended.append(response.read(10_000_000))
        except Exception as error:  # raised again in the thread that waits
            ended.append(error)

    # A socket's timeout is for each read: a node that drips bytes, of its headers too, would hold us for ever.
    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    thread.join(SECONDS)
    result = ended[0] if ended else TimeoutError()
    if isinstance(result, Exception):
        raise result
    return result


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Asks the node that was named, and no other."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        return None


# PART 4: WHETHER IT WAS POSTED LATE

LATE_AFTER = 24 * 3600  # seconds behind the session's close
# The days from Monday to Friday, as mmdd, on which the New York Stock Exchange is closed / closes at 13:00 and not at
# 16:00. It publishes them on its site; what lies ahead is by its rules.
HOLIDAYS = {
    "2007": "0101 0102 0115 0219 0406 0528 0704 0903 1122 1225 / 0703 1123 1224",
    "2008": "0101 0121 0218 0321 0526 0704 0901 1127 1225 / 0703 1128 1224",
    "2009": "0101 0119 0216 0410 0525 0703 0907 1126 1225 / 1127 1224",
    "2010": "0101 0118 0215 0402 0531 0705 0906 1125 1224 / 1126",
    "2011": "0117 0221 0422 0530 0704 0905 1124 1226 / 1125",
    "2012": "0102 0116 0220 0406 0528 0704 0903 1029 1030 1122 1225 / 0703 1123 1224",
    "2013": "0101 0121 0218 0329 0527 0704 0902 1128 1225 / 0703 1129 1224",
    "2014": "0101 0120 0217 0418 0526 0704 0901 1127 1225 / 0703 1128 1224",
    "2015": "0101 0119 0216 0403 0525 0703 0907 1126 1225 / 1127 1224",
    "2016": "0101 0118 0215 0325 0530 0704 0905 1124 1226 / 1125",
    "2017": "0102 0116 0220 0414 0529 0704 0904 1123 1225 / 0703 1124",
    "2018": "0101 0115 0219 0330 0528 0704 0903 1122 1205 1225 / 0703 1123 1224",
    "2019": "0101 0121 0218 0419 0527 0704 0902 1128 1225 / 0703 1129 1224",
    "2020": "0101 0120 0217 0410 0525 0703 0907 1126 1225 / 1127 1224",
    "2021": "0101 0118 0215 0402 0531 0705 0906 1125 1224 / 1126",
    "2022": "0117 0221 0415 0530 0620 0704 0905 1124 1226 / 1125",
    "2023": "0102 0116 0220 0407 0529 0619 0704 0904 1123 1225 / 0703 1124",
    "2024": "0101 0115 0219 0329 0527 0619 0704 0902 1128 1225 / 0703 1129 1224",
    "2025": "0101 0109 0120 0217 0418 0526 0619 0704 0901 1127 1225 / 0703 1128 1224",
    "2026": "0101 0119 0216 0403 0525 0619 0703 0907 1126 1225 / 1127 1224",
    "2027": "0101 0118 0215 0326 0531 0618 0705 0906 1125 1224 / 1126",
    "2028": "0117 0221 0414 0529 0619 0704 0904 1123 1225 / 0703 1124",
    "2029": "0101 0115 0219 0330 0528 0619 0704 0903 1122 1225 / 0703 1123 1224",
    "2030": "0101 0121 0218 0419 0527 0619 0704 0902 1128 1225 / 0703 1129 1224",
    "2031": "0101 0120 0217 0411 0526 0619 0704 0901 1127 1225 / 0703 1128 1224",
    "2032": "0101 0119 0216 0326 0531 0618 0705 0906 1125 1224 / 1126",
    "2033": "0117 0221 0415 0530 0620 0704 0905 1124 1226 / 1125",
    "2034": "0102 0116 0220 0407 0529 0619 0704 0904 1123 1225 / 0703 1124",
    "2035": "0101 0115 0219 0323 0528 0619 0704 0903 1122 1225 / 0703 1123 1224",
    "2036": "0101 0121 0218 0411 0526 0619 0704 0901 1127 1225 / 0703 1128 1224",
    "2037": "0101 0119 0216 0403 0525 0619 0703 0907 1126 1225 / 1127 1224",
    "2038": "0101 0118 0215 0423 0531 0618 0705 0906 1125 1224 / 1126",
    "2039": "0117 0221 0408 0530 0620 0704 0905 1124 1226 / 1125",
    "2040": "0102 0116 0220 0330 0528 0619 0704 0903 1122 1225 / 0703 1123 1224",
}


def timing(day, posted_at):
    """When a day's record was posted, in words; `posted_at` is Unix time."""
    said = f"posted at {datetime.fromtimestamp(posted_at, timezone.utc):%Y-%m-%d %H:%M:%S} UTC, by the chain's clock"
    if day[:4] not in HOLIDAYS:
        return f"{said}; whether that was late is NOT CHECKED: the exchange's sessions of {day[:4]} are not known here"
    behind, end = posted_at - over_at(day), "the session's close"
    if closing(day) is None:
        end = "the end of the day in UTC, which is no day of the New York Stock Exchange"
    if behind < 0:
        return f"{said}, before the session was over: the figures cannot be that session's"
    late = ", late: it does not show that the figures were fixed on the day" if behind > LATE_AFTER else ""
    return f"{said}, {in_words(behind)} after {end}{late}"


def over_at(day):
    """When a day's session is over, as Unix time; on a day without one, that of a market that never closes."""
    closed_at = closing(day)
    midnight = int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp())
    return midnight + 24 * 3600 if closed_at is None else closed_at


def closing(day):
    """When the exchange's session of a day ends, as Unix time; None if it has none."""
    then = date.fromisoformat(day)
    closed, early = (days.split() for days in HOLIDAYS[day[:4]].split("/"))
    mmdd = f"{then:%m%d}"
    if then.weekday() > 4 or mmdd in closed:
        return None
    is_summer = sunday(then.year, 3, 2) <= then < sunday(then.year, 11, 1)
    hour = (13 if mmdd in early else 16) + (4 if is_summer else 5)  # New York's hour, and how far it is behind UTC
    return int(datetime(then.year, then.month, then.day, hour, tzinfo=timezone.utc).timestamp())


def sunday(year, month, nth):
    first = date(year, month, 1)
    return date(year, month, 1 + (6 - first.weekday()) + 7 * (nth - 1))


def in_words(seconds):
    """Hours to a tenth, from two days on days."""
    unit, name = (3600, "hours") if seconds < 48 * 3600 else (86400, "days")
    tenths = (seconds * 10 + unit // 2) // unit
    return f"{tenths // 10:,}.{tenths % 10} {name}"


# PART 5: FORMS, ENCODINGS, THE HASH


def need(condition, otherwise):
    if not condition:
        raise Refused(otherwise)


def need_keys(where, content, keys):
    is_so = type(content) is dict and sorted(content) == keys
    need(is_so, f"{where} does not have exactly the keys {', '.join(keys)}")


def need_path(where, path):
    need(type(path) is list and len(path) == 6 and all(map(is_hash, path)), f"{where} is not 6 hashes")


def matches(pattern, value):
    return type(value) is str and re.fullmatch(pattern, value) is not None


def is_hash(value):
    return matches("0x[0-9a-f]{64}", value)


def is_number(value):
    return matches("0|-?[1-9][0-9]{0,77}", value)


def is_day(value):
    try:
        return matches("[0-9]{4}-[0-9]{2}-[0-9]{2}", value) and date.fromisoformat(value).year >= 1970
    except ValueError:
        return False


def yyyymmdd(disclosure):
    return int(disclosure["date"].replace("-", ""))


def schema_hash(tree):
    """keccak256 of a tree's catalogue: what its slots mean is part of every leaf."""
    return hex_of(keccak256(tree["catalogue"].encode("ascii")))


def number_of(root):
    """A root as the number that a slot holds."""
    return int.from_bytes(bytes_of(root), "big", signed=True)


def scaled_of(metric):
    """The number that was signed."""
    return NULL if metric["scaled"] is None else int(metric["scaled"])


def text_of(scaled, unit, decimals):
    """A signed number as people read it; "" where it stands for no letters."""
    if unit == "sha256":
        return word(scaled).hex()
    if unit == "ascii_letters":
        letters = word(scaled).lstrip(b"\0")
        return letters.decode("ascii") if all(0x20 <= letter <= 0x7E for letter in letters) else ""
    digits = str(abs(scaled)).rjust(decimals + 1, "0")
    point = len(digits) - decimals
    return ("-" if scaled < 0 else "") + digits[:point] + ("." + digits[point:] if decimals else "")


def word(value):
    """32 bytes: a number in two's complement, or an address."""
    if isinstance(value, str):
        return bytes(12) + bytes_of(value)
    return (value % 2**256).to_bytes(32, "big")


def number(words, place):
    return int.from_bytes(words[32 * place : 32 * place + 32], "big")


def bytes_of(text):
    return bytes.fromhex(text[2:])


def hex_of(content):
    return "0x" + content.hex()


@functools.lru_cache(maxsize=16)  # the catalogues' are asked for again and again
def keccak256(data):
    """Keccak-256 as Ethereum uses it (hashlib's sha3_256 pads otherwise)."""
    return keccak256_of_each([data])[0]


def keccak256_of_each(messages):
    """Keccak-256 of messages of one length, side by side: a lane of the state is a number with 64 bits for each."""
    count, length = len(messages), len(messages[0])
    end = bytearray(136 - length % 136)
    end[0] ^= 0x01
    end[-1] ^= 0x80
    padded = [message + end for message in messages]
    state = [0] * 25
    for start in range(0, len(padded[0]), 136):
        for lane in range(17):
            place = start + 8 * lane
            state[lane] ^= int.from_bytes(b"".join([each[place : place + 8] for each in padded]), "little")
        state = keccak_f(state, count)
    lanes = [lane.to_bytes(8 * count, "little") for lane in state[:4]]
    return [b"".join([lane[place : place + 8] for lane in lanes]) for place in range(0, 8 * count, 8)]


def keccak_f(a, count):
    """The permutation: 24 rounds over 25 lanes of 64 bits, lane x + 5y; of so many messages side by side."""
    ones, full, low = masks(count)
    for constant in ROUNDS:
        c = [a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20] for x in range(5)]
        d = [c[x - 1] ^ rotated(c[(x + 1) % 5], 1, full, low) for x in range(5)]
        b = [rotated(a[source] ^ d[source % 5], turns, full, low) for source, turns in MOVES]
        a = [b[i] ^ ((full ^ b[i - i % 5 + (i + 1) % 5]) & b[i - i % 5 + (i + 2) % 5]) for i in range(25)]
        a[0] ^= constant * ones
    return a


def rotated(lane, turns, full, low):
    return lane << turns & (full ^ low[turns]) | lane >> 64 - turns & low[turns]


@functools.lru_cache(maxsize=4)
def masks(count):
    """1 in each of so many places of 64 bits; all bits of them; by number their lowest bits."""
    ones = int.from_bytes(b"\1\0\0\0\0\0\0\0" * count, "little")
    return ones, ones * (2**64 - 1), [ones * (2**turns - 1) for turns in range(64)]


def round_constants():
    register, constants = 1, []
    for _ in range(24):
        constant = 0
        for power in range(7):
            constant |= (register & 1) << (2**power - 1)
            register = register << 1 ^ (0x171 if register & 0x80 else 0)
        constants.append(constant)
    return constants


def lane_moves():
    """For each lane of the result: which lane goes there, and turned by how many bits."""
    moves = [(0, 0)] * 25
    x, y, turns = 1, 0, 0
    for step in range(24):
        turns += step + 1
        moves[y + 5 * ((2 * x + 3 * y) % 5)] = (x + 5 * y, turns % 64)
        x, y = y, (2 * x + 3 * y) % 5
    return moves


ROUNDS, MOVES = round_constants(), lane_moves()


# PART 6: A PERIOD: FIGURES OF MANY DAYS, WITHOUT THE DAYS

PERIOD = "fntx.period/1"
PERIOD_BYTES = 16_000_000
FIELDS = ["net_pnl", "log_return", "external_flow", "turnover", "costs"]
FIELDS += ["wins", "losses", "break_evens", "opening_nav", "closing_nav"]
# What can be shown: an item that is a total, and its field; then the others.
TOTALS = {"net_pnl": 0, "twr": 1, "external_flow": 2, "turnover": 3, "costs": 4, "wins": 5, "losses": 6}
TOTALS["break_evens"] = 7
ITEMS = [*TOTALS, "nav_change", "chained", "squares", "worst_day", "drawdown"]
PERIOD_KEYS = ["accounts", "audience", "checksum", "currency", "format", "from", "proof", "schemas", "shown", "to"]
ACCOUNT_KEYS = ["chain_id", "contract", "days", "trader", "transactions"]
DAY_KEYS = ["commitment", "date", "extension_path", "path", "root", "salts"]
DAY_KEYS += ["schema", "session", "transaction", "version"]
VECTOR_KEYS = ["e", "epsilon", "k", "projections", "v", "z", "zeta"]
PERIOD_STEPS = {
    "code": "whether the contract's rules are FNTX's",
    "history": "whether these are the latest records of all days, and no session is without one",
    "posting": "who posted the days, when, and whether that was late",
}


def verify_period(text):
    """(holds, problems) of a period's text (str or bytes), without a chain."""
    try:
        problems = check_period(read_period(text))
    except Refused as refusal:
        problems = [str(refusal)]
    return not problems, problems


def read_period(text):
    """The period as a dict, if every field of it has the right form; else Refused."""
    period = read_json("the period", text, PERIOD_BYTES)
    need_keys("the period", period, PERIOD_KEYS)
    need(period["format"] == PERIOD, f"format is not {PERIOD}")
    audience = period["audience"]
    is_audience = audience is None or matches("[ -~]{1,100}", audience)
    need(is_audience, "audience is neither null nor 1 to 100 printable characters of ASCII")
    need(matches("[A-Z]{3}", period["currency"]), "currency is not three capital letters")
    for field in ("from", "to"):
        need(is_day(period[field]), f"{field} is not a day from 1970-01-01 to 9999-12-31")
    need(period["from"] <= period["to"], "from is after to")
    need_list("schemas", period["schemas"], 1, 4000)
    for place, pair in enumerate(period["schemas"]):
        where = f"schemas[{place}]"
        need_keys(where, pair, ["extension", "record"])
        need(all(map(is_hash, pair.values())), f"{where} is not two hashes")
        is_published = SCHEMAS.get(pair["record"], 0) >= 4 and pair["extension"] in EXTENSION_SCHEMAS
        need(is_published, f"{where} is not one that FNTX published")
        need(pair not in period["schemas"][:place], f"{where} is there twice")
    days = read_accounts(period)
    read_shown(period["shown"], len(period["accounts"]))
    read_proof(period["proof"], period["shown"], days)
    need(is_hash(period["checksum"]), "checksum is not a hash")
    checksum = hashlib.sha256(canonical(period, ["checksum"])).hexdigest()
    need(period["checksum"] == "0x" + checksum, "checksum is another one: the file was changed")
    return period


def read_accounts(period):
    """Refused unless the accounts and their days have the right form; how many days they have together."""
    accounts, names, days = period["accounts"], set(), 0
    need_list("accounts", accounts, 1, 100)
    for place, account in enumerate(accounts):
        where = f"accounts[{place}]"
        need_keys(where, account, ACCOUNT_KEYS)
        chain_id, transactions, rows = account["chain_id"], account["transactions"], account["days"]
        need(is_number(chain_id) and 0 < int(chain_id) < 2**256, f"{where}.chain_id is no chain's number")
        for field in ("contract", "trader"):
            need(matches("0x[0-9a-fA-F]{40}", account[field]), f"{where}.{field} is not an address")
        need_list(f"{where}.transactions", transactions, 0, 4000)
        are_hashes = all(map(is_hash, transactions)) and len(set(transactions)) == len(transactions)
        need(are_hashes, f"{where}.transactions are not hashes, each once")
        need_list(f"{where}.days", rows, 1, 4000)
        days += len(rows)
        need(days <= 4000, "the accounts have more than 4000 days")
        for number, row in enumerate(rows):
            read_row(f"{where}.days[{number}]", row, len(period["schemas"]), len(transactions))
        for number, (one, other) in enumerate(zip(rows, rows[1:]), 1):
            ascends = one["date"] < other["date"] and one["session"] < other["session"]
            need(ascends, f"{where}.days[{number}] does not follow the day before it")
        is_within = period["from"] <= rows[0]["date"] and rows[-1]["date"] <= period["to"]
        need(is_within, f"{where}.days are not all within from and to")
        name = (chain_id, account["contract"].lower(), account["trader"].lower())
        need(name not in names, f"{where} is there twice")
        names.add(name)
    return days


def read_row(where, row, schemas, transactions):
    """Refused unless a day has the right form."""
    need_keys(where, row, DAY_KEYS)
    version, session, salts = row["version"], row["session"], row["salts"]
    need(type(version) is int and 1 <= version < 2**32, f"{where}.version is not a number from 1 to 4294967295")
    need(type(row["schema"]) is int and 0 <= row["schema"] < schemas, f"{where}.schema is not one of the schemas")
    need(type(session) is int and 0 <= session < 2**53, f"{where}.session is not a number below 2^53")
    need(is_hash(row["root"]), f"{where}.root is not a hash")
    named = row["transaction"]
    is_named = named is None or (type(named) is int and 0 <= named < transactions)
    need(is_named, f"{where}.transaction is neither null nor one of the transactions")
    need(is_point(row["commitment"]), f"{where}.commitment is not 48 bytes")
    need(type(salts) is list and len(salts) == 2 and all(map(is_hash, salts)), f"{where}.salts is not 2 hashes")
    need(is_day(row["date"]), f"{where}.date is not a day from 1970-01-01 to 9999-12-31")
    for field in ("extension_path", "path"):
        path = row[field]
        is_path = type(path) is list and len(path) == 6 and all(each is None or is_hash(each) for each in path)
        need(is_path, f"{where}.{field} is not 6 hashes or nulls")
        is_shortest = all(sibling != hex_of(empty) for sibling, empty in zip(path, EMPTY))
        need(is_shortest, f"{where}.{field} has the hash of an empty subtree where null belongs")


def read_shown(shown, accounts):
    """Refused unless what is shown has the right form."""
    is_known = type(shown) is dict and not set(shown) - set(ITEMS)
    need(is_known, f"shown has a key that is none of {', '.join(ITEMS)}")
    for item, value in shown.items():
        if item == "chained":
            need(value is True, "shown.chained is not true")
            continue
        need(is_number(value) and abs(int(value)) < 2**120, f"shown.{item} is not a whole number below 2^120")
        counted, bound = item in ("wins", "losses", "break_evens", "squares"), item in ("worst_day", "drawdown")
        need(not counted or int(value) >= 0, f"shown.{item} is below 0")
        need(not bound or int(value) <= 0, f"shown.{item} is above 0")
        of_returns = bound or item in ("twr", "squares")
        need(accounts == 1 or not of_returns, f"shown.{item} is not defined for several accounts")
    need("squares" not in shown or "twr" in shown, "shown.squares is there without twr")


def read_proof(proof, shown, days):
    """Refused unless the proof has the right form."""
    is_of_vector, count = has_vector(shown), len(row_names(shown))
    need_keys("proof", proof, sorted(["t", "rows", *(VECTOR_KEYS if is_of_vector else [])]))
    need_points("proof.t", proof["t"], count)
    need_list("proof.rows", proof["rows"], count, count)
    for place, row in enumerate(proof["rows"]):
        need_scalars(f"proof.rows[{place}]", row, 1 + len(FIELDS))
    if is_of_vector:
        need_points("proof.v and k", [proof["v"], proof["k"]], 2)
        need_points("proof.e", proof["e"], 2)
        projections = proof["projections"]
        need_list("proof.projections", projections, 192, 192)
        in_range = all(is_number(each) and 0 <= int(each) < 2**125 for each in projections)
        need(in_range, "proof.projections are not whole numbers below 2^125")
        need_scalars("proof.z", proof["z"], vector_size(shown, days))
        need_scalars("proof.zeta and epsilon", [proof["zeta"], proof["epsilon"]], 2)


def need_list(where, content, least, most):
    is_list = type(content) is list and least <= len(content) <= most
    need(is_list, f"{where} is not a list of {most if least == most else f'{least} to {most}'}")


def need_points(where, content, count):
    need_list(where, content, count, count)
    need(all(map(is_point, content)), f"{where} are not points of 48 bytes")


def need_scalars(where, content, count):
    need_list(where, content, count, count)
    are_scalars = all(is_hash(each) and int(each, 16) < ORDER for each in content)
    need(are_scalars, f"{where} are not scalars of 32 bytes below the group's order")


def is_point(value):
    return matches("0x[0-9a-f]{96}", value)


def row_names(shown):
    return ["total", "each", "next", "this"] if "chained" in shown else ["total", "each"]


def has_vector(shown):
    return any(item in shown for item in ("squares", "worst_day", "drawdown"))


def vector_size(shown, days):
    """Returns, running maxima, three roots for each form that is not negative, masks."""
    maxima, forms = "drawdown" in shown, ("worst_day" in shown) + 3 * ("drawdown" in shown)
    return days * (1 + maxima + 3 * forms) + 192


# PART 7: THE PROOF OF A PERIOD
#
# A day commits to its ten values (FIELDS): C = r·H + v0·F0 + ... + v9·F9, a point of a group in which nobody can find
# other values for the same C. Commitments add up: the sum of all C is the commitment of the sums, and a total is shown
# by opening one of the ten. Slot 32 of the day's extension holds sha256(label, currency, session, C).


def check_period(period):
    """The problems of a period that was read: days that do not lead to their roots, and a proof that is none."""
    problems, points = [], {}
    proof = period["proof"]
    days = [(place, number) for place, each in enumerate(period["accounts"]) for number in range(len(each["days"]))]
    encoded = {
        f"accounts[{place}].days[{number}].commitment": period["accounts"][place]["days"][number]["commitment"]
        for place, number in days
    }
    encoded.update({f"proof.t[{place}]": point for place, point in enumerate(proof["t"])})
    if has_vector(period["shown"]):
        encoded.update({"proof.v": proof["v"], "proof.k": proof["k"]})
        encoded.update({f"proof.e[{place}]": point for place, point in enumerate(proof["e"])})
    for name, point in encoded.items():
        points[name] = point_of(bytes_of(point))
        if points[name] is None:
            problems.append(f"{name} is no point of the group that may stand there")
    if problems:
        return problems
    roots = roots_of(
        period, [(period["accounts"][place], period["accounts"][place]["days"][day]) for place, day in days]
    )
    for (place, number), root in zip(days, roots):
        day = period["accounts"][place]["days"][number]
        if hex_of(root) != day["root"]:
            problems.append(f"accounts[{place}].days[{number}], {day['date']}, does not lead to its root")
    return problems + check_proof(period, points)


def roots_of(period, days):
    """The root that each (account, day) leads to: from the commitment to slot 32 of the extension, from the extension's
    root to slot 63 of the record."""
    currency = period["currency"].encode()
    values = [
        sha256(LABEL, currency, day["session"].to_bytes(8, "big"), bytes_of(day["commitment"])) for _, day in days
    ]
    for tree, index, salt, path in (("extension", 32, 0, "extension_path"), ("record", 63, 1, "path")):
        leaves = [
            bytes_of(period["schemas"][day["schema"]][tree])
            + word(int(account["chain_id"]))
            + word(account["contract"])
            + word(account["trader"])
            + word(yyyymmdd(day))
            + word(index)
            + value
            + bytes_of(day["salts"][salt])
            for (account, day), value in zip(days, values)
        ]
        values = keccak256_of_each(keccak256_of_each(leaves))
        for level in range(6):
            siblings = [EMPTY[level] if day[path][level] is None else bytes_of(day[path][level]) for _, day in days]
            pairs = zip(siblings, values) if index >> level & 1 else zip(values, siblings)
            values = keccak256_of_each([b"\x01" + left + right for left, right in pairs])
    return values


def check_proof(period, points):
    """The problems of the proof. Its challenges hash all that was said before; its equations are weighted and added up
    to one sum of points, which has to be the identity."""
    proof, shown = period["proof"], period["shown"]
    counts = [len(account["days"]) for account in period["accounts"]]
    rows = [[int(scalar, 16) for scalar in row] for row in proof["rows"]]
    is_of_vector = has_vector(shown)
    statement = hashlib.sha256(canonical(period, ["proof", "checksum"])).digest()
    h0 = sha256(b"\x00", sha256(LABEL + b"/proof"), statement)
    h1 = sha256(b"\x01", h0, bytes_of(proof["v"]) if is_of_vector else b"")
    h2 = sha256(b"\x02", h1, *(word(int(z)) for z in proof["projections"])) if is_of_vector else h1
    nonces = [proof["k"], *proof["e"]] if is_of_vector else []
    h3 = sha256(b"\x03", h2, *map(bytes_of, [*nonces, *proof["t"]]))
    answers = [*proof["z"], proof["zeta"], proof["epsilon"]] if is_of_vector else []
    h4 = sha256(b"\x04", h3, *(word(scalar) for row in rows for scalar in row), *map(bytes_of, answers))
    xi, y, c, o = (int.from_bytes(digest, "big") % ORDER for digest in (h1, h2, h3, h4))

    problems = check_rows(shown, dict(zip(row_names(shown), rows)), c)
    terms, basis, of_days, weight = [], [0] * 11, [0] * sum(counts), 1
    for place, (name, row) in enumerate(zip(row_names(shown), rows)):
        weight = weight * o % ORDER
        basis = [before + weight * scalar for before, scalar in zip(basis, row)]
        terms.append((points[f"proof.t[{place}]"], -weight))
        for day, each in enumerate(row_weights(counts, name, xi)):
            of_days[day] -= weight * c % ORDER * each
    if is_of_vector:
        z = [int(scalar, 16) for scalar in proof["z"]]
        if rows[1][2] != sum(power * each for power, each in zip(row_weights(counts, "each", xi), z)) % ORDER:
            problems.append("the single returns are not those of the days' commitments")
        weight, last = weight * o % ORDER, weight * o * o % ORDER
        quadratic, linear, constant = relation(shown, sum(counts), h1, proof["projections"], y)
        value = sum(q * each * each + c * factor * each for q, factor, each in zip(quadratic, linear, z))
        terms += [(hashed_to_group(f"g/{number}"), weight * each) for number, each in enumerate(z)]
        terms += [(points["proof.k"], -weight), (points["proof.v"], -weight * c)]
        terms += [(GENERATOR, last * (value + c * c * constant)), (points["proof.e[0]"], -last)]
        terms.append((points["proof.e[1]"], -last * c))
        basis[0] += weight * int(proof["zeta"], 16) + last * int(proof["epsilon"], 16)
    names = ["H", *(f"f/{number}" for number in range(len(FIELDS)))]
    terms += [(hashed_to_group(name), scalar) for name, scalar in zip(names, basis)]
    commitments = [point for name, point in points.items() if name.endswith("commitment")]
    if not is_zero(terms + list(zip(commitments, of_days))):
        problems.append("the equation of the proof does not hold")
    return problems


def check_rows(shown, rows, c):
    """What the scalars of the rows already refute."""
    total = rows["total"][1:]
    problems = [
        f"the total of {item} is not the one that is shown"
        for item, field in TOTALS.items()
        if item in shown and total[field] != c * int(shown[item]) % ORDER
    ]
    if "nav_change" in shown and (total[9] - total[8] - c * int(shown["nav_change"])) % ORDER:
        problems.append("the change of the NAV is not the one that is shown")
    if "chained" in shown and rows["next"][9] != rows["this"][10]:
        problems.append("the days are not chained")
    return problems


def row_weights(counts, row, xi):
    """The weight of each day in a row: 1, a power of xi, or that of the day before or of the day itself."""
    powers = [xi]
    while len(powers) < sum(counts):
        powers.append(powers[-1] * xi % ORDER)
    if row == "total":
        return [1] * len(powers)
    if row == "each":
        return powers
    weights, first = [0] * len(powers), 0
    for count in counts:
        for day in range(first, first + count - 1):
            weights[day + (row == "next")] = powers[day]
        first += count
    return weights


def relation(shown, days, h1, projections, y):
    """(quadratic, linear, constant): what is said of single returns, as one equation in the numbers w of the vector,
    sum(q·w² + l·w) + constant = 0. Squares add up to S2. What is not negative is shown by 4·form + 1 = a² + b² + c².
    A projection is a sum of about half of all numbers and a mask: it shows that each is small, so that the equations
    hold for whole numbers and not only modulo ORDER."""
    size = vector_size(shown, days)
    quadratic, linear, constant, masks = [0] * size, [0] * size, 0, size - 192
    weights, place = powers_of(y), days * (1 + ("drawdown" in shown))
    if "squares" in shown:
        weight = next(weights)
        quadratic[:days] = [weight] * days
        constant -= weight * int(shown["squares"])
    if "worst_day" in shown:
        for day in range(days):
            weight = next(weights)
            linear[day] += 4 * weight
            constant += weight * (1 - 4 * int(shown["worst_day"]))
            quadratic[place : place + 3] = [-weight] * 3
            place += 3
    if "drawdown" in shown:
        of_paths = [0] * days
        for day in range(days):
            rises, above, within = next(weights), next(weights), next(weights)
            linear[days + day] += 4 * (rises + above - within)
            if day:
                linear[days + day - 1] -= 4 * rises
            of_paths[day] = 4 * (within - above)
            constant += rises + above + within * (1 - 4 * int(shown["drawdown"]))
            quadratic[place : place + 9] = [-rises] * 3 + [-above] * 3 + [-within] * 3
            place += 9
        later = 0
        for day in reversed(range(days)):  # a return counts in the path of its day and of every later one
            later += of_paths[day]
            linear[day] += later
    rows = [next(weights) for _ in range(192)]
    tables = []  # for each 8 rows the 256 sums of their weights
    for first in range(0, 192, 8):
        sums = [0]
        for weight in rows[first : first + 8]:
            sums += [each + weight for each in sums]
        tables.append(sums)
    for number in range(masks):
        bits = sha256(b"R", h1, number.to_bytes(4, "big"))
        linear[number] += sum(table[byte] for table, byte in zip(tables, bits))
    linear[masks:] = rows
    constant -= sum(row * int(z) for row, z in zip(rows, projections))
    return quadratic, [factor % ORDER for factor in linear], constant % ORDER


def powers_of(y):
    power = 1
    while True:
        yield power
        power = power * y % ORDER


def figures(period):
    """(name, text) of what people read: it follows from the numbers that are shown."""
    shown = {item: value if value is True else int(value) for item, value in period["shown"].items()}
    days, lines = sum(len(account["days"]) for account in period["accounts"]), []
    for item in ("net_pnl", "external_flow", "turnover", "costs", "nav_change"):
        if item in shown:
            lines.append((item, f"{text_of(shown[item], '', 8)} {period['currency']}"))
    if "nav_change" in shown and "net_pnl" in shown and "external_flow" in shown:
        left = shown["nav_change"] - shown["net_pnl"] - shown["external_flow"]
        lines.append(("unexplained", f"{text_of(left, '', 8)} {period['currency']}"))
    lines += [(item, str(shown[item])) for item in ("wins", "losses", "break_evens") if item in shown]
    if "wins" in shown and "losses" in shown:
        ended = shown["wins"] + shown["losses"]
        lines.append(("win_rate", percent(shown["wins"] / ended if ended else None)))
    if "twr" in shown:
        lines.append(("twr", percent(change(shown["twr"] * 1e-12))))
    if "squares" in shown:
        total, scatter = shown["twr"], days * shown["squares"] - shown["twr"] ** 2
        is_defined = days > 1 and scatter >= 0
        deviation = math.sqrt(scatter / (days * (days - 1))) * 1e-12 if is_defined else 0
        mean, yearly = total * 1e-12 / days, math.sqrt(252)
        is_spread = deviation > 1e-15
        lines.append(("volatility_log", percent(deviation * yearly if is_spread else None)))
        lines.append(("sharpe_log", f"{mean / deviation * yearly:.4f}, of log returns" if is_spread else "not defined"))
        lowest = change(mean - deviation * (days - 1) / math.sqrt(days)) if is_defined else None
        lines.append(("no day can be below", percent(lowest)))
    if "worst_day" in shown:
        lines.append(("no day's return below", percent(change((shown["worst_day"] - 0.5) * 1e-12))))
    if "drawdown" in shown:
        lines.append(("no drawdown below", percent(change((shown["drawdown"] - days / 2) * 1e-12))))
    if "chained" in shown:
        lines.append(("chained", "each day opens with the NAV that the day before closed with"))
    else:
        lines.append(("NOT CHAINED", "nothing shows that no money moved between the days"))
    return lines


def change(logarithm):
    """exp(logarithm) - 1; None where no float holds it."""
    return math.expm1(logarithm) if logarithm < 700 else None


def percent(fraction):
    return "not defined" if fraction is None else f"{100 * fraction:.6f} %"


def check_period_on_chain(period, url):
    """What a node says about the days, as a ChainCheck; NoVerdict if it says nothing, or is of another chain."""
    served = int(ask(url, "eth_chainId"), 16)
    for account in period["accounts"]:
        chain_id = int(account["chain_id"])
        if served != chain_id:
            why = f"it serves chain {served}, an account is of chain {chain_id}"
            raise NoVerdict(f"the node is of another chain: {why}")
    chain = ChainCheck("the check ended before it", PERIOD_STEPS)
    contracts = {account["contract"] for account in period["accounts"]}
    strange = [contract for contract in sorted(contracts) if not is_known_code(contract, url)]
    chain.problems += [f"the contract {contract} is not FNTX's TrackRecord" for contract in strange]
    del chain.unchecked["code"]
    for account in period["accounts"] if not strange else []:
        held = history_of(period, account, url)
        chain.problems += against_history(period, account, held)
        check_sessions(period, account, chain)
        chain.unchecked.pop("history", None)
        if not chain.problems:
            check_postings(period, account, held, url, chain)
    return chain


def history_of(period, account, url):
    """Day → (version, root, hash of its catalogue, time) of the latest record, as the contract has it."""
    held, first, last = {}, date.fromisoformat(period["from"]), last_asked(period)
    while first <= last:
        end = min(last, first + timedelta(days=365))
        days = [word(int(f"{day:%Y%m%d}")) for day in (first, end)]
        arguments = word(account["trader"]) + b"".join(days)
        answer = call(url, account["contract"], "history(address,uint32,uint32)", arguments)
        rows = answer[64:]
        if number(answer, 0) != 32 or number(answer, 1) * 160 != len(rows):
            raise NoVerdict("the contract does not answer history")
        for row in (rows[start : start + 160] for start in range(0, len(rows), 160)):
            digits = f"{number(row, 0):08d}"
            day = f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"
            held[day] = (number(row, 4), hex_of(row[32:64]), hex_of(row[64:96]), number(row, 3))
        if end == last:
            break
        first = end + timedelta(days=1)
    return held


def last_asked(period):
    """The last day that there can be anything of."""
    return min(date.fromisoformat(period["to"]), datetime.now(timezone.utc).date())


def against_history(period, account, held):
    """Where the file's days are not exactly those that `held` has, in their latest version."""
    problems, ours = [], {day["date"]: day for day in account["days"]}
    for day in sorted({*ours, *(each for each in held if period["from"] <= each <= period["to"])}):
        if day not in held:
            problems.append(f"{day}: the contract holds no record of the trader")
            continue
        if day not in ours:
            problems.append(f"{day}: the contract holds a record that the period leaves out")
            continue
        row, (version, root, schema, _) = ours[day], held[day]
        if version != row["version"]:
            newer = ": ask for a new file" if version > row["version"] else ""
            problems.append(f"{day}: the latest version is {version}, the period has {row['version']}{newer}")
        elif root != row["root"]:
            problems.append(f"{day}: the contract has another root")
        elif schema not in (None, period["schemas"][row["schema"]]["record"]):
            problems.append(f"{day}: the contract has another catalogue's hash")
    return problems


def check_sessions(period, account, chain):
    """Add the sessions of the New York Stock Exchange that are over and have no record; what lies outside the years
    known here."""
    days, missing, unknown = {day["date"] for day in account["days"]}, [], []
    now = datetime.now(timezone.utc).timestamp()
    for ordinal in range(date.fromisoformat(period["from"]).toordinal(), last_asked(period).toordinal() + 1):
        day = date.fromordinal(ordinal)
        if str(day) not in days and day.weekday() < 5:
            if str(day.year) not in HOLIDAYS:
                unknown.append(str(day))
            elif closing(str(day)) is not None and over_at(str(day)) <= now:
                missing.append(str(day))
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        chain.problems.append(f"sessions without a record: {', '.join(missing[:5])}{more}")
    if unknown:
        chain.notes.append(f"NOT CHECKED: whether these days were sessions: {', '.join(unknown[:20])}")


def check_postings(period, account, held, url, chain):
    """Add what the named transactions show: that the trader himself posted the days, when, and how many were late."""
    receipts, times, behind, named, is_final = {}, {}, [], 0, True
    head = int(ask(url, "eth_blockNumber"), 16)
    for transaction in account["transactions"]:
        receipt = ask(url, "eth_getTransactionReceipt", transaction)
        if receipt is None:
            continue
        receipts[transaction] = receipt
        times[transaction] = int(ask(url, "eth_getBlockByHash", receipt["blockHash"], False)["timestamp"], 16)
        parties = [str(receipt["from"]).lower(), str(receipt["to"]).lower()]
        if parties != [account["trader"].lower(), account["contract"].lower()] or int(receipt["status"], 16) != 1:
            chain.problems.append(f"the transaction {transaction} was not sent by the trader to the contract")
        mined_in = int(receipt["blockNumber"], 16)
        is_final = is_final and (head - mined_in >= FINAL_AFTER or is_finalized(url, mined_in))
    for row in account["days"]:
        posted_at = held[row["date"]][3]
        if row["date"][:4] in HOLIDAYS:
            behind.append(posted_at - over_at(row["date"]))
        transaction = None if row["transaction"] is None else account["transactions"][row["transaction"]]
        receipt = receipts.get(transaction)
        if receipt is None:
            continue
        named += 1
        record = {**row, "trader": account["trader"], "contract": account["contract"]}
        schema = period["schemas"][row["schema"]]["record"]
        if not any(is_posting(log, record, schema) for log in receipt["logs"]):
            chain.problems.append(f"{row['date']}: the transaction {transaction} did not post this record")
        elif times[transaction] != posted_at:
            chain.problems.append(f"{row['date']}: posted at another time than the contract says")
    late, early = sum(each > LATE_AFTER for each in behind), sum(each < 0 for each in behind)
    if late:
        chain.notes.append(f"{late} days were posted more than 24 hours after the session's close")
    if early:
        chain.notes.append(
            f"{early} days were posted before the session was over: the figures cannot be those sessions'"
        )
    if len(behind) < len(account["days"]):
        chain.notes.append(f"NOT CHECKED: whether {len(account['days']) - len(behind)} days were posted late")
    if not is_final:
        chain.notes.append("NOT FINAL: a block of the days' is not finalized: the chain may still drop it")
    left = len(account["days"]) - named
    if left:
        chain.unchecked["posting"] = f"{left} days name no transaction that this node knows"
    elif chain.unchecked.get("posting") == "the check ended before it":
        del chain.unchecked["posting"]


def listed_days(text):
    """Day → (version, root, None, None) of a list that you made in an explorer: lines with date, version, root."""
    held = {}
    form = r"\s*([-0-9]+)[,\s]+([1-9][0-9]{0,9})[,\s]+(0x[0-9a-fA-F]{64})[,\s]*"
    for place, line in enumerate(text.splitlines(), 1):
        if line.strip():
            found = re.fullmatch(form, line)
            if found is None or not is_day(found[1]):
                raise Refused(f"line {place} is not date, version and root")
            need(found[1] not in held, f"line {place} has {found[1]} again: give the latest version of each day")
            held[found[1]] = (int(found[2]), found[3].lower(), None, None)
    return held


def main_of_period(text, given, parser):
    """The command, for a period."""
    if given.root is not None:
        parser.error("--root goes with a disclosure: give --root-file for a period")
    if given.root_file is not None and given.rpc is not None:
        parser.error("give one of --rpc and --root-file")
    listed = None
    if given.root_file is not None:
        try:
            with open(given.root_file, encoding="ascii") as file:
                listed = listed_days(file.read(PERIOD_BYTES))
        except (OSError, UnicodeDecodeError, Refused) as error:
            parser.error(f"--root-file: {error}")
    try:
        period = read_period(text)
    except Refused as refusal:
        print(f"DOES NOT HOLD: {refusal}")
        return 1
    audience, accounts = period["audience"], period["accounts"]
    if listed is not None and len(accounts) > 1:
        parser.error("--root-file: a list of days is of one account, and the file has several: give --rpc")
    print("For everybody" if audience is None else f"For: {audience}")
    days = sum(len(account["days"]) for account in accounts)
    print("Period {from} to {to}".format(**period) + f": {days} days, in {period['currency']}")
    for account in accounts:
        print("of trader {trader} in contract {contract} on chain {chain_id}".format(**account))
        jumps = sum(two["session"] - one["session"] > 1 for one, two in zip(account["days"], account["days"][1:]))
        if jumps:
            print(f"- the account's own count of sessions has {jumps} gaps")
    for name, text_of_it in figures(period):
        print(f"  {name}: {text_of_it}")
    problems = check_period(period)
    if given.audience is not None and given.audience != audience:
        problems.append(f"the file is for {audience or 'everybody'}, and not for {given.audience}")
    chain = ChainCheck("the file by itself does not hold" if problems else "give --rpc", PERIOD_STEPS)
    if listed is not None and not problems:
        problems += against_history(period, accounts[0], listed)
        check_sessions(period, accounts[0], chain)
        problems += chain.problems
        chain.unchecked = dict.fromkeys(["code", "posting"], "you gave a list; give --rpc for the rest")
    if given.rpc and not problems:
        try:
            chain = check_period_on_chain(period, given.rpc)
        except (NoVerdict, ValueError, TypeError, KeyError, AttributeError, OverflowError, OSError) as error:
            return no_verdict(error)
        problems = chain.problems
    is_held = given.rpc and not problems
    told = [line for account in accounts for line in witness_lines(account, account["days"], given)] if is_held else []
    return conclude(problems, chain, PERIOD_STEPS, told)


# PART 8: THE GROUP: G1 of BLS12-381, the points of y² = x³ + 4 modulo P whose order is ORDER
#
# A point is (X, Y, Z) and stands for x = X/Z², y = Y/Z³; Z = 0 is the identity. The generators are hashed from names by
# RFC 9380, suite BLS12381G1_XMD:SHA-256_SSWU_RO_: compare `hashed_to_group` with another library's.

P = 0x1A0111EA397FE69A4B1BA7B6434BACD764774B84F38512BF6730D2A0F6B0F6241EABFFFEB153FFFFB9FEFFFFFFFFAAAB
ORDER = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
X_SIZE = 0xD201000000010000  # of the curve's parameter, which is negative
CUBE_ROOT = 0x5F19672FDF76CE51BA69C6076A0F77EADDB3A93BE6F89688DE17D813620A00022E01FFFFFFFEFFFE  # of 1, modulo P
LABEL, DOMAIN = b"FNTX-PERIOD-V1", b"FNTX-AGGREGATE-V1_BLS12381G1_XMD:SHA-256_SSWU_RO_"
IDENTITY = (1, 1, 0)
GENERATOR = (
    0x17F1D3A73197D7942695638C4FA9AC0FC3688C4F9774B905A14E3A3F171BAC586C55E83FF97A1AEFFB3AF00ADB22C6BB,
    0x08B3F481E3AAA0F1A09E30ED741D8AE4FCF5E095D5D00AF600DB18CB2C04B3EDD03CC744A2888AE40CAA232946C5E7E1,
    1,
)


def doubled(point):
    x, y, z = point
    a, b = x * x % P, y * y % P
    d, e = 4 * x * b % P, 3 * a
    result = (e * e - 2 * d) % P
    return result, (e * (d - result) - 8 * b * b) % P, 2 * y * z % P


def added(one, other):
    (x1, y1, z1), (x2, y2, z2) = one, other
    if not z1:
        return other
    if not z2:
        return one
    square = z1 * z1 % P
    u1, s1, u2, s2 = x1, y1, x2 * square % P, y2 * square % P * z1 % P
    if z2 != 1:
        square = z2 * z2 % P
        u1, s1, z1 = x1 * square % P, y1 * square % P * z2 % P, z1 * z2 % P
    h, r = u2 - u1, s2 - s1
    if not h % P:
        return IDENTITY if r % P else doubled(one)
    hh = h * h % P
    hhh, v = h * hh % P, u1 * hh % P
    x = (r * r - hhh - 2 * v) % P
    return x, (r * (v - x) - s1 * hhh) % P, z1 * h % P


def times(point, scalar):
    """A point a small number of times, bit by bit."""
    result = IDENTITY
    for bit in bin(scalar)[2:]:
        result = doubled(result)
        if bit == "1":
            result = added(result, point)
    return result


def is_zero(terms):
    """Whether the sum of (point, scalar) is the identity: Pippenger's sums over buckets, one for each digit."""
    terms = [(point, scalar % ORDER) for point, scalar in terms]
    width = max(2, len(terms).bit_length() - 3)
    result = IDENTITY
    for shift in range(255 // width * width, -1, -width):
        for _ in range(width):
            result = doubled(result)
        buckets = [IDENTITY] * (1 << width)
        for point, scalar in terms:
            digit = scalar >> shift & (1 << width) - 1
            if digit:
                buckets[digit] = added(buckets[digit], point)
        running = summed = IDENTITY
        for bucket in reversed(buckets[1:]):
            running = added(running, bucket)
            summed = added(summed, running)
        result = added(result, summed)
    return not result[2]


def point_of(data):
    """The point of 48 bytes in the compressed form of ZCash and Ethereum; None if it is none, outside of the group, or
    the identity."""
    flags, x = data[0] >> 5, int.from_bytes(data, "big") & (1 << 381) - 1
    if flags not in (0b100, 0b101) or x >= P:
        return None
    square = (x * x * x + 4) % P
    y = pow(square, (P + 1) // 4, P)
    if y * y % P != square:
        return None
    point = (x, y if (y > P // 2) == (flags == 0b101) else P - y, 1)
    # It is of the group if and only if (CUBE_ROOT·x, y) is -x² times it (Scott, "A note on group membership tests").
    left, right = (CUBE_ROOT * x % P, P - point[1], 1), times(times(point, X_SIZE), X_SIZE)
    difference = added(right, (left[0], P - left[1], 1))
    return None if difference[2] else point


@functools.lru_cache(maxsize=None)
def hashed_to_group(name):
    """The generator of this name: nobody knows how it hangs together with the others."""
    size, count = 32, 4
    domain = DOMAIN + bytes([len(DOMAIN)])
    first = sha256(bytes(64), name.encode(), (size * count).to_bytes(2, "big"), b"\0", domain)
    blocks = [sha256(first, b"\1", domain)]
    while len(blocks) < count:
        mixed = bytes(one ^ other for one, other in zip(first, blocks[-1]))
        blocks.append(sha256(mixed, bytes([len(blocks) + 1]), domain))
    stream = b"".join(blocks)
    mapped = [from_isogeny(*mapped_to_curve(int.from_bytes(half, "big") % P)) for half in (stream[:64], stream[64:])]
    x, y, z = times(added(*mapped), X_SIZE + 1)
    inverse = pow(z, -1, P)
    return x * inverse * inverse % P, y * inverse**3 % P, 1


def mapped_to_curve(u):
    """A point (x, y) of the curve y² = x³ + A·x + B that is isogenous to ours: simplified SWU."""
    a, b, z = ISOGENOUS_A, ISOGENOUS_B, 11
    zu = z * u * u % P
    tail = (zu * zu + zu) % P
    x = -b * (tail + 1) * pow(a * tail, -1, P) % P if tail else b * pow(z * a, -1, P) % P
    square = (x * x * x + a * x + b) % P
    y = pow(square, (P + 1) // 4, P)
    if y * y % P != square:
        x = zu * x % P
        y = pow((x * x * x + a * x + b) % P, (P + 1) // 4, P)
    return x, y if y % 2 == u % 2 else P - y


def from_isogeny(x, y):
    """The point of our curve: two quotients of polynomials."""
    values = []
    for coefficients in ISOGENY:
        value = 0
        for coefficient in reversed(coefficients):
            value = (value * x + coefficient) % P
        values.append(value)
    top_x, low_x, top_y, low_y = values
    z = low_x * low_y % P
    return top_x * low_x * low_y * low_y % P, y * top_y * low_x**3 * low_y * low_y % P, z


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


EMPTY = [bytes(32)]  # roots of subtrees without a metric, by their height
while len(EMPTY) < 6:
    EMPTY.append(keccak256(b"\x01" + EMPTY[-1] + EMPTY[-1]))
# RFC 9380, 8.8.1 and appendix E.2: of each polynomial the coefficients, the lowest power's first.
ISOGENOUS_A = 0x144698A3B8E9433D693A02C96D4982B0EA985383EE66A8D8E8981AEFD881AC98936F8DA0E0F97F5CF428082D584C1D
ISOGENOUS_B = 0x12E2908D11688030018B12E8753EEE3B2016C1F0F24F4070A0B9C14FCEF35EF55A23215A316CEAA5D1CC48E98E172BE0
ISOGENY = [
    [
        0x11A05F2B1E833340B809101DD99815856B303E88A2D7005FF2627B56CDB4E2C85610C2D5F2E62D6EAEAC1662734649B7,
        0x17294ED3E943AB2F0588BAB22147A81C7C17E75B2F6A8417F565E33C70D1E86B4838F2A6F318C356E834EEF1B3CB83BB,
        0xD54005DB97678EC1D1048C5D10A9A1BCE032473295983E56878E501EC68E25C958C3E3D2A09729FE0179F9DAC9EDCB0,
        0x1778E7166FCC6DB74E0609D307E55412D7F5E4656A8DBF25F1B33289F1B330835336E25CE3107193C5B388641D9B6861,
        0xE99726A3199F4436642B4B3E4118E5499DB995A1257FB3F086EEB65982FAC18985A286F301E77C451154CE9AC8895D9,
        0x1630C3250D7313FF01D1201BF7A74AB5DB3CB17DD952799B9ED3AB9097E68F90A0870D2DCAE73D19CD13C1C66F652983,
        0xD6ED6553FE44D296A3726C38AE652BFB11586264F0F8CE19008E218F9C86B2A8DA25128C1052ECADDD7F225A139ED84,
        0x17B81E7701ABDBE2E8743884D1117E53356DE5AB275B4DB1A682C62EF0F2753339B7C8F8C8F475AF9CCB5618E3F0C88E,
        0x80D3CF1F9A78FC47B90B33563BE990DC43B756CE79F5574A2C596C928C5D1DE4FA295F296B74E956D71986A8497E317,
        0x169B1F8E1BCFA7C42E0C37515D138F22DD2ECB803A0C5C99676314BAF4BB1B7FA3190B2EDC0327797F241067BE390C9E,
        0x10321DA079CE07E272D8EC09D2565B0DFA7DCCDDE6787F96D50AF36003B14866F69B771F8C285DECCA67DF3F1605FB7B,
        0x6E08C248E260E70BD1E962381EDEE3D31D79D7E22C837BC23C0BF1BC24C6B68C24B1B80B64D391FA9C8BA2E8BA2D229,
    ],
    [
        0x8CA8D548CFF19AE18B2E62F4BD3FA6F01D5EF4BA35B48BA9C9588617FC8AC62B558D681BE343DF8993CF9FA40D21B1C,
        0x12561A5DEB559C4348B4711298E536367041E8CA0CF0800C0126C2588C48BF5713DAA8846CB026E9E5C8276EC82B3BFF,
        0xB2962FE57A3225E8137E629BFF2991F6F89416F5A718CD1FCA64E00B11ACEACD6A3D0967C94FEDCFCC239BA5CB83E19,
        0x3425581A58AE2FEC83AAFEF7C40EB545B08243F16B1655154CCA8ABC28D6FD04976D5243EECF5C4130DE8938DC62CD8,
        0x13A8E162022914A80A6F1D5F43E7A07DFFDFC759A12062BB8D6B44E833B306DA9BD29BA81F35781D539D395B3532A21E,
        0xE7355F8E4E667B955390F7F0506C6E9395735E9CE9CAD4D0A43BCEF24B8982F7400D24BC4228F11C02DF9A29F6304A5,
        0x772CAACF16936190F3E0C63E0596721570F5799AF53A1894E2E073062AEDE9CEA73B3538F0DE06CEC2574496EE84A3A,
        0x14A7AC2A9D64A8B230B3F5B074CF01996E7F63C21BCA68A81996E1CDF9822C580FA5B9489D11E2D311F7D99BBDCC5A5E,
        0xA10ECF6ADA54F825E920B3DAFC7A3CCE07F8D1D7161366B74100DA67F39883503826692ABBA43704776EC3A79A1D641,
        0x95FC13AB9E92AD4476D6E3EB3A56680F682B4EE96F7D03776DF533978F31C1593174E4B4B7865002D6384D168ECDD0A,
        0x1,
    ],
    [
        0x90D97C81BA24EE0259D1F094980DCFA11AD138E48A869522B52AF6C956543D3CD0C7AEE9B3BA3C2BE9845719707BB33,
        0x134996A104EE5811D51036D776FB46831223E96C254F383D0F906343EB67AD34D6C56711962FA8BFE097E75A2E41C696,
        0xCC786BAA966E66F4A384C86A3B49942552E2D658A31CE2C344BE4B91400DA7D26D521628B00523B8DFE240C72DE1F6,
        0x1F86376E8981C217898751AD8746757D42AA7B90EEB791C09E4A3EC03251CF9DE405ABA9EC61DECA6355C77B0E5F4CB,
        0x8CC03FDEFE0FF135CAF4FE2A21529C4195536FBE3CE50B879833FD221351ADC2EE7F8DC099040A841B6DAECF2E8FEDB,
        0x16603FCA40634B6A2211E11DB8F0A6A074A7D0D4AFADB7BD76505C3D3AD5544E203F6326C95A807299B23AB13633A5F0,
        0x4AB0B9BCFAC1BBCB2C977D027796B3CE75BB8CA2BE184CB5231413C4D634F3747A87AC2460F415EC961F8855FE9D6F2,
        0x987C8D5333AB86FDE9926BD2CA6C674170A05BFE3BDD81FFD038DA6C26C842642F64550FEDFE935A15E4CA31870FB29,
        0x9FC4018BD96684BE88C9E221E4DA1BB8F3ABD16679DC26C1E8B6E6A1F20CABE69D65201C78607A360370E577BDBA587,
        0xE1BBA7A1186BDB5223ABDE7ADA14A23C42A0CA7915AF6FE06985E7ED1E4D43B9B3F7055DD4EBA6F2BAFAAEBCA731C30,
        0x19713E47937CD1BE0DFD0B8F1D43FB93CD2FCBCB6CAF493FD1183E416389E61031BF3A5CCE3FBAFCE813711AD011C132,
        0x18B46A908F36F6DEB918C143FED2EDCC523559B8AAF0C2462E6BFE7F911F643249D9CDF41B44D606CE07C8A4D0074D8E,
        0xB182CAC101B9399D155096004F53F447AA7B12A3426B08EC02710E807B4633F06C851C1919211F20D4C04F00B971EF8,
        0x245A394AD1ECA9B72FC00AE7BE315DC757B3B080D4C158013E6632D3C40659CC6CF90AD1C232A6442D9D3F5DB980133,
        0x5C129645E44CF1102A159F748C4A3FC5E673D81D7E86568D9AB0F5D396A7CE46BA1049B6579AFB7866B1E715475224B,
        0x15E6BE4E990F03CE4EA50B3B42DF2EB5CB181D8F84965A3957ADD4FA95AF01B2B665027EFEC01C7704B456BE69C8B604,
    ],
    [
        0x16112C4C3A9C98B252181140FAD0EAE9601A6DE578980BE6EEC3232B5BE72E7A07F3688EF60C206D01479253B03663C1,
        0x1962D75C2381201E1A0CBD6C43C348B885C84FF731C4D59CA4A10356F453E01F78A4260763529E3532F6102C2E49A03D,
        0x58DF3306640DA276FAAAE7D6E8EB15778C4855551AE7F310C35A5DD279CD2ECA6757CD636F96F891E2538B53DBF67F2,
        0x16B7D288798E5395F20D23BF89EDB4D1D115C5DBDDBCD30E123DA489E726AF41727364F2C28297ADA8D26D98445F5416,
        0xBE0E079545F43E4B00CC912F8228DDCC6D19C9F0F69BBB0542EDA0FC9DEC916A20B15DC0FD2EDEDDA39142311A5001D,
        0x8D9E5297186DB2D9FB266EAAC783182B70152C65550D881C5ECD87B6F0F5A6449F38DB9DFA9CCE202C6477FAAF9B7AC,
        0x166007C08A99DB2FC3BA8734ACE9824B5EECFDFA8D0CF8EF5DD365BC400A0051D5FA9C01A58B1FB93D1A1399126A775C,
        0x16A3EF08BE3EA7EA03BCDDFABBA6FF6EE5A4375EFA1F4FD7FEB34FD206357132B920F5B00801DEE460EE415A15812ED9,
        0x1866C8ED336C61231A1BE54FD1D74CC4F9FB0CE4C6AF5920ABC5750C4BF39B4852CFE2F7BB9248836B233D9D55535D4A,
        0x167A55CDA70A6E1CEA820597D94A84903216F763E13D87BB5308592E7EA7D4FBC7385EA3D529B35E346EF48BB8913F55,
        0x4D2F259EEA405BD48F010A01AD2911D9C6DD039BB61A6290E591B36E636A5C871A5C29F4F83060400F8B49CBA8F6AA8,
        0xACCBB67481D033FF5852C1E48C50C477F94FF8AEFCE42D28C0F9A88CEA7913516F968986F7EBBEA9684B529E2561092,
        0xAD6B9514C767FE3C3613144B45F1496543346D98ADF02267D5CEEF9A00D9B8693000763E3B90AC11E99B138573345CC,
        0x2660400EB2E4F3B628BDD0D53CD76F2BF565B94E72927C1CB748DF27942480E420517BD8714CC80D1FADC1326ED06F7,
        0xE0FA1D816DDC03E6B24255E0D7819C171C40F65E273B853324EFCD6356CAA205CA2F570F13497804415473A1D634B8F,
        0x1,
    ],
]


# PART 9: WITNESSES
#
# A witness has the trader's statements in another way, recomputes a day, and says on the chain that its root agrees.
# Everybody can say so: whose word counts is for you to know. Nothing here changes a verdict.

LEVELS = {1: "files_seen", 2: "files_direct", 3: "broker_fetched"}
FEWEST_BLOCKS = 500  # that one question about events reaches over: no node is known to allow fewer
MOST_QUESTIONS = 2000  # about the events of one kind
DEPLOYER = "0x4e59b44847b379578588920cA78FbF26c0B4956C"  # the one of most chains: an address follows from the code
ATTESTATIONS = """
60a034607a57601f610bd438819003918201601f19168301916001600160401b03831184841017607e57808492602094604052833981010312607a
57516001600160a01b038116808203607a5715606b57608052604051610b4190816100938239608051816101b60152f35b63f2a3e8db60e01b5f52
60045ffd5b5f80fd5b634e487b7160e01b5f52604160045260245ffdfe60806040526004361015610011575f80fd5b5f3560e01c8063215b22b614
61055b578063510f6b87146104e95780636e4f33c0146103a157806377105f4d146101f5578063950bff9f146101da57806395a3be991461018a57
8063a455d8af1461013a578063dbdb639d1461009c5763f594e3201461007c575f80fd5b34610098575f6003193601126100985760206040516101
008152f35b5f80fd5b346100985760a0600319360112610098576100b5610764565b6100bd610787565b906100c661082c565b9160643563ffffff
ff811681036100985773ffffffffffffffffffffffffffffffffffffffff61010593165f525f60205260405f209360843592610924565b5f526020
52606060405f205467ffffffffffffffff6040519160ff81168352818160081c16602084015260481c166040820152f35b346100985760c0600319
36011261009857610188610156610764565b61015e610819565b9061016761082c565b90610170610809565b9161017b8383610975565b60a43593
606435926109ec565b005b34610098575f60031936011261009857602060405173ffffffffffffffffffffffffffffffffffffffff7f0000000000
000000000000000000000000000000000000000000000000000000168152f35b34610098575f60031936011261009857602060405160fa8152f35b
346100985760a06003193601126100985761020e610764565b610216610819565b61021e61082c565b9060643560843567ffffffffffffffff8111
610098576102429036906004016107db565b92909383158015610396575b61036e57335f525f60205260405f206102698483858a610924565b5f52
60205260405f209283549360ff8516158015610358575b6103305763ffffffff809461032b9373ffffffffffffffffffffffffffffffffffffffff
937fd90be2828579213da8a59970b72c4902ead6a86a3c41a37030528bf32ca4098b987fffffffffffffffffffffffffffffff0000000000000000
ffffffffffffffffff70ffffffffffffffff0000000000000000004260481b16911617905560405196879616865260208601526060604086015216
971695339560608401916108e6565b0390a4005b7f99efb890000000000000000000000000000000000000000000000000000000005f5260045ffd
5b5067ffffffffffffffff8560481c161515610282565b7fdee26e4c000000000000000000000000000000000000000000000000000000005f5260
045ffd5b50610100841161024e565b346100985760c0600319360112610098576103ba610764565b60243567ffffffffffffffff81116100985761
03da9036906004016107aa565b9060443567ffffffffffffffff8111610098576103fb9036906004016107aa565b919060643567ffffffffffffff
ff81116100985761041d9036906004016107aa565b9590610427610809565b9260a435946104368585610975565b871580156104df575b80156104
d5575b80156104cb575b6104a3575f5b88811061045c57005b8061049d8888868e6104958f978f6104838261048e926104886104838f60019f8591
6108c5565b6108d5565b976108c5565b928c6108c5565b35918b6109ec565b01610453565b7f33b094a10000000000000000000000000000000000
00000000000000000000005f5260045ffd5b508789141561044d565b5087871415610446565b5060fa881161043f565b3461009857602060031936
01126100985760043567ffffffffffffffff8111610098577f693f7a01b53da035dc41dba96a61552109a3e50518e85a1b57cb25c2837f87ed6105
3e6105569236906004016107db565b929060405191829160208352339560208401916108e6565b0390a2005b346100985760a06003193601126100
9857610574610764565b61057c610787565b9060443567ffffffffffffffff81116100985761059d9036906004016107aa565b919060643567ffff
ffffffffffff8111610098576105bf9036906004016107aa565b949060843567ffffffffffffffff8111610098576105e19036906004016107aa56
5b86889392931480159061075a575b6104a3576105fc876108ad565b9761060a604051998a61083f565b878952610616886108ad565b977fffffff
ffffffffffffffffffffffffffffffffffffffffffffffffffffffffe060208b019901368a3773ffffffffffffffffffffffffffffffffffffffff
5f9816975b8181106106a957898b604051918291602083019060208452518091526040830191905f5b81811061068d575050500390f35b825160ff
1684528594506020938401939092019160010161067f565b885f525f60205260405f206106e66106c561048384868d6108c5565b6106d361048385
888b6108c5565b6106de85898c6108c5565b35918b610924565b5f5260205260405f20549067ffffffffffffffff8260481c161561070f575b6001
91500161065b565b8b5181101561072d5760ff6001921660208d8360051b010152610705565b7f4e487b7100000000000000000000000000000000
0000000000000000000000005f52603260045260245ffd5b50868114156105ef565b6004359073ffffffffffffffffffffffffffffffffffffffff
8216820361009857565b6024359073ffffffffffffffffffffffffffffffffffffffff8216820361009857565b9181601f84011215610098578235
9167ffffffffffffffff8311610098576020808501948460051b01011161009857565b9181601f840112156100985782359167ffffffffffffffff
8311610098576020838186019501011161009857565b6084359060ff8216820361009857565b6024359063ffffffff8216820361009857565b6044
359063ffffffff8216820361009857565b90601f7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe0910116810190
811067ffffffffffffffff82111761088057604052565b7f4e487b71000000000000000000000000000000000000000000000000000000005f5260
4160045260245ffd5b67ffffffffffffffff81116108805760051b60200190565b919081101561072d5760051b0190565b3563ffffffff81168103
6100985790565b601f82602094937fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe093818652868601375f858286
0101520116010190565b92909163ffffffff90816040519473ffffffffffffffffffffffffffffffffffffffff6020870197168752166040850152
16606083015260808201526080815261096f60a08261083f565b51902090565b9060ff16156109c45773ffffffffffffffffffffffffffffffffff
ffffff16331461099c57565b7f1162fdec000000000000000000000000000000000000000000000000000000005f5260045ffd5b7fd1459f790000
00000000000000000000000000000000000000000000000000005f5260045ffd5b9493919383158015610b33575b610b0b57335f525f6020526040
5f20610a148587858a610924565b5f5260205260405f209360ff85549416908160ff861610801590610af5575b610acd5773ffffffffffffffffff
ffffffffffffffffffffff958263ffffffff967fffffffffffffffffffffffffffffffffffffffffffffff00000000000000000068ffffffffffff
ffff004260081b169116171790558460405197168752602087015260408601526060850152169216907f2a302d4c825e28cef3c0ab90f781bb59fd
a5293b736ca6c169404b85b228a07e60803392a4565b7f35d90805000000000000000000000000000000000000000000000000000000005f526004
5ffd5b5067ffffffffffffffff8560481c161515610a33565b7ff2a3e8db000000000000000000000000000000000000000000000000000000005f
5260045ffd5b5063ffffffff8516156109f956
"""


def attestations_of(contract):
    """Where a chain has the attestations of this TrackRecord's days (EIP-1014): nothing else can be there."""
    code = bytes.fromhex("".join(ATTESTATIONS.split())) + word(contract)
    return hex_of(keccak256(b"\xff" + bytes_of(DEPLOYER) + bytes(32) + keccak256(code))[12:])


def witness_lines(account, days, given):
    """What witnesses say of a trader's days, in words; each day has its date, version and root."""
    book, url = given.attestations or attestations_of(account["contract"]), given.rpc
    names = {named[:42].lower(): named[43:].strip() for named in given.witness}
    one = days[0] if len(days) == 1 else None
    lines = []
    try:
        if ask(url, "eth_getCode", book, "latest") in ("0x", "0x0"):
            return []
        try:
            said, revoked = (
                told_by(book, event, account["trader"], days, one, url)
                for event in (
                    "Attested(address,address,uint32,uint32,bytes32,uint8,bytes32)",
                    "Revoked(address,address,uint32,uint32,bytes32,string)",
                )
            )
        except NoVerdict:
            said = revoked = None
        for address, name in names.items():
            levels = levels_of(book, address, account["trader"], days, url)
            counts = [(level, levels.count(level)) for level in sorted({*levels} - {0})]
            back = len(revoked.get(address, ())) if revoked is not None else None
            if counts or back:
                what = [f"{level_in_words(level)}, {count} of {len(days)} days" for level, count in counts]
                if one and counts:
                    asked = word(address) + word(account["trader"]) + word(yyyymmdd(one)) + word(one["version"])
                    function = "attestationOf(address,address,uint32,uint32,bytes32)"
                    at = number(call(url, book, function, asked + bytes_of(one["root"])), 1)
                    what.append(f"at {datetime.fromtimestamp(at, timezone.utc):%Y-%m-%d %H:%M:%S} UTC")
                what = what or [f"0 of {len(days)} days"]
                what.append("whether others were revoked NOT CHECKED" if back is None else f"{back} revoked")
                lines.append(f"witness {name} ({address}): {', '.join(what)}")
        if said is None or revoked is None:
            return [*lines, "NOT CHECKED: how many witnesses attest it whose name you did not give"]
        others = [each for each in said if each not in names and said[each] - revoked.get(each, set())]
        if others:
            plural = "" if len(others) == 1 else "es"
            lines.append(f"{len(others)} witness{plural} whose name you did not give")
        return lines
    except (NoVerdict, ValueError, TypeError, KeyError, AttributeError, OverflowError, OSError) as error:
        why = error if isinstance(error, NoVerdict) else "the node's answer is not a node's"
        return [f"NOT CHECKED: which witnesses attest it ({why})"]


def told_by(book, event, trader, days, one, url):
    """Witness → what an event says of: (date, version, root) of those of the days that it names."""
    asked = {(yyyymmdd(day), day["version"], day["root"]) for day in days}
    topics = [
        hex_of(keccak256(event.encode())),
        None,
        hex_of(word(trader)),
        *([hex_of(word(yyyymmdd(one)))] if one else []),
    ]
    found: dict = {}
    for log in logs_since(min(day["date"] for day in days), {"address": book, "topics": topics}, url):
        data = bytes_of(log["data"])
        day = (int(log["topics"][3], 16), number(data, 0), hex_of(data[32:64]))
        if day in asked:
            found.setdefault("0x" + log["topics"][1][-40:].lower(), set()).add(day)
    return found


def logs_since(day, wanted, url):
    """The events that are wanted, of the blocks from a day (UTC) on. Nodes bound how many blocks one question may reach
    over: where one declines, fewer are asked for at a time."""
    last = int(ask(url, "eth_blockNumber"), 16)
    first, found = first_block_of(day, last, url), []
    at_once = last - first + 1
    for _ in range(MOST_QUESTIONS):
        if first > last:
            return found
        end = min(last, first + at_once - 1)
        try:
            found += ask(url, "eth_getLogs", {**wanted, "fromBlock": hex(first), "toBlock": hex(end)})
        except Declined:
            if at_once <= FEWEST_BLOCKS:
                raise
            at_once = max(at_once // 2, FEWEST_BLOCKS)
        else:
            first = end + 1
    raise NoVerdict("the node shows the events of too few blocks at a time")


def first_block_of(day, last, url):
    """The number of the first block of that day or a later one, up to the block behind `last`, by bisection."""
    begins = datetime.fromisoformat(day).replace(tzinfo=timezone.utc).timestamp()
    low, high = 0, last + 1
    while low < high:
        middle = (low + high) // 2
        block = ask(url, "eth_getBlockByNumber", hex(middle), False)
        if block is None or int(block["timestamp"], 16) < begins:  # a node may have dropped old blocks
            low = middle + 1
        else:
            high = middle
    return low


def levels_of(book, witness, trader, days, url):
    """The level of a witness's attestation of each day; 0 where there is none or it is revoked."""
    levels = []
    for start in range(0, len(days), 250):
        page = days[start : start + 250]
        size = 32 * (1 + len(page))
        lists = [
            [word(yyyymmdd(day)) for day in page],
            [word(day["version"]) for day in page],
            [bytes_of(day["root"]) for day in page],
        ]
        asked = word(witness) + word(trader) + b"".join(word(160 + size * place) for place in range(3))
        asked += b"".join(word(len(page)) + b"".join(each) for each in lists)
        answer = call(url, book, "levelsOf(address,address,uint32[],uint32[],bytes32[])", asked)
        if len(answer) != 32 * (2 + len(page)) or number(answer, 1) != len(page):
            raise NoVerdict("the contract of attestations does not answer levelsOf")
        levels += [number(answer, 2 + place) for place in range(len(page))]
    return levels


def level_in_words(level):
    """Where a witness has the statements from, and whether metrics over windows were compared too."""
    reach = {0: "", 1: ", with windows"}.get(level >> 4, f", coverage {level >> 4}")
    return LEVELS.get(level & 15, f"source {level & 15}") + reach


if __name__ == "__main__":
    sys.exit(main())
