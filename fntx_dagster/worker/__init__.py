"""What a Celery worker reads: the folder is on its path, because dagster-celery looks for a module of a fixed name."""

from pathlib import Path

FOLDER = Path(__file__).parent
"""What has to be on a worker's path."""
