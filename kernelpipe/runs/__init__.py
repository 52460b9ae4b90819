"""Run records: what was run, when, and how it went."""

from kernelpipe.runs.file_digests import FileDigests
from kernelpipe.runs.references import LATEST
from kernelpipe.runs.results import ResultStore
from kernelpipe.runs.store import RunStore, default_home

__all__ = ["LATEST", "FileDigests", "ResultStore", "RunStore", "default_home"]
