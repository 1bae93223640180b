"""Cross-entropy from hidden states, without the logits of a whole batch in memory.

Logits are made for some hundred tokens at a time, and their gradient, softmax minus one-hot, is
turned at once into that of the hidden states. So nothing of the size tokens x vocabulary outlives a
chunk. The gradient of a trained output layer, 0.5 GB for that of a 7B model, can wait until the way
back through the other layers is done and their activations are gone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

LOGITS_AT_ONCE = 1 << 24
"""How many logits are in memory at a time: 64 MiB in fp32."""

_ROWS_CAST_AT_ONCE = 8192
_LEAST_TOKENS = 64


@dataclass(slots=True)
class HeadGradient:
    """The gradient of an output layer that is put off until `settle`."""

    _parts: list[tuple[Tensor, Tensor, Tensor]] = field(default_factory=list)

    def put_off(self, hidden: Tensor, targets: Tensor, scale: Tensor) -> None:
        """Keep what the gradient of a batch is made of; `scale` is that of its summed loss."""
        self._parts.append((hidden, targets, scale))

    @torch.no_grad()
    def settle(self, weight: Tensor, bias: Tensor | None = None) -> None:
        """Add what was put off to the gradients of the layer."""
        of_weight, of_bias = _gradient_of(weight), _gradient_of(bias)
        for hidden, targets, scale in self._parts:
            for rows in _token_slices(len(hidden), len(weight)):
                _, error = _loss_and_error(hidden[rows], weight, bias, targets[rows])
                _add_to_head(of_weight, of_bias, error.mul_(scale), hidden[rows])
        self._parts.clear()


def summed_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    bias: Tensor | None = None,
    later: HeadGradient | None = None,
) -> Tensor:
    """Give the sum over tokens of -log softmax(hidden @ weight.T + bias)[target], in fp32.

    Shapes: hidden (tokens, width), weight (vocabulary, width), bias (vocabulary,), targets
    (tokens,). Products are computed in autocast's format if it is on, else in that of `hidden`.
    With `later`, the gradients of weight and bias are put off to it.
    """
    if later is not None:
        weight, bias = weight.detach(), None if bias is None else bias.detach()
    apply: Any = _SummedCrossEntropy.apply
    loss: Tensor = apply(hidden, weight, bias, targets, torch.is_grad_enabled(), later)
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
        later: HeadGradient | None,
    ) -> Tensor:
        kind = hidden.device.type
        autocast = torch.is_autocast_enabled(kind)
        dtype = torch.get_autocast_dtype(kind) if autocast else hidden.dtype
        wanted = [needed and with_gradients for needed in ctx.needs_input_grad[:3]]
        gradients = [
            torch.zeros(part.shape, device=part.device) if need and part is not None else None
            for part, need in zip((hidden, weight, bias), wanted, strict=True)
        ]
        narrow = hidden.to(dtype)
        loss = torch.zeros((), device=hidden.device)
        with torch.autocast(kind, enabled=False):
            for rows in _token_slices(len(hidden), len(weight)):
                part, error = _loss_and_error(narrow[rows], weight, bias, targets[rows])
                loss += part
                if gradients[0] is not None:
                    _add_to_hidden(gradients[0][rows], error, weight, dtype)
                _add_to_head(gradients[1], gradients[2], error, narrow[rows])
        ctx.gradients = gradients
        ctx.dtypes = [None if part is None else part.dtype for part in (hidden, weight, bias)]
        ctx.later = (later, narrow, targets)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        later, hidden, targets = ctx.later
        if later is not None:
            later.put_off(hidden, targets, scale)
        scaled = [
            None if gradient is None else gradient.mul_(scale).to(dtype)
            for gradient, dtype in zip(ctx.gradients, ctx.dtypes, strict=True)
        ]
        ctx.gradients, ctx.later = [None, None, None], (None, None, None)
        return (*scaled, None, None, None)


def _token_slices(tokens: int, words: int) -> list[slice]:
    """Cut tokens so that their logits fill a chunk."""
    at_once = max(_LEAST_TOKENS, LOGITS_AT_ONCE // words)
    return [slice(start, start + at_once) for start in range(0, tokens, at_once)]


def _loss_and_error(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor
) -> tuple[Tensor, Tensor]:
    """Give the summed loss of some tokens, and its gradient by their logits."""
    logits = _logits(hidden, weight, bias)
    aim = targets.unsqueeze(1)
    normaliser = logits.logsumexp(1, keepdim=True)
    loss = (normaliser - logits.gather(1, aim)).sum()
    error = logits.sub_(normaliser).exp_()
    error.scatter_add_(1, aim, torch.full_like(aim, -1, dtype=error.dtype))
    return loss, error


def _add_to_hidden(total: Tensor, error: Tensor, weight: Tensor, dtype: torch.dtype) -> None:
    narrow = error.to(dtype)
    for rows in _row_slices(weight, dtype):
        total += _product(narrow[:, rows], weight[rows].to(dtype))


def _add_to_head(
    of_weight: Tensor | None, of_bias: Tensor | None, error: Tensor, hidden: Tensor
) -> None:
    if of_bias is not None:
        of_bias += error.sum(0)
    if of_weight is not None:
        _add_product(of_weight, error.to(hidden.dtype).t(), hidden)


def _gradient_of(parameter: Tensor | None) -> Tensor | None:
    """Give the gradient of a trained parameter, zeros where it has none yet."""
    if parameter is None or not parameter.requires_grad:
        return None
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    return parameter.grad


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
