"""A config file of accelerate that cannot work is refused before anything starts, by file and key."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

from ragopt_tui.models.machine import Gpu, Machine
from ragopt_tui.training.configuration.accelerate_config import (
    KEYS,
    KINDS,
    SECTIONS,
    accelerate_errors,
)
from ragopt_tui.training.configuration.config import TrainingConfig

_GIB = 1 << 30
_PROCESSOR = Machine(16 * _GIB, 8 * _GIB)
_TWO = Machine(16 * _GIB, 8 * _GIB, (Gpu("A", _GIB, _GIB),) * 2, transformers_on_gpu=True)
FSDP = """compute_environment: LOCAL_MACHINE
debug: false
distributed_type: FSDP
downcast_bf16: 'no'
fsdp_config:
  fsdp_auto_wrap_policy: TRANSFORMER_BASED_WRAP
  fsdp_reshard_after_forward: true
  fsdp_version: 2
  state_dict_type: SHARDED_STATE_DICT
gpu_ids: 0,1
machine_rank: 0
main_training_function: main
mixed_precision: bf16
num_machines: 1
num_processes: 2
"""


def told(file: Path, machine: Machine = _TWO, processes: int = 1) -> list[str]:
    config = TrainingConfig(accelerate_config=str(file), num_processes=processes)
    errors = accelerate_errors(config, machine)
    assert all(error.key == "accelerate_config" and str(file) in str(error) for error in errors)
    return [str(error).partition(f"{file}: ")[2] for error in errors]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "accelerate.yml"


def test_a_file_of_accelerate_config_passes_in_yaml_and_json(tmp_path: Path, file: Path) -> None:
    file.write_text(FSDP)
    assert told(file) == []
    assert told(file, processes=2) == []
    as_json = tmp_path / "accelerate.json"
    as_json.write_text(json.dumps({"distributed_type": "MULTI_GPU", "num_processes": 2}))
    assert told(as_json) == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("num_proceses: 2", "num_proceses is no key of accelerate. Did you mean num_processes?"),
        ("num_processes: two", "num_processes must be a whole number from 1."),
        ("num_processes: 3", "num_processes is 3, but there are 2 GPUs."),
        ("num_processes:", "num_processes is missing."),
        ("gpu_ids: 0,2", "gpu_ids names GPU 2; there are 0 to 1."),
        ("gpu_ids: first", "gpu_ids names 'first'."),
        ("distributed_type: NO", "distributed_type is False, which is not trained with here. "
         "Write 'NO', with its quotes."),
        ("distributed_type: XLA", "distributed_type is XLA, which is not trained with here."),
        ("compute_environment: AMAZON_SAGEMAKER", "compute_environment is not LOCAL_MACHINE."),
        ("fsdp_config: {fsdp_versoin: 2}", "fsdp_config.fsdp_versoin is no key of accelerate. "
         "Did you mean fsdp_version?"),
        ("fsdp_config: all", "fsdp_config is no mapping of keys to values."),
        ("deepspeed_config: {zero_stag: 3}", "deepspeed_config.zero_stag is no key of accelerate. "
         "Did you mean zero_stage?"),
    ],
)  # fmt: skip
def test_a_wrong_key_is_named_with_what_to_write(file: Path, line: str, said: str) -> None:
    file.write_text(f"{FSDP}{line}\n")
    [one] = told(file)
    assert one.startswith(said)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.yml", "- a list", "it is no mapping of keys to values."),
        ("a.yml", "a: [", "it is no YAML: "),
        ("a.json", "distributed_type: FSDP", "it is no JSON: "),
        ("a.yml", "num_processes: 1", "distributed_type is missing."),
    ],
)
def test_what_is_no_such_file_is_said_so(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    [one] = told(tmp_path / name)
    assert one.startswith(said)
    [missing] = told(tmp_path / "none.yml")
    assert missing == "it is no file."


def test_the_file_and_the_run_do_not_contradict_each_other(file: Path) -> None:
    file.write_text(FSDP)
    [one] = told(file, processes=4)
    assert one.startswith("num_processes is 2, but num_processes of the run is 4.")


def test_several_hosts_may_have_more_processes_than_this_one_has_gpus(file: Path) -> None:
    file.write_text(f"{FSDP}num_machines: 2\nnum_processes: 4\n")
    assert told(file) == []


def test_without_a_gpu_none_is_trained_on(file: Path) -> None:
    file.write_text("distributed_type: MULTI_GPU\nnum_processes: 2\n")
    assert [one.partition(",")[0] for one in told(file, _PROCESSOR)] == [
        "distributed_type is MULTI_GPU"
    ]
    file.write_text("distributed_type: 'NO'\nuse_cpu: true\nnum_processes: 1\n")
    assert told(file, _PROCESSOR) == []


def test_the_keys_are_those_that_accelerate_knows() -> None:
    from accelerate.commands.config.config_args import ClusterConfig
    from accelerate.commands.launch import launch_command_parser
    from accelerate.utils import DistributedType

    own = {each.name for each in fields(ClusterConfig)}
    assert own | {"fp16", "dynamo_backend"} == KEYS
    options = {action.dest for action in launch_command_parser()._actions}
    assert all(known <= options for known in SECTIONS.values())
    assert SECTIONS["fsdp_config"] == {name for name in options if name.startswith("fsdp_")}
    assert set(KINDS) <= {each.value for each in DistributedType}
