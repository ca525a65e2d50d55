"""What the payload of each kind of proposal holds: an intent on one of our accounts, or what takes effect here."""

from __future__ import annotations

from typing import Any, NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.execution.risk import DeskLimits
from fntx_dagster.governance.addresses import is_stellar_address, is_xrpl_address
from fntx_dagster.governance.config import TreasuryConfig, read_config
from fntx_dagster.governance.fields import StrictFields
from fntx_dagster.governance.kinds import ANCHOR, BATCH, DISTRIBUTION, KINDS, LONGEST_STANDING, RELEASE, TRADE
from fntx_dagster.services.governance.limits import check_meaning
from fntx_dagster.services.governance.signers import check_signers, read_signers
from fntx_dagster.services.treasury.secrets import require_plain
from fntx_dagster.store.treasury.signer_sets import SignerRow

LEDGERS = ("xrpl", "stellar")
_MOST_PER_DAY = 1000


class Rotation(NamedTuple):
    """The signers and the configuration that shall be, at once where it is urgent."""

    signers: list[SignerRow]
    config: TreasuryConfig
    urgent: bool


class StandingTerms(NamedTuple):
    """What may be signed without a further decision: transactions that have all of `template`, so many a day, each
    with at most this fee in drops or stroops, for so many days, with this key alone."""

    template: dict[str, Any]
    per_day: int
    fee_cap: int
    days: int
    key: str


class BreakerTerms(NamedTuple):
    """Whose breaker a proposal trips or resets, and why: of a bot of a user's live book, of the user, or (None) of all
    live books and of the desk on the XRP Ledger; with `desk_alone` of that desk and of no book."""

    reason: str
    user: str | None
    bot: str | None
    desk_alone: bool = False

    @property
    def is_of_desk(self) -> bool:
        return self.user is None


class LiveTerms(NamedTuple):
    """What a `trade.live` allows: trading on ledgers, for a reason; with `desk`, which currency the desk on the XRP
    Ledger counts in and its limits."""

    reason: str
    quote: tuple[str, str] | None = None
    limits: dict[str, Any] | None = None


def check_intent(payload: Any, name: str, config: TreasuryConfig) -> None:
    """Raise Permanent unless a payload is an intent that the kind of that name allows, from an account of ours, on the
    configured network."""
    kind = KINDS[name]
    whole = StrictFields(payload, "")
    ledger = whole.one_of("ledger", LEDGERS)
    network = whole.any("network_id")
    expected = config.network_id if ledger == "xrpl" else config.passphrase
    if type(network) is not type(expected) or network != expected:
        raise Permanent(
            f"network_id is not that of the configuration, {expected}",
            "Of Stellar it is the passphrase of the network",
        )
    intent = whole.object("intent")
    op = intent.one_of("op", sorted(kind.ops))
    accounts = [*(config.xrpl_accounts if ledger == "xrpl" else config.stellar_accounts).values()]
    if name == ANCHOR and ledger == "stellar":
        accounts = [config.stellar_anchor]
    intent.one_of("account", accounts)
    params = intent.object("params")
    if ledger == "stellar" and op == "payment" and intent.has("memo"):
        intent.object("memo")  # the builder reads it
    intent.end()
    if op == "account.flag" and name == "freeze":
        flags = (params.any(each) for each in ("set", "clear") if params.has(each))
        if any(flag != "global_freeze" for flag in flags):
            raise Permanent(
                "a freeze sets or clears global_freeze and no other flag", "Propose others as account.configure"
            )
    if op == BATCH:
        for each in params.objects("operations"):
            each.one_of("op", sorted(kind.ops - {BATCH}))
            each.object("params")
            each.end()
    whole.end()
    check_meaning(name, payload, config)


def read_setup(payload: Any, config: TreasuryConfig) -> list[dict[str, Any]]:
    """The payloads of the transactions that an `account.setup` asks for, in their order: those of `account.configure`,
    all on one ledger."""
    payloads = _each_intent(payload)
    for each in payloads:
        check_intent(each, "account.configure", config)
    return payloads


def _each_intent(payload: Any) -> list[dict[str, Any]]:
    """A payload of several intents as one of each."""
    whole = StrictFields(payload, "")
    ledger, network = whole.any("ledger"), whole.any("network_id")
    intents = [fields.content for fields in whole.objects("intents")]
    whole.end()
    if not intents:
        raise Permanent("intents is empty", "Name what shall be done")
    return [{"ledger": ledger, "network_id": network, "intent": intent} for intent in intents]


def read_distribution(payload: Any, config: TreasuryConfig, kind: str = DISTRIBUTION) -> list[dict[str, Any]]:
    """The payloads of the payments that a `distribution.approve` asks for, in their order: those of `distribution.pay`,
    all on one ledger and from one account. It names the bond, the distribution and the hash of what was frozen; a
    `distribution.release` says why, and which payments it releases."""
    whole = StrictFields(payload, "")
    for name in ("bond", "distribution", "hash"):
        whole.text(name)
    if kind == RELEASE:
        _plain(whole, "reason")
        for each in whole.objects("releases"):
            each.text("distribution")
            each.whole("number", 1)
            each.text("party")
            each.end()
    ledger, network = whole.any("ledger"), whole.any("network_id")
    intents = [fields.content for fields in whole.objects("intents")]
    whole.end()
    if not intents:
        raise Permanent("intents is empty", "A distribution that pays nobody needs no approval")
    payloads = [{"ledger": ledger, "network_id": network, "intent": intent} for intent in intents]
    for each in payloads:
        check_intent(each, "distribution.pay", config)
    if len({each["intent"]["account"] for each in payloads}) > 1:
        raise Permanent("intents pay from several accounts", "A distribution is paid from one")
    return payloads


def read_reason(payload: Any) -> str:
    """The reason that a pause, a resumption, a kill or a reset gives."""
    whole = StrictFields(payload, "")
    reason = _plain(whole, "reason")
    whole.end()
    return reason


def read_breakers(payload: Any) -> BreakerTerms:
    """The terms of a `trade.kill` or a `breaker.reset`: `reason`, and where not all are meant `user`, and `bot`."""
    whole = StrictFields(payload, "")
    user = _plain(whole, "user") if whole.has("user") else None
    bot = _plain(whole, "bot") if user and whole.has("bot") else None
    desk_alone = user is None and whole.has("desk") and bool(whole.one_of("desk", ("xrpl",)))
    terms = BreakerTerms(_plain(whole, "reason"), user, bot, desk_alone)
    whole.end()
    return terms


def read_live(payload: Any) -> LiveTerms:
    """The terms of a `trade.live`: `reason`, and for the desk on the XRP Ledger `desk` with `quote` (a currency, and
    its issuer unless it is XRP) and `limits`."""
    whole = StrictFields(payload, "")
    reason = _plain(whole, "reason")
    if not whole.has("desk"):
        whole.end()
        return LiveTerms(reason)
    desk = whole.object("desk")
    whole.end()
    quote = read_asset(desk.object("quote"))
    limits = desk.object("limits")
    for name in DeskLimits._fields:
        if name == "max_open_orders":
            limits.whole(name, 0)
        else:
            limits.decimal(name)
    limits.end()
    desk.end()
    return LiveTerms(reason, quote, limits.content)


def read_asset(fields: StrictFields) -> tuple[str, str]:
    """A currency of the XRP Ledger as its code and its issuer, which is empty for XRP."""
    code = fields.text("currency")
    issuer = ""
    if code != "XRP":
        issuer = fields.checked("issuer", is_xrpl_address, "an address of the XRP Ledger")
    fields.end()
    return code, issuer


def read_orders(payload: Any, config: TreasuryConfig) -> list[dict[str, Any]]:
    """The payloads of the transactions that a `trade.order` asks for: of its one `intent`, or of each of its
    `intents`."""
    payloads = _each_intent(payload) if is_batch(TRADE, payload) else [payload]
    for each in payloads:
        check_intent(each, TRADE, config)
    return payloads


def orders_asked(kind: str, payload: Any) -> list[dict[str, Any]]:
    """One payload for each order of a `trade.order` that was checked; none of another kind."""
    if kind != TRADE:
        return []
    return _each_intent(payload) if is_batch(kind, payload) else [payload]


def is_batch(kind: str, payload: Any) -> bool:
    """Whether a proposal asks for several orders at once, each of which becomes a proposal that it covers."""
    return kind == TRADE and isinstance(payload, dict) and "intents" in payload


def _plain(fields: StrictFields, name: str) -> str:
    text = fields.text(name)
    require_plain(name, text)
    return text


def read_new_config(payload: Any) -> TreasuryConfig:
    """The configuration of a `config.change`."""
    whole = StrictFields(payload, "")
    config = read_config(whole.any("config"))
    whole.end()
    return config


def read_rotation(payload: Any, instance: str) -> Rotation:
    """The set of a `signer.rotate`, each signer with a signed registration."""
    whole = StrictFields(payload, "")
    signers = read_signers({"signers": whole.any("signers")})
    config = read_config(whole.any("config"))
    urgent = whole.yes_or_no("urgent")
    whole.end()
    check_signers(signers, config, instance)
    return Rotation(signers, config, urgent)


def read_standing(payload: Any, config: TreasuryConfig) -> StandingTerms:
    """The terms of a `standing.approve`. It covers anchors of the audit log alone: whoever holds its key could move
    what any other operation moves. Never for the issuer, and never one of a signer's keys, whose weight is not limited
    to one operation."""
    whole = StrictFields(payload, "")
    template = whole.object("template")
    ledger = template.one_of("ledger", LEDGERS)
    template.any("network_id")
    intent = template.object("intent")
    intent.one_of("op", ("anchor",))
    account = intent.text("account")
    if intent.has("params"):
        intent.object("params")
    intent.end()
    template.end()
    terms = StandingTerms(
        whole.any("template"),
        whole.whole("per_day", 1, _MOST_PER_DAY),
        int(whole.digits("fee_cap")),
        whole.whole("days", 1, LONGEST_STANDING.days),
        whole.checked("key", is_xrpl_address if ledger == "xrpl" else is_stellar_address, f"an address on {ledger}"),
    )
    whole.end()
    if account in config.issuers:
        raise Permanent(
            "template.intent.account is an issuer, whose signers anchor by a proposal",
            "Anchor with an account that does nothing else",
        )
    if terms.key in {address for signer in config.signers for address in (signer.xrpl, signer.stellar)}:
        raise Permanent(f"key is that of a signer on {ledger}", "Make a key that signs anchors and nothing else")
    return terms
