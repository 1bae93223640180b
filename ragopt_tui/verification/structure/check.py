"""All that the files of a variant say, compared with what they must say after the step that made it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
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
from ragopt_tui.plaintext import one_line
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
from ragopt_tui.verification.structure.arrangement import KNOWN, Expected, in_gguf, same
from ragopt_tui.verification.structure.comparing import distance
from ragopt_tui.verification.structure.config import Config
from ragopt_tui.verification.structure.sources import (
    AdaptedTensors,
    FolderTensors,
    GgufTensors,
    Tensors,
)

_DAMAGE = (
    ValueError, KeyError, IndexError, TypeError, AttributeError, RuntimeError, OSError, MemoryError,
)  # fmt: skip
"""What reading contradictory files raises in the libraries that read them."""

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
    findings = [complete]
    try:
        findings.extend(_by_step(child, parent, base, tell, find))
    except RagoptError as error:
        findings.append(_skipped("weights.values", f"Weights: {error.message}"))
    except _DAMAGE as error:
        sentence = f"The files could not be compared to the end: {error!r}."
        findings.append(Finding("files.compared", "degraded", one_line(sentence, 300)))
    return findings


def _by_step(
    child: VariantRecord, parent: VariantRecord, base: VariantRecord | None, tell: Tell, find: Find
) -> Iterator[Finding]:
    ours, theirs = _path(child), _path(parent)
    from_adapter = parent.variant.kind == "adapter"
    if from_adapter and base is None:
        yield _skipped("weights.values", "Weights: the base of the adapter is not known.")
    elif child.variant.kind == "adapter" and (not from_adapter or base is None):
        yield _skipped("weights.values", "Weights: a GGUF adapter is compared with a PEFT one.")
    elif child.variant.kind == "adapter" and base is not None:
        yield from gguf_adapter.check_gguf_adapter(ours, theirs, _path(base), tell)
    elif base is not None and from_adapter and is_gguf(_path(base)):
        yield _skipped("weights.values", "Weights: the base of the adapter is a GGUF file.")
    elif base is not None and from_adapter:
        yield from _merged(child, _adapters(child, parent, find), _path(base), tell)
    elif is_gguf(ours) and is_gguf(theirs):
        yield from _quantised(child, GgufTensors(ours), GgufTensors(theirs), tell)
    elif is_gguf(ours):
        config = Config.read(theirs)
        tensors = FolderTensors(theirs)
        yield from _converted(child, GgufTensors(ours), tensors, config, theirs, tell)
    elif is_gguf(theirs):
        yield _skipped("weights.values", "Weights: the parent is a GGUF file, the child is not.")
    else:
        yield from _copied(ours, theirs, tell)


def _merged(
    child: VariantRecord, chosen: Sequence[Adapter], base: Path, tell: Tell
) -> Iterator[Finding]:
    """Compare with base and adapters, whether the child is the merged folder or a GGUF of it."""
    ours = _path(child)
    trained = next((a.folder for a in chosen if tokenizers.has_tokenizer(a.folder)), base)
    if is_gguf(ours):
        gguf = GgufTensors(ours)
        adapted = _adapted(child, gguf, chosen, base)
        config = _adapted_config(adapted, base)
        yield from _converted(child, gguf, adapted, config, trained, tell, chosen, base)
        return
    tensors = FolderTensors(ours)
    formats = folders.check_formats(ours, tensors, FolderTensors(base))
    yield from formats
    if formats[0].outcome == "failed" and formats[0].evidence.get("count"):
        yield _skipped("weights.values", "Weights: some are packed in 4 or 8 bits.")
        return
    adapted = _adapted(child, tensors, chosen, base)
    expected = same(adapted)
    # A tied output layer may be stored once more.
    ignored = [adapted.model.output] if adapted.model.output not in expected else []
    yield from weights.compare_weights(expected, tensors, tell, ignored=ignored)
    yield from adapters.check_adapters(adapted, chosen, expected, tensors)
    yield from folders.check_ends(ours, tensors, adapted)
    yield from folders.check_configuration(ours, base)
    yield _vocabulary_size(ours, tensors, adapted.model.embedding, trained)
    yield from tokenizers.check_tokenizer(ours, trained, base)


def _adapted(
    child: VariantRecord, tensors: Tensors, chosen: Sequence[Adapter], base: Path
) -> AdaptedTensors:
    """Put adapters on the base, as it is or rounded to 4 bits: where it is not said, what is nearer."""
    onto = (child.made or {}).get("onto")
    plain = AdaptedTensors(base, chosen)
    if onto == "original":
        return plain
    rounded = AdaptedTensors(base, chosen, Nf4())
    if onto == "nf4":
        return rounded
    pairs = zip(*(_expected(each, tensors, base).items() for each in (plain, rounded)), strict=True)
    for (name, one), (_, other) in pairs:
        if one.source in plain.model.linear and tensors.shapes.get(name) == one.shape:
            rows = partial(tensors.rows, name)
            distances = [distance(each.read(), rows).relative for each in (one, other)]
            return plain if distances[0] <= distances[1] else rounded
    return plain


def _expected(parent: AdaptedTensors, child: Tensors, base: Path) -> dict[str, Expected]:
    if not isinstance(child, GgufTensors):
        return same(parent)
    architecture = str(vocabulary.value(child.fields, "general.architecture") or "")
    config = _adapted_config(parent, base)
    return in_gguf(parent, architecture, config.values, child.shapes)[0]


def _adapted_config(adapted: AdaptedTensors, base: Path) -> Config:
    """Give the base's configuration with what adapters change of it."""
    config, merged = Config.read(base), adapted.model.config
    changed = {
        "vocab_size": merged.get_text_config().vocab_size,
        "tie_word_embeddings": merged.tie_word_embeddings,
    }
    return Config({**config.values, **changed}, config.rope)


def _converted(
    child: VariantRecord,
    gguf: GgufTensors,
    parent: Tensors,
    config: Config,
    folder: Path,
    tell: Tell,
    chosen: Sequence[Adapter] = (),
    base: Path | None = None,
) -> Iterator[Finding]:
    architecture = str(vocabulary.value(gguf.fields, "general.architecture") or "")
    expected, unknown = in_gguf(parent, architecture, config.values, gguf.shapes)
    yield from metadata.check_against_config(gguf.fields, gguf, config)
    yield _kind(child, gguf)
    yield from weights.compare_weights(expected, gguf, tell, known=architecture in KNOWN)
    if unknown and architecture in KNOWN:
        sentence = f"{unknown[0]} of the parent: llama.cpp has no name for it."
        yield _skipped("weights.present", sentence)
    if isinstance(parent, AdaptedTensors):
        yield from adapters.check_adapters(parent, chosen, expected, gguf)
    try:
        yield from folder_vocabulary.check_against_folder(gguf.fields, folder, base)
    except RagoptError as error:
        yield _skipped("vocabulary.tokens", f"Tokens: {error.message}")


def _quantised(
    child: VariantRecord, ours: GgufTensors, theirs: GgufTensors, tell: Tell
) -> Iterator[Finding]:
    made = child.made or {}
    plain = made.get("step") == "quantise" and not made.get("importance", "unknown")
    yield from metadata.check_against_headers(ours.fields, theirs.fields)
    yield _kind(child, ours)
    yield from weights.compare_weights(same(theirs), ours, tell, exact=plain)
    yield from vocabulary.check_against_gguf(ours.fields, theirs.fields)


def _copied(ours: Path, theirs: Path, tell: Tell) -> Iterator[Finding]:
    """Compare two folders of one model, such as a further trained one with its base."""
    tensors, parent = FolderTensors(ours), FolderTensors(theirs)
    formats = folders.check_formats(ours, tensors, parent)
    yield from formats
    if formats[0].outcome == "passed":
        yield from weights.compare_weights(same(parent), tensors, tell)
    yield from folders.check_configuration(ours, theirs)
    yield from tokenizers.check_tokenizer(ours, theirs, None)


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
