"""Fixtures every test may use: a home of its own, no hub, the built-in embedder loaded once."""

from __future__ import annotations

import gc
import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["LANCEDB_LOG"] = "error"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
if "PYTEST_XDIST_WORKER" in os.environ:
    # Processes share the cores as it is.
    os.environ["OMP_NUM_THREADS"] = "1"

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]
import pytest

if TYPE_CHECKING:
    from ragopt_tui.knowledge.embedder import Embedder
    from ragopt_tui.knowledge.retrieval_models import RetrievalModels
    from tests.jobs_here import JobsHere


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Half as many processes again as cores: tests wait for processes that they start."""
    cores = psutil.cpu_count() or 1
    return cores + (cores + 1) // 2


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect no garbage while tests are imported, nor later among what they imported."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A RAGOPT_HOME for this test alone."""
    folder = tmp_path / "ragopt-home"
    monkeypatch.setenv("RAGOPT_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def embedder() -> Embedder:
    """The built-in embedder."""
    from ragopt_tui.knowledge.embedder import load_embedder

    return load_embedder("builtin")


@pytest.fixture(scope="session")
def retrieval_models(embedder: Embedder) -> RetrievalModels:
    """Everything built in that retrieval computes with."""
    from ragopt_tui.knowledge.retrieval_models import RetrievalModels

    return RetrievalModels(embedder)


@pytest.fixture
def jobs_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[JobsHere]:
    """Jobs run in this process; the test ends after they have."""
    from tests.jobs_here import JobsHere

    here = JobsHere()
    monkeypatch.setattr("ragopt_tui.jobs.supervisor.start", here.start)
    yield here
    here.end()
