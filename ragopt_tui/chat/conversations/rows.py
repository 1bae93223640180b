"""An exchange as a row of chats.db, and as the JSON of `ragopt-tui chats`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ragopt_tui.chat.answer import Answer
from ragopt_tui.chat.exchange import Exchange
from ragopt_tui.knowledge.passage import Hit

EXCHANGE_COLUMNS = (
    "question resolved_question filters asked docs state variant variant_hash prompt settings seed"
    " text answer evidence problem hint again_of difference"
).split()


def stamp(moment: datetime) -> str:
    """Give a moment (local where it names no zone) as ISO 8601 in UTC, which sorts by time."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def moment(stamped: str) -> datetime:
    """Give the local time of a `stamp`."""
    return datetime.fromisoformat(stamped).astimezone()


def to_row(exchange: Exchange) -> tuple[Any, ...]:
    """Give the values of EXCHANGE_COLUMNS."""
    answer = exchange.answer
    return (
        exchange.question,
        exchange.resolved_question or exchange.question,
        _json(exchange.filters),
        stamp(exchange.asked),
        exchange.docs,
        exchange.state,
        exchange.variant,
        exchange.variant_hash,
        _json(exchange.prompt),
        _json(exchange.settings),
        exchange.seed,
        exchange.written,
        _json(answer.to_json()) if answer else None,
        _json([] if answer else _hits_json(exchange.hits)),
        exchange.problem,
        exchange.hint,
        exchange.again_of,
        exchange.difference,
    )


def from_row(row: sqlite3.Row) -> Exchange:
    """Rebuild an exchange; one that was left unfinished was stopped."""
    answer = Answer.from_json(json.loads(row["answer"])) if row["answer"] else None
    over = row["state"] in ("done", "stopped", "failed")
    return Exchange(
        question=row["question"],
        resolved_question=row["resolved_question"],
        filters=json.loads(row["filters"]),
        asked=moment(row["asked"]),
        docs=row["docs"],
        state=row["state"] if over else "stopped",
        variant=row["variant"],
        variant_hash=row["variant_hash"],
        prompt=json.loads(row["prompt"]),
        settings=json.loads(row["settings"]),
        seed=row["seed"],
        text=row["text"],
        answer=answer,
        hits=answer.evidence if answer else _hits(json.loads(row["evidence"])),
        problem=row["problem"],
        hint=row["hint"],
        again_of=row["again_of"],
        difference=row["difference"],
        thumb=row["thumb"] or 0,
        correction=row["correction"] or "",
        id=row["id"],
    )


def exchange_json(exchange: Exchange) -> dict[str, Any]:
    """Give an exchange as JSON-ready values: what `chats show --json` prints of each."""
    answer = exchange.answer
    return {
        "id": exchange.id,
        "question": exchange.question,
        "resolved_question": exchange.resolved_question or exchange.question,
        "filters": exchange.filters,
        "asked": exchange.asked.isoformat(timespec="seconds"),
        "docs": exchange.docs,
        "state": exchange.state,
        "variant": exchange.variant,
        "variant_hash": exchange.variant_hash,
        "prompt": exchange.prompt,
        "settings": exchange.settings,
        "seed": exchange.seed,
        "text": exchange.written,
        "answer": answer.to_json() if answer else None,
        "evidence": _hits_json(exchange.evidence),
        "problem": exchange.problem,
        "hint": exchange.hint,
        "again_of": exchange.again_of,
        "difference": exchange.difference,
        "thumb": exchange.thumb,
        "correction": exchange.correction,
    }


def _hits_json(hits: Sequence[Hit]) -> list[dict[str, Any]]:
    return [hit.to_json() for hit in hits]


def _hits(values: Sequence[dict[str, Any]]) -> tuple[Hit, ...]:
    return tuple(map(Hit.from_json, values))


def _json(values: object) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))
