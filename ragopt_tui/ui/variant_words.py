"""How variants are written on the screen: their form, size, parameters and source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ragopt_tui.plaintext import one_line

if TYPE_CHECKING:
    from ragopt_tui.models.record import VariantRecord

KINDS = {
    "quotes": "verbatim, cannot invent",
    "base": "Hugging Face model",
    "adapter": "LoRA adapter",
    "merged": "merged Hugging Face model",
    "gguf": "GGUF model",
    "endpoint": "model of a server",
}
"""What a variant is, in words."""

TOO_LARGE = "▲"
"""Stands at a variant that needs more memory than there is."""

_KILO = 1000
_UNITS = ("B", "kB", "MB", "GB", "TB")


def size(bytes: float) -> str:
    """Give a size: `512 B`, `67 MB`, `4.1 GB`, `132 GB`."""
    unit = 0
    while bytes >= 999.5 and unit < len(_UNITS) - 1:
        bytes /= _KILO
        unit += 1
    return (
        f"{bytes:.1f} {_UNITS[unit]}"
        if unit > 2 and bytes < 99.95
        else f"{bytes:.0f} {_UNITS[unit]}"
    )


def amount(parameters: int) -> str:
    """Give a count of parameters: `850k`, `33.6M`, `7.2B`."""
    for letter, of in (("B", 1e9), ("M", 1e6)):
        if parameters >= 0.9995 * of:
            return f"{parameters / of:.1f}{letter}"
    return f"{parameters / 1e3:.0f}k" if parameters >= _KILO else str(parameters)


def form(record: VariantRecord) -> str:
    """Give the number format in a word: `verbatim`, `bf16`, `nf4`, `Q4_K_M`, `LoRA r16`, `server`."""
    variant, facts = record.variant, record.facts
    if variant.kind == "quotes":
        return "verbatim"
    if variant.kind == "endpoint":
        return "server"
    if facts.lora is not None:
        rank = f" r{facts.lora.rank}" if facts.lora.rank else ""
        return f"{'DoRA' if facts.lora.dora else 'LoRA'}{rank}"
    return one_line(facts.quantisation or facts.dtype, 12)


def kind(record: VariantRecord) -> str:
    """Say what a variant is in a few words: `GGUF model`, `GGUF LoRA adapter`."""
    words = KINDS[record.variant.kind]
    if record.variant.kind == "gguf" and record.facts.lora is not None:
        words = "GGUF LoRA adapter"
    return words if not record.variant.builtin else f"{words}, comes with the program"


def source(record: VariantRecord) -> str:
    """Say where a variant came from: the hub's repository with its commit, a URL, or a path.

    Empty for what comes with the program.
    """
    came, variant = record.source, record.variant
    if variant.builtin:
        return ""
    if came.hub_id:
        file = f", {came.file}" if came.file else ""
        commit = f" at {came.revision[:12]}" if came.revision else ""
        return one_line(f"{came.hub_id}{commit}{file}", 400)
    if variant.url:
        return one_line(variant.url, 400)
    return one_line(came.folder or (str(variant.path) if variant.path else ""), 400)


def training(record: VariantRecord) -> list[tuple[str, str]]:
    """Say how a variant was trained here, as labels with texts; nothing of one that was not."""
    made = record.made or {}
    config, data = _values(made, "config"), _values(made, "data")
    if not (made.get("run") and config):
        return []
    schedule, bits = _values(config, "training"), _values(config, "quantization")
    losses = [("training", made.get("loss")), ("evaluation", made.get("evaluation_loss"))]
    steps, epochs = schedule.get("max_steps"), schedule.get("num_train_epochs")
    planned = f"{steps} steps" if isinstance(steps, int) and steps > 0 else f"{epochs} epochs"
    batch = schedule.get("per_device_train_batch_size"), schedule.get("gradient_accumulation_steps")
    method = {"lora": "LoRA", "full": "all weights"}.get(str(config.get("method")), "")
    if bits.get("load_in_4bit") or bits.get("load_in_8bit"):
        method = f"Q{method} ({4 if bits.get('load_in_4bit') else 8} bits)"
    how = [
        *(method, f"{planned} planned", f"learning rate {schedule.get('learning_rate')}"),
        *(f"batches of {batch[0]} x {batch[1]}", f"seed {schedule.get('seed')}"),
    ]
    told = [f"{name} {loss:.4g}" for name, loss in losses if isinstance(loss, int | float)]
    rows = {
        "Trained": f"run {made['run']}, up to step {made.get('at')}",
        "with": " · ".join(filter(None, how)),
        "on": f"data set {data.get('id')}",
        "Loss": " · ".join(told),
    }
    return [(label, one_line(text, 400)) for label, text in rows.items() if text]


def _values(of: dict[str, Any], key: str) -> dict[str, Any]:
    values = of.get(key)
    return values if isinstance(values, dict) else {}
