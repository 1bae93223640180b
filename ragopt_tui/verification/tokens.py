"""Whether text becomes the same tokens on both sides."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

from ragopt_tui.verification.corpus import Sample
from ragopt_tui.verification.report import Finding, Outcome
from ragopt_tui.verification.sides import Side

_BATCH = 500
_SHOWN = 8
_SHOWN_IDS = 24
_LONGEST_SHOWN = 160

OnSamples = Callable[[int, int], None]


def check_tokens(
    parent: Side, child: Side, samples: Sequence[Sample], tell: OnSamples
) -> list[Finding]:
    """Compare the tokens of every sample, and the sizes of both vocabularies.

    `tell` is told the samples compared and those there are, and may raise to stop. Raises
    SideFailed.
    """
    differing: list[dict[str, Any]] = []
    extended = normalised = 0
    kinds: dict[str, int] = {}
    for start in range(0, len(samples), _BATCH):
        batch = samples[start : start + _BATCH]
        texts = [sample.text for sample in batch]
        ours, theirs = parent.encode(texts), child.encode(texts)
        for sample, expected, got in zip(batch, ours, theirs, strict=True):
            if expected == got:
                continue
            if _only_extends(expected, got, parent, child):
                extended += 1
            elif _only_normalises(parent, child, sample.text, expected, got):
                normalised += 1
            else:
                kinds[sample.kind] = kinds.get(sample.kind, 0) + 1
                differing.append(_difference(sample, expected, got))
        tell(min(start + _BATCH, len(samples)), len(samples))
    return [
        _ids_finding(len(samples), differing, kinds, extended, normalised),
        _vocabulary_finding(parent, child),
    ]


def _only_extends(expected: Sequence[int], got: Sequence[int], parent: Side, child: Side) -> bool:
    """Whether texts differ only as the child has tokens beyond the parent's vocabulary."""
    known = parent.facts.width
    return child.facts.width > known and any(token >= known for token in got)


def _only_normalises(
    parent: Side, child: Side, text: str, expected: Sequence[int], got: Sequence[int]
) -> bool:
    """Whether the difference is that llama.cpp does not compose characters as the tokenizer does."""
    composed = unicodedata.normalize("NFC", text)
    if composed == text or parent.facts.runtime == child.facts.runtime:
        return False
    return parent.encode([composed])[0] == expected and child.encode([composed])[0] == expected


def _difference(sample: Sample, expected: Sequence[int], got: Sequence[int]) -> dict[str, Any]:
    at = next(
        (n for n, (a, b) in enumerate(zip(expected, got, strict=False)) if a != b),
        min(len(expected), len(got)),
    )
    start = max(0, at - 4)
    return {
        "kind": sample.kind,
        "text": sample.text[:_LONGEST_SHOWN],
        "at": at,
        "parent": list(expected[start : start + _SHOWN_IDS]),
        "child": list(got[start : start + _SHOWN_IDS]),
        "lengths": [len(expected), len(got)],
    }


def _ids_finding(
    count: int,
    differing: Sequence[dict[str, Any]],
    kinds: dict[str, int],
    extended: int,
    normalised: int,
) -> Finding:
    evidence: dict[str, Any] = {
        "strings": count,
        "differing": len(differing),
        "kinds": kinds,
        "extended": extended,
        "normalised": normalised,
        "first": list(differing[:_SHOWN]),
    }
    if not differing:
        sentence = f"{count:,} texts have the same tokens on both sides"
        if extended:
            sentence += f", but for {extended} in which tokens were added to the vocabulary"
        if normalised:
            sentence += (
                f"; {normalised} with combining characters differ, which llama.cpp never composes"
            )
        return Finding("tokens.ids", "passed", f"{sentence}.", 0.0, 0.0, evidence)
    shown = differing[0]["text"]
    return Finding(
        "tokens.ids",
        "failed",
        f"{len(differing):,} of {count:,} texts have other tokens, the first is {shown!r}.",
        float(len(differing)),
        0.0,
        evidence,
    )


def _vocabulary_finding(parent: Side, child: Side) -> Finding:
    ours, theirs = parent.facts.width, child.facts.width
    evidence = {"parent": ours, "child": theirs}
    outcome: Outcome = "passed"
    if ours == theirs:
        sentence = f"Both have {ours:,} tokens."
    elif theirs > ours:
        sentence = (
            f"The vocabulary was extended from {ours:,} to {theirs:,} tokens; the first {ours:,} "
            "are compared."
        )
    else:
        outcome = "failed"
        sentence = f"The vocabulary has {theirs:,} tokens of {ours:,}: {ours - theirs:,} are lost."
    return Finding("tokens.vocabulary", outcome, sentence, float(theirs), float(ours), evidence)
