"""The tokenizer in a GGUF file, and how it differs from another one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gguf import ReaderField

from ragopt_tui.models.inspection import read_json
from ragopt_tui.verification.report import Finding, Outcome
from ragopt_tui.verification.structure.tokenizers import compare_templates

_SHOWN = 8
KEY = "tokenizer.ggml."
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
    field = fields.get(f"{KEY}tokens")
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
        findings.append(
            same_values(check, what, value(child, KEY + name), value(parent, KEY + name))
        )
    special = {
        name: [value(child, f"{KEY}{name}_token_id"), value(parent, f"{KEY}{name}_token_id")]
        for name in _SPECIAL
    }
    findings.append(compare_special({n: v for n, v in special.items() if v[0] != v[1]}))
    for check, name in (
        ("vocabulary.bos", "add_bos_token"),
        ("vocabulary.eos", "add_eos_token"),
        ("vocabulary.space", "add_space_prefix"),
    ):
        findings.append(
            compare_flag(check, name, value(child, KEY + name), value(parent, KEY + name))
        )
    ours_, theirs_ = (value(f, "tokenizer.chat_template") for f in (child, parent))
    return [*findings, compare_templates(ours_, theirs_)]


def _tokens(ours: Sequence[bytes], theirs: Sequence[bytes]) -> Finding:
    off = [i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b]
    if not off and len(ours) == len(theirs):
        sentence = f"All {len(ours):,} tokens are the parent's, in its order."
        return Finding("vocabulary.tokens", "passed", sentence, 0, 0)
    pairs = [[i, shown_text(ours[i]), shown_text(theirs[i])] for i in off]
    return tokens_off(pairs, len(ours), len(theirs))


def tokens_off(pairs: list[list[Any]], ours: int, theirs: int) -> Finding:
    """Say which tokens differ: `pairs` of a number, the text there and the one that belongs there."""
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


def compare_special(off: Mapping[str, list[Any]]) -> Finding:
    """Judge special tokens whose ids differ, child's and parent's by name."""
    if not off:
        return Finding("vocabulary.special", "passed", "Special tokens have the parent's ids.")
    name, (got, wanted) = next(iter(off.items()))
    sentence = f"The {name.upper()} token is {_id(got)}, in the parent {_id(wanted)}."
    outcome: Outcome = "failed" if set(off) & {"bos", "eos", "eot", "eom"} else "degraded"
    return Finding("vocabulary.special", outcome, sentence, evidence={"tokens": dict(off)})


def compare_flag(check: str, name: str, got: object, wanted: object) -> Finding:
    """Compare a flag; one that is not known to be wanted is not judged."""
    if wanted is None or bool(got) == bool(wanted):
        return Finding(check, "passed", f"{name} is as in the parent.")
    sentence = (
        f"{name} is {bool(got)}, the parent's tokenizer {'adds' if wanted else 'does not add'} it."
    )
    return Finding(check, "failed", sentence, evidence={"got": bool(got), "wanted": bool(wanted)})


def same_values(check: str, what: str, got: object, wanted: object) -> Finding:
    """Say whether two values of headers are the same."""
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


def shown_text(token: bytes) -> str:
    """Give a token's text as far as it is one."""
    return token.decode("utf-8", errors="replace")


def _id(number: int | None) -> str:
    return "not set" if number is None else str(number)


def _json(file: Path) -> dict[str, Any]:
    return read_json(file) if file.is_file() else {}
