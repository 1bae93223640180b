"""Makes the targets beside it part of the package in the job processes that the tests start."""

from pathlib import Path

import ragopt_tui

ragopt_tui.__path__.append(str(Path(__file__).parent / "targets"))
