"""Synchronising 5,000 files of which none changed, against listing and hashing them all.

Each run is a process of its own, as `ragopt-tui index` would start it; its whole time counts. The
baseline process reads and hashes every file, which is what telling changes without a catalogue
takes. Exits with 1 above 3 seconds or when anything was embedded.

    python -m benchmarks.resync [--files N] [--rounds N]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT_SECONDS = 3.0

SYNCHRONISE = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from ragopt_tui.knowledge.sync import synchronise
summary = asdict(synchronise(Path(sys.argv[1]), "builtin", lambda _: None))
summary["loaded"] = [m for m in ("torch", "lancedb", "sentence_transformers") if m in sys.modules]
print(json.dumps(summary))
"""

HASH_ALL = """
import hashlib, sys
from pathlib import Path
for file in Path(sys.argv[1]).rglob("*.md"):
    hashlib.blake2b(file.read_bytes()).digest()
"""


def write_files(docs: Path, count: int) -> None:
    """Write small reports in folders of a hundred."""
    for number in range(count):
        file = docs / f"{number // 100:03}" / f"report-{number}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(
            f"# Report {number}\n\nRevenue of unit {number} was {number * 7919 % 9973} million.\n"
        )


def run(code: str, docs: Path) -> tuple[float, str]:
    """Run code in a process; gives the seconds it took and what it printed."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, str(docs)], check=True, capture_output=True, text=True
    )
    return time.perf_counter() - started, done.stdout


def main() -> int:
    """Run the benchmark; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["RAGOPT_HOME"] = home
        docs = Path(home) / "documents"
        write_files(docs, options.files)
        first, _ = run(SYNCHRONISE, docs)
        ours, bare = [], []
        for _ in range(options.rounds):
            seconds, printed = run(SYNCHRONISE, docs)
            ours.append(seconds)
            bare.append(run(HASH_ALL, docs)[0])
    summary = json.loads(printed)
    median, baseline = statistics.median(ours), statistics.median(bare)
    print(f"first time, everything embedded: {first:.1f} s")
    print(
        f"{summary['unchanged']} unchanged of {summary['files']} files: {median:.2f} s for the"
        f" whole process ({summary['seconds']:.2f} s in synchronise), {summary['embedded']}"
        f" passages embedded, heavy libraries imported: {summary['loaded'] or 'none'}"
    )
    print(f"hashing every file: {baseline:.2f} s, ratio {median / baseline:.2f}")
    unchanged = summary["unchanged"] == options.files and not summary["embedded"]
    return 0 if median <= LIMIT_SECONDS and unchanged else 1


if __name__ == "__main__":
    sys.exit(main())
