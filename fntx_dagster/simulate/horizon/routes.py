"""Which document of Horizon stands at which address."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from stellar_sdk import StrKey

from fntx_dagster.simulate.horizon import resources
from fntx_dagster.simulate.horizon.entries import AccountEntry
from fntx_dagster.simulate.horizon.lists import page
from fntx_dagster.simulate.horizon.network import HistoryEntry, StellarNetwork
from fntx_dagster.simulate.horizon.operation_resources import operations
from fntx_dagster.simulate.horizon.problems import (
    HorizonAnswer,
    RequestRefused,
    bad_field,
    failure,
    problem,
    refusal_xdr,
)
from fntx_dagster.simulate.horizon.transactions import SubmittedTransaction, UndecodableEnvelope, decoded

Query = Mapping[str, str]


class Routes:
    """The answers of a Horizon. `wait_seconds`: how long a POST waits for its ledger; `taken`: called when a
    transaction went into the queue."""

    def __init__(self, network: StellarNetwork, url: str, wait_seconds: float, taken: Callable[[], None]) -> None:
        self._network, self._url = network, url
        self._wait_seconds, self._taken = wait_seconds, taken
        self._gets: list[tuple[re.Pattern[str], Callable[..., Any]]] = [
            (re.compile(pattern), answer)
            for pattern, answer in (
                ("/", self._root),
                ("/fee_stats", self._fee_stats),
                ("/ledgers", self._ledgers),
                (r"/ledgers/(\d{1,10})", self._ledger),
                (r"/ledgers/(\d{1,10})/transactions", self._ledger_transactions),
                ("/accounts", self._accounts),
                ("/accounts/([^/]+)", self._account),
                ("/accounts/([^/]+)/data/([^/]+)", self._data),
                ("/accounts/([^/]+)/transactions", self._account_transactions),
                ("/accounts/([^/]+)/operations", self._account_operations),
                ("/assets", self._assets),
                ("/transactions", self._transactions),
                ("/transactions/([^/]+)", self._transaction),
                ("/transactions/([^/]+)/operations", self._transaction_operations),
                ("/operations", self._operations),
                (r"/operations/(\d{1,20})", self._operation),
            )
        ]

    def get(self, path: str, query: Query) -> HorizonAnswer:
        """The document at a path, or a problem."""
        for pattern, answer in self._gets:
            if match := pattern.fullmatch(path):
                try:
                    with self._network.lock:
                        return HorizonAnswer(200, answer(*match.groups(), query=query))
                except RequestRefused as refused:
                    return refused.answer
        return problem("not_found", "The resource at the url requested was not found.")

    def post(self, path: str, form: Query) -> HorizonAnswer:
        """Take a transaction."""
        if path not in ("/transactions", "/transactions_async"):
            return problem("not_found", "The resource at the url requested was not found.")
        if not form.get("tx"):
            return bad_field("tx", "tx: is required").answer
        try:
            submitted = decoded(form["tx"], self._network.passphrase)
        except UndecodableEnvelope:
            detail = "Horizon could not decode the transaction envelope in this request."
            return problem("transaction_malformed", detail, envelope_xdr=form["tx"])
        return self._submitted(submitted) if path == "/transactions" else self._submitted_async(submitted)

    def _submitted(self, submitted: SubmittedTransaction) -> HorizonAnswer:
        entry = self._network.entry(submitted.hash)
        if entry is None:
            answered = self._network.submit(submitted)
            if answered.status == "PENDING":
                self._taken()
            # Its ledger may have closed between the two questions: then the sequence is spent by itself.
            wait = 0 if answered.verdict else self._wait_seconds
            entry = self._network.wait_for(submitted.hash, wait)
            if entry is None and answered.verdict:
                return failure(submitted, answered.verdict, self._least_fee(submitted))
        if entry is None:
            detail = "Your request timed out before completing."
            return problem("timeout", detail, hash=submitted.hash, envelope_xdr=submitted.xdr)
        if not entry.verdict.successful:
            return failure(submitted, entry.verdict, entry.fee)
        return HorizonAnswer(200, resources.transaction(entry, self._url))

    def _submitted_async(self, submitted: SubmittedTransaction) -> HorizonAnswer:
        answered = self._network.submit(submitted)
        if answered.status == "PENDING":
            self._taken()
        document = {"tx_status": answered.status, "hash": submitted.hash}
        if answered.verdict:
            document["error_result_xdr"] = refusal_xdr(submitted, answered.verdict, self._least_fee(submitted))
        statuses = {"PENDING": 201, "DUPLICATE": 409, "ERROR": 400, "TRY_AGAIN_LATER": 503}
        return HorizonAnswer(statuses[answered.status], document)

    def _least_fee(self, submitted: SubmittedTransaction) -> int:
        return self._network.last.base_fee * submitted.counted_operations

    def _root(self, query: Query) -> Any:
        return resources.root(self._network, self._url)

    def _fee_stats(self, query: Query) -> Any:
        return resources.fee_stats(self._network)

    def _ledgers(self, query: Query) -> Any:
        rows = [resources.ledger(closed, self._url) for closed in self._network.ledgers]
        return page(rows, query, f"{self._url}/ledgers")

    def _ledger(self, sequence: str, query: Query) -> Any:
        number = int(sequence)
        if not 1 <= number <= self._network.last.sequence:
            raise _missing()
        return resources.ledger(self._network.ledgers[number - 1], self._url)

    def _ledger_transactions(self, sequence: str, query: Query) -> Any:
        entries = [entry for entry in self._network.history if entry.ledger == int(sequence)]
        return self._transaction_page(entries, query, f"ledgers/{sequence}/transactions")

    def _accounts(self, query: Query) -> Any:
        signer, asset = query.get("signer"), query.get("asset")
        if bool(signer) == bool(asset):
            raise bad_field("signer", "exactly one filter is required")
        entries = [
            entry
            for _, entry in sorted(self._network.accounts.items())
            if (signer in entry.weights() if signer else asset in entry.lines)
        ]
        rows = [resources.account(entry, self._network, self._url) for entry in entries]
        return page(rows, query, f"{self._url}/accounts")

    def _account(self, account_id: str, query: Query) -> Any:
        return resources.account(self._entry(account_id), self._network, self._url)

    def _data(self, account_id: str, name: str, query: Query) -> Any:
        value = self._entry(account_id).data.get(name)
        if value is None:
            raise _missing()
        return {"value": base64.b64encode(value).decode()}

    def _account_transactions(self, account_id: str, query: Query) -> Any:
        self._valid(account_id)
        entries = [entry for entry in self._network.history if account_id in _parties(entry)]
        return self._transaction_page(entries, query, f"accounts/{account_id}/transactions")

    def _account_operations(self, account_id: str, query: Query) -> Any:
        self._valid(account_id)
        entries = [entry for entry in self._network.history if account_id in _parties(entry)]
        return self._operation_page(entries, query, f"accounts/{account_id}/operations")

    def _assets(self, query: Query) -> Any:
        code, issuer = query.get("asset_code"), query.get("asset_issuer")
        rows = [
            row
            for row in resources.assets(self._network.accounts, self._url)
            if (not code or row["asset_code"] == code) and (not issuer or row["asset_issuer"] == issuer)
        ]
        return page(rows, query, f"{self._url}/assets")

    def _transactions(self, query: Query) -> Any:
        return self._transaction_page(self._network.history, query, "transactions")

    def _transaction(self, digest: str, query: Query) -> Any:
        return resources.transaction(self._history(digest), self._url, digest)

    def _transaction_operations(self, digest: str, query: Query) -> Any:
        kept = {**query, "include_failed": "true"}
        return self._operation_page([self._history(digest)], kept, f"transactions/{digest}/operations")

    def _operations(self, query: Query) -> Any:
        return self._operation_page(self._network.history, query, "operations")

    def _operation(self, number: str, query: Query) -> Any:
        token = int(number) >> 12 << 12
        for entry in self._network.history:
            if entry.token == token:
                for row in operations(entry, self._url):
                    if row["id"] == number:
                        return row
        raise _missing()

    def _history(self, digest: str) -> HistoryEntry:
        if not re.fullmatch("[0-9a-f]{64}", digest):
            raise bad_field("tx_id", "invalid hash format")
        entry = self._network.by_hash.get(digest)
        if entry is None:
            raise _missing()
        return entry

    def _entry(self, account_id: str) -> AccountEntry:
        self._valid(account_id)
        entry = self._network.accounts.get(account_id)
        if entry is None:
            raise _missing()
        return entry

    def _valid(self, account_id: str) -> None:
        if not StrKey.is_valid_ed25519_public_key(account_id):
            raise bad_field("account_id", "Account ID must start with `G` and contain 56 alphanum characters")

    def _transaction_page(self, entries: Iterable[HistoryEntry], query: Query, path: str) -> Any:
        rows = [resources.transaction(entry, self._url) for entry in _wanted(entries, query)]
        return page(rows, query, f"{self._url}/{path}")

    def _operation_page(self, entries: Iterable[HistoryEntry], query: Query, path: str) -> Any:
        rows = [row for entry in _wanted(entries, query) for row in operations(entry, self._url)]
        return page(rows, query, f"{self._url}/{path}")


def _wanted(entries: Iterable[HistoryEntry], query: Query) -> list[HistoryEntry]:
    """Failed transactions are left out unless they are asked for."""
    return [entry for entry in entries if entry.verdict.successful or query.get("include_failed") == "true"]


def _parties(entry: HistoryEntry) -> set[str]:
    """The accounts that a transaction touches: who pays, who acts, who is paid or changed."""
    submitted = entry.submitted
    found = {submitted.source, submitted.fee_source}
    for operation in submitted.operations:
        found.add(submitted.source_of(operation))
        for name in ("destination", "from_", "trustor"):
            party = getattr(operation, name, None)
            if party is not None:
                found.add(getattr(party, "account_id", party))
    return found


def _missing() -> RequestRefused:
    return RequestRefused(problem("not_found", "The resource at the url requested was not found."))
