"""The catalogues of signed metrics: what each slot of a record, and of the extension in its slot 63, means, and how a
value becomes an integer.

Pure. A slot's index, name, unit, decimals and source are part of the schema whose hash every record carries: they are
never changed or reused. A change is a new version of the catalogue; the old ones stay, because records that were signed
under them are read for ever, and a test pins the bytes of each.

Decimals are chosen per metric. The broker gives amounts with up to 12 decimals; they are rounded half-even, once, here,
to the 8 that are signed, which keeps every sum of a day's amounts exact to far below a cent. Ratios and percentages
are computed in binary floating point and carry 8 decimals too. Counts and times are whole, and a fraction is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import cached_property
from typing import NamedTuple

from fntx_dagster.errors import Permanent

BASE_CURRENCY = "base_currency"
COUNT = "count"
EPOCH_SECONDS = "epoch_seconds"
LETTERS = "ascii_letters"
"""Text of a few letters (a currency's code) as the number that its ASCII bytes are, big-endian."""
PERCENT = "percent"
RATIO = "ratio"
SHA256 = "sha256"
"""A digest of 32 bytes as the number that they are, big-endian two's complement."""

_EXACT_UNITS = (BASE_CURRENCY, COUNT, EPOCH_SECONDS, LETTERS, SHA256)
_INT256_LIMIT = 2**255
_WIDE = Context(prec=100, rounding=ROUND_HALF_EVEN)


class Metric(NamedTuple):
    """One slot. The scaled integer keeps `decimals` places of the value; `source` is the column it is read from."""

    index: int  # pyright: ignore[reportIncompatibleMethodOverride]  # the schema's name, which hides tuple.index
    name: str
    unit: str
    decimals: int
    source: str
    category: str

    def text_of(self, scaled: int | None) -> str | None:
        """A scaled integer as people read it, the same to the letter in every verifier; None for null.

        A number with exactly the metric's decimals (`-12.50000000`), a LETTERS slot as its letters (`HKD`), a SHA256
        slot as 64 lower-case hex digits. Permanent for a number that is no text of printable ASCII characters, or an
        empty one.
        """
        if scaled is None:
            return None
        if self.unit == SHA256:
            return scaled.to_bytes(32, "big", signed=True).hex()
        if self.unit == LETTERS:
            code = scaled.to_bytes(32, "big", signed=True).lstrip(b"\0")
            if not code or any(not 0x20 <= byte <= 0x7E for byte in code):
                raise Permanent(f"{self.name} is a number that stands for no letters")
            return code.decode("ascii")
        return f"{unscale(self, scaled):f}"


@dataclass(frozen=True)
class Catalogue:
    """A version of a catalogue: its metrics by ascending slot. Slots may be left out, so a metric's position is not its
    slot. `title` distinguishes the record's catalogue from the extension's."""

    version: int
    metrics: tuple[Metric, ...]
    title: str = "fntx.daily"

    @cached_property
    def by_name(self) -> Mapping[str, Metric]:
        return {metric.name: metric for metric in self.metrics}

    def canonical(self) -> bytes:
        """The catalogue as canonical JSON (ASCII, sorted keys, no spaces); keccak256 of it is the schema hash.

        Hashing is left to `proof.leaves.schema_hash_of`, so that this room needs no cryptography.
        """
        return self._canonical

    def scaled(self, values: Mapping[str, Decimal | float | None]) -> dict[int, int | None]:
        """Scaled values by slot from values by name; Permanent names each metric that is missing or unknown.

        A metric that is undefined on a day is given as None, never left out: an omission would sign a gap unseen.
        """
        missing, unknown = sorted(self.by_name.keys() - values.keys()), sorted(values.keys() - self.by_name.keys())
        if missing or unknown:
            raise Permanent(
                f"the values do not match catalogue version {self.version}: missing {missing}, unknown {unknown}",
                "Give every metric of the catalogue, None where it is undefined",
            )
        return {metric.index: scale(metric, values[metric.name]) for metric in self.metrics}

    @cached_property
    def _canonical(self) -> bytes:
        content = {
            "catalogue": self.title,
            "metrics": [metric._asdict() for metric in self.metrics],
            "null": "int256.min",
            "rounding": "half-even",
            "version": self.version,
        }
        return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def scale(metric: Metric, value: Decimal | float | None) -> int | None:
    """`value` as the integer that is signed: times 10^decimals, rounded half-even; None stays None.

    Permanent for NaN and infinities, a float where the unit is exact (money, counts, times), a fraction where the
    metric has no decimals, and what int256 cannot hold.
    """
    if value is None:
        return None
    exact = _decimal(metric, value)
    if not exact.is_finite():
        raise Permanent(f"{metric.name} is {exact}, not a number that can be signed", "Give None where it is undefined")
    if exact.adjusted() + metric.decimals > 77:  # 2^255 has 77 digits
        raise Permanent(f"{metric.name} is too large for int256")
    shifted = exact.scaleb(metric.decimals, _WIDE)
    scaled = int(shifted.to_integral_value(context=_WIDE))
    if metric.decimals == 0 and scaled != shifted:
        raise Permanent(f"{metric.name} is {exact}, but a {metric.unit} is whole")
    if not -_INT256_LIMIT < scaled < _INT256_LIMIT:
        raise Permanent(f"{metric.name} is too large for int256")
    return scaled


def letters(text: str) -> int:
    """The number that encodes a code in a LETTERS slot: `HKD` is 0x484b44."""
    return int.from_bytes(text.encode("ascii"), "big")


def digest_value(digest: bytes) -> int:
    """The number that encodes a digest of 32 bytes in a SHA256 slot; Permanent for another length."""
    if len(digest) != 32:
        raise Permanent(f"a digest of {len(digest)} bytes cannot be signed", "Give the 32 bytes of a SHA-256")
    return int.from_bytes(digest, "big", signed=True)


def unscale(metric: Metric, scaled: int | None) -> Decimal | None:
    """The value behind a scaled integer, with exactly the metric's decimals; None for null."""
    return None if scaled is None else Decimal(scaled).scaleb(-metric.decimals, _WIDE)


def _decimal(metric: Metric, value: Decimal | float) -> Decimal:
    if isinstance(value, float) and metric.unit not in _EXACT_UNITS:
        return Decimal(repr(float(value)))  # float() first: numpy's own repr names its type
    if isinstance(value, (Decimal, int)) and not isinstance(value, bool):
        return Decimal(value)
    raise Permanent(f"{metric.name} is a {type(value).__name__}, but its unit {metric.unit} is exact", "Give a Decimal")


_VERSION_1 = Catalogue(
    version=1,
    metrics=(
        Metric(0, "trading_day_num", COUNT, 0, "count of daily_summary.trading_day up to it", "core"),
        Metric(1, "session_close_utc", EPOCH_SECONDS, 0, "trading_sessions.closes_at", "core"),
        Metric(2, "opening_nav_official", BASE_CURRENCY, 8, "daily_summary.opening_nav_official", "account"),
        Metric(3, "opening_nav_calculated", BASE_CURRENCY, 8, "daily_summary.opening_nav_calculated", "account"),
        Metric(4, "closing_nav_official", BASE_CURRENCY, 8, "daily_summary.closing_nav_official", "account"),
        Metric(5, "closing_nav_calculated", BASE_CURRENCY, 8, "daily_summary.closing_nav_calculated", "account"),
        Metric(6, "deposits", BASE_CURRENCY, 8, "daily_summary.deposits", "account"),
        Metric(7, "withdrawals", BASE_CURRENCY, 8, "daily_summary.withdrawals", "account"),
        Metric(8, "gross_pnl", BASE_CURRENCY, 8, "daily_summary.gross_pnl", "pnl"),
        Metric(9, "commissions", BASE_CURRENCY, 8, "daily_summary.commissions", "pnl"),
        Metric(10, "interest", BASE_CURRENCY, 8, "daily_summary.interest", "pnl"),
        Metric(11, "fees", BASE_CURRENCY, 8, "daily_summary.fees", "pnl"),
        Metric(12, "broker_residual", BASE_CURRENCY, 8, "daily_summary.broker_residual", "pnl"),
        Metric(13, "net_pnl", BASE_CURRENCY, 8, "daily_summary.net_pnl", "pnl"),
        Metric(14, "contracts_traded", COUNT, 0, "daily_summary.contracts_traded", "trading"),
        Metric(15, "implied_turnover", BASE_CURRENCY, 8, "daily_summary.implied_turnover", "trading"),
        Metric(16, "position_size_pct", PERCENT, 8, "daily_summary.position_size_pct", "trading"),
        Metric(17, "margin_used", BASE_CURRENCY, 8, "daily_summary.margin_used", "trading"),
        Metric(18, "positions_expired", COUNT, 0, "daily_summary.positions_expired", "trading"),
        Metric(19, "positions_assigned", COUNT, 0, "daily_summary.positions_assigned", "trading"),
        Metric(20, "positions_stopped", COUNT, 0, "daily_summary.positions_stopped", "trading"),
        Metric(21, "difference", BASE_CURRENCY, 8, "daily_summary.difference", "reconciliation"),
        Metric(
            22, "mark_to_market", BASE_CURRENCY, 8, "daily_summary.difference_parts.mark_to_market", "reconciliation"
        ),
        Metric(
            23,
            "assigned_option_mark",
            BASE_CURRENCY,
            8,
            "daily_summary.difference_parts.assigned_option_mark",
            "reconciliation",
        ),
        Metric(
            24,
            "expired_option_mark",
            BASE_CURRENCY,
            8,
            "daily_summary.difference_parts.expired_option_mark",
            "reconciliation",
        ),
        Metric(
            25, "rate_difference", BASE_CURRENCY, 8, "daily_summary.difference_parts.rate_difference", "reconciliation"
        ),
        Metric(
            26,
            "interest_accruals",
            BASE_CURRENCY,
            8,
            "daily_summary.difference_parts.interest_accruals",
            "reconciliation",
        ),
        Metric(
            27, "fx_translation", BASE_CURRENCY, 8, "daily_summary.difference_parts.fx_translation", "reconciliation"
        ),
        Metric(
            28,
            "other_parts",
            BASE_CURRENCY,
            8,
            "daily_summary.difference_parts, the others but broker_residual",
            "reconciliation",
        ),
        Metric(29, "unexplained", BASE_CURRENCY, 8, "daily_summary.unexplained", "reconciliation"),
        Metric(30, "delta", RATIO, 8, "portfolio_greeks.delta", "greeks"),
        Metric(31, "gamma", "delta_per_usd", 8, "portfolio_greeks.gamma", "greeks"),
        Metric(32, "theta", "usd_per_calendar_day", 8, "portfolio_greeks.theta", "greeks"),
        Metric(33, "vega", "usd_per_volatility_point", 8, "portfolio_greeks.vega", "greeks"),
        Metric(34, "win_rate_30d", PERCENT, 8, "rolling_metrics[30d].win_rate", "performance"),
        Metric(35, "sharpe_30d", RATIO, 8, "rolling_metrics[30d].sharpe", "performance"),
        Metric(36, "volatility_30d", RATIO, 8, "rolling_metrics[30d].volatility", "performance"),
        Metric(37, "max_drawdown_30d", RATIO, 8, "rolling_metrics[30d].max_drawdown", "performance"),
        Metric(38, "total_return_30d", RATIO, 8, "rolling_metrics[30d].total_return", "performance"),
        Metric(39, "win_rate_mtd", PERCENT, 8, "rolling_metrics[mtd].win_rate", "performance"),
        Metric(40, "sharpe_mtd", RATIO, 8, "rolling_metrics[mtd].sharpe", "performance"),
        Metric(41, "volatility_mtd", RATIO, 8, "rolling_metrics[mtd].volatility", "performance"),
        Metric(42, "max_drawdown_mtd", RATIO, 8, "rolling_metrics[mtd].max_drawdown", "performance"),
        Metric(43, "total_return_mtd", RATIO, 8, "rolling_metrics[mtd].total_return", "performance"),
        Metric(44, "win_rate_ytd", PERCENT, 8, "rolling_metrics[ytd].win_rate", "performance"),
        Metric(45, "sharpe_ytd", RATIO, 8, "rolling_metrics[ytd].sharpe", "performance"),
        Metric(46, "volatility_ytd", RATIO, 8, "rolling_metrics[ytd].volatility", "performance"),
        Metric(47, "max_drawdown_ytd", RATIO, 8, "rolling_metrics[ytd].max_drawdown", "performance"),
        Metric(48, "total_return_ytd", RATIO, 8, "rolling_metrics[ytd].total_return", "performance"),
        Metric(49, "win_rate_all", PERCENT, 8, "rolling_metrics[all].win_rate", "performance"),
        Metric(50, "sharpe_all", RATIO, 8, "rolling_metrics[all].sharpe", "performance"),
        Metric(51, "volatility_all", RATIO, 8, "rolling_metrics[all].volatility", "performance"),
        Metric(52, "max_drawdown_all", RATIO, 8, "rolling_metrics[all].max_drawdown", "performance"),
        Metric(53, "total_return_all", RATIO, 8, "rolling_metrics[all].total_return", "performance"),
        Metric(54, "dpi", RATIO, 8, "rolling_metrics[all].dpi", "fund"),
        Metric(55, "tvpi", RATIO, 8, "rolling_metrics[all].tvpi", "fund"),
        Metric(56, "rvpi", RATIO, 8, "rolling_metrics[all].rvpi", "fund"),
        Metric(57, "base_currency", LETTERS, 0, "daily_summary.base_currency", "core"),
    ),
)

_VERSION_2 = Catalogue(
    version=2,
    metrics=(
        *_VERSION_1.metrics,
        Metric(
            58,
            "statements_digest",
            SHA256,
            0,
            "sha256 of the sorted sha256 (hex, one per line) of raw_flex.coverage's statement files of the day",
            "core",
        ),
    ),
)

_VERSION_3 = Catalogue(
    version=3,
    metrics=(
        *_VERSION_2.metrics,
        Metric(59, "var_95_returns", RATIO, 8, "rolling_metrics[all].var_95", "risk"),
        Metric(60, "var_95_historical", RATIO, 8, "portfolio_greeks.var_95_historical", "risk"),
        Metric(61, "var_95_repricing", RATIO, 8, "portfolio_greeks.var_95_repricing", "risk"),
    ),
)

EXTENSION_ROOT = "extension_root"
"""The slot of a record that holds the root of the day's extension."""
AGGREGATION_COMMITMENTS, PERIOD_COMMITMENTS = "aggregation_commitments", "period_commitments"
"""The slots, of the record and of its extension, that follow from a day's other figures and the salt secret."""
DERIVED = (AGGREGATION_COMMITMENTS, PERIOD_COMMITMENTS, EXTENSION_ROOT)
"""The slots that no table has: they are computed where a day is frozen."""

_VERSION_4 = Catalogue(
    version=4,
    metrics=(
        *_VERSION_3.metrics,
        Metric(
            62,
            AGGREGATION_COMMITMENTS,
            SHA256,
            0,
            "sha256 of three Pedersen commitments, to slots 4, 15 and 13",
            "aggregation",
        ),
        Metric(63, EXTENSION_ROOT, SHA256, 0, "root of the extension tree of the day", "core"),
    ),
)

_EXTENSION_1 = Catalogue(
    version=1,
    metrics=(
        Metric(0, "win_rate_all_in_30d", PERCENT, 8, "rolling_metrics[30d].win_rate_all_in", "performance"),
        Metric(1, "win_rate_all_in_mtd", PERCENT, 8, "rolling_metrics[mtd].win_rate_all_in", "performance"),
        Metric(2, "win_rate_all_in_ytd", PERCENT, 8, "rolling_metrics[ytd].win_rate_all_in", "performance"),
        Metric(3, "win_rate_all_in_all", PERCENT, 8, "rolling_metrics[all].win_rate_all_in", "performance"),
        Metric(4, "wins", COUNT, 0, "count of round_trips of the day with net P&L above 0", "trading"),
        Metric(5, "losses", COUNT, 0, "count of round_trips of the day with net P&L below 0", "trading"),
        Metric(6, "break_evens", COUNT, 0, "count of round_trips of the day with net P&L 0", "trading"),
        Metric(7, "ledger_entries", COUNT, 0, "entry_no of the ledger's head at the session's close", "ledger"),
        Metric(8, "ledger_head", SHA256, 0, "hash of the ledger's head at the session's close", "ledger"),
        Metric(9, "audit_size", COUNT, 0, "size of the last audit checkpoint before the session's close", "audit"),
        Metric(10, "audit_root", SHA256, 0, "root of the last audit checkpoint before the session's close", "audit"),
        # 32 alone in its half of the tree: five of the six hashes of its path are then constants
        Metric(
            32,
            PERIOD_COMMITMENTS,
            SHA256,
            0,
            "sha256 of currency, session number and the Pedersen commitment to ten values",
            "aggregation",
        ),
    ),
    title="fntx.daily.ext",
)

CATALOGUES = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4)
"""Every catalogue that records were signed under, oldest first."""

CATALOGUE = _VERSION_4
"""The catalogue that is signed today. Greeks are the portfolio's: delta as delta-dollars per NAV."""

EXTENSIONS = (_EXTENSION_1,)
"""Every catalogue that extensions were signed under, oldest first. No name of one is a name of the record's."""

EXTENSION = _EXTENSION_1
"""The extension's catalogue that is signed today."""

GREEKS = ("delta", "gamma", "theta", "vega")
"""The slots that are null in every record of the first two versions, because nothing computed them then."""

NOT_COMPUTED = ("audit_size", "audit_root")
"""The slots that are null in every record, because nothing computes them yet."""
