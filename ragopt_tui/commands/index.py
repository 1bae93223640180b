"""`ragopt-tui index`: follow an index job and print what came of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ragopt_tui.commands.following import result_of
from ragopt_tui.knowledge.indexing import start_indexing
from ragopt_tui.plaintext import one_line
from ragopt_tui.settings import load_settings


def index_folder(docs: Path, rebuild: bool, as_json: bool) -> int:
    """Bring a folder's index up to date and print a summary; Ctrl+C cancels."""
    summary = synchronise_with_progress(docs, rebuild)
    if as_json:
        print(json.dumps(summary, ensure_ascii=False))
    else:
        _print(summary)
    return 0


def synchronise_with_progress(docs: Path, rebuild: bool = False) -> dict[str, Any]:
    """Run an index job, or join the one that runs, with its progress on standard error.

    Gives the job's result. Raises RagoptError if it did not finish; an interrupt cancels it.
    """
    return result_of(start_indexing(docs, load_settings().embedder, rebuild))


def _print(summary: dict[str, Any]) -> None:
    print(
        f"{summary['files']} files, {summary['passages']} passages"
        f" (added {summary['added']}, changed {summary['changed']},"
        f" removed {summary['removed']}, unchanged {summary['unchanged']})"
        f" in {summary['seconds']:.1f} s"
    )
    left_out = summary["left_out"]
    if left_out:
        print(f"{len(left_out)} files left out:")
    for file, reason in left_out:
        print(f"  {one_line(file)}: {one_line(reason)}")
    sys.stdout.flush()
