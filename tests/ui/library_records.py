"""Variants put into this test's library, as if they had been added before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import ragopt_tui
from ragopt_tui.models.library_folder import LibraryFolder
from ragopt_tui.models.record import LoraFacts, ModelFacts, Source, VariantFile, VariantRecord
from ragopt_tui.models.variant import Variant
from ragopt_tui.settings import folders

BUILTIN = Path(ragopt_tui.__file__).parent / "builtin" / "model"
ADDED = 1_741_953_600.0
"""Noon of 14 March 2025, UTC."""

MISTRAL = VariantRecord(
    Variant("mistral-7b", "Mistral 7B Instruct v0.3", "base", BUILTIN, False),
    ModelFacts(
        "safetensors", "MistralForCausalLM", "bf16", "", 7_248_023_552, 32768, 32768, True, "mit"
    ),
    Source("mistralai/Mistral-7B-Instruct-v0.3", "e0bc86c23ce5aae1db576c8cca6f06f1f73af2db"),
    created=ADDED,
    tags=("large",),
    note="The one from the workshop [2025].",
)
ADAPTER = VariantRecord(
    Variant("fin-qa", "fin-qa [second try]", "adapter", BUILTIN, False, parent="mistral-7b"),
    ModelFacts(
        "safetensors",
        "MistralForCausalLM",
        "fp32",
        parameters=13_631_488,
        lora=LoraFacts(16, 32.0, 0.05, ("q_proj", "v_proj"), ("lm_head",), base="mistral"),
    ),
    Source(hub_id="northwind/fin-qa"),
    created=ADDED,
)
GONE = VariantRecord(
    Variant("old-gguf", "phi 3.5 mini Q4_K_M", "gguf", Path("/models/phi-3.5-mini.gguf"), False),
    ModelFacts("gguf", "phi3", "", "Q4_K_M", 3_821_079_552, 131072, 32064, True, "mit"),
    Source(folder="/models/phi-3.5-mini.gguf"),
    (VariantFile("phi-3.5-mini.gguf", 2_393_231_072),),
    created=ADDED,
)
SERVED = VariantRecord(
    Variant("served", "Qwen3-32B", "endpoint", None, False, url="http://gpu-box:8000/v1"),
    ModelFacts(format="openai", own_chat_template=True),
    created=ADDED,
)
SUGGESTIONS = """
[[model]]
repository = "mistralai/Mistral-7B-Instruct-v0.3"
parameters = 7.2
gigabytes = 14.5
licence = "apache-2.0"
gated = true

[[model]]
repository = "northwind/Mistral-7B-Instruct-v0.3-with-a-long-name-GGUF"
file = "Q4_K_M"
parameters = 7.2
gigabytes = 4.4
licence = "apache-2.0"

[[model]]
repository = "northwind/larger-than-this-machine"
parameters = 400
gigabytes = 800
licence = "apache-2.0"
"""


def put(*records: VariantRecord) -> None:
    """Keep records in the library of this test's home."""
    library = LibraryFolder(folders().models)
    library.path.mkdir(parents=True, exist_ok=True)
    for record in records:
        library.create(record)


def suggest() -> None:
    """Give the user suggestions of his own."""
    folders().config.mkdir(parents=True, exist_ok=True)
    (folders().config / "suggestions.toml").write_text(SUGGESTIONS)


def many(number: int) -> list[VariantRecord]:
    """As many variants: bases, each with adapters, some of them broken."""
    made: list[VariantRecord] = []
    for n in range(number):
        kind = (MISTRAL, ADAPTER, ADAPTER, GONE, SERVED)[n % 5]
        changes: dict[str, Any] = {"id": f"variant-{n:03}", "name": f"{kind.variant.name} {n}"}
        if kind is ADAPTER:
            changes["parent"] = f"variant-{n - n % 5:03}"
        made.append(replace(kind, variant=replace(kind.variant, **changes)))
    return made
