"""The ways to write a GGUF file: how large each is, and what it usually loses."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal

from ragopt_tui.errors import RagoptError

OutputType = Literal["F32", "F16", "BF16", "Q8_0"]
OUTPUT_TYPES: tuple[OutputType, ...] = ("F32", "F16", "BF16", "Q8_0")
"""What the converter writes; all else is quantised from these."""


@dataclass(frozen=True, slots=True)
class Quantisation:
    """One of llama.cpp's quantisations.

    `file_type` is its number in llama.cpp (`llama_ftype`). `bits` are those of a weight in a model
    of 7 to 8 billion parameters, scales included. `divergence` is the mean Kullback-Leibler
    divergence from the unquantised model, in nats, lowest and highest published for such models;
    None where none is known. Smaller models lose more.
    """

    name: str
    file_type: int
    bits: float
    divergence: tuple[float, float] | None = None
    needs_importance: bool = False


# Divergences: llama.cpp's own tables and published comparisons of Llama 3 8B and Mistral 7B.
QUANTISATIONS = (
    Quantisation("Q8_0", 7, 8.5, (0.0004, 0.0014)),
    Quantisation("Q6_K", 18, 6.6, (0.002, 0.0055)),
    Quantisation("Q5_K_M", 17, 5.7, (0.011, 0.011)),
    Quantisation("Q5_K_S", 16, 5.5),
    Quantisation("Q5_1", 9, 6.0),
    Quantisation("Q5_0", 8, 5.5),
    Quantisation("Q4_K_M", 15, 4.85, (0.013, 0.031)),
    Quantisation("Q4_K_S", 14, 4.6),
    Quantisation("Q4_1", 3, 5.0),
    Quantisation("Q4_0", 2, 4.55),
    Quantisation("IQ4_NL", 25, 4.5),
    Quantisation("IQ4_XS", 30, 4.3),
    Quantisation("Q3_K_L", 13, 4.3),
    Quantisation("Q3_K_M", 12, 3.9, (0.10, 0.10)),
    Quantisation("Q3_K_S", 11, 3.5),
    Quantisation("Q2_K", 10, 3.2, (0.11, 0.45)),
    Quantisation("IQ3_XXS", 23, 3.1, needs_importance=True),
    Quantisation("IQ2_XS", 20, 2.4, needs_importance=True),
)


def quantisation(name: str) -> Quantisation:
    """Find a quantisation by its name in any case; raises RagoptError that names the nearest."""
    known = {each.name: each for each in QUANTISATIONS}
    if name.upper() in known:
        return known[name.upper()]
    near = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.4)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise RagoptError(f"There is no quantisation {name!r}.", f"{hint}There are {', '.join(known)}.")
