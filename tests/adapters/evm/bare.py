"""Both contracts on a chain in memory, called directly: for tests of the contracts, without our client."""

from __future__ import annotations

import ast
from datetime import date, timedelta
from typing import Any

import pytest

from fntx_dagster.adapters.evm.artifacts import artifact, custom_errors

FNTX = 10**18
TRACK_RECORD = artifact("TrackRecord")["bytecode"]
_GAS = 16_777_216  # the most that a transaction may use


class BareChain:
    """The contracts, and `traders`: three addresses with FNTX and an allowance, and one more without."""

    def __init__(self, track_record: str = TRACK_RECORD) -> None:
        from eth_tester import EthereumTester, PyEVMBackend
        from web3 import EthereumTesterProvider, Web3

        self._tester = EthereumTester(PyEVMBackend())
        self.web3 = Web3(EthereumTesterProvider(self._tester))
        deployer, *traders = self.web3.eth.accounts[:5]
        self.web3.eth.default_account = deployer
        self.fntx = self._deployed("FNTX", artifact("FNTX")["bytecode"])
        self.track_record = self._deployed("TrackRecord", track_record, self.fntx.address)
        self.traders, self.stranger = traders[:3], traders[3]
        for trader in self.traders:
            self.fntx.functions.transfer(trader, 10**7 * FNTX).transact()
            self.fntx.functions.approve(self.track_record.address, 2**256 - 1).transact({"from": trader})

    def snapshot(self) -> Any:
        return self._tester.take_snapshot()

    def revert(self, snapshot: Any) -> None:
        self._tester.revert_to_snapshot(snapshot)

    def send(self, sender: str, function: str, *arguments: Any) -> Any:
        """Send to TrackRecord; the receipt of what must succeed."""
        receipt = self.attempt(sender, function, *arguments)
        assert receipt["status"] == 1
        return receipt

    def attempt(self, sender: str, function: str, *arguments: Any) -> Any:
        """Send to TrackRecord; the receipt, whose status is 0 if it was refused."""
        call = self.track_record.functions[function](*arguments)
        return self.web3.eth.get_transaction_receipt(call.transact({"from": sender, "gas": _GAS}))

    def ask(self, function: str, *arguments: Any) -> Any:
        """Read from TrackRecord."""
        return self.track_record.functions[function](*arguments).call()

    def refused(self, sender: str, function: str, *arguments: Any) -> tuple[str, dict[str, Any]]:
        """The name of the error that a call of TrackRecord ends in, and its arguments; web3 would lose them here."""
        from eth_abi import decode
        from eth_tester.exceptions import TransactionFailed

        data = self.track_record.encode_abi(function, args=arguments)
        with pytest.raises(TransactionFailed) as caught:
            self._tester.call({"from": sender, "to": self.track_record.address, "data": data, "gas": _GAS})
        raw = ast.literal_eval(str(caught.value))  # eth-tester gives bytes as their repr
        name, inputs = custom_errors()[raw[:4]]
        values = decode([kind for _, kind in inputs], raw[4:])
        return name, dict(zip([label for label, _ in inputs], values, strict=True))

    def now(self) -> int:
        """The time of the newest block."""
        return self.web3.eth.get_block("latest")["timestamp"]

    def supply(self) -> int:
        return self.fntx.functions.totalSupply().call()

    def _deployed(self, name: str, bytecode: str, *arguments: Any) -> Any:
        abi = artifact(name)["abi"]
        sent = self.web3.eth.contract(abi=abi, bytecode=bytecode).constructor(*arguments).transact()
        return self.web3.eth.contract(self.web3.eth.get_transaction_receipt(sent)["contractAddress"], abi=abi)


def number(day: date) -> int:
    """A day as the contract numbers it."""
    return day.year * 10_000 + day.month * 100 + day.day


def sessions(first: date, count: int) -> list[date]:
    """Days from Monday to Friday, from `first` on."""
    days = (first + timedelta(n) for n in range(count * 2 + 2))
    return [day for day in days if day.weekday() < 5][:count]
