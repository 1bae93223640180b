"""Causes that lie in what a header or config.json says of the arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ragopt_tui.verification.reasons.seen import CONVERT_AGAIN, MERGE_AGAIN, Seen, cause
from ragopt_tui.verification.report import Cause, Finding

_SCALING = ("scaling", "factor", "rope_freqs", "rope_type", "original", "beta", "freq_factor")
_ROTARY = ("rope", "rotary", "partial")


def causes(seen: Seen) -> Iterator[Cause]:
    """Give the causes in headers that findings point to."""
    again = MERGE_AGAIN if seen.fails("config.values") else CONVERT_AGAIN
    keys: dict[str, list[Any]] = {}
    for check in ("metadata.rope", "config.values"):
        keys |= seen.evidence(check).get("keys", {})
    rotary = {k: v for k, v in keys.items() if any(word in k for word in _ROTARY)}
    others = {k: v for k, v in keys.items() if k not in rotary}
    yield from _rotary(rotary, again)
    yield from _window(seen, others, again)
    yield from _epsilon(seen, others, again)
    yield from _rest(seen, others, again)


def _rotary(keys: Mapping[str, list[Any]], again: str) -> Iterator[Cause]:
    theta = {k: v for k, v in keys.items() if "freq_base" in k or "theta" in k}
    scaling = {k: v for k, v in keys.items() if k not in theta and any(w in k for w in _SCALING)}
    rest = {k: v for k, v in keys.items() if k not in theta and k not in scaling}
    if scaling:
        gone = all(_nothing(got) for got, _ in scaling.values())
        yield cause(
            "lost rope scaling" if gone else "wrong rope scaling",
            "The scaling of positions for long contexts was lost." if gone
            else "Positions are scaled otherwise.",
            f"{_listed(scaling)}. Text beyond the original context suffers most.", again, 0.95,
        )  # fmt: skip
    if theta:
        yield cause(
            "wrong rope theta", "The base of the rotary embedding (rope theta) is another.",
            f"{_listed(theta)}. Divergence grows with the position.", again, 0.96 if not scaling else 0.9,
        )  # fmt: skip
    if rest:
        yield cause(
            "wrong rotary embedding", "Positions turn other numbers of each head.",
            f"{_listed(rest)}.", again, 0.93,
        )  # fmt: skip


def _nothing(value: object) -> bool:
    return value in (None, "none", "default", 1, 1.0)


def _window(seen: Seen, keys: dict[str, list[Any]], again: str) -> Iterator[Cause]:
    found = seen.fails("metadata.window")
    own = {k: keys.pop(k) for k in list(keys) if "sliding" in k or k == "layer_types"}
    said = dict(found.evidence.get("keys", {})) if found else own
    if not said:
        return
    got = next(iter(said.values()))[0]
    yield cause(
        "ignored sliding window" if _nothing(got) or got == 0 else "wrong sliding window",
        "Attention reaches back further, or less far, than the model was trained for.",
        found.sentence if found else f"{_listed(said)}.",
        again if got else "Keep contexts shorter than the window, or use a runtime that knows it.",
        0.93 if not found or found.outcome == "failed" else 0.6,
    )  # fmt: skip


def _epsilon(seen: Seen, keys: dict[str, list[Any]], again: str) -> Iterator[Cause]:
    own = {k: keys.pop(k) for k in list(keys) if "eps" in k}
    own |= seen.evidence("metadata.norm").get("keys", {})
    if own:
        yield cause(
            "wrong norm epsilon",
            "Norms divide by another number (epsilon).",
            f"{_listed(own)}.",
            again,
            0.93,
        )


def _rest(seen: Seen, keys: Mapping[str, list[Any]], again: str) -> Iterator[Cause]:
    table = (
        ("metadata.architecture", "wrong architecture", "The file is called another architecture.", 0.97),
        ("metadata.shape", "wrong shape in header", "The header gives other numbers of layers, heads or widths.", 0.94),
        ("metadata.experts", "wrong experts", "The header gives other numbers of experts.", 0.93),
        ("metadata.context", "wrong context length", "The context length is another.", 0.8),
        ("metadata.other", "wrong header", "The header says another thing of how the model computes.", 0.9),
    )  # fmt: skip
    for check, name, sentence, score in table:
        if found := seen.fails(check):
            yield cause(name, sentence, _evidence(found), again, score)
    if keys:
        context = all("max_position" in key for key in keys)
        yield cause(
            "wrong context length" if context else "changed config",
            "config.json says other things than the base's.", f"{_listed(keys)}.", again, 0.9,
        )  # fmt: skip
    if found := seen.fails("config.generation"):
        eos = "eos_token_id" in found.evidence.get("keys", {})
        yield cause(
            "wrong EOS" if eos else "wrong generation config",
            "generation_config.json names other special tokens.", found.sentence,
            "Copy generation_config.json from the base.", 0.85,
        )  # fmt: skip
    if (found := seen.fails("weights.format")) and not seen.fails("weights.finite"):
        yield cause(
            "narrower number format", "Weights were stored in a narrower number format than the base's.",
            found.sentence, MERGE_AGAIN, 0.5,
        )  # fmt: skip


def _evidence(found: Finding) -> str:
    keys = found.evidence.get("keys")
    return f"{_listed(keys)}." if keys else found.sentence


def _listed(keys: Mapping[str, list[Any]]) -> str:
    shown = [
        f"{key} is {_said(got)} instead of {_said(wanted)}"
        for key, (got, wanted) in list(keys.items())[:3]
    ]
    more = f", and {len(keys) - 3} more" if len(keys) > 3 else ""
    return ", ".join(shown) + more


def _said(value: object) -> str:
    return "not set" if value is None else str(value)[:60]
