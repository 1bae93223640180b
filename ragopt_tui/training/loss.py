"""Cross-entropy from hidden states, without the logits of a whole batch in memory.

Logits are made for some hundred tokens at a time, and their gradient, softmax minus one-hot, is
turned at once into those of the hidden states and of the output layer. So nothing of the size
tokens x vocabulary outlives a chunk, and the output layer is multiplied three times, not four.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

LOGITS_AT_ONCE = 1 << 24
"""How many logits are in memory at a time: 64 MiB in fp32."""

_ROWS_CAST_AT_ONCE = 8192
_LEAST_TOKENS = 64


def summed_cross_entropy(
    hidden: Tensor, weight: Tensor, targets: Tensor, bias: Tensor | None = None
) -> Tensor:
    """Give the sum over tokens of -log softmax(hidden @ weight.T + bias)[target], in fp32.

    Shapes: hidden (tokens, width), weight (vocabulary, width), bias (vocabulary,), targets
    (tokens,). Products are computed in autocast's format if it is on, else in that of `hidden`.
    """
    apply: Any = _SummedCrossEntropy.apply
    loss: Tensor = apply(hidden, weight, bias, targets, torch.is_grad_enabled())
    return loss


class _SummedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch's own
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        with_gradients: bool,
    ) -> Tensor:
        kind = hidden.device.type
        autocast = torch.is_autocast_enabled(kind)
        dtype = torch.get_autocast_dtype(kind) if autocast else hidden.dtype
        wanted = [needed and with_gradients for needed in ctx.needs_input_grad[:3]]
        gradients = [
            torch.zeros(part.shape, device=part.device) if need and part is not None else None
            for part, need in zip((hidden, weight, bias), wanted, strict=True)
        ]
        loss = torch.zeros((), device=hidden.device)
        at_once = max(_LEAST_TOKENS, LOGITS_AT_ONCE // weight.shape[0])
        with torch.autocast(kind, enabled=False):
            for start in range(0, hidden.shape[0], at_once):
                rows = slice(start, start + at_once)
                part = hidden[rows].to(dtype)
                of_hidden = None if gradients[0] is None else gradients[0][rows]
                others = (of_hidden, gradients[1], gradients[2])
                loss += _chunk(part, weight, bias, targets[rows], others)
        ctx.gradients = gradients
        ctx.dtypes = [None if part is None else part.dtype for part in (hidden, weight, bias)]
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        scaled = [
            None if gradient is None else gradient.mul_(scale).to(dtype)
            for gradient, dtype in zip(ctx.gradients, ctx.dtypes, strict=True)
        ]
        ctx.gradients = [None, None, None]
        return (*scaled, None, None)


def _chunk(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    gradients: tuple[Tensor | None, Tensor | None, Tensor | None],
) -> Tensor:
    """Give the loss of some tokens and add their share to the gradients."""
    logits = _logits(hidden, weight, bias)
    aim = targets.unsqueeze(1)
    normaliser = logits.logsumexp(1, keepdim=True)
    loss = (normaliser - logits.gather(1, aim)).sum()
    of_hidden, of_weight, of_bias = gradients
    if of_hidden is None and of_weight is None and of_bias is None:
        return loss
    error = logits.sub_(normaliser).exp_()
    error.scatter_add_(1, aim, torch.full_like(aim, -1, dtype=error.dtype))
    if of_bias is not None:
        of_bias += error.sum(0)
    narrow = error.to(hidden.dtype)
    for rows in _row_slices(weight, hidden.dtype):
        if of_hidden is not None:
            of_hidden += _product(narrow[:, rows], weight[rows].to(hidden.dtype))
        if of_weight is not None:
            _add_product(of_weight[rows], narrow[:, rows].t(), hidden)
    return loss


def _logits(hidden: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    slices = _row_slices(weight, hidden.dtype)
    parts = [_product(hidden, weight[rows].to(hidden.dtype).t()) for rows in slices]
    logits = parts[0] if len(parts) == 1 else torch.cat(parts, 1)
    return logits if bias is None else logits.add_(bias)


def _row_slices(weight: Tensor, dtype: torch.dtype) -> list[slice]:
    """Cut the vocabulary where it must be cast, so that no second copy of the layer is made."""
    size = weight.shape[0] if weight.dtype == dtype else _ROWS_CAST_AT_ONCE
    return [slice(start, start + size) for start in range(0, weight.shape[0], size)]


def _product(left: Tensor, right: Tensor) -> Tensor:
    """Multiply, with the result in fp32, not rounded to a narrower format where that can be had."""
    if left.is_cuda and left.dtype != torch.float32:
        return torch.mm(left, right, out_dtype=torch.float32)
    return (left @ right).float()


def _add_product(total: Tensor, left: Tensor, right: Tensor) -> None:
    if left.is_cuda and left.dtype != torch.float32:
        torch.addmm(total, left, right, out_dtype=torch.float32, out=total)
    else:
        total.addmm_(left.float(), right.float())
