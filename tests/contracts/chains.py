"""Chains for tests of the contracts: anvil, where it is installed, and the EVM in memory. Both mine each transaction at
once, sign for their accounts, go back to a snapshot and let time pass."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from abc import ABC, abstractmethod
from threading import Thread
from typing import Any

import pytest
from web3 import Web3

from fntx_dagster.adapters.evm.artifacts import artifact, custom_errors
from fntx_dagster.adapters.evm.typed import block_at
from tests.tools import ANVIL

at_length = pytest.mark.skipif(
    os.environ.get("FNTX_TEST_PROFILE") != "search", reason="takes minutes: FNTX_TEST_PROFILE=search runs it"
)
GAS = 16_777_216  # the most that a transaction may use


class TestChain(ABC):
    """What the two have in common. `web3` speaks to the chain, `accounts` have ether."""

    __test__ = False
    web3: Web3

    def __init__(self) -> None:
        self.deployments: list[int] = []
        """What each deployment cost in gas."""

    @property
    def accounts(self) -> list[Any]:
        return list(self.web3.eth.accounts)

    def deploy(self, contract: str, *arguments: Any) -> Any:
        """A contract of ours."""
        return self.web3.eth.contract(self.deploy_code(self.code(contract, *arguments)), abi=artifact(contract)["abi"])

    def deploy_code(self, code: bytes, deployer: str | None = None) -> Any:
        """The address of a contract by its init code."""
        sent = self.web3.eth.send_transaction({"from": deployer or self.accounts[0], "data": code, "gas": GAS})
        receipt = self.done(sent)
        self.deployments.append(receipt["gasUsed"])
        return receipt["contractAddress"]

    def refused_deployment(self, contract: str, *arguments: Any) -> str | None:
        """The name of the error that a deployment ends in; None where it succeeds."""
        return self._refusal({"from": self.accounts[0], "data": self.code(contract, *arguments), "gas": GAS})

    def send(self, sender: str, call: Any, value: int = 0, gas: int = GAS) -> Any:
        """The receipt of a call that must succeed."""
        return self.done(call.transact({"from": sender, "value": value, "gas": gas}))

    def done(self, sent: Any) -> Any:
        receipt = self.web3.eth.wait_for_transaction_receipt(sent)
        assert receipt["status"] == 1
        return receipt

    def refused(self, sender: str, call: Any, value: int = 0, gas: int = GAS) -> str | None:
        """The name of the error that a call ends in; "" for a revert without one, None where it succeeds."""
        asked = call.build_transaction({"from": sender, "value": value, "gas": gas, "gasPrice": 0, "nonce": 0})
        return self._refusal({name: asked[name] for name in ("from", "to", "data", "value", "gas")})

    def code(self, contract: str, *arguments: Any) -> bytes:
        """What makes a contract of ours."""
        kept = artifact(contract)
        made = self.web3.eth.contract(abi=kept["abi"], bytecode=kept["bytecode"]).constructor(*arguments)
        return bytes.fromhex(made.data_in_transaction.removeprefix("0x"))

    def _refusal(self, call: Any) -> str | None:
        try:
            self.web3.eth.call(call)
        except Exception as failure:
            data = self.revert_data(failure)
            return custom_errors()[data[:4]][0] if data else ""
        return None

    @abstractmethod
    def revert_data(self, failure: Exception) -> bytes:
        """What a call that failed was refused with."""

    @abstractmethod
    def snapshot(self) -> Any:
        """The chain as it is, for `revert`."""

    @abstractmethod
    def revert(self, snapshot: Any) -> None:
        """The chain as it was."""

    @abstractmethod
    def pass_to(self, moment: int) -> None:
        """Mine a block of that time, or later."""

    @abstractmethod
    def stop(self) -> None:
        """End what runs."""

    def now(self) -> int:
        """The time of the newest block."""
        return block_at(self.web3, "latest").timestamp


class Anvil(TestChain):
    """A process of anvil. `stop` ends it."""

    def __init__(self, hardfork: str = "prague") -> None:
        super().__init__()
        assert ANVIL is not None
        command = [ANVIL, "--port", "0", "--hardfork", hardfork, "--accounts", "30"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        port = next(found[1] for line in self._process.stdout if (found := re.search(r"Listening on \S+:(\d+)", line)))
        Thread(target=self._process.stdout.read, daemon=True).start()  # what it prints must not fill the pipe
        self.url = f"http://127.0.0.1:{port}"
        self.web3 = Web3(Web3.HTTPProvider(self.url, {"timeout": 60}))

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def snapshot(self) -> Any:
        return self.ask("evm_snapshot")

    def revert(self, snapshot: Any) -> None:
        assert self.ask("evm_revert", snapshot)

    def pass_to(self, moment: int) -> None:
        self.ask("evm_setNextBlockTimestamp", moment)
        self.ask("evm_mine")

    def set_code(self, address: str, code: bytes) -> None:
        self.ask("anvil_setCode", address, f"0x{code.hex()}")

    def revert_data(self, failure: Exception) -> bytes:
        data = getattr(failure, "data", None)
        if "OutOfGas" in str(failure):
            return b""
        if not isinstance(data, str):
            raise failure
        return bytes.fromhex(data.removeprefix("0x"))

    def act_for(self, address: str) -> None:
        """Give an address ether, and sign for it."""
        self.ask("anvil_impersonateAccount", address)
        self.ask("anvil_setBalance", address, hex(10**20))

    def ask(self, method: Any, *parameters: Any) -> Any:
        answer: Any = self.web3.provider.make_request(method, list(parameters))
        assert "error" not in answer, answer
        return answer["result"]


class InMemory(TestChain):
    """py-evm in this process: slow with points, but the chain that is embedded."""

    def __init__(self) -> None:
        from eth_tester import EthereumTester, PyEVMBackend
        from web3 import EthereumTesterProvider

        super().__init__()
        self._tester = EthereumTester(PyEVMBackend())
        self.web3 = Web3(EthereumTesterProvider(self._tester))
        self.web3.eth.default_account = self.accounts[0]

    def stop(self) -> None:
        """Nothing runs."""

    def snapshot(self) -> Any:
        return self._tester.take_snapshot()

    def revert(self, snapshot: Any) -> None:
        self._tester.revert_to_snapshot(snapshot)

    def pass_to(self, moment: int) -> None:
        self._tester.time_travel(moment)
        self._tester.mine_block()

    def revert_data(self, failure: Exception) -> bytes:
        found = re.search(r"""b(['"]).*\1$""", str(failure), re.DOTALL)  # eth-tester gives bytes as their repr
        if found is None:
            raise failure
        return ast.literal_eval(found[0])
