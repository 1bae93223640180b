"""What importing and opening the interface brings in."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    "torch",
    "transformers",
    "peft",
    "trl",
    "lancedb",
    "pyarrow",
    "numpy",
    "pypdfium2",
    "sentence_transformers",
    "llama_cpp",
    "kreuzberg",
)
EVERY_MODULE = """
import pkgutil, importlib, sys, ragopt_tui.ui
for module in pkgutil.walk_packages(ragopt_tui.ui.__path__, "ragopt_tui.ui."):
    importlib.import_module(module.name)
"""
FIRST_FRAME_DOES_WITHOUT = ("markdown_it", "sqlite3", "textual.widgets._markdown", "pygments")


def imported_by(code: str) -> set[str]:
    run = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(run.stdout.split())


def test_no_module_of_the_interface_imports_a_heavy_library() -> None:
    modules = imported_by(EVERY_MODULE)
    assert "ragopt_tui.ui.widgets.answer_text" in modules
    assert not {module for module in modules if module.split(".")[0] in HEAVY}


def test_the_first_frame_waits_only_for_what_it_shows() -> None:
    modules = imported_by("import ragopt_tui.ui.app")
    assert not modules & set(FIRST_FRAME_DOES_WITHOUT)
