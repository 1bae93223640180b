"""The Documents tab: every file, what became of it, and why it was left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import DataTable, Input, Static

from ragopt_tui.plaintext import one_line, without_controls
from ragopt_tui.ui.indexing import Indexing
from ragopt_tui.ui.keys import bindings
from ragopt_tui.ui.messages import OpenDocument
from ragopt_tui.ui.widgets.split_line import SplitLine
from ragopt_tui.ui.wording import MUTED, progress_bar, shorten

if TYPE_CHECKING:
    from ragopt_tui.knowledge.catalogue import FileRecord

_EMPTY = (
    "No documents here yet.\n\nPut text, Markdown, HTML, CSV, PDF, Word, Excel, PowerPoint, "
    "OpenDocument or e-mail files into this folder and press F5."
)
_STATES = {"indexed": "✓ read", "left_out": "! left out"}
_SORTS: tuple[tuple[str, Callable[[FileRecord], tuple[object, ...]]], ...] = (
    ("name", lambda record: (record.file.lower(),)),
    ("state", lambda record: (record.status != "left_out", record.file.lower())),
    ("passages", lambda record: (-record.passages, record.file.lower())),
)
_BAR = 24


class DocumentsPane(Vertical):
    """Files as a table that can be filtered and sorted; Enter opens one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("documents"),
        Binding("escape", "leave_filter", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._records: list[FileRecord] = []
        self._sort = 0

    def compose(self) -> ComposeResult:
        """Draw the header, the filter, the table and the empty state."""
        yield SplitLine(id="documents-head")
        yield Input(placeholder="Filter by name, state or reason", id="filter", compact=True)
        yield DataTable[Content](cursor_type="row", zebra_stripes=False)
        yield Static("", id="document-detail", markup=False)
        yield Static(_EMPTY, classes="empty", markup=False)

    def on_mount(self) -> None:
        """Hide the filter until it is asked for."""
        self.query_one("#filter").display = False
        self._fill()

    def on_resize(self) -> None:
        """Give names and reasons the room there is."""
        self._fill()

    def show(self, records: Sequence[FileRecord]) -> None:
        """Show these files."""
        self._records = list(records)
        self._fill()

    def show_progress(self, indexing: Indexing) -> None:
        """Show how far the reading is, or what came of it."""
        left: Content | str = indexing.line
        if indexing.running:
            bar = progress_bar(indexing.fraction or 0.0, _BAR)
            left = Content.assemble(f"{indexing.line}  ", (bar, "$accent"))
        right = indexing.stage if indexing.running else f"by {_SORTS[self._sort][0]} · Enter opens"
        self.query_one("#documents-head", SplitLine).show(left, Content.styled(right, MUTED))

    def focus_table(self) -> None:
        """Go to the table."""
        self.query_one(DataTable).focus()

    def action_filter_documents(self) -> None:
        """Open the filter."""
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    def action_leave_filter(self) -> None:
        """Close the filter and show all files again."""
        field = self.query_one("#filter", Input)
        if field.display:
            field.value = ""
            field.display = False
            self.focus_table()

    def action_sort_documents(self) -> None:
        """Sort by the next column."""
        self._sort = (self._sort + 1) % len(_SORTS)
        self._fill()
        self.notify(f"Sorted by {_SORTS[self._sort][0]}.", timeout=2)

    @on(Input.Changed, "#filter")
    def _filter(self) -> None:
        self._fill()

    @on(Input.Submitted, "#filter")
    def _filtered(self) -> None:
        self.focus_table()

    @on(DataTable.RowHighlighted)
    def _show_whole(self) -> None:
        """Show what the columns may have cut of the file under the cursor."""
        file = self._file_at_cursor()
        record = next((each for each in self._records if each.file == file), None)
        about = f"{record.file} — {record.reason or record.title}" if record else ""
        self.query_one("#document-detail", Static).update(Content(without_controls(about)))

    @on(DataTable.RowSelected)
    def _open(self, event: DataTable.RowSelected) -> None:
        if event.row_key.value is not None:
            self.post_message(OpenDocument(event.row_key.value))

    def _fill(self) -> None:
        if not self.content_size.width:
            return
        table = self.query_one(DataTable)
        before = self._file_at_cursor()
        wanted = self.query_one("#filter", Input).value.lower()
        records = [record for record in self._records if wanted in _searched(record)]
        records.sort(key=_SORTS[self._sort][1])
        name_width, reason_width = self._widths()
        table.clear(columns=True)
        table.add_column("File", width=name_width)
        table.add_column("State", width=10)
        table.add_column("Passages", width=8)
        table.add_column("Title or reason", width=reason_width)
        for record in records:
            table.add_row(*_cells(record, name_width, reason_width), key=record.file)
        files = [record.file for record in records]
        if before in files:
            table.move_cursor(row=files.index(before))
        table.display = bool(self._records)
        self.query_one(".empty").display = not self._records

    def _file_at_cursor(self) -> str | None:
        table = self.query_one(DataTable)
        if not table.row_count:
            return None
        return table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value

    def _widths(self) -> tuple[int, int]:
        # Each of the four columns has a space at either side; State and Passages have fixed widths.
        room = max(24, self.content_size.width - 10 - 8 - 4 * 2 - 1)
        longest = max((len(record.file) for record in self._records), default=20)
        name = min(longest, room * 3 // 5 if room > 70 else room // 2)
        return name, room - name


def _searched(record: FileRecord) -> str:
    return f"{record.file} {_STATES[record.status]} {record.reason} {record.title}".lower()


def _cells(record: FileRecord, name_width: int, reason_width: int) -> list[Content]:
    style = "" if record.status == "indexed" else "$text-warning"
    about = record.reason if record.status == "left_out" else record.title
    passages = f"{record.passages:>8,}" if record.passages else f"{'–':>8}"
    return [
        Content(shorten(record.file, name_width)),
        Content.styled(_STATES[record.status], style),
        Content(passages),
        Content.styled(one_line(about, max(8, reason_width)), MUTED if not style else ""),
    ]
