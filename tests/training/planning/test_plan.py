"""Plans: steps as transformers counts them, memory and what would need less, rows and notes."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import math
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from trl import pack_dataset

from ragopt_tui.commands.train_plan import plan_lines
from ragopt_tui.jobs.folder import JobFolder, JobSpec
from ragopt_tui.models.machine import Gpu, Machine
from ragopt_tui.models.model_shape import shape_of_config
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import folders
from ragopt_tui.training.configuration.changes import with_settings
from ragopt_tui.training.configuration.config import (
    Lora,
    TrainingConfig,
    parse_config,
    write_config,
)
from ragopt_tui.training.configuration.presets import preset
from ragopt_tui.training.data.example import Example, Message
from ragopt_tui.training.data.record import DataSetRecord
from ragopt_tui.training.data.store import DataSetStore
from ragopt_tui.training.planning.fitting import Fit, plan_memory
from ragopt_tui.training.planning.memory import LOGITS_AT_ONCE as PLANNED_LOGITS_AT_ONCE
from ragopt_tui.training.planning.memory import training_memory
from ragopt_tui.training.planning.parameters import Parameters, count_parameters
from ragopt_tui.training.planning.plan import make_plan
from ragopt_tui.training.planning.planning import plan_training
from ragopt_tui.training.planning.steps import (
    RowLengths,
    interval,
    packed_rows,
    plan_steps,
)
from ragopt_tui.training.planning.throughput import TARGET
from ragopt_tui.training.worker import host_memory
from ragopt_tui.training.worker.loss import LOGITS_AT_ONCE
from ragopt_tui.ui.train_plan import plan_view
from tests.training.architectures import TINY

_GIB = 1 << 30
_PROCESSOR = Machine(16 * _GIB, 8 * _GIB)


def _gpu(free: float) -> Machine:
    card = Gpu("A", round(free * _GIB), round(free * _GIB))
    return Machine(16 * _GIB, 8 * _GIB, (card,), transformers_on_gpu=True)


@pytest.mark.parametrize(
    ("settings", "rows", "total", "per_epoch"),
    [
        ([], 10, 15, 5),
        (["training.per_device_train_batch_size=4"], 10, 9, 3),
        (["training.gradient_accumulation_steps=4"], 10, 6, 2),
        (["training.num_train_epochs=0.5"], 10, 3, 5),
        (["training.max_steps=7"], 10, 7, 5),
        (["num_processes=2"], 10, 9, 3),
        (["training.gradient_accumulation_steps=100"], 10, 3, 1),
    ],
)
def test_steps_are_counted(settings: list[str], rows: int, total: int, per_epoch: int) -> None:
    config = with_settings(TrainingConfig(), settings)
    steps = plan_steps(config, RowLengths(rows, (10,) * rows))
    assert (steps.total, steps.per_epoch) == (total, per_epoch)
    assert steps.tokens == round(rows * 10 * total / per_epoch)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    rows=st.integers(1, 200),
    batch=st.integers(1, 9),
    accumulated=st.integers(1, 9),
    epochs=st.floats(0.1, 5),
    share=st.floats(0.01, 0.9),
)
def test_steps_are_those_that_transformers_takes(
    rows: int, batch: int, accumulated: int, epochs: float, share: float
) -> None:
    from transformers import Trainer, TrainingArguments
    from transformers.trainer_callback import TrainerState

    arguments = TrainingArguments(
        output_dir="/unused",
        num_train_epochs=epochs,
        per_device_train_batch_size=batch,
        gradient_accumulation_steps=accumulated,
        eval_strategy="steps",
        eval_steps=share,
        warmup_steps=share,
        use_cpu=True,
    )
    some: Any = [{"x": torch.zeros(1)}] * rows
    trainer = Trainer(torch.nn.Linear(1, 1), arguments, train_dataset=some, eval_dataset=some)
    loader = trainer.get_train_dataloader()
    *_, total = trainer.set_initial_training_values(arguments, loader)
    state = TrainerState()
    state.compute_steps(arguments, total)
    config = with_settings(
        TrainingConfig(),
        [
            f"training.num_train_epochs={epochs:.17f}",
            f"training.per_device_train_batch_size={batch}",
            f"training.gradient_accumulation_steps={accumulated}",
            f"training.warmup_steps={share:.17f}",
        ],
    )
    planned = plan_steps(config, RowLengths(rows, (1,) * rows))
    assert planned.total == total
    assert planned.warmup == arguments.get_warmup_steps(total)
    assert interval(share, total) == state.eval_steps


def test_evaluations_and_checkpoints_are_counted() -> None:
    config = parse_config("training: {eval_steps: 4, save_steps: 0.5, warmup_steps: 0.1}")
    steps = plan_steps(config, RowLengths(20, (10,) * 20, validation_rows=2))
    assert (steps.total, steps.evaluations, steps.checkpoints, steps.warmup) == (30, 7, 2, 3)
    assert plan_steps(config, RowLengths(20, (10,) * 20)).evaluations == 0
    assert [interval(value, 30) for value in (0, 0.5, 0.01, 7)] == [0, 15, 1, 7]


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 64), min_size=1, max_size=60))
def test_rows_are_packed_as_many_as_trl_packs(lengths: list[int]) -> None:
    rows = Dataset.from_dict({"input_ids": [[1] * length for length in lengths]})
    assert packed_rows(lengths, 64) == len(pack_dataset(rows, 64, "bfd"))


def test_sampled_rows_stand_for_all() -> None:
    rows = RowLengths(1000, (10, 30))
    assert (rows.sampled, rows.tokens, rows.longest) == (True, 20_000, 30)
    assert rows.packed(40) == 500


def test_the_loss_is_planned_with_as_many_logits_as_it_makes() -> None:
    assert PLANNED_LOGITS_AT_ONCE == LOGITS_AT_ONCE


def _saved_bytes(
    config: TrainingConfig,
    architecture: dict[str, Any],
    tokens: int,
    around: contextlib.AbstractContextManager[None] | None = None,
) -> int:
    """Measure what the layers of a real model keep for the way back, `around` them, in bytes."""
    from peft import get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    from ragopt_tui.training.planning.adapter_config import lora_config

    values = {key: value for key, value in architecture.items() if key != "model_type"}
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model("llama", **values))
    if config.method == "lora":
        model = get_peft_model(model, lora_config(config.lora, tied=False))
    if config.training.gradient_checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.enable_input_require_grads()
    model.train()
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, tuple[int, torch.Tensor]] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    decoder = model.get_base_model().model if config.method == "lora" else model.model
    ids = torch.ones((1, tokens), dtype=torch.long)
    with around or torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        decoder(input_ids=ids, use_cache=False)
    return sum(size for size, _ in kept.values())


@pytest.mark.parametrize(
    "settings",
    [
        ["lora.lora_dropout=0"],
        [],
        ["lora.target_modules=all-linear"],
        ["method=full"],
        ["training.gradient_checkpointing=true"],
    ],
)
def test_activations_are_estimated_near_what_a_model_keeps(settings: list[str]) -> None:
    wide = TINY | {"hidden_size": 64, "intermediate_size": 192, "num_hidden_layers": 8}
    batch = ["training.per_device_train_batch_size=1", "training.max_length=128"]
    config = with_settings(TrainingConfig(), [*batch, *settings])
    counted = count_parameters(config, wide)
    memory = training_memory(config, counted, shape_of_config(wide), "cpu")
    kept = _saved_bytes(config, wide, 128)
    # The estimate is of the worst moment, when one layer is being worked on too.
    one_layer = 128 * 4 * (7 * 192 + 8 * 64) * 2 if config.training.gradient_checkpointing else 0
    assert kept * 0.85 <= memory.activations <= (kept + one_layer) * 1.5


def test_memory_is_what_the_parts_come_to() -> None:
    found = preset("reference-0")
    counted = _counted("lora")
    shape = shape_of_config(found.architecture)
    memory = training_memory(found.config, counted, shape, "gpu")
    quantised = 32 * (2 * 4096 * 4096 + 2 * 4096 * 1024 + 3 * 4096 * 14336)
    kept = 32000 * 4096 + 65 * 4096
    assert memory.weights == round(quantised * (0.5 + 1 / 64 + 4 / (64 * 256))) + 2 * kept
    assert memory.trained == memory.gradients == 4 * 144_703_488
    assert memory.optimiser == 8 * 144_703_488
    assert 8e9 < memory.total < 12 * _GIB
    parts = [getattr(memory, item.name) for item in dataclasses.fields(memory)]
    assert memory.total == sum(parts) - memory.host


def test_paged_optimisers_are_in_the_machines_own_memory() -> None:
    config = with_settings(preset("reference-0").config, ["training.optim=paged_adamw_32bit"])
    shape = shape_of_config(preset("reference-0").architecture)
    memory = training_memory(config, _counted("lora"), shape, "gpu")
    own = training_memory(preset("reference-0").config, _counted("lora"), shape, "gpu")
    assert (memory.optimiser, memory.host - own.host) == (0, 8 * 144_703_488)


def test_checkpointed_hidden_states_are_counted_where_they_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moved: list[int] = []
    original = host_memory._put

    def counted(tensor: torch.Tensor) -> object:
        kept = original(tensor)
        moved.extend([tensor.untyped_storage().nbytes()] if isinstance(kept, tuple) else [])
        return kept

    monkeypatch.setattr(host_memory, "_put", counted)
    wide = TINY | {"hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 8}
    batch = ["training.per_device_train_batch_size=1", "training.max_length=1024"]
    chosen = [*batch, "training.gradient_checkpointing=true", "training.dtype=fp32"]
    config = with_settings(TrainingConfig(), chosen)
    _saved_bytes(config, wide, 1024, around=host_memory.kept_on_host())
    parameters, shape = count_parameters(config, wide), shape_of_config(wide)
    memory = training_memory(config, parameters, shape, "gpu")
    # The norm behind the last layer keeps two more, which are counted with that layer.
    assert memory.host <= sum(moved) <= memory.host * 10 / 8
    # Rows that lie end to end leave theirs on the GPU.
    laid = with_settings(config, ["training.padding_free=true"])
    there = training_memory(laid, parameters, shape, "gpu")
    assert (there.activations - memory.activations, there.host) == (memory.host, 0)


def test_only_several_processes_hold_a_second_gradient_of_the_head() -> None:
    found = preset("reference-0")
    shape = shape_of_config(found.architecture)
    two = with_settings(found.config, ["num_processes=2"])
    memories = [training_memory(c, _counted("lora"), shape, "gpu") for c in (two, found.config)]
    assert memories[0].loss - memories[1].loss == 32_000 * 4096 * 4


@functools.cache
def _counted(method: Literal["lora", "full"]) -> Parameters:
    found = preset("reference-0")
    config = dataclasses.replace(found.config, method=method)
    return count_parameters(config, found.architecture)


def _fit(settings: list[str], free: float) -> Fit:
    found = preset("reference-0")
    config = with_settings(found.config, settings)
    counted = _counted(config.method)
    shape = shape_of_config(found.architecture)
    return plan_memory(config, counted, found.architecture, shape, _gpu(free))


def test_what_fits_needs_no_change() -> None:
    fit = _fit([], 24)
    assert (fit.fits, fit.changes, fit.enough) == (True, (), ())


def test_what_does_not_fit_names_changes_by_what_they_save() -> None:
    fit = _fit(["quantization.load_in_4bit=false", "training.gradient_checkpointing=false"], 10)
    assert not fit.fits
    first, second = fit.changes[0], fit.changes[1]
    assert dict(first.settings) == {"training.gradient_checkpointing": "true"}
    assert dict(second.settings) == {"quantization.load_in_4bit": "true"}
    saved = [change.saves for change in fit.changes]
    assert saved == sorted(saved, reverse=True)
    named = {key for change in fit.changes for key, _ in change.settings}
    assert {"training.max_length", "training.optim", "lora.modules_to_save"} <= named
    for change in fit.changes:
        assert change.need == fit.memory.total - change.saves
        assert change.fits == (change.need <= fit.free)


def test_the_changes_that_are_enough_together_really_are() -> None:
    needy = ["quantization.load_in_4bit=false", "training.gradient_checkpointing=false"]
    fit = _fit(needy, 10)
    together = [f"{key}={value}" for key, value in fit.enough]
    assert together
    assert _fit([*needy, *together], 10).fits


def test_where_nothing_is_enough_nothing_is_promised() -> None:
    fit = _fit([], 2)
    assert (fit.fits, fit.enough) == (False, ())


def test_full_training_that_does_not_fit_is_pointed_to_an_adapter() -> None:
    fit = _fit(["method=full", "quantization.load_in_4bit=false"], 24)
    assert ("method", "lora") in fit.changes[0].settings
    assert ("method", "lora") in fit.enough


def test_a_plan_holds_all_mistakes_and_what_can_be_said_all_the_same() -> None:
    config = parse_config(
        "training: {learning_rate: 0, max_length: 4096}\nlora: {target_modules: [x]}"
    )
    plan = make_plan(config, "tiny", TINY, _PROCESSOR, RowLengths(4, (9,) * 4))
    assert [error.key for error in plan.errors] == [
        "training.learning_rate",
        "training.max_length",
        "lora.target_modules",
    ]
    assert plan.parameters is None
    assert plan.steps is not None
    assert json.loads(json.dumps(plan.to_json()))["errors"][2]["hint"]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (["method=full", "lora.r=8"], "have no effect"),
        (["training.padding_free=true", "training.per_device_train_batch_size=1"], "no effect on"),
        (["training.warmup_steps=500"], "still rises at the end"),
        (["training.num_train_epochs=1"], "5 steps are few"),
        (["training.eval_steps=1000"], "before the first evaluation"),
        (["lora.modules_to_save=[lm_head]"], "a layer of its own"),
    ],
)
def test_a_plan_points_out_what_may_surprise(settings: list[str], told: str) -> None:
    config = with_settings(TrainingConfig(), ["training.max_length=64", *settings])
    rows = RowLengths(10, (9,) * 10, validation_rows=1)
    tied = TINY | {"tie_word_embeddings": True}
    plan = make_plan(config, "tiny", tied, _PROCESSOR, rows)
    assert any(told in note for note in plan.notes)


def test_a_plan_of_an_ordinary_run_has_nothing_to_point_out() -> None:
    rows = RowLengths(100, (9,) * 100, validation_rows=10)
    config = with_settings(TrainingConfig(), ["training.max_length=64"])
    assert make_plan(config, "tiny", TINY, _PROCESSOR, rows).notes == ()


def _kept(rows: int, answer: str = "It rose.") -> str:
    turns = [
        (Message("user", f"How was quarter {n}?"), Message("assistant", answer, True))
        for n in range(rows)
    ]
    record = DataSetRecord("", "quarters", "", "messages", 0.0, {})
    examples = [Example(messages) for messages in turns]
    return DataSetStore().add(record, {"train": examples[:-2], "validation": examples[-2:]}).id


def _plan(text: str) -> Any:
    return plan_training(parse_config(text), VariantStore(folders().models), _PROCESSOR)


def test_rows_are_rendered_by_the_base_s_own_tokenizer() -> None:
    id = _kept(22)
    plan = _plan(f"data: {{set: {id}}}\ntraining: {{max_length: 512}}\n")
    assert plan.errors == ()
    assert (plan.rows.rows, plan.rows.validation_rows) == (20, 2)
    assert (plan.rows.sampled, plan.rows.truncated, plan.rows.left_out) == (False, 0, 0)
    assert plan.rows.tokens == sum(plan.rows.lengths)
    assert plan.steps.total == 30
    assert plan.seconds is None
    cut = _plan(f"data: {{set: {id}}}\ntraining: {{max_length: {plan.rows.longest - 1}}}\n")
    assert cut.rows.truncated > 0
    assert any("are shortened" in note for note in cut.notes)


def test_rows_of_a_file_are_looked_at_and_not_kept(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    lines = [{"prompt": f"Quarter {n}?", "completion": "It rose."} for n in range(20)]
    file.write_text("\n".join(map(json.dumps, lines)))
    plan = _plan(f"data: {{set: {file}, template: none, validation: 0.2}}\n")
    assert plan.errors == ()
    assert (plan.rows.rows, plan.rows.validation_rows) == (16, 4)
    assert DataSetStore().sets() == []


def test_a_set_of_the_hub_is_planned_without_its_rows_and_the_plan_says_so() -> None:
    plan = _plan("data: {set: owner/facts, template: none}\n")
    assert (plan.errors, plan.rows, plan.steps) == ((), None, None)
    assert plan.notes == (
        "owner/facts is on the hub: the run fetches it; steps and time are known then.",
    )
    assert plan.fit is not None
    [line] = [line for line in plan_lines(plan) if line.startswith("data")]
    assert line.endswith("owner/facts, whose rows are not known yet")
    shown = [line for line, _ in plan_view(plan.to_json()).lines]
    assert shown[-1] == plan.notes[0]
    assert not any("once a data set is named" in line for line in shown)


def test_a_data_set_that_cannot_be_used_is_an_error_of_the_plan(tmp_path: Path) -> None:
    file = tmp_path / "one.jsonl"
    file.write_text(json.dumps({"prompt": "a", "completion": "b"}))
    two = tmp_path / "two.jsonl"
    two.write_text('{"prompt": "a", "completion": "b"}\n{"prompt": "c", "completion": "d"}')
    for text, told in (
        ("data: {set: nothing-of-this-name}", "no data set"),
        (f"data: {{set: {file}, template: none, validation: 5}}", "cannot be split"),
        (f"data: {{set: {file}, template: none, validation: 0.5}}", "cannot be split"),
        (f"data: {{set: {two}, template: none, validation: 2}}", "nothing is left"),
    ):
        plan = _plan(text)
        assert [error.key for error in plan.errors] == ["data.set"]
        assert told in plan.errors[0].message
        assert plan.steps is None


def _earlier(config: TrainingConfig, speeds: list[float], number: int = 0) -> str:
    id = f"20260101-00000{number}-aaaa"
    spec = JobSpec(id, "train", "t", TARGET, {"config": write_config(config)})
    folder = JobFolder(folders().jobs / id)
    import os

    os.close(folder.create(spec))
    events = [{"type": "train", "tokens_per_second": s, "gpu_bytes": None} for s in speeds]
    folder.events_file.write_text("".join(json.dumps(event) + "\n" for event in events))
    return id


def test_an_earlier_run_of_the_same_kind_tells_how_long_it_takes() -> None:
    id = _kept(22)
    config = parse_config(f"name: before\ndata: {{set: {id}}}\n")
    job = _earlier(config, [90.0, 100.0, 5000.0])
    plan = plan_training(config, VariantStore(folders().models), _PROCESSOR)
    assert plan.throughput is not None
    assert plan.throughput.tokens_per_second == 100
    assert job in plan.throughput.source
    assert plan.steps is not None
    assert plan.seconds == pytest.approx(plan.steps.tokens / 100)
    for other in ("quantization.load_in_4bit=true", "lora.target_modules=all-linear"):
        changed = with_settings(config, [other])
        assert plan_training(changed, VariantStore(folders().models), _PROCESSOR).seconds is None
    on_gpu = plan_training(config, VariantStore(folders().models), _gpu(24))
    assert on_gpu.throughput is None


def test_the_width_of_what_is_adapted_counts_inputs_and_rank() -> None:
    lora = Lora(r=4, target_modules=("q_proj", "down_proj"))
    counted = count_parameters(TrainingConfig(lora=lora), TINY)
    assert counted.adapter_inputs == 2 * ((16 + 4) + (40 + 4))
    assert math.isclose(counted.percent, 100 * counted.trainable / counted.total)


def test_an_adapter_that_goes_on_is_planned_with_its_own_settings(tmp_path: Path) -> None:
    from peft import get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    from ragopt_tui.training.planning.adapter_config import lora_config

    values = {key: value for key, value in TINY.items() if key != "model_type"}
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model("llama", **values))
    model.save_pretrained(tmp_path / "base")
    (tmp_path / "base" / "tokenizer.json").write_text("{}")
    own = Lora(r=4, target_modules=("q_proj",))
    adapted = get_peft_model(model, lora_config(own, tied=False))
    adapted.peft_config["default"].base_model_name_or_path = str(tmp_path / "base")
    adapted.save_pretrained(tmp_path / "adapter")
    store = VariantStore(folders().models)
    base = store.add(tmp_path / "base").variant.id
    adapter = store.add(tmp_path / "adapter", parent=base).variant.id
    text = f"base: {base}\ncontinue_from: {adapter}\nlora: {{r: 64}}\n"
    plan = _plan(text + "training: {max_length: 64}\n")
    assert plan.errors == ()
    assert plan.parameters.trainable == 2 * 4 * (16 + 16)
    assert any("goes on with its own settings" in note for note in plan.notes)
    refused = _plan(f"base: builtin\ncontinue_from: {adapter}\n")
    assert [error.key for error in refused.errors] == ["continue_from"]


def test_settings_that_a_stored_set_does_not_heed_are_pointed_out() -> None:
    id = _kept(22)
    plan = _plan(f"data: {{set: {id}, group: company}}\n")
    assert any("data.group are for files" in note for note in plan.notes)


def test_a_plan_is_remembered_and_made_anew_where_something_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "rows.jsonl"
    rows = [{"prompt": f"Quarter {n}?", "completion": "It rose."} for n in range(20)]
    file.write_text("\n".join(map(json.dumps, rows)))
    text = f"data: {{set: {file}, template: none, validation: 0}}\n"
    first = _plan(text)
    counted = "ragopt_tui.training.planning.parameters.count_parameters"
    rendered = "ragopt_tui.training.data.rendering.Renderer.render"
    with monkeypatch.context() as changed:
        changed.setattr(counted, _never)
        changed.setattr(rendered, _never)
        again = _plan(text + "training: {learning_rate: 1.0e-3}\n")
        assert (again.parameters, again.rows) == (first.parameters, first.rows)
        with pytest.raises(AssertionError, match="counted again"):
            _plan(text + "lora: {r: 8}\n")
    file.write_text("\n".join(map(json.dumps, rows[:10])))
    assert _plan(text).rows.rows == 10


def _never(*_: object) -> None:
    raise AssertionError("counted again")


def test_a_plan_that_cannot_be_kept_is_made_all_the_same(home: Path) -> None:
    (home / "data").mkdir(parents=True)
    (home / "data" / "plans").touch()
    assert _plan("").parameters is not None
