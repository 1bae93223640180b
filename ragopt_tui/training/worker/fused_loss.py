"""Having a model give its summed loss straight from its hidden states."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ragopt_tui.training.worker.loss import HeadGradient, summed_cross_entropy

NO_LOSS = -100
"""The label of a token that is not learnt, as transformers has it."""

_CHANGES_LOGITS = (
    "final_logit_softcapping",
    "logit_scale",
    "output_multiplier",
    "lm_head_multiplier",
    "logits_scaling",
)


def has_plain_head(model: Any) -> bool:  # noqa: ANN401 - a model of transformers
    """Whether a model's logits are its output layer's product with the hidden states, no more."""
    config = model.config.get_text_config()
    changed = any(getattr(config, name, None) not in (None, 1, 1.0) for name in _CHANGES_LOGITS)
    routed = bool(getattr(config, "output_router_logits", False))
    head = model.get_output_embeddings()
    return not changed and not routed and getattr(head, "weight", None) is not None


def give_summed_loss(model: Any, later: HeadGradient | None = None) -> None:  # noqa: ANN401
    """Have `model(..., learned=positions, targets=tokens)` give the summed cross-entropy.

    `learned` are places in the batch laid end to end, `targets` the tokens that follow them. Without
    them the model does what it did. With `later`, whoever trains settles the output layer's gradient
    after each backward pass.
    """
    original = model.forward

    @functools.wraps(type(model).forward)
    def forward(
        self: Any,  # noqa: ANN401
        *args: Any,  # noqa: ANN401
        learned: Tensor | None = None,
        targets: Tensor | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        if learned is None or targets is None:
            return original(*args, **kwargs)
        kwargs["use_cache"] = False
        hidden = self.base_model(*args, **kwargs).last_hidden_state
        head = self.get_output_embeddings()
        picked = hidden.reshape(-1, hidden.shape[-1]).index_select(0, learned)
        put_off = later if head.weight.requires_grad and picked.requires_grad else None
        return summed_cross_entropy(picked, head.weight, targets, head.bias, put_off)

    model.forward = types.MethodType(forward, model)


@dataclass(frozen=True, slots=True)
class WithTargets:
    """A collator that adds `learned` and `targets` to a batch, while that is not on the GPU yet."""

    collate: Callable[[Sequence[Any]], dict[str, Tensor]]

    def __call__(self, rows: Sequence[Any]) -> dict[str, Tensor]:
        """Give the batch of some rows."""
        batch = self.collate(rows)
        following = torch.full_like(batch["labels"], NO_LOSS)
        following[:, :-1] = batch["labels"][:, 1:]
        following = following.flatten()
        batch["learned"] = (following != NO_LOSS).nonzero().flatten()
        batch["targets"] = following[batch["learned"]]
        return batch
