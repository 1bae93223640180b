"""Every key and command, by where it works."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from ragopt_tui.ui.actions import SCOPE_TITLES, Action
from ragopt_tui.ui.keys import spoken
from ragopt_tui.ui.wording import MUTED

_KEYS, _SLASH, _TITLE = 20, 12, 20
_MORE = (
    ("1 … 9", "Opens that source of the answer; with Alt also while typing."),
    ("Up, Down", "At the edges of the prompt: earlier and later questions."),
    ("Tab", "Goes on to the next citation, source or panel."),
)


class Help(ModalScreen[None]):
    """Made from the same list as the bindings, so it cannot be out of date."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,f1", "dismiss", "Back")]

    def __init__(self, actions: Sequence[Action]) -> None:
        super().__init__()
        self._actions = actions

    def compose(self) -> ComposeResult:
        """Draw the table."""
        with Vertical(classes="dialog -wide"):
            yield Static("Keys and commands", classes="dialog-title", markup=False)
            with VerticalScroll():
                yield Static(self._table(), markup=False)
            yield Static("Esc goes back", classes="dialog-hint", markup=False)

    def on_mount(self) -> None:
        """Let the arrow keys scroll."""
        self.query_one(VerticalScroll).focus()

    def _table(self) -> Content:
        rows: list[Content] = []
        for scope, title in SCOPE_TITLES.items():
            rows += [Content(""), Content.styled(title, "bold $text-accent")]
            rows += [_row(action) for action in self._actions if action.scope == scope]
        rows += [Content(""), Content.styled("Also", "bold $text-accent")]
        rows += [Content.assemble(f"{keys:<{_KEYS}}", (text, "")) for keys, text in _MORE]
        return Content("\n").join(rows[1:])


def _row(action: Action) -> Content:
    # The first two keys: more would push the columns apart.
    keys = spoken(",".join(action.keys.split(",")[:2])).replace(" or ", ", ")
    slash = f"/{action.slash}" if action.slash else ""
    return Content.assemble(
        (f"{keys:<{_KEYS}}", "bold"),
        (f"{slash:<{_SLASH}}", "$text-accent"),
        f"{action.title:<{_TITLE}} ",
        (action.help, MUTED),
    )
