"""Stands in for a process of a run: `python -m tests.training.stand_in_process WHAT JOB_FOLDER`."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path


def main(what: str, folder: Path) -> int:
    first = os.environ["RANK"] == "0"
    if what == "dies":
        if first:
            time.sleep(600)
        os._exit(9)
    while what == "stops" and not (folder / "stop").exists():
        time.sleep(0.01)
    if first:
        state = {"stops": "cancelled", "fails": "failed", "works": "finished"}[what]
        result = {"variant": "made", "message": "Made."} if what == "works" else {}
        outcome = {"state": state, "message": f"It {what}.", "hint": "So.", "result": result}
        (folder / "outcome.json").write_text(json.dumps(outcome))
    return int(what == "fails")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], Path(sys.argv[2])))
