"""What is to be loaded for a variant, and loading it into the backend that runs it."""

from __future__ import annotations

import gc
import os
import sys
from dataclasses import dataclass, replace
from typing import Literal

from ragopt_tui.chat.backends import Backend
from ragopt_tui.chat.backends.local import LocalBackend
from ragopt_tui.models.generation_settings import Precision
from ragopt_tui.models.machine import Machine
from ragopt_tui.models.memory import check_fits, measured
from ragopt_tui.models.model_files import ModelFiles

# A cache that grows would else leave all its former sizes behind: 6 GB with 16,000 tokens of a 7B
# model. PyTorch reads this when it first uses the GPU.
os.environ.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:True")


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """Which files are loaded, and how; `chat_template` goes before the model's own if not empty."""

    files: ModelFiles
    written: tuple[int, int]
    """When base and adapter were last written, in ns since 1970, so that a change is loaded."""

    context_tokens: int
    context_chosen: bool = True
    """Whether the user asked for that context; else it is made smaller where memory is short."""

    precision: Precision = "auto"
    gpu_layers: int | Literal["auto"] = "auto"
    threads: int | Literal["auto"] = "auto"
    chat_template: str = ""

    def same_base(self, other: LoadPlan) -> bool:
        """Whether both need the same weights loaded in the same way, whatever lies on them."""
        return self._base() == other._base()

    def _base(self) -> LoadPlan:
        files = replace(self.files, adapter=None)
        return replace(self, files=files, written=(self.written[0], 0), chat_template="")


@dataclass(frozen=True, slots=True)
class EndpointPlan:
    """Which server is asked for which of its models, and the environment variable of its key."""

    url: str
    served: str
    key_variable: str
    context_tokens: int


def fitted(plan: LoadPlan, name: str, machine: Machine) -> LoadPlan:
    """Give the plan with a context and GPU layers for which the machine has memory.

    Raises RagoptError that says what is needed and what would fit.
    """
    measures = measured(plan.files, plan.precision, machine)
    tokens = measures.limited(plan.context_tokens)
    if not measures.fits(tokens):
        tokens = 0 if plan.context_chosen else measures.fitting_context(tokens)
    if not tokens:
        check_fits(name, plan.files, plan.context_tokens, plan.precision, machine)
    layers = plan.gpu_layers
    if plan.files.gguf and layers == "auto":
        layers = measures.layers_on_gpu(tokens, machine)
    return replace(plan, context_tokens=tokens, gpu_layers=layers)


def connect(plan: EndpointPlan) -> Backend:
    """Ask a server for its model; raises RagoptError if it does not answer or has it not."""
    from ragopt_tui.chat.backends.endpoint import EndpointBackend

    return EndpointBackend(
        plan.url, plan.served, plan.context_tokens, key_variable=plan.key_variable
    )


def load_backend(plan: LoadPlan) -> LocalBackend:
    """Load a model and its adapter; raises RagoptError with the reason if it does not load."""
    backend = _base_backend(plan)
    if plan.files.adapter:
        try:
            backend.use_adapter(plan.files.adapter, plan.chat_template)
        except BaseException:
            backend.close()
            raise
    return backend


def free_unused() -> None:
    """Free what a load that failed left behind: half a model, which an exception held, on the GPU."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def change_adapter(backend: Backend, plan: LoadPlan) -> None:
    """Make a loaded base what another plan of the same base asks for."""
    assert isinstance(backend, LocalBackend)
    backend.use_adapter(plan.files.adapter, plan.chat_template)


def _base_backend(plan: LoadPlan) -> LocalBackend:
    if plan.files.gguf:
        from ragopt_tui.chat.backends.llama_cpp import LlamaCppBackend

        return LlamaCppBackend(
            plan.files.base,
            plan.context_tokens,
            gpu_layers=-1 if plan.gpu_layers == "auto" else plan.gpu_layers,
            threads=None if plan.threads == "auto" else plan.threads,
            chat_template=plan.chat_template,
        )
    from ragopt_tui.chat.backends.transformers import TransformersBackend

    return TransformersBackend(
        plan.files.base,
        plan.context_tokens,
        precision=plan.precision,
        chat_template=plan.chat_template,
    )
