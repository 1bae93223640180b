"""GGUF files in fewer bits, by llama.cpp's own quantiser in a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from ragopt_tui.conversion.following import run_followed
from ragopt_tui.conversion.importance import Importance
from ragopt_tui.conversion.quantisations import Quantisation
from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import Reporter
from ragopt_tui.plaintext import one_line

_TENSOR = re.compile(r"^\[\s*(\d+)/\s*(\d+)\]")
_TAIL = 100


def quantize(
    source: Path,
    target: Path,
    to: Quantisation,
    report: Reporter,
    *,
    importance: Importance | None = None,
    requantize: bool = False,
) -> None:
    """Write the GGUF file `target`, which must not exist, from a GGUF in 16 or 32 bits.

    `requantize` takes one that is quantised already, which loses more than going from the
    original. Raises RagoptError with llama.cpp's reason; JobCancelled.
    """
    if to.needs_importance and importance is None:
        raise RagoptError(
            f"{to.name} needs an importance matrix.", "Measure one from your documents, or choose "
            "a quantisation of four bits or more.",
        )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="quantise-") as scratch:
        spec = {
            "source": str(source),
            "target": str(target),
            "file_type": to.file_type,
            "threads": os.cpu_count() or 1,
            "requantize": requantize,
            "importance": importance.written(Path(scratch) / "importance") if importance else None,
        }
        file = Path(scratch) / "spec.json"
        file.write_text(json.dumps(spec), encoding="utf-8")
        command = [sys.executable, "-m", "ragopt_tui.conversion.quantize_worker", str(file)]
        status, tail = run_followed(command, _follow, report)
    if report.cancelled or status:
        target.unlink(missing_ok=True)
    report.raise_if_cancelled()
    if status:
        raise RagoptError(
            f"{source} could not be quantised to {to.name}: {_reason(status, tail)}.",
            "Convert the model it came from again, or choose another quantisation.",
        )


def _follow(stream: IO[str], tail: list[str], report: Reporter) -> None:
    """Pass llama.cpp's words on to the log and its count of tensors to the job's events."""
    with stream:
        for line in stream:
            tail.append(line.rstrip())
            del tail[:-_TAIL]
            print(tail[-1], file=sys.stderr, flush=True)
            if found := _TENSOR.match(line):
                report.progress("quantising", int(found[1]), int(found[2]), "tensors")


def _reason(status: int, tail: Sequence[str]) -> str:
    if status < 0:
        return f"llama.cpp was ended by {signal.Signals(-status).name}"
    said = [line for line in tail if "failed" in line or "error" in line.lower()]
    if not said:
        return one_line(tail[-1], 200) if tail else "it gave no reason"
    return one_line(said[-1].rpartition("failed to quantize: ")[2], 300).rstrip(".")
