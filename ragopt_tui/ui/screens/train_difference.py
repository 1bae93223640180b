"""In which settings two training runs differ."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from ragopt_tui.training.configuration.config import TrainingConfig, difference
from ragopt_tui.ui.screens.table_dialog import TableDialog
from ragopt_tui.ui.train_fields import fields, shown
from ragopt_tui.ui.train_pictures import LETTERS
from ragopt_tui.ui.train_rows import RunRow
from ragopt_tui.ui.wording import MUTED, shorten

_KEY = 34


class TrainDifference(TableDialog):
    """A row for each setting that is not the same in both."""

    HEADING = "Settings that differ"
    CSS_PATH = "../training.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter", "dismiss", "Back")]

    def __init__(self, left: RunRow, right: RunRow) -> None:
        super().__init__()
        self._left, self._right = left, right

    def table(self, width: int) -> Content:
        """Give the settings, with the values of both."""
        left, right = self._left, self._right
        # Runs are often repeated under one name; these are their letters in the list.
        names = (f"{LETTERS[0]} {left.name}", f"{LETTERS[1]} {right.name}")
        return difference_table(left.config, right.config, names, width)


def difference_table(
    left: TrainingConfig, right: TrainingConfig, names: tuple[str, str], width: int
) -> Content:
    """Draw the settings in which two configurations differ, one value beside the other."""
    by_key = {field.key: field for field in fields()}
    key_room = min(_KEY, max(12, width // 3))
    room = max(8, (width - key_room) // 2 - 1)
    heads = [f"{shorten(name, room - 1):<{room}} " for name in names]
    rows = [Content.styled(f"{'':{key_room}}{''.join(heads)}", MUTED)]
    for key, ours, theirs in difference(left, right):
        values = [shown(by_key[key], value) or "–" for value in (ours, theirs)]
        cells = [f"{shorten(value, room - 1):<{room}} " for value in values]
        rows.append(Content.assemble(f"{shorten(key, key_room - 1):<{key_room}}", *cells))
    if len(rows) == 1:
        rows.append(Content("They have the same settings."))
    return Content("\n").join(rows)
