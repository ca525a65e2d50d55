"""The treasury's configuration file: read, and compared with what the signers approved."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from fntx_dagster.audit.canonical import read_strictly
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.config import TreasuryConfig, read_config
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Connection
from fntx_dagster.store.treasury.signer_sets import SignerSetRow, signer_sets


def configured(settings: Settings) -> TreasuryConfig:
    """The configuration of the file that FNTX_TREASURY_CONFIG names. Raises Permanent that names the file and the
    field that is wrong."""
    path = settings.treasury.config
    if path is None:
        raise Permanent("there is no configuration of the treasury", "Set FNTX_TREASURY_CONFIG to its file")
    try:
        return read_config(document_of(path.expanduser().read_bytes(), is_yaml=path.suffix in (".yaml", ".yml")))
    except Permanent as error:
        raise Permanent(f"{path.name}: {error.message}", error.way_out) from None


def document_of(content: bytes, *, is_yaml: bool = False) -> Any:
    """The document of a file in JSON, or in YAML. Raises Permanent where it can be read in two ways."""
    return _yaml(content) if is_yaml else read_strictly(content)


def active_set(connection: Connection) -> SignerSetRow:
    """The signer set that decides now. Raises Permanent before the first."""
    rows = signer_sets(connection, "active")
    if not rows:
        raise Permanent("nobody may decide yet", "Set up the first signers: `fntx treasury enroll`")
    return rows[0]


def approved_config(settings: Settings, connection: Connection) -> TreasuryConfig:
    """The configuration, which has to be the one that the signers approved. Raises Permanent where the file is another:
    then nothing is proposed or prepared from it."""
    config = configured(settings)
    if config.hash != active_set(connection).config_hash:
        raise Permanent(
            "the configuration of the treasury is not the one that the signers approved",
            "Bring the approved file back, or propose this one: `fntx treasury propose config.change`",
        )
    return config


def _yaml(content: bytes) -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """Refuses a name that stands twice."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
            mapping = super().construct_mapping(node, deep)
            if len(mapping) < len(node.value):
                raise yaml.YAMLError("a name stands twice")
            return mapping

    try:
        return yaml.load(content, Loader)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise Permanent("it is no YAML that can be read in one way", "Write each name once in an object") from None
