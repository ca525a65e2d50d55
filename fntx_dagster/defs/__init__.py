"""The only room that imports dagster: partitions, resources, thin assets, checks and jobs."""

import warnings

import dagster as dg

# Single-run backfills are marked beta and are what this platform is built on; the lock file pins their behaviour.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
