"""Runs of a tiny model through the job: every method, what it leaves behind, and how it fails."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import Reporter
from ragopt_tui.models.machine import Machine
from ragopt_tui.models.record import Source
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import folders
from ragopt_tui.training.data.rendering import Renderer
from ragopt_tui.training.execution import job
from ragopt_tui.training.runs.folder import RunFolder
from ragopt_tui.training.runs.listing import find_run, list_runs
from ragopt_tui.training.worker.fused_loss import NO_LOSS
from tests.training.tiny_runs import (
    STEPS,
    config_of,
    events,
    examples,
    job_folder,
    losses,
    tiny_base,
    tiny_set,
    trained,
)

EXACT = "lora: {r: 4, lora_dropout: 0}\n"


@pytest.fixture(autouse=True)
def data_set(home: Path) -> None:
    """A data set of questions and answers."""
    tiny_set()


def store() -> VariantStore:
    return VariantStore(folders().models)


def weights(variant: str) -> dict[str, torch.Tensor]:
    path = store().record(variant).variant.path
    assert path is not None
    return load_file(path / "adapter_model.safetensors")


def test_a_run_leaves_an_adapter_that_explains_itself_and_curves(
    capfd: pytest.CaptureFixture[str],
) -> None:
    asked = examples(30)[25].question
    made = trained(config_of(f'samples: ["{asked}", "Who?"]\n', save_steps=5, save_total_limit=1))
    record = store().record(made["variant"])
    assert (record.variant.kind, record.variant.name) == ("adapter", "tiny run")
    assert not record.variant.problem
    assert record.variant.path is not None
    base = store().record(record.variant.parent)
    assert base.variant.path == tiny_base()
    told = record.made or {}
    assert (told["step"], told["run"], told["at"]) == ("train", made["job"], STEPS)
    assert told["config"]["training"]["max_steps"] == STEPS
    assert told["base"]["fingerprint"]
    assert told["data"]["id"] == "facts"
    assert told["evaluation_loss"] == events(made["job"], "evaluation")[-1]["loss"]
    for name in ("tokenizer.json", "chat_template.jinja", "generation_config.json"):
        assert (record.variant.path / name).read_bytes() == (tiny_base() / name).read_bytes()
    adapter = json.loads((record.variant.path / "adapter_config.json").read_text())
    assert adapter["base_model_name_or_path"] == str(tiny_base())
    assert not list(record.variant.path.glob("*.bin"))

    points = events(made["job"], "train")
    assert [each["step"] for each in points] == list(range(1, STEPS + 1))
    assert points[-1]["loss"] < points[0]["loss"]
    printed = capfd.readouterr()
    assert "grad_norm" not in printed.out
    assert "Loading weights" not in printed.err
    assert all(each["tokens"] > 0 and each["host_bytes"] > 0 for each in points)
    assert [each["step"] for each in events(made["job"], "evaluation")] == [4, 8, 12]
    samples = events(made["job"], "sample")
    assert [each["prompt"] for each in samples] == [asked, "Who?"] * 3
    assert [each["step"] for each in events(made["job"], "checkpoint")] == [5, 10, 12]
    plan = events(made["job"], "plan")[0]
    trainable = sum(each.numel() for each in weights(made["variant"]).values())
    assert plan["parameters"]["trainable"] == trainable
    last = events(made["job"], "progress")[-1]
    assert (last["stage"], last["done"], last["total"]) == ("training", STEPS, STEPS)

    names = {each.name for each in store().variants()}
    assert "tiny run" in names
    assert not any(name.startswith("tiny run step") for name in names)
    run = find_run(made["job"])
    assert (run.state, run.variant, run.name) == ("finished", made["variant"], "tiny run")
    assert [each.id for each in list_runs()] == [run.id]
    assert not RunFolder.of(run.id).checkpoints()


def test_useful_tokens_are_those_of_the_rows_without_padding() -> None:
    made = trained(config_of(per_device_train_batch_size=24, max_steps=1, eval_steps=0))
    lengths = events(made["job"], "plan")[0]["data"]
    assert events(made["job"], "train")[0]["tokens"] == lengths["tokens"]


def test_the_adapter_gives_outside_of_this_program_the_loss_that_its_evaluation_told() -> None:
    made = trained(config_of(EXACT))
    record = store().record(made["variant"])
    model: Any = AutoModelForCausalLM.from_pretrained(tiny_base(), dtype=torch.float32)
    adapted = PeftModel.from_pretrained(model, str(record.variant.path)).eval()
    renderer = Renderer(AutoTokenizer.from_pretrained(record.variant.path))
    total, count = 0.0, 0
    for example in examples(30)[24:]:
        row = renderer.render(example)
        learnt = [id if kept else NO_LOSS for id, kept in zip(row.ids, row.loss, strict=True)]
        with torch.no_grad():
            output = adapted(input_ids=torch.tensor([row.ids]), labels=torch.tensor([learnt]))
        total += float(output.loss) * sum(row.loss)
        count += sum(row.loss)
    told = events(made["job"], "evaluation")[-1]["loss"]
    assert total / count == pytest.approx(told, abs=1e-5)


@pytest.mark.parametrize(
    ("extra", "held"),
    [
        ("quantization: {load_in_4bit: true}\n", "lora_B"),
        ("quantization: {load_in_8bit: true}\n", "lora_B"),
        ("lora: {r: 4, use_dora: true}\n", "lora_magnitude_vector"),
        ("lora: {r: 4, use_rslora: true, target_modules: all-linear}\n", "down_proj.lora_B"),
        ("lora: {r: 4, modules_to_save: [lm_head]}\n", "lm_head"),
    ],
)
def test_each_method_learns_and_is_kept_in_full_precision(extra: str, held: str) -> None:
    made = trained(config_of(extra))
    tensors = weights(made["variant"])
    changed = [each for name, each in tensors.items() if held in name]
    assert changed
    assert all(each.dtype == torch.float32 and each.any() for each in changed)
    course = list(losses(made["job"]).values())
    assert course[-1] < course[0] - 0.1


@pytest.mark.parametrize("trained_whole", ["lm_head", "embed_tokens"])
def test_tied_weights_part_where_the_head_is_trained_and_stay_tied_where_the_embedding_is(
    trained_whole: str,
) -> None:
    base = tiny_base(tied=True)
    made = trained(config_of(f"lora: {{r: 4, modules_to_save: [{trained_whole}]}}\n", base=base))
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    path = store().record(made["variant"]).variant.path
    adapted: Any = PeftModel.from_pretrained(model, str(path))
    head, embedding = adapted.get_output_embeddings(), adapted.get_input_embeddings()
    same = torch.equal(head.weight, embedding.weight)
    assert same == (trained_whole == "embed_tokens")
    original = load_file(base / "model.safetensors")["model.embed_tokens.weight"]
    assert not torch.equal(head.weight, original)


def test_an_adapter_is_trained_further_from_where_it_was() -> None:
    first = trained(config_of(EXACT))
    second = trained(config_of(f"continue_from: {first['variant']}\n", eval_steps=STEPS))
    begun, ended = losses(second["job"])[1], losses(first["job"])[1]
    assert begun < ended
    told = store().record(second["variant"]).made or {}
    assert told["config"]["continue_from"] == first["variant"]


def test_a_full_fine_tuning_gives_a_model_made_from_its_base() -> None:
    made = trained(config_of("method: full\n"))
    variant = store().record(made["variant"]).variant
    assert variant.kind == "base"
    assert store().record(variant.parent).variant.path == tiny_base()
    assert variant.path is not None
    tuned: Any = AutoModelForCausalLM.from_pretrained(variant.path)
    assert tuned.config.architectures == ["LlamaForCausalLM"]
    assert not store().variants()[-1].problem


@pytest.mark.parametrize("laid_out", [{"padding_free": True}, {"packing": True}])
def test_examples_laid_end_to_end_never_see_one_another(laid_out: dict[str, Any]) -> None:
    together = {"per_device_train_batch_size": 24, "max_steps": 1, "eval_steps": 0, "save_steps": 0}
    apart = trained(config_of(EXACT, **together))
    joined = trained(config_of(EXACT, **together, **laid_out))
    assert losses(joined["job"])[1] == pytest.approx(losses(apart["job"])[1], abs=1e-4)
    assert events(joined["job"], "train")[0]["tokens"] == events(apart["job"], "train")[0]["tokens"]


def test_the_best_checkpoint_becomes_the_result_and_a_run_that_gets_worse_stops_early() -> None:
    settings = {"learning_rate": 3e-2, "eval_steps": 2, "max_steps": 40, "max_grad_norm": 0}
    best = {"load_best_model_at_end": True, "early_stopping_patience": 2, "save_total_limit": 1}
    made = trained(config_of("method: full\n", **settings, **best))
    evaluated = {each["step"]: each["loss"] for each in events(made["job"], "evaluation")}
    lowest = min(evaluated, key=lambda step: evaluated[step])
    assert made["step"] == lowest
    assert list(evaluated) == list(range(2, lowest + 6, 2))
    assert "2 evaluations were no better" in events(made["job"], "message")[-1]["text"]


def test_a_checkpoint_that_its_user_made_something_of_stays_in_the_library() -> None:

    class Tags(Reporter):
        def event(self, type: str, **values: Any) -> None:
            super().event(type, **values)
            if type == "checkpoint" and values["step"] == 4:
                store().tag(values["variant"], ["good"])

    folder = job_folder(config_of(save_total_limit=1))
    job.train(folder.read_spec().parameters, Tags(folder.events_file))
    kept = [each.variant.name for each in store().records() if each.tags]
    assert kept == ["tiny run step 4"]


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Have the system refuse to write files beyond a size, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_fills_up_ends_the_run_and_leaves_no_half_checkpoint() -> None:

    class FillsUp(Reporter):
        def event(self, type: str, **values: Any) -> None:
            super().event(type, **values)
            if type == "checkpoint":
                hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
                resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))

    folder = job_folder(config_of())
    with largest_file(1 << 30), pytest.raises(RagoptError) as error:
        job.train(folder.read_spec().parameters, FillsUp(folder.events_file))
    assert "The checkpoint of step 8 cannot be written" in error.value.message
    assert "the disk is full" in error.value.message
    assert "The checkpoint of step 4 is whole." in error.value.hint
    run = RunFolder.of(folder.path.name)
    assert [each.step for each in run.checkpoints()] == [4]
    assert [each.name for each in run.checkpoints_folder.iterdir()] == ["checkpoint-4"]
    usable = [each for each in store().variants() if each.name == "tiny run step 4"]
    assert [each.problem for each in usable] == [""]
    again = trained(config_of(), run=folder.path.name)
    assert again["step"] == STEPS


def test_a_folder_that_cannot_be_written_is_named() -> None:
    blocked = folders().data / "runs"
    blocked.parent.mkdir(parents=True, exist_ok=True)
    blocked.write_text("a file")
    with pytest.raises(RagoptError, match=r"The run's folder .* cannot be written"):
        trained(config_of())


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes."),
    ],
)
def test_a_lack_of_memory_says_what_to_change(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ragopt_tui.training.worker.trainer import RunTrainer

    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(RunTrainer, "compute_loss", fails)
    with pytest.raises(RagoptError, match="Training ran out of memory") as told:
        trained(config_of())
    assert "per_device_train_batch_size 1 with gradient_accumulation_steps 2" in told.value.hint
    assert "gradient_checkpointing true" in told.value.hint
    assert "load_in_4bit" in told.value.hint


def test_a_run_that_does_not_fit_asks_the_chat_model_to_step_aside_and_tries_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from ragopt_tui.training.worker import worker

    monkeypatch.setattr(worker, "_SECONDS_FOR_MEMORY", 0.0)
    monkeypatch.setattr(worker, "this_machine", lambda: Machine(1_000_000, 1_000_000))
    made = trained(config_of(max_steps=1, eval_steps=0, save_steps=0))
    told = [each["text"] for each in events(made["job"], "message")]
    assert "the chat model is asked to step aside" in told[0]
    assert "training tries all the same" in told[1]


def test_a_base_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(RagoptError, match="gone"):
        trained(config_of(base=tmp_path / "gone"))


def test_rows_of_which_nothing_is_learnt_are_an_error_that_names_the_set() -> None:
    with pytest.raises(RagoptError, match="None of the 24 examples of facts"):
        trained(config_of(max_length=8))


def test_a_tracker_that_is_not_installed_is_named() -> None:
    with pytest.raises(RagoptError, match=r"training\.report_to names wandb"):
        trained(config_of(report_to=["wandb"]))


def test_the_configuration_of_a_run_is_kept_as_written_and_in_full() -> None:
    from ragopt_tui.training.configuration.config import parse_config, read_config

    original = "# mine\n" + config_of(max_steps=1, eval_steps=0)
    folder = job_folder(config_of(max_steps=1, eval_steps=0))
    parameters = folder.read_spec().parameters | {"original": original}
    job.train(parameters, Reporter(folder.events_file))
    run = RunFolder.of(folder.path.name)
    assert read_config(run.config_file) == parse_config(parameters["config"])
    assert (run.path / "config.original.yml").read_text() == original
    assert json.loads(run.made_file.read_text())["run"] == folder.path.name


@pytest.mark.parametrize(
    "extra", [EXACT, "lora: {r: 4, lora_dropout: 0, modules_to_save: [lm_head]}\n"]
)
def test_it_learns_as_trl_s_own_trainer_does(extra: str) -> None:
    from trl.trainer.sft_trainer import SFTTrainer

    from ragopt_tui.training.configuration.config import parse_config
    from ragopt_tui.training.worker.arguments import training_arguments
    from ragopt_tui.training.worker.model_building import built_model, precision_of
    from ragopt_tui.training.worker.worker import Task, prepared

    config = config_of(extra, gradient_accumulation_steps=2, max_steps=5, eval_steps=0)
    ours = trained(config)["job"]
    task = Task(parse_config(config), RunFolder.of(ours), gpu=False)
    ready = prepared(task, store(), Reporter(folders().jobs / ours / "again.jsonl"))
    precision = precision_of(task.config, gpu=False)
    arguments = training_arguments(
        task.config, task.run.path, computed="fp32", gpu=False, evaluates=False
    )
    theirs = SFTTrainer(
        model=built_model(task.config, ready.base, precision, sharded=False), args=arguments,
        train_dataset=ready.train.dataset, processing_class=ready.tokenizer,
    )  # fmt: skip
    theirs.train()
    wanted = {each["step"]: each["loss"] for each in theirs.state.log_history if "loss" in each}
    assert losses(ours) == pytest.approx(wanted, abs=1e-4)


def test_an_adapter_names_the_repository_and_revision_of_a_base_from_the_hub() -> None:
    store().add(tiny_base(), source=Source("someone/tiny", "abc123"))
    made = trained(config_of(max_steps=1, eval_steps=0, save_steps=0))
    path = store().record(made["variant"]).variant.path
    assert path is not None
    adapter = json.loads((path / "adapter_config.json").read_text())
    assert (adapter["base_model_name_or_path"], adapter["revision"]) == ("someone/tiny", "abc123")
    assert (store().record(made["variant"]).made or {})["base"]["revision"] == "abc123"
