"""Configurations of axolotl are taken over, and what has no place is named with a reason."""

from __future__ import annotations

import pytest

from ragopt_tui.errors import RagoptError
from ragopt_tui.training.configuration.axolotl import Imported, import_axolotl
from ragopt_tui.training.configuration.checks import combination_errors
from ragopt_tui.training.configuration.config import parse_config, write_config

_QLORA = """
base_model: mistralai/Mistral-7B-Instruct-v0.2
model_type: MistralForCausalLM
load_in_8bit: false
load_in_4bit: true
strict: false
datasets:
  - {path: data.jsonl, ds_type: json, type: alpaca}
dataset_prepared_path: last_run_prepared
val_set_size: 0.1
output_dir: ./mistral-out
adapter: qlora
lora_model_dir:
hub_model_id: somebody/mistral-ft
hub_strategy: every_save
sequence_len: 8192
sample_packing: true
eval_sample_packing: false
lora_r: 32
lora_alpha: 16
lora_dropout: 0.05
lora_target_linear: true
lora_target_modules: [gate_proj, q_proj]
gradient_accumulation_steps: 4
micro_batch_size: 2
num_epochs: 18
optimizer: adamw_bnb_8bit
lr_scheduler: cosine
learning_rate: 0.0002
train_on_inputs: false
group_by_length: false
bf16: auto
tf32: false
gradient_checkpointing: true
flash_attention: true
loss_watchdog_threshold: 5.0
warmup_steps: 10
evals_per_epoch: 4
saves_per_epoch: 1
weight_decay: 0.0
special_tokens:
"""

_LORA_8BIT = """
base_model: meta-llama/Llama-3.2-1B
load_in_8bit: true
chat_template: llama3
datasets:
  - path: chats.jsonl
    type: chat_template
    field_messages: turns
    roles: {user: [human]}
  - path: others.jsonl
    type: sharegpt
val_set_size: 200
adapter: lora
lora_r: "16"
lora_alpha: 32
lora_target_modules: [q_proj, v_proj]
lora_modules_to_save: [embed_tokens, lm_head]
peft_use_dora: true
peft_use_rslora: true
batch_size: 32
micro_batch_size: 4
num_epochs: 2
learning_rate: 1e-4
lr_scheduler: one_cycle
optimizer: lion_8bit
warmup_ratio: 0.05
eval_strategy: epoch
save_strategy: steps
save_steps: 50
bf16: true
neftune_noise_alpha: 5
early_stopping_patience: 3
wandb_project: finance
deepspeed: zero2.json
special_tokens: {pad_token: <|pad|>}
unfrozen_parameters: [lm_head]
hub_model_id: somebody/x
hub_strategy: end
"""

_COMPLETION = """
base_model: ./llama
datasets:
  - path: json
    data_files: [paragraphs.jsonl]
    type: completion
    field: body
sequence_len: 512
micro_batch_size: 1
max_steps: 100
evals_per_epoch: 2
learning_rate: 2e-5
adapter:
seed: -1
"""


def _imported(text: str) -> Imported:
    imported = import_axolotl(text, "qlora.yml")
    assert parse_config(write_config(imported.config)) == imported.config
    assert combination_errors(imported.config) == []
    return imported


def _reasons(imported: Imported) -> dict[str, str]:
    return {each.key: each.reason for each in imported.unmapped}


def test_a_qlora_of_instructions_is_taken_over() -> None:
    imported = _imported(_QLORA)
    config, schedule = imported.config, imported.config.training
    assert (config.name, config.base) == ("mistral-out", "mistralai/Mistral-7B-Instruct-v0.2")
    assert config.method == "lora"
    assert (config.quantization.bits, config.push_checkpoints_to) == (4, "somebody/mistral-ft")
    assert (config.lora.r, config.lora.lora_alpha, config.lora.lora_dropout) == (32, 16, 0.05)
    assert config.lora.target_modules == "all-linear"
    assert (config.data.set, config.data.format) == ("data.jsonl", "alpaca")
    assert (config.data.validation, config.data.completion_only_loss) == (0.1, True)
    assert (schedule.num_train_epochs, schedule.per_device_train_batch_size) == (18, 2)
    assert (schedule.gradient_accumulation_steps, schedule.warmup_steps) == (4, 10)
    assert (schedule.optim, schedule.lr_scheduler_type) == ("adamw_8bit", "cosine")
    assert (schedule.max_length, schedule.packing) == (8192, True)
    assert (schedule.learning_rate, schedule.gradient_checkpointing) == (2e-4, True)
    assert schedule.eval_steps == pytest.approx(1 / 72, abs=1e-6)
    assert schedule.save_steps == pytest.approx(1 / 18, abs=1e-6)
    assert set(_reasons(imported)) == {
        "model_type",
        "datasets[0].type",
        "dataset_prepared_path",
        "output_dir",
        "flash_attention",
        "loss_watchdog_threshold",
    }
    assert all(each.reason for each in imported.unmapped)


def test_a_lora_of_dialogues_is_taken_over() -> None:
    imported = _imported(_LORA_8BIT)
    config, schedule = imported.config, imported.config.training
    assert config.quantization.bits == 8
    assert (config.lora.r, config.lora.use_dora, config.lora.use_rslora) == (16, True, True)
    assert config.lora.modules_to_save == ("embed_tokens", "lm_head")
    assert (config.data.format, config.data.columns) == ("messages", {"messages": "turns"})
    assert config.data.validation == 200
    assert (schedule.gradient_accumulation_steps, schedule.dtype) == (8, "bf16")
    assert (schedule.warmup_steps, schedule.eval_steps, schedule.save_steps) == (0.05, 0.5, 50)
    assert (schedule.learning_rate, schedule.neftune_noise_alpha) == (1e-4, 5)
    assert (schedule.early_stopping_patience, schedule.report_to) == (3, ("wandb",))
    reasons = _reasons(imported)
    assert set(reasons) == {
        "chat_template",
        "datasets[1]",
        "datasets[0].roles",
        "lr_scheduler",
        "optimizer",
        "wandb_project",
        "deepspeed",
        "special_tokens",
        "unfrozen_parameters",
        "hub_model_id",
    }
    assert "accelerate_config" in reasons["deepspeed"]
    assert "join the files" in reasons["datasets[1]"]
    assert config.push_checkpoints_to == ""


def test_full_training_on_text_is_taken_over() -> None:
    imported = _imported(_COMPLETION)
    config = imported.config
    assert (config.method, config.training.max_steps) == ("full", 100)
    assert (config.data.set, config.data.format) == ("paragraphs.jsonl", "text")
    assert (config.data.columns, config.data.completion_only_loss) == ({"text": "body"}, False)
    assert config.training.learning_rate == 2e-5
    reasons = _reasons(imported)
    assert set(reasons) == {"evals_per_epoch", "seed"}
    assert "from 0 to" in reasons["seed"]
    assert config.training.seed == 42


def test_columns_of_ones_own_are_taken_over() -> None:
    imported = _imported(
        "base_model: x\nadapter: lora\ndatasets:\n- path: f.jsonl\n  type:\n"
        "    field_instruction: ask\n    field_output: say\n    format: '[INST] {instruction}'\n"
    )
    assert imported.config.data.columns == {"instruction": "ask", "output": "say"}
    assert list(_reasons(imported)) == ["datasets[0].type.format"]


def test_a_pattern_of_layers_and_an_unknown_adapter_are_not_taken_over() -> None:
    imported = _imported("base_model: x\nadapter: ia3\nlora_target_modules: '.*proj'\n")
    assert set(_reasons(imported)) == {"adapter", "lora_target_modules"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("base_model: x\nrl: dpo", "by preferences"),
        ("model: x", "no base_model"),
        ("- a", "no base_model"),
        ("a: [", "no YAML"),
    ],
)
def test_what_is_no_such_configuration_is_refused(text: str, told: str) -> None:
    with pytest.raises(RagoptError, match=told):
        import_axolotl(text, "qlora.yml")
