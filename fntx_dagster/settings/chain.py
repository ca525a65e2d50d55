"""The EVM chain, the keys that sign on it, and the secret of the salts."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from fntx_dagster.settings.groups import Group


class ChainSettings(Group):
    """The EVM chain that days are signed on."""

    rpc_url: SecretStr | None = Field(default=None, description="EVM chain by RPC URL; unset: the embedded chain")
    embedded: bool = Field(
        default=False,
        description=(
            "use the embedded chain beside a database by URL (`1`), on the one machine that signs; each home has an "
            "embedded chain of its own, so without this setting it is refused there"
        ),
    )
    contracts: Path | None = Field(
        default=None, description="JSON file with the addresses of FNTX and TrackRecord on that chain"
    )
    confirmations: int = Field(
        default=12,
        ge=0,
        description=(
            "blocks on top of a record's block until the record is final (12); on the embedded chain it is "
            "final at once"
        ),
    )
    explorer_url: str | None = Field(
        default=None, description="a block explorer's page of a transaction, with `{tx_hash}` in it: links in receipts"
    )


class KeysSettings(Group):
    """The keys that sign, and the secret that salts are derived from."""

    salt: SecretStr | None = Field(
        default=None,
        description=(
            "salt secret, 64 hex digits, the same on every machine (`FNTX_SALT_FILE` names a file that holds it); "
            "unset: `keys/salt.secret` in the home"
        ),
    )
    make: bool = Field(
        default=False,
        description=(
            "let this home make a salt secret and development keys beside a database by URL (`1`), where they are "
            "missing; without a database by URL they are made on first use"
        ),
    )

    trader_key: SecretStr | None = Field(
        default=None,
        description=(
            "private key that signs on a chain by RPC URL, for accounts without a keystore; unset: a development key"
        ),
    )
    keystores: dict[str, Path] = Field(
        default={}, description="encrypted keystore file (V3 JSON) of each account's key, as JSON: account to file"
    )
    keystore_password: SecretStr | None = Field(default=None, description="password of those keystore files")
