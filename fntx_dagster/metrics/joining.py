"""Sets that grow together: which of many things are one, by links between two of them.

Pure. What a link is, is the caller's.
"""

from __future__ import annotations


class Joined:
    """Disjoint sets of names. A name that nobody has joined is a set by itself."""

    def __init__(self) -> None:
        self._leaders: dict[str, str] = {}

    def leader(self, name: str) -> str:
        """The name that stands for a name's whole set."""
        while (above := self._leaders.setdefault(name, name)) != name:
            self._leaders[name] = self._leaders[above]
            name = above
        return name

    def join(self, name: str, other: str) -> None:
        """Make two sets one; the leader of the first leads it."""
        self._leaders[self.leader(other)] = self.leader(name)
