"""Fixtures for the tests of synchronising."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragopt_tui.knowledge.embedder import Embedder
from tests.knowledge.syncing import Library, Spy


@pytest.fixture
def library(tmp_path: Path, embedder: Embedder, monkeypatch: pytest.MonkeyPatch) -> Library:
    """An empty folder of documents; its synchronisations share the built-in embedder."""
    docs = tmp_path / "docs"
    docs.mkdir()
    library = Library(docs, Spy(embedder))
    monkeypatch.setattr("ragopt_tui.knowledge.sync.load_embedder", library.load)
    return library
