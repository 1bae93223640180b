"""Jobs of the tests run targets that only they know."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def extra_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let job processes find `ragopt_tui.job_targets`."""
    paths = [str(Path(__file__).parent / "extra"), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in paths if path))
