"""Whether a GGUF file's tensors are of the type that it is called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import prod

from ragopt_tui.models.ggml_types import FILE_TYPES, GGML_TYPES
from ragopt_tui.verification.report import Finding
from ragopt_tui.verification.structure.sources import GgufTensors

_BITS = {kind.name: 8 * kind.size / kind.values for kind in GGML_TYPES.values()}
_MAIN = {
    "Q2_K": ("Q2_K", "Q3_K"), "Q2_K_S": ("Q2_K",), "Q3_K_S": ("Q3_K",), "Q3_K_M": ("Q3_K",),
    "Q3_K_L": ("Q3_K",), "Q4_K_S": ("Q4_K",), "Q4_K_M": ("Q4_K",), "Q5_K_S": ("Q5_K",),
    "Q5_K_M": ("Q5_K",), "IQ3_M": ("IQ3_S",), "IQ3_XS": ("IQ3_XXS", "IQ3_S"), "IQ2_M": ("IQ2_S",),
    "IQ2_S": ("IQ2_XS", "IQ2_S"),
}  # fmt: skip
"""The types that most weights of a mixture have; the others are of the type they are called."""

_FALLBACK = {
    "Q2_K": ("Q4_0",), "Q3_K": ("IQ4_NL", "Q4_0"), "Q4_K": ("Q5_0",), "Q5_K": ("Q5_1",),
    "Q6_K": ("Q8_0",), "IQ4_XS": ("IQ4_NL",),
}  # fmt: skip
"""What llama.cpp takes for rows that are no whole blocks of 256."""


def check_kind(child: GgufTensors, file_type: object, asked: str) -> Finding:
    """Compare the types of the tensors with `asked`, and with what the header calls the file."""
    called = FILE_TYPES.get(file_type, "") if isinstance(file_type, int) else ""
    matrices = {
        name: shape for name, shape in child.shapes.items()
        if len(shape) > 1 and name.endswith(".weight")
    }  # fmt: skip
    counts: Counter[str] = Counter()
    inner: Counter[str] = Counter()
    for name, shape in matrices.items():
        counts[child.kind(name)] += prod(shape)
        if name.startswith("blk."):
            inner[child.kind(name)] += prod(shape)
    kinds = inner or counts
    total = sum(kinds.values())
    bits = sum(_BITS[kind] * n for kind, n in kinds.items()) / total if total else 0.0
    main = kinds.most_common(1)[0][0] if kinds else ""
    evidence = {
        "types": dict(counts), "main": main, "header": called, "asked": asked, "bits": bits,
    }  # fmt: skip
    for name, whose in ((asked, "asked for"), (called, "what its header says")):
        if name and main and not _is(name, kinds):
            sentence = f"Most weights are {main}, {name} is {whose}."
            return Finding("quantisation.type", "failed", sentence, evidence=evidence)
    if asked and called and asked != called and not {asked, called} <= {"F32", "F16", "BF16"}:
        sentence = f"Its header calls it {called}, {asked} was asked for."
        return Finding("quantisation.type", "failed", sentence, evidence=evidence)
    sentence = f"Its weights are of the type that it is called, {asked or called or main}."
    return Finding("quantisation.type", "passed", sentence, evidence=evidence)


def _is(name: str, kinds: Mapping[str, int]) -> bool:
    """Whether weights of these types are a file of that name: most of them, or all their bits."""
    right = set(_MAIN.get(name, (name,)))
    right |= {other for kind in list(right) for other in _FALLBACK.get(kind, ())}
    total = sum(kinds.values())
    share = sum(n for kind, n in kinds.items() if kind in right) / total
    if share >= 0.4:
        return True
    # A mixture gives some layers more bits: never fewer than its main type, nor half as many more.
    if name in _MAIN and share > 0:
        low = min(_BITS[kind] for kind in right)
        bits = sum(_BITS[kind] * n for kind, n in kinds.items()) / total
        return low <= bits <= 1.5 * low
    return False
