"""How data sets are written on the screen: a row, their facts, their tokens, and what is learned."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import dropwhile
from typing import Any

from textual.content import Content

from ragopt_tui.plaintext import one_line, without_controls
from ragopt_tui.training.data.record import SPLITS, DataSetRecord
from ragopt_tui.ui.wording import MUTED, count, shorten, when

LEARNED = "bold underline $text-success"
"""The style of text that carries loss; underlined, as colour may be missing."""

_LABEL, _BAR, _LONGEST, _FIRST = 12, 30, 400, 8


def set_row(record: DataSetRecord, width: int, now: datetime) -> Content:
    """Draw a data set as a row: its name, rows, format and when it came."""
    right = f"{record.count:>8,} {shorten(record.format, 17):<17}"
    moment = f"{when(datetime.fromtimestamp(record.created), now):>16}" if width >= 64 else ""
    room = max(8, width - len(right) - len(moment) - 2)
    return Content.assemble(f"{shorten(record.name, room):<{room}} ", right, (moment, MUTED))


def facts(record: DataSetRecord) -> Content:
    """Say what is known of a set without looking through it."""
    splits = ", ".join(f"{record.rows[s]:,} {s}" for s in SPLITS if record.rows[s])
    columns = ", ".join(f"{what} from {name}" for what, name in record.columns.items())
    rows = {
        "id": f"{record.id}  version {record.version}",
        "rows": splits,
        "format": record.format,
        "columns": columns,
        "grouped by": record.group,
        "split": record.splitting,
        "from": record.origin.place,
        "licence": record.origin.licence,
        "made from": record.origin.made_from,
        "left out": count(record.problems, "row") if record.problems else "",
    }
    return _table(rows)


def report(values: Mapping[str, Any]) -> Content:
    """Draw what was found in a set: repeats, leaks, lengths in tokens, and what is left out."""
    overlap = values["overlap"]
    repeated = [f"{n:,} in {split}" for split, n in overlap["duplicates"].items() if n]
    same = {"example": overlap["same_examples"], "question": overlap["same_questions"]}
    leaked = [f"{count(n, what)} of a split also in one before it" for what, n in same.items() if n]
    rows = {
        "repeated": ", ".join(repeated) or "none",
        "leakage": ", ".join(leaked) or "none",
        "evidence": f"with {values['with_evidence']:,} examples" if values["with_evidence"] else "",
    }
    parts = [_table(rows)]
    problems = [f"{each['place']}: {each['reason']}" for each in values["problems"][:_FIRST]]
    if problems:
        parts.append(_lines("Left out at the import", problems))
    parts += [_tokens(split, tokens) for split, tokens in values["tokens"].items()]
    return Content("\n\n").join(parts)


def previews(values: Mapping[str, Any]) -> Content:
    """Draw examples as the model reads them, what is learned told apart."""
    parts: list[Content] = []
    for each in values.get("previews", ()):
        about = f"{each['tokens']:,} tokens{', cut off' if each['truncated'] else ''}"
        said = one_line(each["left_out"] or about, _LONGEST)
        head = Content.assemble((one_line(each["place"]), "bold"), (f"  {said}", MUTED))
        if each["note"]:
            head = head.append(Content.styled(f"\n{one_line(each['note'], _LONGEST)}", MUTED))
        text = Content.assemble(
            *(
                (without_controls(piece), LEARNED if learned else "")
                for piece, learned in each["pieces"]
            )
        )
        parts.append(head.append("\n").append(text))
    return Content("\n\n").join(parts)


def examples(values: Mapping[str, Any]) -> Content:
    """Draw examples as they are kept, where no model is named that would read them."""
    parts: list[Content] = []
    for each in values.get("examples", ()):
        turns = [
            Content.assemble((f"{turn['role']}: ", MUTED), without_controls(turn["content"]))
            for turn in each.get("messages", ())
        ]
        turns += [
            Content.assemble(("evidence: ", MUTED), without_controls(passage["text"]))
            for passage in each.get("evidence", ())
        ]
        if each.get("text"):
            turns.append(Content(without_controls(each["text"])))
        head = Content.styled(one_line(each.get("place", "")), "bold")
        parts.append(Content("\n").join([head, *turns]))
    return Content("\n\n").join(parts)


def check_result(values: Mapping[str, Any]) -> Content:
    """Draw what an import would give, or why nothing."""
    rows = values.get("rows") or {}
    kept = ", ".join(f"{n:,} {split}" for split, n in rows.items() if n)
    columns = ", ".join(f"{what} from {name}" for what, name in (values["columns"] or {}).items())
    table = _table(
        {
            "columns": ", ".join(values["available"]),
            "format": values["format"],
            "read": columns,
            "rows": kept,
            "left out": count(values["left_out"], "row") if values["left_out"] else "",
        }
    )
    parts = [table] if table else []
    if values["problem"]:
        said = one_line(f"! {values['problem']} {values['hint']}", _LONGEST)
        parts.append(Content.styled(said, "$text-warning"))
    problems = [f"{each['place']}: {each['reason']}" for each in values["problems"][:4]]
    if problems:
        parts.append(_lines("", problems))
    return Content("\n").join(parts)


def _tokens(split: str, tokens: Mapping[str, Any]) -> Content:
    lines = [
        f"{tokens['tokens']:,} tokens, {tokens['loss_tokens']:,} of them learned; rows of "
        f"{tokens['shortest']:,} to {tokens['longest']:,}, median {tokens['median']:,}"
    ]
    if tokens["truncated"]:
        lines.append(f"{count(tokens['truncated'], 'row')} cut off")
    for reason, rows in [*tokens["left_out"].items(), *tokens["notes"].items()]:
        lines.append(f"{count(rows, 'row')}: {one_line(reason, _LONGEST)}")
    bins = list(dropwhile(lambda each: not each["rows"], tokens["histogram"]))
    most = max((each["rows"] for each in bins), default=1)
    for each in bins:
        bar = "█" * -(-_BAR * each["rows"] // most)
        lines.append(f"{each['start']:>6,} to {each['end'] - 1:>6,} {each['rows']:>7,} {bar}")
    return _lines(f"{split}: {count(tokens['rows'], 'row')}", lines)


def _lines(title: str, lines: list[str]) -> Content:
    head = [Content.styled(title, "bold")] if title else []
    return Content("\n").join(
        [
            *head,
            *(
                Content(one_line(line, _LONGEST)) if title == "" else Content(line)
                for line in lines
            ),
        ]
    )


def _table(rows: Mapping[str, str]) -> Content:
    drawn = [
        Content.assemble((f"{label:<{_LABEL}}", MUTED), one_line(value, _LONGEST))
        for label, value in rows.items()
        if value
    ]
    return Content("\n").join(drawn)
