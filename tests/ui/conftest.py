"""The library is read at once: where the first frame has no time to lose, a test has none to wait."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _library_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragopt_tui.ui.screens.choosing._LIBRARY_SECONDS", 0.01)
