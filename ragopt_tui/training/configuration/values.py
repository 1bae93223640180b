"""What a training run is told: the settings of one YAML file, with PEFT's and TRL's names.

Every field carries a sentence about itself and its limits (`settings_of`), which the reader of the
file checks and a form can show.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, get_type_hints

Template = Literal["auto", "evidence", "chat", "none"]
Method = Literal["lora", "full"]
QuantType = Literal["nf4", "fp4"]
Scheduler = Literal[
    "linear",
    "cosine",
    "cosine_with_restarts",
    "polynomial",
    "constant",
    "constant_with_warmup",
    "inverse_sqrt",
]
Optimiser = Literal[
    "adamw_torch",
    "adamw_torch_fused",
    "adamw_8bit",
    "paged_adamw_8bit",
    "paged_adamw_32bit",
    "adafactor",
    "sgd",
]
Dtype = Literal["auto", "bf16", "fp16", "fp32"]
Tracker = Literal["tensorboard", "wandb", "mlflow"]
TargetModules = tuple[str, ...] | Literal["all-linear"]


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known of one field: a sentence about it, and the least and most it may be."""

    about: str
    least: float | None = None
    most: float | None = None


def settings_of(kind: type[Any]) -> dict[str, Setting]:
    """Give what is known of each field of one of the classes below."""
    hints = get_type_hints(kind, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items()}


@dataclass(frozen=True, slots=True)
class DataChoice:
    """Which examples are learnt from, and how they become text."""

    set: Annotated[str, Setting("the id of a data set, or a file or folder that is imported")] = ""
    format: Annotated[str, Setting("how the file is laid out; auto finds out")] = "auto"
    columns: Annotated[
        dict[str, str], Setting("what a CSV file calls its columns, e.g. question: Q")
    ] = field(default_factory=dict)
    validation: Annotated[
        float, Setting("kept for evaluation: a share below 1, or a number of rows", 0, 1e9)
    ] = 0.1
    test: Annotated[float, Setting("kept aside: a share below 1, or a number of rows", 0, 1e9)] = (
        0.0
    )
    group: Annotated[
        str, Setting("a column whose equal values never stand on two sides of the split")
    ] = ""
    template: Annotated[
        Template,
        Setting(
            "evidence is the chat pane's own prompt, chat the model's template, none plain text"
        ),
    ] = "auto"
    completion_only_loss: Annotated[
        bool, Setting("whether only answers are learnt, not prompts")
    ] = True


@dataclass(frozen=True, slots=True)
class Quantization:
    """How the frozen base is held in memory, with the names of BitsAndBytesConfig."""

    load_in_4bit: Annotated[bool, Setting("hold the base in 4 bits (QLoRA)")] = False
    load_in_8bit: Annotated[bool, Setting("hold the base in 8 bits")] = False
    bnb_4bit_quant_type: Annotated[QuantType, Setting("the 4-bit number format")] = "nf4"
    bnb_4bit_use_double_quant: Annotated[
        bool, Setting("hold the scales of 4-bit weights in 8 bits")
    ] = True

    @property
    def bits(self) -> int:
        """4 or 8 where the base is quantised, else 0."""
        return 4 if self.load_in_4bit else 8 if self.load_in_8bit else 0


@dataclass(frozen=True, slots=True)
class Lora:
    """The adapter, with the names of PEFT's LoraConfig."""

    r: Annotated[int, Setting("the rank of the added matrices", 1, 4096)] = 16
    lora_alpha: Annotated[
        int, Setting("their weight is alpha / r, or alpha / √r with rsLoRA", 1, 100_000)
    ] = 32
    lora_dropout: Annotated[float, Setting("which share of their input is dropped", 0, 0.99)] = 0.05
    target_modules: Annotated[
        TargetModules, Setting("the layers that are adapted, or all-linear")
    ] = ("q_proj", "k_proj", "v_proj", "o_proj")
    modules_to_save: Annotated[
        tuple[str, ...], Setting("layers trained whole, such as lm_head")
    ] = ()
    use_rslora: Annotated[bool, Setting("scale by alpha / √r (rsLoRA)")] = False
    use_dora: Annotated[bool, Setting("train length and direction of weights apart (DoRA)")] = False
    rank_pattern: Annotated[dict[str, int], Setting("other ranks, by the layer's name")] = field(
        default_factory=dict
    )
    alpha_pattern: Annotated[dict[str, int], Setting("other alphas, by the layer's name")] = field(
        default_factory=dict
    )


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast is learnt, with the names of TRL's SFTConfig."""

    num_train_epochs: Annotated[float, Setting("how often all rows are seen", 0.001, 100_000)] = 3.0
    max_steps: Annotated[
        int, Setting("ends after so many steps; -1 goes by epochs", -1, 10**9)
    ] = -1
    per_device_train_batch_size: Annotated[
        int, Setting("rows at once on each device", 1, 65_536)
    ] = 2
    gradient_accumulation_steps: Annotated[
        int, Setting("batches whose gradients make one step", 1, 65_536)
    ] = 1
    learning_rate: Annotated[float, Setting("the highest learning rate", 0, 100)] = 0.0002
    lr_scheduler_type: Annotated[Scheduler, Setting("how the learning rate falls")] = "cosine"
    warmup_steps: Annotated[
        float, Setting("rises for so many steps; a share of all below 1", 0, 10**9)
    ] = 0.03
    weight_decay: Annotated[float, Setting("how strongly weights are pulled to zero", 0, 10)] = 0.0
    max_grad_norm: Annotated[
        float, Setting("longer gradients are cut to this length; 0 never", 0, 1e9)
    ] = 1.0
    optim: Annotated[Optimiser, Setting("the optimiser")] = "adamw_torch"
    max_length: Annotated[int, Setting("longer rows are cut, in tokens", 8, 10_000_000)] = 1024
    packing: Annotated[bool, Setting("put several rows into one of max_length")] = False
    padding_free: Annotated[
        bool, Setting("lay the rows of a batch end to end, without padding")
    ] = False
    neftune_noise_alpha: Annotated[
        float, Setting("noise on the embeddings (NEFTune); 0 is none", 0, 1e3)
    ] = 0.0
    gradient_checkpointing: Annotated[
        bool, Setting("compute activations twice to keep fewer of them")
    ] = False
    dtype: Annotated[Dtype, Setting("the number format that is computed in")] = "auto"
    logging_steps: Annotated[
        int, Setting("a point on the curves every so many steps", 1, 10**9)
    ] = 1
    eval_steps: Annotated[
        float, Setting("evaluates every so many steps; a share of all below 1; 0 never", 0, 10**9)
    ] = 0.1
    save_steps: Annotated[
        float,
        Setting(
            "a checkpoint every so many steps; a share of all below 1; 0 only at the end", 0, 10**9
        ),
    ] = 0.1
    save_total_limit: Annotated[
        int, Setting("how many checkpoints are kept; 0 keeps all", 0, 100_000)
    ] = 3
    load_best_model_at_end: Annotated[bool, Setting("keep the checkpoint that evaluates best")] = (
        False
    )
    early_stopping_patience: Annotated[
        int, Setting("ends after so many evaluations without a better one; 0 never", 0, 100_000)
    ] = 0
    seed: Annotated[int, Setting("of data order, dropout and first values", 0, 2**32 - 1)] = 42
    report_to: Annotated[
        tuple[Tracker, ...], Setting("trackers that are told: tensorboard, wandb, mlflow")
    ] = ()


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """All of a training run's settings; the defaults are a small LoRA of the built-in model."""

    name: Annotated[str, Setting("what the trained variant will be called")] = "fine-tuned"
    base: Annotated[str, Setting("the model that is trained: a variant's id, or a folder")] = (
        "builtin"
    )
    continue_from: Annotated[
        str, Setting("an adapter that is trained further; empty for a fresh one")
    ] = ""
    data: Annotated[DataChoice, Setting("the examples")] = field(default_factory=DataChoice)
    method: Annotated[Method, Setting("lora trains an adapter, full all weights")] = "lora"
    quantization: Annotated[Quantization, Setting("how the base is held")] = field(
        default_factory=Quantization
    )
    lora: Annotated[Lora, Setting("the adapter")] = field(default_factory=Lora)
    training: Annotated[Schedule, Setting("the schedule")] = field(default_factory=Schedule)
    samples: Annotated[tuple[str, ...], Setting("questions answered at every evaluation")] = ()
    num_processes: Annotated[int, Setting("how many processes, one for each GPU", 1, 4096)] = 1
    accelerate_config: Annotated[
        str, Setting("a config file of accelerate (FSDP, DeepSpeed, hosts)")
    ] = ""
    push_checkpoints_to: Annotated[str, Setting("a hub repository that gets each checkpoint")] = ""
