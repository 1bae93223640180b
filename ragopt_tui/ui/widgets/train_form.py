"""The settings of a training run as a list of fields, with a line to type a value into."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from ragopt_tui.plaintext import one_line
from ragopt_tui.training.configuration.config import ConfigError
from ragopt_tui.ui.train_draft import Draft
from ragopt_tui.ui.train_fields import Field, fields
from ragopt_tui.ui.wording import MUTED, shorten

_HEADINGS = {
    "name": "Run",
    "data.set": "Data",
    "method": "Method",
    "quantization.load_in_4bit": "Quantisation of the base",
    "lora.r": "Adapter",
    "training.num_train_epochs": "Schedule",
    "samples": "More",
}
"""What stands above a field."""

_NAME_ROOM = 29
_PLACE = re.compile(r"^The configuration(, line \d+)?(: |, )")
CHOSEN = ("base", "continue_from", "data.set", "data.format")
"""Fields whose value is picked from what there is."""


class FieldList(OptionList):
    """The fields; a switch or choice changes with Left and Right, others where one types."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "turn(-1)", show=False),
        Binding("right,space", "turn(1)", show=False),
    ]

    class Turned(Message):
        """The marked field is to take the next of its values, or the one before."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    def __init__(
        self, typed: Callable[[str], bool], entered: Callable[[], None], *, id: str
    ) -> None:
        super().__init__(id=id)
        self._typed, self._entered = typed, entered

    def action_turn(self, by: int) -> None:
        """Ask for another value of the marked field."""
        self.post_message(self.Turned(by))

    def on_key(self, event: events.Key) -> None:
        """Begin to type a value; what is typed fast still comes here when the field is open."""
        # Called, not told by messages, as those would be overtaken by the keys behind them.
        if event.key == "enter":
            event.stop()
            self._entered()
        elif event.is_printable and event.character and self._typed(event.character):
            event.stop()


class TrainForm(Vertical):
    """Shows a draft and says what is to be changed of it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave_field", show=False),
        Binding("up", "go(-1)", show=False),
        Binding("down", "go(1)", show=False),
    ]

    class Changed(Message):
        """A field is to have another value, as it was typed."""

        def __init__(self, field: Field, typed: str) -> None:
            super().__init__()
            self.field, self.typed = field, typed

    class Wanted(Message):
        """A field's value is to be picked from what there is."""

        def __init__(self, field: Field) -> None:
            super().__init__()
            self.field = field

    def __init__(self, draft: Draft, *, id: str) -> None:
        super().__init__(id=id)
        self._draft = self._began = draft
        self._rows: list[Field | None] = []
        self._editing: Field | None = None

    def compose(self) -> ComposeResult:
        """Draw the fields, what the marked one is, and the line to type into."""
        yield FieldList(self._type, self._enter, id="fields")
        yield Static("", id="about-field", markup=False)
        yield Input(id="field", compact=True, select_on_focus=False)

    def on_mount(self) -> None:
        """List the fields; nothing is typed yet."""
        self.query_one(Input).display = False
        self._fill()
        self.query_one(FieldList).highlighted = self._next(0, 1)

    def on_resize(self) -> None:
        """Give the values the room there is."""
        self.call_after_refresh(self._fill)

    def show(self, draft: Draft) -> None:
        """Show another state of the draft."""
        self._draft = draft
        self._fill()

    def marked(self) -> Field | None:
        """Give the field that is marked."""
        at = self.query_one(FieldList).highlighted
        return self._rows[at] if at is not None and at < len(self._rows) else None

    def mark(self, key: str) -> None:
        """Mark a field."""
        keys = [row.key if row else "" for row in self._rows]
        if key in keys:
            self.query_one(FieldList).highlighted = keys.index(key)

    def type_into(self, text: str | None = None) -> None:
        """Open the marked field with its value, or with what was typed."""
        field = self.marked()
        if field is None or self._draft.broken is not None:
            return
        self._editing = field
        line = self.query_one(Input)
        line.display = True
        line.value = self._draft.shown(field) if text is None else text
        line.cursor_position = len(line.value)
        self.screen.set_focus(line)
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave the keys of an open field to others while none is."""
        return self._editing is not None or action not in ("leave_field", "go")

    def action_leave_field(self) -> None:
        """Leave the open field as it was."""
        self._close()

    def action_go(self, by: int) -> None:
        """Take what was typed and go to the next field or the one before."""
        self._take()
        shown = self.query_one(FieldList)
        shown.highlighted = self._next((shown.highlighted or 0) + by, by)

    @on(Input.Submitted)
    def _take(self) -> None:
        field, typed = self._editing, self.query_one(Input).value
        self._close()
        if field is not None and typed != self._draft.shown(field):
            self.post_message(self.Changed(field, typed))

    @on(OptionList.OptionSelected)
    def _open(self) -> None:
        field = self.marked()
        if field is None:
            return
        if field.key in CHOSEN:
            self.post_message(self.Wanted(field))
        elif field.kind in ("switch", "choice"):
            self._turn_by(1)
        else:
            self.type_into()

    @on(FieldList.Turned)
    def _turn(self, event: FieldList.Turned) -> None:
        self._turn_by(event.by)

    def _type(self, character: str) -> bool:
        """Put a character into the marked field; gives whether it was for that."""
        field = self.marked()
        if self._editing is not None:
            self.query_one(Input).insert_text_at_cursor(character)
        elif character == " ":
            return False
        elif field is not None and field.kind not in ("switch", "choice"):
            self.type_into(character)
        return True

    def _enter(self) -> None:
        if self._editing is not None:
            self._take()
        else:
            self._open()

    @on(OptionList.OptionHighlighted)
    def _describe(self) -> None:
        field = self.marked()
        if field is None:
            return
        said = f"{field.name}: {field.about}."
        if field.kind == "choice":
            said += f" {', '.join(field.choices)}."
        self.query_one("#about-field", Static).update(Content.styled(said, MUTED))

    def _turn_by(self, by: int) -> None:
        field = self.marked()
        if field is None or field.kind not in ("switch", "choice") or self._draft.broken:
            return
        values = ("no", "yes") if field.kind == "switch" else field.choices
        now = self._draft.shown(field)
        at = values.index(now) if now in values else -1
        self.post_message(self.Changed(field, values[(at + by) % len(values)]))

    def _close(self) -> None:
        self._editing = None
        self.query_one(Input).display = False
        self.screen.set_focus(self.query_one(FieldList))
        self.refresh_bindings()

    def _next(self, at: int, by: int) -> int:
        """Give the place of the next field from one on; headings are passed."""
        step = 1 if by > 0 else -1
        at = max(0, min(len(self._rows) - 1, at))
        while 0 <= at < len(self._rows) and self._rows[at] is None:
            at += step
        return at if 0 <= at < len(self._rows) else self._next(0, 1)

    def _fill(self) -> None:
        shown = self.query_one(FieldList)
        at, top = shown.highlighted, shown.scroll_offset.y
        room = max(24, shown.scrollable_content_region.width or self.size.width) - 2
        self._rows = []
        options: list[Option] = []
        for field in fields():
            if field.key in _HEADINGS:
                self._rows.append(None)
                heading = Content.styled(_HEADINGS[field.key], "bold")
                options.append(Option(heading, disabled=True))
            self._rows.append(field)
            options.append(Option(self._row(field, room)))
        shown.clear_options()
        shown.add_options(options)
        shown.disabled = self._draft.broken is not None
        if at is not None:
            shown.highlighted = at
            shown.scroll_to(y=top, animate=False)

    def _row(self, field: Field, room: int) -> Content:
        error = self._draft.error_of(field.key)
        value = self._draft.shown(field)
        changed = self._draft.value(field.key) != self._began.value(field.key)
        sign = "✗" if error else "•" if changed else " "
        name_room = min(_NAME_ROOM, room // 2)
        drawn = Content.assemble(
            (f"{sign} ", "$text-warning" if error else "$text-accent"),
            (f"{shorten(field.name, name_room - 1):<{name_room}}", ""),
            (_value(field, value, room - name_room - 2), "$text-warning" if error else ""),
        )
        if error is None:
            return drawn
        said = " ".join(filter(None, [sentence(error), error.hint]))
        return drawn.append(Content.styled(f"\n  {one_line(said, 400)}", "$text-warning"))


def sentence(error: ConfigError) -> str:
    """Give what is wrong without where that is, which is seen."""
    return _PLACE.sub("", error.message)


def _value(field: Field, value: str, room: int) -> str:
    if field.kind == "switch":
        return "[x]" if value == "yes" else "[ ]" if value == "no" else shorten(value, room)
    if field.kind == "choice":
        return f"‹ {shorten(value, room - 4)} ›"
    return shorten(value, room) if value else "–"
