"""Where the dashboard is reached."""

from __future__ import annotations

from pydantic import Field

from fntx_dagster.settings.groups import Group


class WebSettings(Group):
    """Under which origin the dashboard that `fntx serve` serves is reached."""

    origin: str | None = Field(
        default=None,
        pattern=r"^(https://[a-z0-9.-]+|http://localhost)(:[1-9][0-9]{0,4})?$",
        examples=["https://fntx.example.com", "http://localhost:8765", "https://fntx.example.com:8443"],
        description=(
            "origin that browsers reach the dashboard under (`https://fntx.example.com`), where a proxy brings TLS to "
            "it; unset: `http://localhost:8765`, for this machine alone"
        ),
    )
    proxies: frozenset[str] = Field(
        default=frozenset({"127.0.0.1", "::1"}),
        description=(
            "addresses of the proxies whose `X-Forwarded-For` says where a visitor is, as a JSON list "
            '(`["127.0.0.1", "::1"]`); it counts only with an origin of https'
        ),
    )

    published_locally: bool = Field(
        default=False,
        description=(
            "of a container (`1`): the port that it listens on is published on this machine's loopback alone, so that "
            "it may listen on every address of its own without an origin of https"
        ),
    )

    @property
    def trusted_proxies(self) -> frozenset[str]:
        """The addresses whose `X-Forwarded-For` counts: none where nothing brings TLS to the dashboard."""
        return self.proxies if self.origin and self.origin.startswith("https:") else frozenset()

    @property
    def address(self) -> str:
        """Where browsers reach the dashboard."""
        return self.origin or "http://localhost:8765"
