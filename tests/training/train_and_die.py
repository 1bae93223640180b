"""A run whose process kills itself: `python -m tests.training.train_and_die JOB_FOLDER STEP`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from ragopt_tui.jobs.events import Reporter
from ragopt_tui.jobs.folder import JobFolder
from ragopt_tui.training.execution import job


def main(folder: JobFolder, last: int) -> None:
    from transformers import TrainerCallback

    from ragopt_tui.training.worker.callbacks import RunCallback

    class Killed(RunCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **values: Any) -> None:
            super().on_step_end(args, state, control, **values)
            if state.global_step == last:
                os.kill(os.getpid(), signal.SIGKILL)

    assert issubclass(Killed, TrainerCallback)
    import ragopt_tui.training.worker.worker as worker

    worker.RunCallback = Killed  # type: ignore[misc]
    job.train(folder.read_spec().parameters, Reporter(folder.events_file))


if __name__ == "__main__":
    main(JobFolder(Path(sys.argv[1])), int(sys.argv[2]))
