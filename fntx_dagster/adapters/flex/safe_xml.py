"""lxml, set up for documents from outside: no parser reads an external entity, a DTD, another file or the network.

Here belong the parsers; what a document means is in `answers` and `statements`.
"""

from __future__ import annotations

from typing import Protocol

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]  # compiled, and without types of its own

XMLSyntaxError: type[SyntaxError] = etree.XMLSyntaxError

_SAFELY = {"load_dtd": False, "no_network": True, "huge_tree": False}


class Target(Protocol):
    """Receives the tags of a document as the parser meets them."""

    def start(self, tag: str, attributes: dict[str, str], /) -> None: ...
    def doctype(self, *declared: object) -> None: ...
    def close(self) -> None: ...


class PushParser(Protocol):
    """Takes a document piece by piece. Both methods raise XMLSyntaxError where it is not well-formed."""

    def feed(self, piece: bytes, /) -> None: ...
    def close(self) -> object: ...


def push_parser(target: Target) -> PushParser:
    """A parser that calls `target` at each tag and builds no tree."""
    # "internal" for `&amp;`, which would arrive as `&#38;`; a target ends at a DTD, before it can declare more
    return etree.XMLParser(target=target, resolve_entities="internal", **_SAFELY)


def parse_flat(content: bytes, *, recover: bool = False) -> tuple[str, dict[str, str]]:
    """The root's name, and by name the stripped text of each of its children.

    `recover` makes the best of a document that is cut off. Raises XMLSyntaxError where it is not well-formed,
    ValueError where its declaration of an encoding is wrong.
    """
    root = etree.fromstring(content, etree.XMLParser(resolve_entities=False, recover=recover, **_SAFELY))
    if root is None:
        return "", {}
    return root.tag, {child.tag: (child.text or "").strip() for child in root if isinstance(child.tag, str)}
