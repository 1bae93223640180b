"""Every key and command, by where it works."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from ragopt_tui.ui.actions import SCOPE_TITLES, Action
from ragopt_tui.ui.keys import spoken
from ragopt_tui.ui.screens.table_dialog import TableDialog
from ragopt_tui.ui.wording import MUTED

_KEYS, _SLASH, _TITLE = 20, 12, 20
_WIDE = 90
_MORE = (
    ("1 … 9", "Opens that source of the answer; with Alt also while typing."),
    ("Up, Down", "At the edges of the prompt: earlier and later questions."),
    ("Tab", "Goes on to the next citation, source or panel."),
)


class Help(TableDialog):
    """Made from the same list as the bindings, so it cannot be out of date."""

    HEADING = "Keys and commands"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,f1", "dismiss", "Back")]

    def __init__(self, actions: Sequence[Action]) -> None:
        super().__init__()
        self._actions = actions

    def table(self, width: int) -> Content:
        """Give titles and what they mean, in one column where two have no room."""
        rows: list[Content] = []
        for scope, title in SCOPE_TITLES.items():
            rows += [Content(""), Content.styled(title, "bold $text-accent")]
            rows += [_row(action, width) for action in self._actions if action.scope == scope]
        rows += [Content(""), Content.styled("Also", "bold $text-accent")]
        rows += [Content.assemble(f"{keys:<{_KEYS}}", (text, "")) for keys, text in _MORE]
        return Content("\n").join(rows[1:])


def _row(action: Action, width: int) -> Content:
    # The first two keys: more would push the columns apart.
    keys = spoken(",".join(action.keys.split(",")[:2])).replace(" or ", ", ")
    slash = f"/{action.slash}" if action.slash else ""
    wide = width >= _WIDE
    row = Content.assemble(
        (f"{keys:<{_KEYS}}", "bold"),
        (f"{slash:<{_SLASH}}", "$text-accent"),
        f"{action.title:<{_TITLE}} " if wide else f"{action.title} · ",
        (action.help, MUTED),
    )
    return row if wide else row.truncate(width, ellipsis=True)
