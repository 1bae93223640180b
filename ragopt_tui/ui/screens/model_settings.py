"""How one variant is loaded and writes: a form of its settings."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator, Sequence
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static, TextArea

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.generation_settings import PRECISIONS, GenerationSettings
from ragopt_tui.models.record import VariantRecord
from ragopt_tui.ui.model_shelf import Entry
from ragopt_tui.ui.wording import MUTED, shorten

_ALWAYS = {
    "temperature": "0 to 5; 0 always takes the likeliest word",
    "top_p": "0 to 1",
    "max_tokens": "the longest answer",
    "seed": "a whole number, to repeat an answer",
    "context_tokens": "how much the model sees at once",
}
_FOLDER = {"precision": " ".join(PRECISIONS)}
_GGUF = {
    "gpu_layers": "auto, or how many layers the GPU computes",
    "threads": "auto, or how many processors to use",
}


class ModelSettings(ModalScreen[GenerationSettings | None]):
    """Gives the settings as they were typed, or None where nothing is to change."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back"),
        Binding("ctrl+s", "save", "Save", priority=True),
        Binding("ctrl+y", "copy", "Copy", priority=True),
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
    ]

    def __init__(
        self, record: VariantRecord, others: Sequence[Entry], needs: Coroutine[None, None, str]
    ) -> None:
        """`others` are variants whose settings can be copied; `needs` says the memory it takes."""
        super().__init__()
        self._record, self._others, self._needs = record, others, needs

    def compose(self) -> ComposeResult:
        """Draw a field for each setting and what the keys do."""
        with Vertical(classes="dialog -wide"):
            name = shorten(self._record.variant.name, 60)
            yield Static(f"Settings of {name}", classes="dialog-title", markup=False)
            with VerticalScroll(can_focus=False):
                for setting, about in self._fields().items():
                    with Horizontal(classes="field"):
                        yield Static(setting.replace("_", " "), markup=False)
                        yield Input(compact=True, placeholder=about, id=f"set-{setting}")
                yield Static("system prompt", markup=False)
                yield TextArea(soft_wrap=True, compact=True, tab_behavior="focus")
            yield Static("", id="setting-needs", classes="muted", markup=False)
            yield Static("", id="setting-problem", markup=False)
            yield Static(
                Content.styled("An empty field leaves it to the model or the program.", MUTED)
            )
            copy = "Ctrl+Y copies another variant's · " if self._others else ""
            hint = f"Ctrl+S saves · {copy}Esc goes back"
            yield Static(hint, classes="dialog-hint", markup=False)

    def on_mount(self) -> None:
        """Fill in what is set."""
        self._fill(self._record.settings)
        self.run_worker(self._tell_needs())

    @on(Input.Submitted)
    def action_save(self) -> None:
        """Close with what stands there, unless it cannot be."""
        try:
            self.dismiss(GenerationSettings.from_json(dict(self._typed())))
        except RagoptError as error:
            self.query_one("#setting-problem", Static).update(
                Content.styled(f"! {error}", "$text-warning")
            )

    def action_copy(self) -> None:
        """Fill in the settings of another variant."""
        from ragopt_tui.ui.screens.pick import Pick

        def picked(at: int | None) -> None:
            if at is not None:
                self._fill(self._others[at].record.settings)

        if self._others:
            rows = [_row(entry) for entry in self._others]
            self.app.push_screen(Pick("Settings of", rows, "Enter copies them here"), picked)

    async def _tell_needs(self) -> None:
        self.query_one("#setting-needs", Static).update(await self._needs)

    def _fields(self) -> dict[str, str]:
        variant = self._record.variant
        if variant.kind == "endpoint":
            return _ALWAYS
        gguf = self._record.facts.format == "gguf"
        return _ALWAYS | (_GGUF if gguf else _FOLDER)

    def _fill(self, settings: GenerationSettings) -> None:
        values = settings.to_json()
        for setting in self._fields():
            self.query_one(f"#set-{setting}", Input).value = str(values.get(setting, ""))
        self.query_one(TextArea).text = settings.system_prompt or ""

    def _typed(self) -> Iterator[tuple[str, Any]]:
        for setting in self._fields():
            if typed := self.query_one(f"#set-{setting}", Input).value.strip():
                yield setting, _value(typed)
        if prompt := self.query_one(TextArea).text.strip():
            yield "system_prompt", prompt


def _value(typed: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(typed)
        except ValueError:
            continue
    return typed


def _row(entry: Entry) -> Content:
    values = entry.record.settings.to_json()
    said = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items())
    name = shorten(entry.variant.name, 30)
    return Content.assemble(name, (f"  {shorten(said, 34)}", MUTED))
