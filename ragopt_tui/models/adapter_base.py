"""Which base an adapter sits on: by the name it was trained with, and by the shapes of tensors."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.gguf_header import read_gguf
from ragopt_tui.models.inspection import plain, read_json
from ragopt_tui.models.inspection_adapter import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from ragopt_tui.models.inspection_folder import stored_tensors, weight_files
from ragopt_tui.models.inspection_gguf import gguf_parts
from ragopt_tui.models.record import VariantRecord
from ragopt_tui.models.safetensors_header import read_safetensors_header

Shape = tuple[int, ...]
_PEFT_PREFIX = "base_model.model."
_LORA = re.compile(
    r"(?P<module>.+)\.lora_(?P<part>A|B|embedding_A|embedding_B)(?:\.\w+)??(?:\.weight)?"
)
_IN_A_LAYER = re.compile(r".*?((?:layers|h|blocks|block)\.\d+\..+)")
_IGNORED = ("lora_magnitude_vector", "token_adapter", ".bias")


class NoBase(RagoptError):
    """No model of the library is the base that an adapter names."""


class AnotherBase(RagoptError):
    """The base that an adapter names has tensors of other shapes."""


def fitting_base(adapter: VariantRecord, bases: Iterable[VariantRecord]) -> VariantRecord:
    """Find the base that an adapter names among the models of its format.

    Raises AnotherBase, with the tensor that does not fit, or NoBase.
    """
    path, named = adapter.variant.path, adapter.facts.lora.base if adapter.facts.lora else ""
    candidates = [base for base in bases if path and _carries(base, path)]
    other = ""
    for base in sorted(candidates, key=lambda each: not _is_called(each, named)):
        called = _is_called(base, named)
        if path and (called or _ends_alike(base, named)):
            problem = mismatch(path, base)
            if not problem:
                return base
            other = other or (problem if called else "")
    if other:
        raise AnotherBase(other, "Add it with its own base, or name that.")
    raise NoBase(no_base(adapter), "Add its base, or name the model that it was trained on.")


def can_carry(base: VariantRecord, adapter: VariantRecord) -> bool:
    """Whether all tensors of an adapter fit a base, by their names and shapes."""
    path = adapter.variant.path
    return path is not None and _carries(base, path) and not mismatch(path, base)


def no_base(adapter: VariantRecord) -> str:
    """Say that the base of an adapter is unknown."""
    named = adapter.facts.lora.base if adapter.facts.lora else ""
    if named:
        return f"The base of {adapter.variant.name}, {named}, is not in the library."
    return f"{adapter.variant.name} does not name its base."


def mismatch(adapter: Path, base: VariantRecord) -> str:
    """Say in a sentence which tensor of an adapter does not fit a base; "" if all fit.

    A quantised Hugging Face folder packs its tensors, so that only their names can be compared.
    """
    if base.variant.path is None:
        return f"{base.variant.name} is no model that can carry an adapter."
    try:
        wanted = _gguf_changes(adapter) if adapter.is_file() else _peft_changes(adapter)
        there = _shapes(base.variant.path)
    except RagoptError as error:
        return error.message
    packed = base.facts.format == "safetensors" and base.facts.quantisation != ""
    for name, shape in wanted.items():
        found = there.get(_place(name))
        if found is None:
            return (
                f"{adapter.name} is an adapter for another base: it changes {plain(name)}, "
                f"which {base.variant.name} does not have."
            )
        if not packed and not any(_same(shape, each) for each in found):
            return (
                f"{adapter.name} is an adapter for another base: {plain(name)} is "
                f"{_by(shape)} in the adapter and {_by(found[0])} in {base.variant.name}."
            )
    return "" if wanted else f"{adapter.name} changes nothing."


def _carries(base: VariantRecord, adapter: Path) -> bool:
    kinds = ("gguf",) if adapter.is_file() else ("base", "merged")
    return base.variant.kind in kinds and base.variant.path is not None


def _is_called(base: VariantRecord, named: str) -> bool:
    names = {base.source.hub_id, base.variant.id, base.variant.name, str(base.variant.path)}
    return bool(named) and named.rstrip("/").casefold() in {name.casefold() for name in names}


def _ends_alike(base: VariantRecord, named: str) -> bool:
    path = base.variant.path
    ends = {_end(base.source.hub_id), path.name if path else "", base.variant.name}
    return bool(named) and _end(named).casefold() in {end.casefold() for end in ends}


def _end(name: str) -> str:
    return name.rstrip("/").rsplit("/", 1)[-1]


def _shapes(path: Path) -> dict[str, list[Shape]]:
    if path.is_file():
        shapes = {
            name: tensor.shape
            for part in gguf_parts(path)
            for name, tensor in read_gguf(part).tensors.items()
        }
    else:
        shapes = {name: t.shape for name, t in stored_tensors(weight_files(path)).items()}
    placed: dict[str, list[Shape]] = {}
    for name, shape in shapes.items():
        placed.setdefault(_place(name), []).append(shape)
    # Tied weights are stored once, under the name of the embedding.
    embedding = placed.get(_place("model.embed_tokens.weight"))
    if embedding:
        placed.setdefault(_place("lm_head.weight"), embedding)
    return placed


def _place(name: str) -> str:
    """Give a tensor's name without what stands before its layer, which differs by wrapper class."""
    layer = _IN_A_LAYER.fullmatch(name)
    return layer.group(1) if layer else ".".join(name.split(".")[-2:])


def _peft_changes(folder: Path) -> dict[str, Shape]:
    """Give the weights of the base that a PEFT adapter changes, with the shapes that it expects."""
    flipped = bool(read_json(folder / ADAPTER_CONFIG).get("fan_in_fan_out"))
    ends: dict[str, dict[str, Shape]] = {}
    changes: dict[str, Shape] = {}
    for name, tensor in read_safetensors_header(folder / ADAPTER_WEIGHTS).tensors.items():
        name = name.removeprefix(_PEFT_PREFIX)
        found = _LORA.fullmatch(name)
        if found:
            ends.setdefault(found["module"], {})[found["part"]] = tensor.shape
        elif not any(word in name for word in _IGNORED):
            whole = name.replace(".modules_to_save.default", "").replace(".base_layer", "")
            changes[whole] = tensor.shape
    for module, parts in ends.items():
        if len(parts.get("A", ())) == 2 and len(parts.get("B", ())) == 2:
            shape = (parts["B"][0], parts["A"][1])
            changes[f"{module}.weight"] = shape[::-1] if flipped else shape
        elif "embedding_A" in parts and "embedding_B" in parts:
            changes[f"{module}.weight"] = (parts["embedding_A"][1], parts["embedding_B"][0])
    return changes


def _gguf_changes(file: Path) -> dict[str, Shape]:
    tensors = read_gguf(file).tensors
    changes: dict[str, Shape] = {}
    for name, a in tensors.items():
        b = tensors.get(f"{name.removesuffix('.lora_a')}.lora_b")
        if name.endswith(".lora_a") and b is not None and len(a.shape) > 1 and len(b.shape) > 1:
            module = name.removesuffix(".lora_a")
            if module.endswith("token_embd.weight"):
                changes[module] = (b.shape[1], a.shape[1])
            else:
                changes[module] = (a.shape[0], b.shape[1])
    return changes


def _same(wanted: Shape, found: Shape) -> bool:
    # The experts of a mixture lie in one tensor.
    return wanted == found or (len(found) == 3 and wanted == found[:2])


def _by(shape: Shape) -> str:
    return " x ".join(map(str, shape))
