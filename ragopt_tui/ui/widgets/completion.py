"""The list of slash commands above the prompt while one is being typed."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from ragopt_tui.ui.actions import Action, matching_commands
from ragopt_tui.ui.wording import MUTED

_TITLE_COLUMN = 14


class Completion(OptionList, can_focus=False):
    """Commands that what is typed may mean; the prompt keeps the focus."""

    def narrow(self, typed: str) -> bool:
        """Offer the commands that match; give whether there are any."""
        found = matching_commands(typed) if typed.startswith("/") and "\n" not in typed else []
        self.clear_options()
        self.add_options([Option(_row(action), id=action.name) for action in found])
        self.display = bool(found)
        if found:
            self.highlighted = 0
        return bool(found)

    def chosen(self) -> str | None:
        """Give the name of the action that is marked."""
        at = self.highlighted
        return None if at is None else self.get_option_at_index(at).id


def _row(action: Action) -> Content:
    return Content.assemble(
        (f"/{action.slash}".ljust(_TITLE_COLUMN), "bold"),
        action.title,
        (f"  {action.help}", MUTED),
    )
