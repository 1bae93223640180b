"""Synchronise a folder and be killed at a given moment: `DOCS MOMENT`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ragopt_tui.knowledge import ingest
from ragopt_tui.knowledge.generation_writer import GenerationWriter
from ragopt_tui.knowledge.sync import synchronise
from ragopt_tui.knowledge.sync_report import Progress


def die(*_: object, **__: object) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def main(docs: str, moment: str) -> None:
    ingest._BATCH_PASSAGES = 4
    report: Callable[[Progress], None] = lambda _: None  # noqa: E731
    if moment == "embedding":
        report = lambda p: die() if p.stage == "embedding" and p.done >= 3 else None  # noqa: E731
    else:
        # Everything before the named step of the writer is done, itself not.
        setattr(GenerationWriter, moment, die)
    synchronise(Path(docs), "builtin", report)


if __name__ == "__main__":
    main(*sys.argv[1:])
