"""What is kept in the machine's own memory comes back as it was."""

from __future__ import annotations

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.checkpoint import checkpoint

from ragopt_tui.training.worker import host_memory
from ragopt_tui.training.worker.host_memory import kept_on_host

TOKENS, WIDTH, LAYERS = 512, 256, 3


def learnt(kept: bool) -> list[torch.Tensor]:
    """The gradients of some checkpointed layers."""
    torch.manual_seed(1)
    layers = [torch.nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS)]
    hidden = torch.randn(2, TOKENS, WIDTH, requires_grad=True)
    inner = kept_on_host() if kept else saved_tensors_hooks(lambda each: each, lambda each: each)
    with inner:
        for layer in layers:
            hidden = checkpoint(lambda x, at=layer: at(x).tanh(), hidden, use_reentrant=False)
        loss = hidden.square().mean()
    loss.backward()
    return [layer.weight.grad for layer in layers if layer.weight.grad is not None]


def test_gradients_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    put: list[torch.Size] = []
    original = host_memory._put

    def counted(tensor: torch.Tensor) -> object:
        kept = original(tensor)
        put.extend([tensor.shape] if isinstance(kept, tuple) else [])
        return kept

    monkeypatch.setattr(host_memory, "_put", counted)
    assert all(torch.equal(*pair) for pair in zip(learnt(True), learnt(False), strict=True))
    assert put.count(torch.Size([2, TOKENS, WIDTH])) >= LAYERS


def test_small_tensors_and_those_of_other_shapes_stay_where_they_are() -> None:
    for tensor in (torch.zeros(2, 4, 8), torch.zeros(1024, 1024), torch.zeros(2, 512, 512).long()):
        assert host_memory._put(tensor) is tensor
