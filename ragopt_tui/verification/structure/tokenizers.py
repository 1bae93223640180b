"""Whether a folder's tokenizer is the one that the model was trained with, told from its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ragopt_tui.models.inspection import read_json
from ragopt_tui.verification.report import Finding

_SPECIAL = ("bos_token", "eos_token", "unk_token", "pad_token")
_FLAGS = ("add_bos_token", "add_eos_token", "add_prefix_space")
_PARTS = ("normalizer", "pre_tokenizer", "post_processor", "decoder")
_SHOWN = 8


def has_tokenizer(folder: Path) -> bool:
    """Whether a folder brings a tokenizer."""
    return any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer.model"))


def check_tokenizer(child: Path, trained: Path, base: Path | None) -> list[Finding]:
    """Compare tokenizer files with those of `trained`; `base` tells whose it is if it is another's."""
    different = differences(child, trained)
    findings = [_chat_template(child, trained)]
    if not different:
        sentence = "The tokenizer's files say what those of the training say."
        return [Finding("tokenizer.files", "passed", sentence), *findings]
    stale = base is not None and base != trained and not differences(child, base)
    evidence = {"parts": different, "is the base's": stale}
    first = next(iter(different))
    sentence = (
        f"The tokenizer is another than in training: {first} differs{_example(different[first])}."
    )
    return [Finding("tokenizer.files", "failed", sentence, evidence=evidence), *findings]


def differences(one: Path, other: Path) -> dict[str, Any]:
    """Give the parts in which two tokenizers differ, with examples of each."""
    found: dict[str, Any] = {}
    ours, theirs = _json(one / "tokenizer.json"), _json(other / "tokenizer.json")
    if ours and theirs:
        found |= _vocabularies(_vocabulary(ours), _vocabulary(theirs))
        found |= _merges(ours, theirs)
        for part in _PARTS:
            if ours.get(part) != theirs.get(part):
                found[part] = [_short(ours.get(part)), _short(theirs.get(part))]
    elif theirs or ours:
        found["tokenizer.json"] = [bool(ours), bool(theirs)]
    model, wanted = one / "tokenizer.model", other / "tokenizer.model"
    if wanted.is_file() and (not model.is_file() or model.read_bytes() != wanted.read_bytes()):
        found["tokenizer.model"] = [model.is_file(), True]
    got, said = _json(one / "tokenizer_config.json"), _json(other / "tokenizer_config.json")
    for key in (*_SPECIAL, *_FLAGS):
        if (key in got or key in said) and _content(got.get(key)) != _content(said.get(key)):
            found[key] = [_content(got.get(key)), _content(said.get(key))]
    return found


def template_of(folder: Path) -> str | None:
    """Give the chat template of a folder, from whichever file holds it, None where there is none."""
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    for name in ("chat_template.json", "tokenizer_config.json"):
        template = _json(folder / name).get("chat_template")
        if isinstance(template, str):
            return template
    return None


def _chat_template(child: Path, trained: Path) -> Finding:
    return compare_templates(template_of(child), template_of(trained))


def compare_templates(got: str | None, wanted: str | None) -> Finding:
    """Compare two chat templates as texts; blanks around them mean nothing."""
    if got is None and wanted is None:
        return Finding("template.text", "not compared", "Neither brings a chat template.")
    evidence: dict[str, Any] = {"missing": got is None, "added": wanted is None}
    if got is None:
        sentence = "The chat template is missing."
        return Finding("template.text", "failed", sentence, evidence=evidence)
    if wanted is None:
        sentence = "There is a chat template that the parent lacks."
        return Finding("template.text", "degraded", sentence, evidence=evidence)
    if got.strip() == wanted.strip():
        return Finding("template.text", "passed", "The chat template is the parent's.")
    at = next(
        (i for i, (a, b) in enumerate(zip(got, wanted, strict=False)) if a != b),
        min(len(got), len(wanted)),
    )
    evidence |= {"at": at, "got": got[at : at + 60], "wanted": wanted[at : at + 60]}
    sentence = f"The chat template is another from its character {at + 1} on."
    return Finding("template.text", "failed", sentence, evidence=evidence)


def _vocabulary(values: Mapping[str, Any]) -> dict[str, int]:
    model = values.get("model") or {}
    vocabulary = model.get("vocab") or {}
    if isinstance(vocabulary, list):
        vocabulary = {piece[0]: number for number, piece in enumerate(vocabulary)}
    added = {token["content"]: token["id"] for token in values.get("added_tokens") or ()}
    return {**vocabulary, **added}


def _vocabularies(ours: dict[str, int], theirs: dict[str, int]) -> dict[str, Any]:
    if ours == theirs:
        return {}
    moved = [t for t in theirs if t in ours and ours[t] != theirs[t]]
    missing = [t for t in theirs if t not in ours]
    extra = [t for t in ours if t not in theirs]
    return {
        "vocabulary": {
            "moved": len(moved),
            "missing": len(missing),
            "extra": len(extra),
            "examples": [
                [t, ours.get(t), theirs.get(t)] for t in (moved + missing + extra)[:_SHOWN]
            ],
        }
    }


def _merges(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    one, other = (_pairs((v.get("model") or {}).get("merges") or ()) for v in (ours, theirs))
    if one == other:
        return {}
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), -1)
    return {"merges": {"count": [len(one), len(other)], "first": at}}


def _pairs(merges: Sequence[Any]) -> list[str]:
    return [merge if isinstance(merge, str) else " ".join(merge) for merge in merges]


def _content(value: object) -> object:
    return value.get("content") if isinstance(value, dict) else value


def _json(file: Path) -> dict[str, Any]:
    return read_json(file) if file.is_file() else {}


def _short(value: object) -> str:
    return str(value)[:200]


def _example(value: object) -> str:
    if isinstance(value, dict) and value.get("examples"):
        token, got, wanted = value["examples"][0]
        return f", {token!r} is {_id(got)} instead of {_id(wanted)}"
    if isinstance(value, list) and len(value) == 2 and all(len(str(each)) < 40 for each in value):
        return f" ({value[0]} instead of {value[1]})"
    return ""


def _id(number: int | None) -> str:
    return "no token" if number is None else f"token {number}"
