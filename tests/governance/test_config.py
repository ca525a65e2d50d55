"""The treasury's configuration: what is read of it, and that a slip anywhere is found and named."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stellar_sdk import Keypair
from xrpl.core import addresscodec

from fntx_dagster.errors import Permanent
from fntx_dagster.governance.addresses import is_stellar_address, is_xrpl_address
from fntx_dagster.governance.config import read_config

PLATFORM = json.loads((Path(__file__).parent / "vectors" / "platform.json").read_text(encoding="utf-8"))


def paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The way to every field of a document."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield (*path, key)
        yield from paths(value[key], (*path, key))


def changed(path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    document = copy.deepcopy(PLATFORM)
    at: Any = document
    for key in path[:-1]:
        at = at[key]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return document


def words(path: tuple[str | int, ...]) -> str:
    """A field as an error names it."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")


def test_what_the_treasury_asks_of_it() -> None:
    config = read_config(PLATFORM)
    assert (config.threshold, config.config_threshold, config.network_id) == (2, 3, 1)
    assert [signer.role for signer in config.signers] == ["treasury", "compliance", "trustee"]
    assert config.xrpl_accounts["issuer"] == "rsHYN6ndveeRbq23UJm3MjqSFv9h2ntdnh"
    assert [*config.stellar_accounts] == ["issuer", "distribution", "anchor"]


FIELDS = [path for path in paths(PLATFORM) if "flags" not in path[:-1]]


@pytest.mark.parametrize("path", FIELDS, ids=words)
def test_a_field_of_another_form_is_named(path: tuple[str | int, ...]) -> None:
    with pytest.raises(Permanent) as refusal:
        read_config(changed(path, 0.5))
    assert words(path) in str(refusal.value)


@pytest.mark.parametrize("path", [path for path in FIELDS if isinstance(path[-1], str)], ids=words)
def test_a_field_that_is_missing_or_misspelt_is_named(path: tuple[str | int, ...]) -> None:
    with pytest.raises(Permanent, match="is missing"):
        read_config(changed(path, None))
    misspelt = (*path[:-1], f"{path[-1]}s")
    with pytest.raises(Permanent) as refusal:
        read_config(changed(misspelt, "1"))
    assert f"{words(misspelt)} is no field here" in str(refusal.value)


def test_the_hash_changes_with_every_value_and_not_with_the_order() -> None:
    hashes = {read_config(PLATFORM).hash, read_config(changed(("threshold",), 3)).hash}
    hashes.add(read_config(changed(("xrpl", "accounts", "treasury", "trustlines", 0, "limit"), "100000001")).hash)
    assert len(hashes) == 3
    assert read_config(dict(reversed([*PLATFORM.items()]))).hash in hashes


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("signers", 2), None, "2, and 3 have to"),
        (("config_threshold",), 4, "3, and 4 have to"),
        (("config_threshold",), 2, "whole number from 3"),
        (("threshold",), 1, "whole number from 2"),
        (("signers", 2, "role"), "treasury", "nobody has the role trustee"),
        (("signers", 2, "id"), "treasury", "id treasury is there twice"),
        (("signers", 2, "xrpl"), PLATFORM["signers"][0]["xrpl"], "is there twice"),
        (("xrpl", "accounts", "amm", "address"), PLATFORM["xrpl"]["accounts"]["issuer"]["address"], "two roles"),
        (("xrpl", "network_id"), True, "network_id"),
        (("xrpl", "accounts", "issuer", "flags", "default_ripple"), "no", "true or false"),
        (("xrpl", "accounts", "issuer", "address"), "rsHYN6ndveeRbq23UJm3MjqSFv9h2ntdnn", "an address of the XRP"),
    ],
)
def test_what_would_let_too_few_decide_is_refused(path: tuple[str | int, ...], value: Any, said: str) -> None:
    with pytest.raises(Permanent, match=said):
        read_config(changed(path, value))


THRESHOLDS = ("stellar", "thresholds")
NUMBERS = [
    ("anchor_every_s",),
    *(("xrpl", name) for name in ("network_id", "reserve_base", "reserve_inc", "margin_drops")),
    ("stellar", "base_reserve"),
]


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("anchor_every_s",), 0, "anchor_every_s is 0, which is not a whole number from 1 to 31622400"),
        (("anchor_every_s",), 10**15, "from 1 to 31622400"),
        (("threshold",), 21, "whole number from 2 to 20"),
        (("config_threshold",), 21, "whole number from 3 to 20"),
        (("config_threshold",), 10**12, "whole number from 3 to 20"),
        ((*THRESHOLDS, "med"), 0, "med is 0, which is not a whole number from 2 to 255"),
        ((*THRESHOLDS, "med"), 1, "from 2 to 255"),
        ((*THRESHOLDS, "low"), 1, "from 2 to 255"),
        ((*THRESHOLDS, "high"), 256, "from 2 to 255"),
        ((*THRESHOLDS, "high"), 4, "do not rise to the number of signers, 3"),
        ((*THRESHOLDS, "low"), 3, "low 3, med 2 and high 3 do not rise"),
        ((*THRESHOLDS, "med"), 4, "low 2, med 4 and high 3 do not rise"),
        ((*THRESHOLDS, "master"), 255, "the own key of an account would sign alone"),
        ((*THRESHOLDS, "master"), 2, "the own key of an account would sign alone"),
        (("xrpl", "network_id"), 2**32, "whole number from 0 to 4294967295"),
        (("xrpl", "reserve_base"), "100000000000000001", "drops of at most 100000000000000000"),
        (("xrpl", "margin_drops"), "9" * 19, "drops of at most"),
        (("xrpl", "reserve_inc"), "-1", "drops of at most"),
        (("stellar", "base_reserve"), "0.00000001", "lumens"),
        (("stellar", "base_reserve"), "50001806812.1", "at most 50001806812 lumens"),
    ],
)
def test_a_number_that_no_treasury_can_have_is_refused(path: tuple[str | int, ...], value: Any, said: str) -> None:
    with pytest.raises(Permanent, match=said):
        read_config(changed(path, value))


def refusal(document: dict[str, Any]) -> str | None:
    """Why a configuration is refused; None where it is not."""
    try:
        read_config(document)
    except Permanent as error:
        return str(error)
    return None


@given(*(st.integers(-1, 5) for _ in range(4)))
def test_no_thresholds_let_one_signer_or_nobody_move_money(master: int, low: int, med: int, high: int) -> None:
    """The own key and each signer, who weighs 1, stay below each threshold alone, and all signers together reach it."""
    document = changed(THRESHOLDS, {"master": master, "low": low, "med": med, "high": high})
    holds = max(master, 1) < low <= med <= high <= len(PLATFORM["signers"]) and master >= 0
    assert (refusal(document) is None) == holds


@given(st.integers() | st.text("0123456789.-e", max_size=30), st.sampled_from(NUMBERS))
def test_any_number_anywhere_is_read_or_refused_in_words(value: int | str, path: tuple[str, ...]) -> None:
    document = changed(path, value)
    said = refusal(document)
    if said is None:
        assert datetime.now(UTC) + timedelta(seconds=read_config(document).anchor_every_s) * 2
    else:
        assert words(path) in said


def test_more_signers_than_an_account_can_have_are_refused() -> None:
    signers = [
        PLATFORM["signers"][0]
        | {
            "id": f"signer-{number}",
            "xrpl": addresscodec.encode_classic_address(bytes([number + 1]) * 20),
            "stellar": Keypair.from_raw_ed25519_seed(bytes([number + 1]) * 32).public_key,
        }
        for number in range(18)
    ]
    assert len(read_config(changed(("signers",), [*PLATFORM["signers"], *signers[:17]])).signers) == 20
    with pytest.raises(Permanent, match="there are 21, and an account of Stellar has 20"):
        read_config(changed(("signers",), [*PLATFORM["signers"], *signers]))


@given(account=st.binary(min_size=20, max_size=20), place=st.integers(1, 40), letter=st.sampled_from("rpsh1zG2"))
def test_an_xrpl_address_is_known_as_the_ledgers_own_tools_know_it(account: bytes, place: int, letter: str) -> None:
    address = addresscodec.encode_classic_address(account)
    assert is_xrpl_address(address)
    changed = address[:place] + letter + address[place + 1 :]
    assert is_xrpl_address(changed) == addresscodec.is_valid_classic_address(changed)
    assert not is_xrpl_address(f"r{address}")


@given(seed=st.binary(min_size=32, max_size=32), place=st.integers(0, 55), letter=st.sampled_from("GABZ27"))
def test_a_stellar_key_is_known_as_the_ledgers_own_tools_know_it(seed: bytes, place: int, letter: str) -> None:
    key = Keypair.from_raw_ed25519_seed(seed).public_key
    assert is_stellar_address(key)
    changed = key[:place] + letter + key[place + 1 :]
    assert is_stellar_address(changed) == (changed == key)
