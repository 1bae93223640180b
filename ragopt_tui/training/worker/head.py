"""Layers that are trained whole, such as the output layer, at the least memory."""

from __future__ import annotations

from typing import Any

import torch
from peft.utils.other import ModulesToSaveWrapper


def free_originals(model: Any) -> None:  # noqa: ANN401 - PEFT's, around any model
    """Give up the frozen originals that PEFT keeps beside layers trained whole.

    They serve only to switch the adapter off, which training never does: 262 MB of the output
    layer of a 7B model. One that is tied to another layer's weights stays, as that layer has them.
    """
    shared = _owners(model)
    for module in model.modules():
        if isinstance(module, ModulesToSaveWrapper):
            for name, parameter in module.original_module.named_parameters(recurse=False):
                if shared[parameter.data_ptr()] == 1:
                    empty = torch.empty(0, dtype=parameter.dtype, device=parameter.device)
                    module.original_module.register_parameter(
                        name, torch.nn.Parameter(empty, requires_grad=False)
                    )


def _owners(model: Any) -> dict[int, int]:  # noqa: ANN401
    """Count in how many places of a model each block of memory is used."""
    counts: dict[int, int] = {}
    for _, parameter in model.named_parameters(remove_duplicate=False):
        counts[parameter.data_ptr()] = counts.get(parameter.data_ptr(), 0) + 1
    return counts
