"""A Hugging Face model of some layers alone, in 32 bits, as it lies in its files or with adapters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.initialization import no_init_weights

from ragopt_tui.conversion.adapted_model import Adapter, Change, adapted_model
from ragopt_tui.conversion.nf4 import Nf4
from ragopt_tui.conversion.tensor_files import Place
from ragopt_tui.errors import RagoptError
from ragopt_tui.models.inspection_folder import weight_files
from ragopt_tui.models.safetensors_header import read_safetensors_header
from ragopt_tui.verification.sides import Logits

_LAYER = re.compile(r"(?<=\.)(layers|h|blocks)\.(\d+)\.")


def slice_logits(
    folder: Path,
    layers: Sequence[int],
    ids: Sequence[int],
    adapters: Sequence[Adapter] = (),
    onto: Nf4 | None = None,
) -> Logits:
    """Give the logits of a model that has only these layers, shape (positions, vocabulary).

    With `adapters`, the weights are those that PEFT merges into the base's number format. Raises
    RagoptError where files lack tensors or adapters do not fit.
    """
    weights = _Weights(folder, adapters, onto)
    model = _built(weights.config, layers)
    tied = (
        _name_of(model, model.get_output_embeddings()) if model.config.tie_word_embeddings else ""
    )
    embedding = "" if tied else _name_of(model, model.get_input_embeddings())
    rows = torch.tensor(sorted(set(ids)))
    with torch.inference_mode():
        for name, parameter in model.state_dict().items():
            if name == embedding:
                # Memory that is never written to is never taken.
                parameter[rows] = weights.read(_original(name, layers))[rows].float()
            elif name != tied:
                parameter.copy_(weights.read(_original(name, layers)))
        model.tie_weights()
        output = model(torch.tensor([list(ids)]), use_cache=False)
    logits: Logits = output.logits[0].float().numpy()
    return logits


class _Weights:
    """The tensors of a folder by name, or what PEFT makes of them, in the folder's number format."""

    def __init__(self, folder: Path, adapters: Sequence[Adapter], onto: Nf4 | None) -> None:
        self._folder, self._onto = folder, onto
        self._places = {
            name: Place(file, stored)
            for file in weight_files(folder)
            for name, stored in read_safetensors_header(file).tensors.items()
        }
        self._changes: dict[str, Change] = {}
        self._linear: frozenset[str] = frozenset()
        self._embedding = ""
        self._ready: dict[str, torch.Tensor] = {}
        if adapters:
            dtype = max(self._places.values(), key=lambda place: place.size).dtype
            model = adapted_model(folder, adapters, dtype)
            self.config = model.config
            self._changes = {name: each for each in model.changes for name in each.names}
            self._linear, self._embedding = model.linear, model.embedding
        else:
            self.config = AutoConfig.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )

    def read(self, name: str) -> torch.Tensor:
        """Give a tensor; raises RagoptError if there is none."""
        if name in self._ready:
            return self._ready.pop(name)
        change = self._changes.get(name)
        if change is None:
            return self._stored(name)
        made = change.make({each: self._stored(each) for each in change.names})
        self._ready |= {each: t.to(self._stored_as(each)) for each, t in made.items()}
        return self._ready.pop(name)

    def _place(self, name: str) -> Place:
        place = self._places.get(name) or self._places.get(self._embedding)
        if place is None:
            raise RagoptError(f"{self._folder} has no tensor {name}.")
        return place

    def _stored_as(self, name: str) -> torch.dtype:
        return self._place(name).dtype

    def _stored(self, name: str) -> torch.Tensor:
        weight = self._place(name).read()
        if self._onto is not None and name in self._linear:
            return self._onto.rounded(weight)
        return weight


def _built(config: Any, layers: Sequence[int]) -> Any:  # noqa: ANN401 - any architecture
    text = config.get_text_config()
    count = text.num_hidden_layers
    for key, value in list(vars(text).items()):
        if isinstance(value, (list, tuple)) and len(value) == count and key != "architectures":
            setattr(text, key, [value[layer] for layer in layers])
    text.num_hidden_layers = len(layers)
    make: Any = AutoModelForCausalLM
    with no_init_weights():
        return make.from_config(config, dtype=torch.float32).eval()


def _name_of(model: Any, layer: Any) -> str:  # noqa: ANN401 - any architecture
    return next((f"{name}.weight" for name, each in model.named_modules() if each is layer), "")


def _original(name: str, layers: Sequence[int]) -> str:
    return _LAYER.sub(lambda found: f"{found[1]}.{layers[int(found[2])]}.", name, count=1)
