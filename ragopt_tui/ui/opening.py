"""What the main screen is opened with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ragopt_tui.models.variant import Variant
    from ragopt_tui.settings import Settings
    from ragopt_tui.ui.archive import Archive
    from ragopt_tui.ui.engine_like import EngineLike
    from ragopt_tui.ui.library import LibraryLike
    from ragopt_tui.ui.model_library import ModelLibrary


@dataclass(frozen=True, slots=True)
class Opening:
    """A folder of documents, who may answer from it, and with what.

    `variants` are known at once, `models` gives the library with all there are. `go_on` is the id of a conversation to open, and of the exchange to open it at.
    """

    docs: Path
    settings: Settings
    engine: EngineLike
    library: LibraryLike
    variants: tuple[Variant, ...]
    models: Callable[[], ModelLibrary]
    variant: str
    clock: Callable[[], datetime]
    archive: Archive
    go_on: tuple[int, int | None] | None = None
