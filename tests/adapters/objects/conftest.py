"""An S3 server for the tests of objects."""

from tests.object_store import bucket, object_server  # noqa: F401 - fixtures
