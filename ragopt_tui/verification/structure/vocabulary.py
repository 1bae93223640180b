"""The tokenizer in a GGUF file against that of the folder it was made from, or of another GGUF."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gguf import ReaderField, TokenType

from ragopt_tui.models.inspection import read_json
from ragopt_tui.verification.report import Finding, Outcome
from ragopt_tui.verification.structure.tokenizers import compare_templates, template_of

_SHOWN = 8
_KEY = "tokenizer.ggml."
_BYTE_LEVEL = "gpt2"
_BLANK, _BYTE_BLANK = "▁", "Ġ"
_SPECIAL = ("bos", "eos", "unknown", "padding", "eot", "eom")

Fields = Mapping[str, ReaderField]


def value(fields: Fields, key: str) -> Any:  # noqa: ANN401 - any value of a header
    """Give the value of a key, None where it is not there."""
    field = fields.get(key)
    return None if field is None else field.contents()


def tokens_of(fields: Fields) -> list[bytes]:
    """Give the texts of all tokens as they are stored."""
    field = fields.get(f"{_KEY}tokens")
    return [] if field is None else [bytes(field.parts[at]) for at in field.data]


def check_against_gguf(child: Fields, parent: Fields) -> list[Finding]:
    """Compare with the GGUF file that a child was quantised from: everything must be the same."""
    ours, theirs = tokens_of(child), tokens_of(parent)
    findings = [_tokens(ours, theirs)]
    for check, name, what in (
        ("vocabulary.types", "token_type", "kinds of tokens"),
        ("vocabulary.scores", "scores", "scores of tokens"),
        ("vocabulary.merges", "merges", "merges"),
        ("vocabulary.splitter", "model", "kind of tokenizer"),
        ("vocabulary.splitter", "pre", "pre-tokenizer"),
    ):
        findings.append(_alike(check, what, value(child, _KEY + name), value(parent, _KEY + name)))
    special = {
        name: [value(child, f"{_KEY}{name}_token_id"), value(parent, f"{_KEY}{name}_token_id")]
        for name in _SPECIAL
    }
    findings.append(_special({n: v for n, v in special.items() if v[0] != v[1]}))
    for check, name in (
        ("vocabulary.bos", "add_bos_token"),
        ("vocabulary.eos", "add_eos_token"),
        ("vocabulary.space", "add_space_prefix"),
    ):
        findings.append(_flag(check, name, value(child, _KEY + name), value(parent, _KEY + name)))
    ours_, theirs_ = (value(f, "tokenizer.chat_template") for f in (child, parent))
    return [*findings, compare_templates(ours_, theirs_)]


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
    if value(child, f"{_KEY}model") == _BYTE_LEVEL:
        findings.append(_merges(child, parent))
        findings.append(_splitter(child))
    else:
        findings.append(_scores(child, [parent, base or parent]))
        findings.append(_leading(child, tokenizer))
    findings.append(_kind(child, tokenizer))
    findings.append(_special(_special_ids(child, tokenizer, text)))
    findings += _flags(child, tokenizer)
    template = value(child, "tokenizer.chat_template")
    return [*findings, compare_templates(template, template_of(parent))]


def _tokens(ours: Sequence[bytes], theirs: Sequence[bytes]) -> Finding:
    off = [i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b]
    if not off and len(ours) == len(theirs):
        sentence = f"All {len(ours):,} tokens are the parent's, in its order."
        return Finding("vocabulary.tokens", "passed", sentence, 0, 0)
    pairs = [[i, _text(ours[i]), _text(theirs[i])] for i in off]
    return _tokens_off(pairs, len(ours), len(theirs))


def _tokens_off(pairs: list[list[Any]], ours: int, theirs: int) -> Finding:
    swapped = {(a, b) for _, a, b in pairs}
    exchanged = bool(pairs) and all((b, a) in swapped for a, b in swapped)
    shift = _shift(pairs)
    evidence = {
        "differing": len(pairs), "examples": pairs[:_SHOWN], "exchanged": exchanged,
        "shift": shift, "counts": [ours, theirs],
    }  # fmt: skip
    if not pairs:
        sentence = f"There are {ours:,} tokens instead of {theirs:,}."
    else:
        number, got, wanted = pairs[0]
        many = "token has" if len(pairs) == 1 else "tokens have"
        sentence = f"{len(pairs):,} {many} another text: {number} is {got!r} instead of {wanted!r}."
    return Finding("vocabulary.tokens", "failed", sentence, len(pairs), 0, evidence)


def _shift(pairs: list[list[Any]]) -> int:
    """Give by how many places tokens lie further on than they should, 0 where by no one number."""
    if len(pairs) < 4:
        return 0
    wanted = {text: number for number, _, text in pairs}
    shifts = Counter(number - wanted[got] for number, got, _ in pairs if got in wanted)
    shift, count = shifts.most_common(1)[0] if shifts else (0, 0)
    return shift if count >= 0.7 * len(pairs) else 0


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
        if number in added and _text(got).strip() == wanted.replace("▁", " ").strip():
            continue
        pairs.append([number, _text(got), wanted])
    lost = [number for number in known if number >= len(ours)]
    if not pairs and not lost:
        sentence = f"All {len(known):,} tokens stand at their places."
        return Finding("vocabulary.tokens", "passed", sentence, 0, 0)
    return _tokens_off(pairs, len(ours), max(known, default=-1) + 1)


def _kinds(
    child: Fields,
    ours: Sequence[bytes],
    known: Mapping[int, str],
    tokenizer: Any,  # noqa: ANN401
) -> Finding:
    """Compare which tokens are special: these are read whole, and are no text."""
    kinds = value(child, f"{_KEY}token_type") or []
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
    scores = value(child, f"{_KEY}scores") or []
    kinds = value(child, f"{_KEY}token_type") or []
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
    ours = list(value(child, f"{_KEY}merges") or [])
    model = _json(parent / "tokenizer.json").get("model") or {}
    theirs = [_merge(merge) for merge in model.get("merges") or ()]
    return _alike("vocabulary.merges", "merges", ours, theirs)


def _merge(merge: str | list[str]) -> str:
    if isinstance(merge, str):
        return merge
    return " ".join(part.replace(" ", chr(ord(" ") + 256)) for part in merge)


def _splitter(child: Fields) -> Finding:
    pre = value(child, f"{_KEY}pre")
    if pre in (None, "", "default"):
        sentence = "It does not say how text is split before merging (tokenizer.ggml.pre)."
        return Finding(
            "vocabulary.splitter", "failed", sentence, evidence={"missing": True, "pre": pre}
        )
    return Finding("vocabulary.splitter", "passed", f"Text is split as {pre} does.")


def _leading(child: Fields, tokenizer: Any) -> Finding:  # noqa: ANN401 - each has its own class
    """Compare whether text begins with a blank that is not there, as SentencePiece can do it."""
    said = value(child, f"{_KEY}add_space_prefix")
    first = str((tokenizer.tokenize("a") or [""])[0])
    return _flag(
        "vocabulary.space",
        "add_space_prefix",
        True if said is None else bool(said),
        first.startswith(_BLANK),
    )


def _kind(child: Fields, tokenizer: Any) -> Finding:  # noqa: ANN401 - each has its own class
    """Compare the kind of tokenizer: by scores of pieces, or by merges of bytes."""
    got = value(child, f"{_KEY}model")
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
        got = value(child, f"{_KEY}{name}_token_id")
        wanted = getattr(tokenizer, attribute)
        other = config.get(attribute)
        right = {wanted, *(other if isinstance(other, list) else [other])} - {None}
        if wanted is not None:
            right = {wanted}
        if right and got not in right:
            off[name] = [got, min(right)]
    return off


def _special(off: Mapping[str, list[Any]]) -> Finding:
    if not off:
        return Finding("vocabulary.special", "passed", "Special tokens have the parent's ids.")
    name, (got, wanted) = next(iter(off.items()))
    sentence = f"The {name.upper()} token is {_id(got)}, in the parent {_id(wanted)}."
    outcome: Outcome = "failed" if set(off) & {"bos", "eos", "eot", "eom"} else "degraded"
    return Finding("vocabulary.special", outcome, sentence, evidence={"tokens": dict(off)})


def _flags(child: Fields, tokenizer: Any) -> list[Finding]:  # noqa: ANN401
    sample = tokenizer("a")["input_ids"]
    plain = tokenizer("a", add_special_tokens=False)["input_ids"]
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    begins = bos is not None and sample[:1] == [bos] and plain[:1] != [bos]
    ends = eos is not None and len(sample) > 1 and sample[-1:] == [eos]
    model = value(child, f"{_KEY}model")
    # What llama.cpp takes where a file does not say.
    said = value(child, f"{_KEY}add_bos_token")
    adds = model == "llama" if said is None else bool(said)
    first = _flag("vocabulary.bos", "add_bos_token", adds, _says_bos(tokenizer, begins))
    if said is None and first.outcome == "failed":
        first = dataclasses.replace(first, outcome="degraded")
    return [
        first,
        _flag("vocabulary.eos", "add_eos_token", bool(value(child, f"{_KEY}add_eos_token")), ends),
    ]


def _says_bos(tokenizer: Any, begins: bool) -> bool | None:  # noqa: ANN401
    """Whether BOS is put first: as the tokenizer does it, or None where its settings say otherwise."""
    said = getattr(tokenizer, "init_kwargs", {}).get("add_bos_token")
    return begins if said is None or bool(said) == begins else None


def _flag(check: str, name: str, got: object, wanted: object) -> Finding:
    if wanted is None or bool(got) == bool(wanted):
        return Finding(check, "passed", f"{name} is as in the parent.")
    sentence = (
        f"{name} is {bool(got)}, the parent's tokenizer {'adds' if wanted else 'does not add'} it."
    )
    return Finding(check, "failed", sentence, evidence={"got": bool(got), "wanted": bool(wanted)})


def _alike(check: str, what: str, got: object, wanted: object) -> Finding:
    if got == wanted:
        return Finding(
            check,
            "passed",
            f"The {what} are the parent's."
            if what.endswith("s")
            else f"The {what} is the parent's.",
        )
    evidence: dict[str, Any] = {"what": what}
    if isinstance(got, list) and isinstance(wanted, list):
        at = next((i for i, (a, b) in enumerate(zip(got, wanted, strict=False)) if a != b), -1)
        constant = len(set(map(str, got))) <= 1
        evidence |= {"counts": [len(got), len(wanted)], "first": at, "constant": constant}
    else:
        evidence |= {"got": _shown(got), "wanted": _shown(wanted)}
    evidence["missing"] = got in (None, [])
    said = "are missing" if evidence["missing"] else "differ from the parent's"
    return Finding(check, "failed", f"The {what} {said}.", evidence=evidence)


def _shown(what: object) -> object:
    return len(what) if isinstance(what, list) else what


def _text(token: bytes) -> str:
    return token.decode("utf-8", errors="replace")


def _id(number: int | None) -> str:
    return "not set" if number is None else str(number)


def _json(file: Path) -> dict[str, Any]:
    return read_json(file) if file.is_file() else {}
