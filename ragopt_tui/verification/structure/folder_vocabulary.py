"""The tokenizer in a GGUF file against that of the Hugging Face folder it was made from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gguf import TokenType

from ragopt_tui.models.inspection import read_json
from ragopt_tui.verification.report import Finding
from ragopt_tui.verification.structure.tokenizers import compare_templates, template_of
from ragopt_tui.verification.structure.vocabulary import (
    KEY,
    Fields,
    compare_flag,
    compare_special,
    same_values,
    shown_text,
    tokens_of,
    tokens_off,
    value,
)

_SHOWN = 8
_BYTE_LEVEL = "gpt2"
_BLANK, _BYTE_BLANK = "▁", "Ġ"


def check_against_folder(child: Fields, parent: Path, base: Path | None = None) -> list[Finding]:
    """Compare with the tokenizer of a Hugging Face folder.

    `base` has what transformers does not save of it: config.json, tokenizer.model.
    """
    from ragopt_tui.chat.backends.transformers_loading import load_tokenizer

    config = _json((base or parent) / "config.json")
    text = config | (config.get("text_config") or {})
    tokenizer = load_tokenizer(parent)
    ours = tokens_of(child)
    known = {number: token for token, number in tokenizer.get_vocab().items()}
    size = int(text.get("vocab_size") or len(known))
    findings = [
        _size(len(ours), size),
        _against_vocabulary(ours, known, tokenizer, child),
        _kinds(child, ours, known, tokenizer),
    ]
    if value(child, f"{KEY}model") == _BYTE_LEVEL:
        findings.append(_merges(child, parent))
        findings.append(_splitter(child))
    else:
        findings.append(_scores(child, [parent, base or parent]))
        findings.append(_leading(child, tokenizer))
    findings.append(_kind(child, tokenizer))
    findings.append(compare_special(_special_ids(child, tokenizer, text)))
    findings += _flags(child, tokenizer)
    template = value(child, "tokenizer.chat_template")
    return [*findings, compare_templates(template, template_of(parent))]


def _size(ours: int, wanted: int) -> Finding:
    if ours == wanted:
        return Finding(
            "vocabulary.size",
            "passed",
            f"It has {ours:,} tokens, as config.json says.",
            ours,
            wanted,
        )
    return Finding(
        "vocabulary.size", "failed",
        f"It has {ours:,} tokens, config.json says {wanted:,}.", ours, wanted,
        {"got": ours, "wanted": wanted},
    )  # fmt: skip


def _against_vocabulary(
    ours: Sequence[bytes],
    known: Mapping[int, str],
    tokenizer: Any,  # noqa: ANN401 - each has its own class
    fields: Fields,
) -> Finding:
    added = set(tokenizer.get_added_vocab().values())
    pairs = []
    for number, got in enumerate(ours):
        wanted = known.get(number)
        # Converters write texts of their own for unused rows, and added tokens with plain blanks.
        if wanted is None or got == wanted.encode():
            continue
        if number in added and shown_text(got).strip() == wanted.replace("▁", " ").strip():
            continue
        pairs.append([number, shown_text(got), wanted])
    lost = [number for number in known if number >= len(ours)]
    if not pairs and not lost:
        sentence = f"All {len(known):,} tokens stand at their places."
        return Finding("vocabulary.tokens", "passed", sentence, 0, 0)
    return tokens_off(pairs, len(ours), max(known, default=-1) + 1)


def _kinds(
    child: Fields,
    ours: Sequence[bytes],
    known: Mapping[int, str],
    tokenizer: Any,  # noqa: ANN401
) -> Finding:
    """Compare which tokens are special: these are read whole, and are no text."""
    kinds = value(child, f"{KEY}token_type") or []
    decoder = tokenizer.added_tokens_decoder
    special = {number for number, token in decoder.items() if token.special and number < len(ours)}
    control = {
        number
        for number, kind in enumerate(kinds)
        if kind in (TokenType.CONTROL, TokenType.UNKNOWN) and number in known
    }
    ends = {
        tokenizer.bos_token_id,
        tokenizer.eos_token_id,
        tokenizer.unk_token_id,
        tokenizer.pad_token_id,
    }
    lacking = sorted(special - control)
    wrong = sorted(
        number
        for number in control - special - ends
        if number not in decoder and not known[number].startswith(("<", "["))
    )
    if not lacking and not wrong:
        return Finding("vocabulary.types", "passed", "Special tokens are marked as such.")
    number = (lacking or wrong)[0]
    said = "is not marked as special" if lacking else "is marked as special, but is text"
    return Finding(
        "vocabulary.types", "failed", f"{known[number]!r} (token {number}) {said}.",
        len(lacking) + len(wrong), 0,
        {"not special": [known[n] for n in lacking[:_SHOWN]], "special": [known[n] for n in wrong[:_SHOWN]]},
    )  # fmt: skip


def _scores(child: Fields, folders: Sequence[Path]) -> Finding:
    """Compare scores, by which a SentencePiece tokenizer chooses, with tokenizer.model."""
    scores = value(child, f"{KEY}scores") or []
    kinds = value(child, f"{KEY}token_type") or []
    normal = [s for s, kind in zip(scores, kinds, strict=False) if kind == TokenType.NORMAL]
    evidence: dict[str, Any] = {"count": len(scores), "constant": len(set(normal)) <= 1}
    if not scores or len(set(normal)) <= 1:
        sentence = "Tokens have no scores, or all the same: text is split in other tokens."
        return Finding("vocabulary.scores", "failed", sentence, evidence=evidence)
    files = [folder / "tokenizer.model" for folder in folders]
    file = next((each for each in files if each.is_file()), None)
    if file is None:
        sentence = "The scores of tokens: the parent has no tokenizer.model."
        return Finding("vocabulary.scores", "not compared", sentence)
    from sentencepiece import SentencePieceProcessor

    pieces = SentencePieceProcessor(model_file=str(file))
    off = [
        number
        for number in range(min(len(pieces), len(scores)))
        if kinds[number] == TokenType.NORMAL
        and abs(pieces.get_score(number) - scores[number]) > 1e-4 * max(1, abs(scores[number]))
    ]
    if not off:
        return Finding("vocabulary.scores", "passed", "Scores are those of tokenizer.model.", 0, 0)
    sentence = (
        f"{len(off):,} tokens have other scores than in tokenizer.model, first token {off[0]}."
    )
    evidence |= {"differing": len(off), "examples": off[:_SHOWN]}
    return Finding("vocabulary.scores", "failed", sentence, len(off), 0, evidence)


def _merges(child: Fields, parent: Path) -> Finding:
    ours = list(value(child, f"{KEY}merges") or [])
    model = _json(parent / "tokenizer.json").get("model") or {}
    theirs = [_merge(merge) for merge in model.get("merges") or ()]
    return same_values("vocabulary.merges", "merges", ours, theirs)


def _merge(merge: str | list[str]) -> str:
    if isinstance(merge, str):
        return merge
    return " ".join(part.replace(" ", chr(ord(" ") + 256)) for part in merge)


def _splitter(child: Fields) -> Finding:
    pre = value(child, f"{KEY}pre")
    if pre in (None, "", "default"):
        sentence = "It does not say how text is split before merging (tokenizer.ggml.pre)."
        return Finding(
            "vocabulary.splitter", "failed", sentence, evidence={"missing": True, "pre": pre}
        )
    return Finding("vocabulary.splitter", "passed", f"Text is split as {pre} does.")


def _leading(child: Fields, tokenizer: Any) -> Finding:  # noqa: ANN401 - each has its own class
    """Compare whether text begins with a blank that is not there, as SentencePiece can do it."""
    said = value(child, f"{KEY}add_space_prefix")
    first = str((tokenizer.tokenize("a") or [""])[0])
    return compare_flag(
        "vocabulary.space",
        "add_space_prefix",
        True if said is None else bool(said),
        first.startswith(_BLANK),
    )


def _kind(child: Fields, tokenizer: Any) -> Finding:  # noqa: ANN401 - each has its own class
    """Compare the kind of tokenizer: by scores of pieces, or by merges of bytes."""
    got = value(child, f"{KEY}model")
    pieces = tokenizer.get_vocab()
    blanks = [
        sum(1 for piece in pieces if piece.startswith(mark)) for mark in (_BLANK, _BYTE_BLANK)
    ]
    wanted = "llama" if blanks[0] > blanks[1] else _BYTE_LEVEL
    if not any(blanks) or got == wanted or got not in ("llama", _BYTE_LEVEL):
        return Finding("vocabulary.model", "passed", f"The tokenizer is of the kind {got}.")
    sentence = f"The tokenizer is of the kind {got}, its tokens are those of {wanted}."
    return Finding("vocabulary.model", "failed", sentence, evidence={"got": got, "wanted": wanted})


def _special_ids(
    child: Fields,
    tokenizer: Any,  # noqa: ANN401 - each has its own class
    config: Mapping[str, Any],
) -> dict[str, list[Any]]:
    """Give the special tokens whose ids differ; of an end that has several, each is right."""
    off: dict[str, list[Any]] = {}
    for name, attribute in (("bos", "bos_token_id"), ("eos", "eos_token_id")):
        got = value(child, f"{KEY}{name}_token_id")
        wanted = getattr(tokenizer, attribute)
        other = config.get(attribute)
        right = {wanted, *(other if isinstance(other, list) else [other])} - {None}
        if wanted is not None:
            right = {wanted}
        if right and got not in right:
            off[name] = [got, min(right)]
    return off


def _flags(child: Fields, tokenizer: Any) -> list[Finding]:  # noqa: ANN401
    sample = tokenizer("a")["input_ids"]
    plain = tokenizer("a", add_special_tokens=False)["input_ids"]
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    begins = bos is not None and sample[:1] == [bos] and plain[:1] != [bos]
    ends = eos is not None and len(sample) > 1 and sample[-1:] == [eos]
    model = value(child, f"{KEY}model")
    # What llama.cpp takes where a file does not say.
    said = value(child, f"{KEY}add_bos_token")
    adds = model == "llama" if said is None else bool(said)
    first = compare_flag("vocabulary.bos", "add_bos_token", adds, _says_bos(tokenizer, begins))
    if said is None and first.outcome == "failed":
        first = dataclasses.replace(first, outcome="degraded")
    return [
        first,
        compare_flag(
            "vocabulary.eos", "add_eos_token", bool(value(child, f"{KEY}add_eos_token")), ends
        ),
    ]


def _says_bos(tokenizer: Any, begins: bool) -> bool | None:  # noqa: ANN401
    """Whether BOS is put first: as the tokenizer does it, or None where its settings say otherwise."""
    said = getattr(tokenizer, "init_kwargs", {}).get("add_bos_token")
    return begins if said is None or bool(said) == begins else None


def _json(file: Path) -> dict[str, Any]:
    return read_json(file) if file.is_file() else {}
