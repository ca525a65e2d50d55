"""A place in an object store: what is put there only if it is not there, read, measured and listed.

Here belong the calls to fsspec and what its errors mean. Who asks is the business of the store's own library: its
environment, its files, its machine's role. No error quotes what the library says, which may hold a key's id.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from fntx_dagster.adapters.objects.reading import Expected, PiecesAhead
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.foreign import cleaned

T = TypeVar("T")


class StoredObject(NamedTuple):
    """An object that a listing found: its name below the place, and its size in bytes."""

    name: str
    size: int


class ObjectStore:
    """The place `scheme://bucket/prefix`. Making one asks nothing of the network.

    Raises Permanent for a kind of store that has no conditional put, or whose library is not installed.
    """

    def __init__(self, scheme: str, bucket: str, prefix: str) -> None:
        kind = _KINDS.get(scheme)
        if kind is None:
            raise Permanent(
                f"no statements can be kept at {scheme}://", "Set FNTX_STATEMENTS to a folder, or to s3://bucket/prefix"
            )
        self._scheme, self._kind = scheme, kind
        self._place = "/".join(filter(None, (bucket, prefix)))
        self._files = self._opened(kind)

    def __str__(self) -> str:
        return f"{self._scheme}://{self._place}"

    def put_new(self, name: str, file: Path) -> bool:
        """Put a file's content under a name that has none, whole or not at all; the first writer wins. False where an
        object is there already, which stays."""
        try:
            with self._understood(name):
                self._files.put_file(str(file), self._path(name), mode="create")
        except FileExistsError:
            return False
        return True

    def read(self, name: str, expected: Expected, shown: str = "") -> io.BufferedReader:
        """The object from its beginning; errors call it `shown` beside its own name. Raises, and so does reading,
        Permanent where it is missing or its content is not the expected one: at the end at the latest, so only what was
        read to its end is proven."""
        size, place = self.size(name), f"{shown}: {self}/{name}" if shown else f"{self}/{name}"
        if size is None:
            raise Permanent(
                f"{place} is not there", "Restore the object in the bucket, or put the statement again from its file"
            )
        if size != expected.size:
            raise expected.other(place, f"{size:,} bytes, not {expected.size:,}")
        return io.BufferedReader(PiecesAhead(self._fetching(name), place, expected), _BUFFER)

    def size(self, name: str) -> int | None:
        """Bytes of an object; None where there is none."""
        try:
            with self._understood(name):
                return int(self._files.info(self._path(name))["size"])
        except FileNotFoundError:
            with self._understood(name):
                self._require_bucket()
            return None

    def objects(self, folder: str) -> Iterator[StoredObject]:
        """Every object below a name, whoever put it there; their names are cleaned for a terminal."""
        with self._understood(folder):
            self._require_bucket()
            found = self._files.find(self._path(folder), detail=True)
        for path, info in sorted(found.items()):
            yield StoredObject(cleaned(path.removeprefix(f"{self._place}/"), _LONGEST_NAME), int(info["size"]))

    # -- private --

    def _fetching(self, name: str) -> Callable[[int, int], bytes]:
        def fetch(start: int, end: int) -> bytes:
            try:
                with self._understood(name):
                    return self._files.cat_file(self._path(name), start=start, end=end)
            except FileNotFoundError:
                return b""  # it went away while it was read: too short

        return fetch

    def _require_bucket(self) -> None:
        bucket = self._place.partition("/")[0]
        try:
            self._files.info(bucket)
        except FileNotFoundError:
            raise Permanent(
                f"there is no bucket {self._scheme}://{bucket}", "Make it, or correct FNTX_STATEMENTS"
            ) from None

    def _path(self, name: str) -> str:
        return f"{self._place}/{name}"

    def _opened(self, kind: _Kind) -> Any:
        import fsspec

        try:
            return fsspec.filesystem(self._scheme, skip_instance_cache=True, use_listings_cache=False, **kind.options)
        except ImportError:
            raise Permanent(
                f"what speaks to {self._scheme}:// is not installed", f"Install it: {kind.installing}"
            ) from None

    @contextmanager
    def _understood(self, name: str) -> Iterator[None]:
        """The library's errors as ours, but those that say whether an object is there."""
        try:
            yield
        except (FileExistsError, FileNotFoundError, Permanent, Transient):
            raise
        except PermissionError:
            raise Permanent(
                f"{self} does not let this process at {name}",
                "Give its role the rights that docs/statements.md lists, or correct its credentials",
            ) from None
        except Exception as error:
            kinds = {kind.__name__ for kind in type(error).__mro__}
            if kinds & _NO_CREDENTIALS:
                raise Permanent(
                    f"no credentials for {self} were found",
                    "Give the process those of the store's own library: a role of the machine, or AWS_PROFILE",
                ) from None
            if isinstance(error, OSError) and error.errno in _REFUSALS:
                raise Permanent(
                    f"{self} refuses a request about {name}", "Check the bucket's name and region"
                ) from None
            raise Transient(f"{self} does not answer ({type(error).__name__})", "Try again later") from None


class _Kind(NamedTuple):
    """A kind of store whose library puts only what is not there: how to install that, and what it is opened with."""

    installing: str
    options: dict[str, Any]


_BUFFER = 1 << 20
_LONGEST_NAME = 300
_REFUSALS = (1, 22)
"""EPERM and EINVAL, by which s3fs says that a request is wrong: a bucket's name, its region, a signature."""
_NO_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound"}
_PATIENCE = {"connect_timeout": 10, "read_timeout": 60, "retries": {"max_attempts": 2}}
_KINDS = {"s3": _Kind("pip install 'fntx-dagster[s3]'", {"config_kwargs": _PATIENCE})}
