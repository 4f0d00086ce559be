"""Batches of files."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from . import _native
from ._errors import DacError
from ._numbers import count

DECODED_BLOCK_SECONDS = 0.25
"""Length of a decoded block: short, so that Ctrl-C ends a batch at once. It does not change the result."""

Record = dict[str, Any]
"""Record of one file, with the keys of `dac-rs --json` (docs/spec/manifest.md), and `description`."""

_log = logging.getLogger("dac_rs")


@dataclass
class BatchResult:
    """Result of a batch.

    Attributes:
        records: one for each file, in the order in which they ended.
        jobs: number of files, and of rows of data sets.
        done: files done in this run.
        skipped: files done by earlier runs.
        planned: files that a dry run would do.
        dropped: inputs and pieces that are shorter or longer than the limits.
        failed: files that failed; their records have an `error`.
    """

    records: list[Record] = field(default_factory=list)
    jobs: int = 0
    done: int = 0
    skipped: int = 0
    planned: int = 0
    dropped: int = 0
    failed: int = 0

    def __repr__(self) -> str:
        dropped = f", {self.dropped} dropped" if self.dropped else ""
        counts = f"{self.done} done, {self.skipped} skipped, {self.planned} planned{dropped}, {self.failed} failed"
        return f"BatchResult({counts})"


def options(
    inputs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    jobs: int | None,
    resume: bool,
    root: str | os.PathLike[str] | None,
    keep_extension: bool,
    partition: str | None,
    manifest: str | os.PathLike[str] | None,
    dry_run: bool,
    retry_failed: bool = False,
) -> dict[str, Any]:
    """Options that do not depend on the kind of batch."""
    several = [inputs] if isinstance(inputs, (str, os.PathLike)) else inputs
    return {
        "inputs": [os.fsdecode(path) for path in several],
        "output": os.fsdecode(output),
        "jobs": count("jobs", jobs),
        "resume": resume,
        "root": None if root is None else os.fsdecode(root),
        "keep_extension": keep_extension,
        "partition": partition,
        "manifest": None if manifest is None else os.fsdecode(manifest),
        "dry_run": dry_run,
        "retry_failed": retry_failed,
    }


def run(
    work: Callable[..., tuple[tuple[int, int, int, int, int, int], str | None]],
    codec: _native.Codec,
    options: dict[str, Any],
    settings: dict[str, Any],
    progress: bool,
) -> BatchResult:
    """Runs a batch. Messages go to the logger `dac_rs`."""
    result = BatchResult()
    bar = _Bar(progress)

    def listen(kind: str, value: Any, description: str) -> None:
        if kind == "started":
            bar.start(value)
        elif kind == "message":
            _log.warning("%s", value)
        else:
            result.records.append({**json.loads(value), "description": description})
            bar.advance()

    try:
        counts, stopped = work(codec, options, settings, listen)
    finally:
        bar.close()
    result.jobs, result.done, result.skipped, result.planned, result.dropped, result.failed = counts
    if stopped is not None:
        errors = [record["error"] for record in result.records if record.get("error")]
        raise DacError(f"the batch stopped early ({stopped}): {errors[-1] if errors else 'see the log'}")
    return result


class _Bar:
    """A progress bar of tqdm, if it is installed."""

    def __init__(self, wanted: bool) -> None:
        self._bar: Any = None
        self._wanted = wanted

    def start(self, jobs: int) -> None:
        if self._wanted:
            try:
                from tqdm import tqdm
            except ImportError:
                return
            # disable=None hides the bar where standard error is not a terminal.
            self._bar = tqdm(total=jobs, unit="file", disable=None)

    def advance(self) -> None:
        if self._bar is not None:
            self._bar.update()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
