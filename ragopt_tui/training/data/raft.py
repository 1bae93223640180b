"""RAFT: a question, documents of which some hold the answer, and an answer with its reasoning.

As its authors' script writes it (columns question, context, oracle_context, cot_answer), and in
shorter forms: `documents` a list of texts or of objects with `text` and `oracle`, `oracle` a text,
a number counted from 0, or a list of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ragopt_tui.training.data.example import Evidence
from ragopt_tui.training.data.turns import BadRow, optional_text, text_of


def raft_evidence(documents: object, oracle: object) -> tuple[Evidence, ...]:
    """Give the documents in their order; `oracle` says which hold the answer. Raises BadRow."""
    found = [_document(n, each) for n, each in enumerate(_listed(documents), start=1)]
    wanted = _oracles(oracle)
    for number, evidence in enumerate(found):
        if number in wanted or " ".join(evidence.text.split()) in wanted:
            found[number] = Evidence(evidence.text, True, evidence.file)
    missing = [each for each in wanted if isinstance(each, int) and not 0 <= each < len(found)]
    if missing:
        raise BadRow(f"there is no document {missing[0]} (they are counted from 0)")
    if not found:
        raise BadRow("it has no documents")
    return tuple(found)


def _listed(documents: object) -> Sequence[Any]:
    """Give documents one by one; RAFT's script nests texts and titles a level deeper."""
    if isinstance(documents, Mapping) and "sentences" in documents:
        texts = _flat(documents["sentences"])
        titles = _flat(documents.get("title") or documents.get("titles") or [])
        titles += [""] * (len(texts) - len(titles))
        return [{"text": x, "file": t} for x, t in zip(texts, titles, strict=False)]
    if isinstance(documents, str):
        return [documents]
    if isinstance(documents, Sequence):
        return documents
    raise BadRow("its documents are missing" if documents is None else "its documents are no list")


def _flat(values: object) -> list[Any]:
    if not isinstance(values, list):
        return [values]
    return [inner for value in values for inner in (value if isinstance(value, list) else [value])]


def _document(number: int, value: object) -> Evidence:
    what = f"document {number}"
    if not isinstance(value, Mapping):
        return Evidence(text_of(value, what), False)
    oracle = value.get("oracle", value.get("is_oracle", False))
    name = value.get("file", value.get("title"))
    # Placeholders of RAFT's own script are no names.
    file = "" if name == "placeholder_title" else optional_text(name, f"the file of {what}")
    return Evidence(text_of(value.get("text"), what), oracle is True, file)


def _oracles(oracle: object) -> set[int | str]:
    values = oracle if isinstance(oracle, list) else [] if oracle is None else [oracle]
    wanted: set[int | str] = set()
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise BadRow("its oracle is neither a text nor a number")
        wanted.add(value if isinstance(value, int) else " ".join(value.split()))
    return wanted - {""}
