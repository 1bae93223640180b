"""What is wrong with a config file of accelerate, by its keys and this machine, before it is started."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from ragopt_tui.models.machine import Machine
from ragopt_tui.plaintext import one_line
from ragopt_tui.training.configuration.reading import ConfigError
from ragopt_tui.training.configuration.values import TrainingConfig

KEYS = frozenset(
    """command_file commands compute_environment debug deepspeed_config distributed_type
    downcast_bf16 dynamo_backend dynamo_config enable_cpu_affinity fp16 fp8_config fsdp_config
    gpu_ids machine_rank main_process_ip main_process_port main_training_function
    megatron_lm_config mixed_precision mpirun_config num_machines num_processes
    parallelism_config rdzv_backend same_network tpu_env tpu_name tpu_use_cluster tpu_use_sudo
    tpu_vm tpu_zone use_cpu""".split()
)
"""The keys of a file for a machine of one's own; accelerate refuses any other."""

SECTIONS: Mapping[str, frozenset[str]] = {
    "fsdp_config": frozenset(
        """fsdp_activation_checkpointing fsdp_activation_checkpointing_offload
        fsdp_auto_wrap_policy fsdp_backward_prefetch fsdp_cpu_ram_efficient_loading
        fsdp_forward_prefetch fsdp_min_num_params fsdp_offload_params fsdp_reshard_after_forward
        fsdp_sharding_strategy fsdp_state_dict_type fsdp_sync_module_states
        fsdp_transformer_layer_cls_to_wrap fsdp_use_orig_params fsdp_version""".split()
    ),
    "deepspeed_config": frozenset(
        """deepspeed_config_file deepspeed_exclusion_filter deepspeed_hostfile
        deepspeed_inclusion_filter deepspeed_moe_layer_cls_names deepspeed_multinode_launcher
        gradient_accumulation_steps gradient_clipping offload_optimizer_device
        offload_optimizer_nvme_path offload_param_device offload_param_nvme_path zero3_init_flag
        zero3_save_16bit_model zero_stage""".split()
    ),
}
"""The keys of its parts; accelerate passes over any other without a word."""

KINDS = ("NO", "MULTI_CPU", "MULTI_GPU", "DEEPSPEED", "FSDP")


def accelerate_errors(config: TrainingConfig, machine: Machine) -> list[ConfigError]:
    """Give what is wrong with the file that `accelerate_config` names; none where it names none.

    Each names the file and the key.
    """
    if not config.accelerate_config:
        return []
    file = Path(config.accelerate_config).expanduser()
    try:
        values = _read(file)
    except _NoConfigError as error:
        return [_error(file, str(error))]
    found = [*_keys(values), *_kind(values), *_processes(values, config, machine)]
    return [_error(file, f"{key} {told}", hint) for key, told, hint in found]


class _NoConfigError(Exception):
    """Why a file cannot be read as one of accelerate."""


_Wrong = tuple[str, str, str]
"""A key, what is wrong with it, and what to write."""


def _read(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise _NoConfigError("it is no file.")
    try:
        text = file.read_text(encoding="utf-8")
        # As accelerate does, by the ending alone.
        values = json.loads(text) if file.name.endswith(".json") else yaml.safe_load(text)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        kind = "JSON" if file.name.endswith(".json") else "YAML"
        told = getattr(error, "strerror", None) or f"it is no {kind}: {error}"
        raise _NoConfigError(f"{one_line(told, 300)}.") from error
    if not isinstance(values, dict):
        raise _NoConfigError("it is no mapping of keys to values.")
    return {str(key): value for key, value in values.items()}


def _keys(values: Mapping[str, Any]) -> Iterator[_Wrong]:
    if values.get("compute_environment", "LOCAL_MACHINE") != "LOCAL_MACHINE":
        yield "compute_environment", "is not LOCAL_MACHINE.", "Training starts on this machine."
        return
    yield from _unknown(values, KEYS, "")
    for section, known in SECTIONS.items():
        inside = values.get(section)
        if inside is None:
            continue
        if not isinstance(inside, dict):
            yield section, "is no mapping of keys to values.", ""
            continue
        prefix = "fsdp_" if section == "fsdp_config" else ""
        named = {_prefixed(str(key), prefix): value for key, value in inside.items()}
        yield from _unknown(named, known, f"{section}.")


def _prefixed(key: str, prefix: str) -> str:
    return key if key.startswith(prefix) else prefix + key


def _unknown(names: Iterable[str], known: frozenset[str], section: str) -> Iterator[_Wrong]:
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=1)
            hint = f"Did you mean {near[0]}?" if near else "Leave it out."
            yield f"{section}{name}", "is no key of accelerate.", hint


def _kind(values: Mapping[str, Any]) -> Iterator[_Wrong]:
    one_of = f"Write one of {', '.join(KINDS)}."
    if "distributed_type" not in values:
        yield "distributed_type", "is missing.", one_of
    elif values["distributed_type"] not in KINDS:
        told = (
            f"is {one_line(str(values['distributed_type']), 40)}, which is not trained with here."
        )
        # YAML takes NO without quotes for false.
        hint = "Write 'NO', with its quotes." if values["distributed_type"] is False else one_of
        yield "distributed_type", told, hint


def _processes(
    values: Mapping[str, Any], config: TrainingConfig, machine: Machine
) -> Iterator[_Wrong]:
    gpus = 0 if values.get("use_cpu") else len(machine.gpus_of(gguf=False))
    kind = values.get("distributed_type")
    count, own = values.get("num_processes"), config.num_processes
    if count is not None and (type(count) is not int or count < 1):
        yield "num_processes", "must be a whole number from 1.", ""
        return
    if count is None and own == 1 and kind not in ("NO", None):
        yield "num_processes", "is missing.", "Write how many processes train, one for each GPU."
    if count is not None and own not in (1, count):
        told = f"is {count}, but num_processes of the run is {own}."
        yield "num_processes", told, "Write one of them, or the same."
        return
    here = values.get("num_machines") in (None, 1)
    wanted = max(own, count or 1)
    if here and gpus and wanted > gpus:
        are = "is 1 GPU" if gpus == 1 else f"are {gpus} GPUs"
        yield "num_processes", f"is {wanted}, but there {are}.", "Each process needs its own GPU."
    if kind == "MULTI_GPU" and not gpus:
        told = "is MULTI_GPU, but there is no GPU to train on."
        yield "distributed_type", told, "Leave accelerate_config out to train on the processor."
    elif kind == "MULTI_GPU" and count is not None and wanted == 1:
        yield "num_processes", "is 1, but distributed_type is MULTI_GPU.", "Write 2 or more."
    yield from _gpu_ids(values.get("gpu_ids"), gpus)


def _gpu_ids(ids: Any, gpus: int) -> Iterator[_Wrong]:  # noqa: ANN401 - a value of YAML
    if ids is None or ids == "all":
        return
    for id in str(ids).split(","):
        number = id.strip()
        if not number.isdecimal():
            yield "gpu_ids", f"names {one_line(number, 40)!r}.", "Write all, or numbers as in 0,1."
        elif int(number) >= gpus:
            there = f"are 0 to {gpus - 1}" if gpus > 1 else "is 0 alone" if gpus else "is none"
            yield "gpu_ids", f"names GPU {number}; there {there}.", "Write all, or those there are."


def _error(file: Path, told: str, hint: str = "") -> ConfigError:
    return ConfigError(f"accelerate_config, {file}: {told}", hint, key="accelerate_config")
