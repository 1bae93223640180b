"""All that the files of a variant say, compared with what they must say after the step that made it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ragopt_tui.conversion.adapted_model import Adapter
from ragopt_tui.conversion.nf4 import Nf4
from ragopt_tui.conversion.quantisations import OUTPUT_TYPES, QUANTISATIONS
from ragopt_tui.errors import RagoptError
from ragopt_tui.models.gguf_header import read_gguf
from ragopt_tui.models.inspection import read_json
from ragopt_tui.models.inspection_folder import weight_files
from ragopt_tui.models.inspection_gguf import gguf_parts
from ragopt_tui.models.model_files import is_gguf
from ragopt_tui.models.record import VariantRecord
from ragopt_tui.models.safetensors_header import read_safetensors_header
from ragopt_tui.verification.report import Finding
from ragopt_tui.verification.structure import (
    adapters,
    folder_vocabulary,
    folders,
    gguf_adapter,
    kinds,
    metadata,
    tokenizers,
    vocabulary,
    weights,
)
from ragopt_tui.verification.structure.arrangement import KNOWN, in_gguf, same
from ragopt_tui.verification.structure.config import Config
from ragopt_tui.verification.structure.sources import (
    AdaptedTensors,
    FolderTensors,
    GgufTensors,
    Tensors,
)

Tell = Callable[[int, int], None]
Find = Callable[[str], VariantRecord | None]


def check_structure(
    child: VariantRecord,
    parent: VariantRecord,
    base: VariantRecord | None,
    tell: Tell,
    find: Find = lambda id: None,
) -> list[Finding]:
    """Compare a variant's files with those of its parent.

    `base` is the Hugging Face base of a parent that is an adapter; `find` gives other variants by
    id, such as further adapters of a merge. `tell` is told how many tensors of how many were
    compared, and may raise to stop. What cannot be compared is a finding that says so.
    """
    ours, theirs = _path(child), _path(parent)
    complete = _complete(ours)
    if complete.outcome == "failed":
        return [complete]
    problem = _complete(theirs if parent.variant.kind != "adapter" or base is None else _path(base))
    if problem.outcome == "failed":
        return [complete, _skipped("weights.values", f"Weights: {problem.sentence}")]
    try:
        return [complete, *_by_step(child, parent, base, tell, find)]
    except RagoptError as error:
        return [complete, _skipped("weights.values", f"Weights: {error.message}")]


def _by_step(
    child: VariantRecord,
    parent: VariantRecord,
    base: VariantRecord | None,
    tell: Tell,
    find: Find,
) -> list[Finding]:
    ours, theirs = _path(child), _path(parent)
    from_adapter = parent.variant.kind == "adapter"
    if from_adapter and base is None:
        return [_skipped("weights.values", "Weights: the base of the adapter is not known.")]
    if child.variant.kind == "adapter":
        if not from_adapter or base is None:
            return [
                _skipped("weights.values", "Weights: a GGUF adapter is compared with a PEFT one.")
            ]
        return gguf_adapter.check_gguf_adapter(ours, theirs, _path(base), tell)
    if from_adapter and base is not None:
        chosen = _adapters(child, parent, find)
        if is_gguf(_path(base)):
            return [_skipped("weights.values", "Weights: the base of the adapter is a GGUF file.")]
        return _merged(child, chosen, _path(base), tell)
    if is_gguf(ours) and is_gguf(theirs):
        return _quantised(child, GgufTensors(ours), GgufTensors(theirs), tell)
    if is_gguf(ours):
        config = Config.read(theirs)
        return _converted(child, GgufTensors(ours), FolderTensors(theirs), config, theirs, tell)
    if is_gguf(theirs):
        return [_skipped("weights.values", "Weights: the parent is a GGUF file, the child is not.")]
    return _copied(ours, theirs, tell)


def _merged(
    child: VariantRecord, chosen: Sequence[Adapter], base: Path, tell: Tell
) -> list[Finding]:
    """Compare with base and adapters, whether the child is the merged folder or a GGUF of it."""
    ours = _path(child)
    adapted = AdaptedTensors(base, chosen, _onto(child))
    trained = next((a.folder for a in chosen if tokenizers.has_tokenizer(a.folder)), base)
    if is_gguf(ours):
        config = Config.read(base)
        text = adapted.model.config.get_text_config()
        changed = {
            "vocab_size": text.vocab_size,
            "tie_word_embeddings": adapted.model.config.tie_word_embeddings,
        }
        config = Config({**config.values, **changed}, config.rope)
        gguf = GgufTensors(ours)
        return _converted(child, gguf, adapted, config, trained, tell, chosen, base)
    tensors = FolderTensors(ours)
    expected = same(adapted)
    # A tied output layer may be stored once more.
    ignored = [adapted.model.output] if adapted.model.output not in expected else []
    findings = folders.check_formats(ours, tensors, adapted.base)
    if any(each.outcome == "failed" for each in findings):
        packed = findings[0].evidence.get("count", 0)
        if packed:
            return [
                *findings,
                _skipped("weights.values", "Weights: some are packed in 4 or 8 bits."),
            ]
    findings += weights.compare_weights(expected, tensors, tell, ignored=ignored)
    findings += adapters.check_adapters(adapted, chosen, expected, tensors)
    findings += folders.check_ends(ours, tensors, adapted)
    findings += folders.check_configuration(ours, base)
    findings.append(_vocabulary_size(ours, tensors, adapted.model.embedding, trained))
    findings += tokenizers.check_tokenizer(ours, trained, base)
    return findings


def _converted(
    child: VariantRecord,
    gguf: GgufTensors,
    parent: Tensors,
    config: Config,
    folder: Path,
    tell: Tell,
    chosen: Sequence[Adapter] = (),
    base: Path | None = None,
) -> list[Finding]:
    architecture = str(vocabulary.value(gguf.fields, "general.architecture") or "")
    expected, unknown = in_gguf(parent, architecture, config.values, gguf.shapes)
    findings = weights.compare_weights(expected, gguf, tell, known=architecture in KNOWN)
    if unknown and architecture in KNOWN:
        sentence = f"{unknown[0]} of the parent: llama.cpp has no name for it."
        findings.append(_skipped("weights.present", sentence))
    if isinstance(parent, AdaptedTensors):
        findings += adapters.check_adapters(parent, chosen, expected, gguf)
    findings += metadata.check_against_config(gguf.fields, gguf, config)
    findings += _tokenizer(gguf, folder, base)
    findings.append(_kind(child, gguf))
    return findings


def _tokenizer(gguf: GgufTensors, folder: Path, base: Path | None) -> list[Finding]:
    try:
        return folder_vocabulary.check_against_folder(gguf.fields, folder, base)
    except RagoptError as error:
        return [_skipped("vocabulary.tokens", f"Tokens: {error.message}")]


def _quantised(
    child: VariantRecord, ours: GgufTensors, theirs: GgufTensors, tell: Tell
) -> list[Finding]:
    made = child.made or {}
    plain = made.get("step") == "quantise" and not made.get("importance", "unknown")
    findings = weights.compare_weights(same(theirs), ours, tell, exact=plain)
    findings += metadata.check_against_headers(ours.fields, theirs.fields)
    findings += vocabulary.check_against_gguf(ours.fields, theirs.fields)
    findings.append(_kind(child, ours))
    return findings


def _copied(ours: Path, theirs: Path, tell: Tell) -> list[Finding]:
    """Compare two folders of one model, such as a further trained one with its base."""
    tensors, parent = FolderTensors(ours), FolderTensors(theirs)
    findings = folders.check_formats(ours, tensors, parent)
    if findings[0].outcome == "passed":
        findings += weights.compare_weights(same(parent), tensors, tell)
    findings += folders.check_configuration(ours, theirs)
    findings += tokenizers.check_tokenizer(ours, theirs, None)
    return findings


def _vocabulary_size(ours: Path, child: FolderTensors, embedding: str, trained: Path) -> Finding:
    """Compare the rows of the embedding with config.json and the tokenizer's largest id."""
    config = read_json(ours / "config.json")
    size = int((config | (config.get("text_config") or {})).get("vocab_size") or 0)
    rows = child.shapes.get(embedding, (0,))[0]
    file = (ours if (ours / "tokenizer.json").is_file() else trained) / "tokenizer.json"
    largest = -1
    if file.is_file():
        values = read_json(file)
        pieces = (values.get("model") or {}).get("vocab") or {}
        numbers = list(pieces.values()) if isinstance(pieces, dict) else list(range(len(pieces)))
        numbers += [token["id"] for token in values.get("added_tokens") or ()]
        largest = max(numbers, default=-1)
    evidence = {"rows": rows, "vocab_size": size, "largest id": largest}
    if rows != size:
        sentence = f"The embedding has {rows:,} rows, config.json says {size:,}."
        return Finding("vocabulary.size", "failed", sentence, rows, size, evidence)
    if largest >= rows:
        sentence = f"The tokenizer has a token {largest:,}, the embedding only {rows:,} rows."
        return Finding("vocabulary.size", "failed", sentence, largest, rows, evidence)
    sentence = f"Embedding, config.json and tokenizer agree on {rows:,} tokens."
    return Finding("vocabulary.size", "passed", sentence, rows, size, evidence)


def _kind(child: VariantRecord, gguf: GgufTensors) -> Finding:
    made = child.made or {}
    asked = str(made.get("to") or made.get("output") or _named(_path(child).stem))
    return kinds.check_kind(gguf, vocabulary.value(gguf.fields, "general.file_type"), asked)


def _named(stem: str) -> str:
    """Give the type that a file's name ends in, "" where it names none."""
    known = {each.name for each in QUANTISATIONS} | set(OUTPUT_TYPES)
    parts = re.split(r"[-.]", stem.upper())
    return next((part for part in reversed(parts) if part in known), "")


def _complete(path: Path) -> Finding:
    """Read the headers of all weight files: a file cut off says so there."""
    try:
        if path.is_dir():
            for file in weight_files(path):
                read_safetensors_header(file)
        else:
            for part in gguf_parts(path):
                read_gguf(part)
    except RagoptError as error:
        evidence: dict[str, Any] = {"cut off": _cut(error.message)}
        return Finding("files.complete", "failed", error.message, evidence=evidence)
    return Finding("files.complete", "passed", "All files are there, and as long as they must be.")


def _cut(message: str) -> bool:
    return any(
        words in message
        for words in ("the file has", "ends within", "bytes that its header promises", "too soon")
    )


def _onto(child: VariantRecord) -> Nf4 | None:
    return Nf4() if (child.made or {}).get("onto") == "nf4" else None


def _adapters(child: VariantRecord, parent: VariantRecord, find: Find) -> list[Adapter]:
    """Give the adapters of a merge with their weights, the parent alone where it is not said."""
    said = (child.made or {}).get("adapters") or [[parent.variant.id, 1.0]]
    chosen = []
    for id, weight in said:
        record = parent if id == parent.variant.id else find(id)
        if record is None:
            raise RagoptError(f"The adapter {id} that was merged is not in the library.")
        chosen.append(Adapter(_path(record), float(weight)))
    return chosen


def _path(record: VariantRecord) -> Path:
    if record.variant.path is None:
        raise RagoptError(f"{record.variant.name} has no files.")
    return record.variant.path


def _skipped(check: str, sentence: str) -> Finding:
    return Finding(check, "not compared", sentence)
