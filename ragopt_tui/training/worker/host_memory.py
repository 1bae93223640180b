"""Keeping what a long batch leaves for the way back in the machine's own memory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

_LEAST_BYTES = 1 << 20

_Kept = Tensor | tuple[torch.device, Tensor]


@contextlib.contextmanager
def kept_on_host() -> Iterator[None]:
    """Have hidden states (batch, tokens, width) that are saved within wait outside of the GPU.

    With gradient checkpointing those are the inputs of the layers: 0.5 GB of 2 x 1024 tokens of a
    7B model, which are there otherwise while the last layer computes its gradients. Copies go by
    way of pinned memory, in the order of the current stream.
    """
    with saved_tensors_hooks(_put, _fetched):
        yield


def _put(tensor: Tensor) -> _Kept:
    size = tensor.numel() * tensor.element_size()
    if tensor.dim() != 3 or not tensor.is_floating_point() or size < _LEAST_BYTES:
        return tensor
    kept = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=tensor.is_cuda)
    return tensor.device, kept.copy_(tensor, non_blocking=True)


def _fetched(kept: _Kept) -> Tensor:
    if isinstance(kept, Tensor):
        return kept
    device, tensor = kept
    return tensor.to(device, non_blocking=True)
