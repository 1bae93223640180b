"""A home of their own for benchmarks that make models."""

from __future__ import annotations

import os
from pathlib import Path


def use_home(home: Path) -> None:
    """Work in `home`, with the converter that the set-up fetched."""
    from ragopt_tui.conversion.converter import converter_folder
    from ragopt_tui.settings import folders

    kept = converter_folder(folders().data)
    os.environ |= {"RAGOPT_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    here = converter_folder(folders().data)
    here.parent.mkdir(parents=True)
    here.symlink_to(kept)
