"""`ragopt-tui data show`: what is in a data set, and what a model reads of it."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from itertools import dropwhile, islice
from typing import Any

from rich.console import Console
from rich.text import Text

from ragopt_tui.commands.data import following, in_words, print_json, print_problems
from ragopt_tui.models.store import VariantStore
from ragopt_tui.plaintext import one_line, without_controls
from ragopt_tui.settings import folders
from ragopt_tui.training.data.example import Example
from ragopt_tui.training.data.overlap import Overlap
from ragopt_tui.training.data.preview import Pieces, pieces_of
from ragopt_tui.training.data.record import SPLITS, Split
from ragopt_tui.training.data.rendered import LeftOut, Template
from ragopt_tui.training.data.rendering import Renderer
from ragopt_tui.training.data.report import SetReport, TokenReport, report_on
from ragopt_tui.training.data.store import DataSetStore

OPEN, CLOSE = "⟦", "⟧"
"""Around what carries loss, where there is no colour."""
_LEARNED = "bold green"
_BAR = 40


@dataclass(frozen=True, slots=True)
class Shown:
    """Which examples are shown, and as what model reads them; "" for none."""

    variant: str
    count: int
    split: Split
    template: Template
    max_length: int
    completion_only: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """An example as a model reads it; `left_out` says why it is not trained on."""

    place: str
    pieces: Pieces
    tokens: int = 0
    truncated: bool = False
    note: str = ""
    left_out: str = ""


def show_set(name: str, shown: Shown, as_json: bool) -> int:
    """Print the report on a set and some of its examples."""
    data = DataSetStore().find(name)
    with following() as told:
        renderer, tokenizer = _model(shown)
        report = report_on(data, renderer, told)
    examples = list(islice(data.examples(shown.split), shown.count))
    previews = [_preview(each, renderer, tokenizer) for each in examples] if renderer else []
    if as_json:
        rows = [example.to_json() for example in examples]
        views = [asdict(each) for each in previews]
        print_json(report.to_json() | {"examples": rows, "previews": views})
        return 0
    _print_report(report)
    for each in previews:
        _print_preview(each)
    for example in () if previews else examples:
        print(one_line(json.dumps(example.to_json(), ensure_ascii=False), 2000))
    return 0


def _model(shown: Shown) -> tuple[Renderer | None, Any]:
    if not shown.variant:
        return None, None
    from ragopt_tui.training.data.for_variant import renderer_for

    return renderer_for(
        shown.variant,
        VariantStore(folders().models),
        template=shown.template,
        completion_only=shown.completion_only,
        max_length=shown.max_length,
    )


def _preview(example: Example, renderer: Renderer, tokenizer: Any) -> Preview:  # noqa: ANN401
    try:
        rendered = renderer.render(example)
    except LeftOut as error:
        return Preview(example.place, [], left_out=str(error))
    return Preview(
        example.place,
        pieces_of(rendered, tokenizer),
        len(rendered.ids),
        rendered.truncated,
        rendered.note,
    )


def _print_report(report: SetReport) -> None:
    record = report.record
    groups = [f"{count:,} in {split}" for split, count in report.groups.items() if count]
    rows = {
        "set": f"{record.id}  version {record.version}",
        "what": in_words(record),
        "columns": ", ".join(f"{what} from {name}" for what, name in record.columns.items()),
        "groups": f"by {record.group}: {', '.join(groups)}" if groups else "",
        "split": record.splitting,
        "made from": record.origin.made_from,
        "revision": record.origin.revision,
        "licence": record.origin.licence,
        "evidence": f"{report.with_evidence:,} examples" if report.with_evidence else "",
        **_overlap_rows(report.overlap),
    }
    for label, value in rows.items():
        if value:
            print(f"{label:<11} {one_line(value, 1000)}")
    print_problems(report.problems, record.problems)
    for split in SPLITS:
        if split in report.tokens:
            _print_tokens(split, report.tokens[split])


def _overlap_rows(overlap: Overlap) -> dict[str, str]:
    repeated = [f"{count:,} in {split}" for split, count in overlap.duplicates.items() if count]
    leaked = {"examples": overlap.same_examples, "questions": overlap.same_questions}
    rows = {"duplicates": ", ".join(repeated)}
    told = [f"{count:,} {what}" for what, count in leaked.items() if count]
    if told:
        first = overlap.leaks[0]
        rows["leakage"] = (
            f"{', '.join(told)} of a split stand in one before it, such as {first.place} of "
            f"{first.split} and {first.other_place} of {first.other_split}"
        )
    return rows


def _print_tokens(split: Split, report: TokenReport) -> None:
    print(
        f"\n{split}: {report.rows:,} rows, {report.tokens:,} tokens, {report.loss_tokens:,} with "
        f"loss; {report.shortest:,} to {report.longest:,} a row, median {report.median:,}"
    )
    if report.truncated:
        first = one_line(report.truncated_rows[0], 100)
        print(f"  {report.truncated:,} rows are cut off, the first is {first}")
    for reason, count in [*report.left_out.items(), *report.notes.items()]:
        print(f"  {count:,} rows: {one_line(reason, 300)}")
    most = max((each.rows for each in report.histogram), default=1)
    for each in dropwhile(lambda each: not each.rows, report.histogram):
        bar = "█" * -(-_BAR * each.rows // most)
        print(f"  {each.start:>6,} to {each.end - 1:>6,}  {each.rows:>8,}  {bar}".rstrip())


def _print_preview(preview: Preview) -> None:
    about = f"{preview.tokens:,} tokens{', cut off' if preview.truncated else ''}"
    print(f"\n{one_line(preview.place)}: {one_line(preview.left_out or about, 300)}")
    if preview.note:
        print(one_line(preview.note, 300))
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    text = Text()
    for piece, learned in preview.pieces:
        clean = without_controls(piece)
        if learned and not coloured:
            clean = f"{OPEN}{clean}{CLOSE}"
        text.append(clean, _LEARNED if learned else "")
    if coloured:
        Console(highlight=False, soft_wrap=True).print(text)
    elif preview.pieces:
        print(text.plain)
