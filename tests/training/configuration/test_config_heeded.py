"""No setting is accepted that what trains never looks at."""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path

import ragopt_tui.training
from ragopt_tui.training.configuration.config import flat, settings_of
from ragopt_tui.training.configuration.values import Lora, TrainingConfig

_HEEDING = ("execution/*.py", "worker/*.py", "planning/adapter_config.py", "data/run_data.py")


def _looked_at() -> set[str]:
    """Give the attributes that the modules of the run itself read."""
    folder = Path(ragopt_tui.training.__file__).parent
    files = [file for pattern in _HEEDING for file in folder.glob(pattern)]
    assert folder / "worker/worker.py" in files
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    return {
        node.attr
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }


def test_every_setting_is_looked_at_where_it_is_trained() -> None:
    names = {key.rpartition(".")[2] for key in flat(TrainingConfig())}
    assert names - _looked_at() == set()


def test_every_setting_of_the_adapter_reaches_peft() -> None:
    from ragopt_tui.training.planning.adapter_config import lora_config

    other = Lora(
        r=3,
        lora_alpha=5,
        lora_dropout=0.5,
        target_modules="all-linear",
        modules_to_save=("lm_head",),
        use_rslora=True,
        use_dora=True,
        rank_pattern={"q_proj": 2},
        alpha_pattern={"q_proj": 7},
    )
    assert set(settings_of(Lora)) == {item.name for item in dataclasses.fields(Lora)}
    made = lora_config(other, tied=False)
    for item in dataclasses.fields(Lora):
        wanted = getattr(other, item.name)
        assert wanted != getattr(Lora(), item.name)
        found = getattr(made, item.name)
        assert (tuple(found) if isinstance(wanted, tuple) else found) == wanted
    assert made.bias == "none"
    assert not made.ensure_weight_tying
    embedding = Lora(modules_to_save=("embed_tokens",))
    assert lora_config(embedding, tied=True).ensure_weight_tying
