"""Who can answer: quotes, the built-in model's formats, and the variants of the library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import ragopt_tui
from ragopt_tui.plaintext import one_line

VariantKind = Literal["quotes", "base", "adapter", "merged", "gguf", "endpoint"]


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to answer, as lists and loaders know it; `VariantRecord` holds the rest."""

    id: str
    """What settings and `--model` take."""

    name: str
    """What is shown."""

    kind: VariantKind

    path: Path | None
    """The folder of a base, merged model or PEFT adapter; the file of a GGUF model (the first of a
    split one) or GGUF adapter; None for quotes and endpoints."""

    builtin: bool

    parent: str = ""
    """The id of the variant that an adapter sits on or that this was made from; "" if unknown."""

    problem: str = ""
    """Why it cannot answer, in a sentence; "" where nothing is known to be wrong."""

    url: str = ""
    """The base URL of an endpoint, which ends in /v1."""

    served: str = ""
    """The name under which the endpoint's server knows the model."""


def builtin_variants() -> list[Variant]:
    """Give the variants that ship with the program, quotes first."""
    builtin = Path(ragopt_tui.__file__).parent / "builtin"
    return [
        Variant("quotes", "quotes", "quotes", None, True),
        Variant("builtin", "built-in bf16", "base", builtin / "model", True),
        Variant(
            "builtin-q8_0",
            "built-in Q8_0",
            "gguf",
            builtin / "gguf" / "builtin-Q8_0.gguf",
            True,
            parent="builtin",
        ),
    ]


def variant_name(variant: str) -> str:
    """Name a variant by its id: the built-in ones by their own names, others by their file."""
    names = {known.id: known.name for known in builtin_variants()}
    return names.get(variant) or one_line(variant.rstrip("/").rsplit("/", 1)[-1], 48)
