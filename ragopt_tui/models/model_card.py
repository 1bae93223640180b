"""The card of a variant that is put on the hub, made from what the library knows of it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragopt_tui.models.record import VariantFile, VariantRecord
from ragopt_tui.plaintext import markdown_escaped, one_line

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_LICENCE = re.compile(r"[a-z0-9][a-z0-9.-]*")
_KINDS = {
    "base": "A language model",
    "merged": "A language model with an adapter merged into it",
    "adapter": "A LoRA adapter",
    "gguf": "A language model",
}


def model_card(
    record: VariantRecord,
    base: VariantRecord | None,
    repository: str,
    files: Sequence[VariantFile],
) -> str:
    """Write the README.md of `repository`: metadata that the hub reads, facts, files, first use.

    `base` is the variant that this one sits on or was made from, where it is known; `files` are
    those in the repository.
    """
    base_id = _base_id(record, base)
    form = " in GGUF format" if _is_gguf(record) else ""
    what = f"{_KINDS[record.variant.kind]}{form}{f', from {base_id}' if base_id else ''}"
    parts = [
        _front_matter(record, base_id),
        f"# {markdown_escaped(one_line(record.variant.name))}",
        f"{what}.",
        _facts(record, base_id),
        f"## Files\n\n{_files(files)}",
        f"## Use\n\n{_use(record, base_id, repository)}",
        "This card was written by ragopt-tui from the files; it says nothing about how good the"
        " model is.",
    ]
    return "\n\n".join(parts) + "\n"


def _base_id(record: VariantRecord, base: VariantRecord | None) -> str:
    lora = record.facts.lora
    candidates = (base.source.hub_id if base else "", lora.base if lora else "")
    return next((name for name in candidates if _HUB_ID.fullmatch(name)), "")


def _front_matter(record: VariantRecord, base_id: str) -> str:
    kind = record.variant.kind
    lines = ["---", "pipeline_tag: text-generation"]
    if _LICENCE.fullmatch(record.facts.licence):
        lines.append(f"license: {record.facts.licence}")
    if base_id:
        lines.append(f"base_model: {base_id}")
        relation = {"adapter": "adapter", "gguf": "quantized"}.get(kind, "finetune")
        lines.append(f"base_model_relation: {relation}")
    if not _is_gguf(record):
        lines.append(f"library_name: {'peft' if kind == 'adapter' else 'transformers'}")
    tags = ["gguf"] * _is_gguf(record) + ["lora"] * (kind == "adapter")
    if tags:
        lines += ["tags:", *(f"- {tag}" for tag in tags)]
    return "\n".join([*lines, "---"])


def _is_gguf(record: VariantRecord) -> bool:
    return record.facts.format == "gguf"


def _facts(record: VariantRecord, base_id: str) -> str:
    facts = record.facts
    rows: dict[str, object] = {
        "Base": base_id,
        "Architecture": facts.architecture,
        "Parameters": f"{facts.parameters:,}" if facts.parameters else "",
        "Number format": facts.quantisation or facts.dtype,
        "Context": f"{facts.context_tokens:,} tokens" if facts.context_tokens else "",
        "Vocabulary": f"{facts.vocabulary:,}" if facts.vocabulary else "",
        "Licence": facts.licence,
    }
    if lora := facts.lora:
        rows |= {
            "LoRA": f"rank {lora.rank}, alpha {lora.alpha:g}, dropout {lora.dropout:g}"
            + (", rsLoRA" if lora.rslora else "")
            + (", DoRA" if lora.dora else ""),
            "Adapted modules": ", ".join(lora.target_modules),
            "Modules trained whole": ", ".join(lora.modules_to_save),
        }
    return _table(("", ""), [(name, str(value)) for name, value in rows.items() if value])


def _files(files: Sequence[VariantFile]) -> str:
    rows = [(file.name, f"{file.size:,}", file.sha256) for file in files]
    return _table(("File", "Bytes", "SHA-256"), rows)


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return text if text == "---" else markdown_escaped(one_line(text)).replace("|", "\\|")


def _use(record: VariantRecord, base_id: str, repository: str) -> str:
    if _is_gguf(record):
        adapter = record.variant.kind == "adapter"
        code = "-m BASE.gguf --lora ADAPTER.gguf" if adapter else f"-hf {repository}"
        return f"```sh\nllama-server {code}\n```"
    if record.variant.kind == "adapter":
        code = (
            "from peft import AutoPeftModelForCausalLM\n\n"
            f'model = AutoPeftModelForCausalLM.from_pretrained("{repository}")'
        )
        needs = "" if base_id else "\n\nThe base model is named in adapter_config.json."
        return f"```python\n{code}\n```{needs}"
    code = (
        "from transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
        f'tokenizer = AutoTokenizer.from_pretrained("{repository}")\n'
        f'model = AutoModelForCausalLM.from_pretrained("{repository}")'
    )
    return f"```python\n{code}\n```"
