"""Thousands of structures: workers that may die, results that are never redone, one dataset of everything."""

from pocketvox.batch.jobs import Job, ScanSettings, make_jobs, read_manifest
from pocketvox.batch.run import BatchResult, scan_batch

__all__ = ["BatchResult", "Job", "ScanSettings", "make_jobs", "read_manifest", "scan_batch"]
