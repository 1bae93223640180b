"""What to add to the library: a path that is completed while typing, or the URL of a server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static

from ragopt_tui.ui.folder_choice import entries_like, short_path
from ragopt_tui.ui.wording import shorten

_HINT = "Enter adds it where it is · Ctrl+Y copies it · Tab completes · Esc goes back"


@dataclass(frozen=True, slots=True)
class Given:
    """A path or URL as it was typed; `copy` asks for its files to be copied into the library."""

    text: str
    copy: bool

    @property
    def is_url(self) -> bool:
        """Whether it is the URL of a server."""
        return self.text.startswith(("http://", "https://"))


class AddModel(ModalScreen[Given | None]):
    """Gives what was typed, or None where the user went back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back"),
        Binding("up", "move(-1)", show=False, priority=True),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("tab", "complete", "Complete", priority=True),
        Binding("ctrl+y", "give(True)", "Copy", priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._paths: list[Path] = []

    def compose(self) -> ComposeResult:
        """Draw the field, what is there, and what the keys do."""
        with Vertical(classes="dialog -wide"):
            yield Static("Add a model", classes="dialog-title", markup=False)
            yield Static(
                "The path of a Hugging Face folder, an adapter, a GGUF file, or a folder of these; "
                "or the URL of an OpenAI-compatible server.",
                classes="muted",
                markup=False,
            )
            yield Input(placeholder="~/models or http://localhost:8000/v1", compact=True)
            yield OptionList(id="add-list")
            yield Static(_HINT, classes="dialog-hint", markup=False)

    def on_mount(self) -> None:
        """Offer nothing before something is typed."""
        shown = self.query_one(OptionList)
        shown.can_focus = shown.display = False

    @on(Input.Changed)
    @work(exclusive=True, thread=True)
    def _complete_as_typed(self, event: Input.Changed) -> None:
        typed = event.value
        found = entries_like(typed, _may_be_model) if typed and "://" not in typed else []
        self.app.call_from_thread(self._offer, found)

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.action_give(False)

    @on(OptionList.OptionSelected)
    def _clicked(self) -> None:
        self.action_complete()

    def action_give(self, copy: bool) -> None:
        """Close with what is typed."""
        typed = self.query_one(Input).value.strip()
        if typed:
            self.dismiss(Given(typed, copy))

    def action_move(self, by: int) -> None:
        """Mark another path while the field keeps the keys."""
        shown = self.query_one(OptionList)
        if self._paths:
            shown.highlighted = max(0, min(len(self._paths) - 1, (shown.highlighted or 0) + by))

    def action_complete(self) -> None:
        """Complete the path by the marked one."""
        at, field = self.query_one(OptionList).highlighted, self.query_one(Input)
        if at is not None and at < len(self._paths):
            path = self._paths[at]
            field.value = f"{path}/" if path.is_dir() else str(path)
            field.cursor_position = len(field.value)

    def _offer(self, paths: list[Path]) -> None:
        self._paths = paths
        shown = self.query_one(OptionList)
        shown.clear_options()
        shown.add_options([shorten(short_path(path), 90) for path in paths])
        shown.display = bool(paths)
        if paths:
            shown.highlighted = 0


def _may_be_model(name: str, is_folder: bool) -> bool:
    return is_folder or name.lower().endswith(".gguf")
