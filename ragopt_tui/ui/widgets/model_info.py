"""Everything that is known of one variant."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import datetime

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.widget import Widget

from ragopt_tui.models.record import LoraFacts, VariantRecord
from ragopt_tui.models.standing import Standing, merge_targets_of
from ragopt_tui.plaintext import one_line, without_controls
from ragopt_tui.ui.model_rows import badge_style
from ragopt_tui.ui.model_shelf import Entry, Shelf
from ragopt_tui.ui.variant_words import amount, kind, size, source, training
from ragopt_tui.ui.wording import MUTED, count
from ragopt_tui.verification.words import UNVERIFIED, VERDICTS, badge, divergence

_LABEL = 15
_LEAST = 20
_MOST_FILES = 60
_HASH = 12


class ModelInfo(VerticalScroll, can_focus=False):
    """The facts of the variant that is marked in a list."""

    def compose(self) -> ComposeResult:
        """Draw a place for the facts."""
        yield Facts()

    def show(self, entry: Entry | None, shelf: Shelf) -> None:
        """Describe a variant of the library; None for none."""
        facts = self.query_one(Facts)
        facts.shown = (entry, shelf) if entry else None
        self.scroll_home(animate=False)


class Facts(Widget):
    """As many lines as the facts need at the width there is."""

    shown: reactive[tuple[Entry, Shelf] | None] = reactive(None, layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Count the lines."""
        return len(self._wrapped(width))

    def render(self) -> Content:
        """Draw the lines."""
        return Content("\n").join(self._wrapped(self.content_size.width))

    def _wrapped(self, width: int) -> list[Content]:
        lines = _lines(*self.shown, width) if self.shown and width else ()
        return [part for line in lines for part in line.wrap(width) or [line]]


def _lines(entry: Entry, shelf: Shelf, width: int) -> Iterator[Content]:
    record = entry.record
    yield Content.styled(one_line(record.variant.name, 200), "bold")
    yield Content.styled(kind(record), MUTED)
    if record.variant.problem:
        yield Content.styled(f"! {without_controls(record.variant.problem)}", "$text-warning")
    if entry.memory:
        yield Content.styled(entry.memory, MUTED if entry.fits else "$text-warning")
    if entry.standing is not None:
        yield _standing(entry.standing, shelf)
    for part in (
        _facts(record),
        _lora(record.facts.lora),
        training(record),
        _kept(record),
        _origin(record, shelf),
    ):
        rows = [row for label, text in part if text for row in _rows(label, text, width)]
        if rows:
            yield Content()
            yield from rows
    yield from _files(record)


def _standing(standing: Standing, shelf: Shelf) -> Content:
    """Say how a variant was verified, or that it was not."""
    mark = badge(standing)[:1] or UNVERIFIED
    if not standing.verdict:
        return Content.styled(f"{mark} Not verified.", MUTED)
    parent = shelf.find(standing.parent)
    name = parent.variant.name if parent else standing.parent_name
    if standing.stale:
        return Content.styled(f"{mark} {without_controls(standing.stale)}", "$text-warning")
    measured = divergence(standing.divergence)
    about = f": KL divergence {measured}" if measured else ""
    said = f"{mark} {VERDICTS[standing.verdict]} against {one_line(name, 60)}{about}."
    return Content.styled(said, badge_style(standing))


def _facts(record: VariantRecord) -> Iterator[tuple[str, str]]:
    facts = record.facts
    yield "Architecture", facts.architecture
    yield "Parameters", amount(facts.parameters) if facts.parameters else ""
    yield "Weights", " · ".join(filter(None, [facts.format, facts.dtype, facts.quantisation]))
    yield "Context", f"{facts.context_tokens:,} tokens" if facts.context_tokens else ""
    yield "Vocabulary", f"{facts.vocabulary:,} tokens" if facts.vocabulary else ""
    yield "Chat template", _template(record)
    yield "Licence", facts.licence


def _template(record: VariantRecord) -> str:
    if record.variant.kind in ("quotes", "endpoint"):
        return ""
    if record.chat_template:
        return "given by you"
    if record.facts.own_chat_template:
        return "its own"
    return "of its base" if record.variant.kind == "adapter" else "none"


def _lora(lora: LoraFacts | None) -> Iterator[tuple[str, str]]:
    if lora is None:
        return
    kinds = [name for name, is_so in (("rsLoRA", lora.rslora), ("DoRA", lora.dora)) if is_so]
    numbers = [f"rank {lora.rank}", f"alpha {lora.alpha:g}", f"dropout {lora.dropout:g}", *kinds]
    yield "LoRA", " · ".join(numbers)
    yield "on", ", ".join(lora.target_modules)
    yield "trained whole", ", ".join(lora.modules_to_save)
    yield "trained for", lora.base
    yield "checkpoints", ", ".join(lora.checkpoints)


def _kept(record: VariantRecord) -> Iterator[tuple[str, str]]:
    yield "Merging", str((merge_targets_of(record) or {}).get("sentence") or "")
    yield "Tags", ", ".join(record.tags)
    yield "Note", record.note
    for name, value in record.settings.to_json().items():
        yield name.replace("_", " "), str(value)


def _origin(record: VariantRecord, shelf: Shelf) -> Iterator[tuple[str, str]]:
    parent = record.variant.parent
    yield "Made from", shelf.name(parent) if parent else ""
    made = shelf.made_from(record.variant.id)
    adapters = [each.variant.name for each in made if each.variant.kind == "adapter"]
    others = [each.variant.name for each in made if each.variant.kind != "adapter"]
    yield "Needed by", ", ".join(adapters)
    yield "Made of it", ", ".join(others)
    yield "From", source(record)
    yield "Key", f"${record.key_variable}" if record.key_variable else ""
    if record.created:
        yield "Added", f"{datetime.fromtimestamp(record.created):%Y-%m-%d}"
    yield "On disk", size(record.bytes) if record.files else ""


def _files(record: VariantRecord) -> Iterator[Content]:
    if not record.files:
        return
    yield Content()
    yield Content.styled(count(len(record.files), "file"), "bold")
    for file in record.files[:_MOST_FILES]:
        hash = f"  sha256 {file.sha256[:_HASH]}…" if file.sha256 else ""
        about = f"  {size(file.size)}{hash}"
        yield Content.assemble(one_line(file.name, 200), (about, MUTED))
    if len(record.files) > _MOST_FILES:
        yield Content.styled(f"and {len(record.files) - _MOST_FILES:,} more", MUTED)


def _rows(label: str, text: str, width: int) -> Iterator[Content]:
    """Draw a fact, whose further lines begin below its first."""
    lines = textwrap.wrap(one_line(text, 1000), max(_LEAST, width - _LABEL - 1)) or [""]
    for at, line in enumerate(lines):
        yield Content.assemble((f"{'' if at else label:<{_LABEL}} ", MUTED), line)
