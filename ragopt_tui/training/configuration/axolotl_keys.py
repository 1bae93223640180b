"""The keys of axolotl's configuration files: what they are called here, and why some have no place."""

from __future__ import annotations

SAME = {
    "base_model": "base",
    "lora_model_dir": "continue_from",
    "load_in_4bit": "quantization.load_in_4bit",
    "load_in_8bit": "quantization.load_in_8bit",
    "lora_r": "lora.r",
    "lora_alpha": "lora.lora_alpha",
    "lora_dropout": "lora.lora_dropout",
    "lora_modules_to_save": "lora.modules_to_save",
    "peft_use_rslora": "lora.use_rslora",
    "peft_use_dora": "lora.use_dora",
    "val_set_size": "data.validation",
    "num_epochs": "training.num_train_epochs",
    "max_steps": "training.max_steps",
    "micro_batch_size": "training.per_device_train_batch_size",
    "gradient_accumulation_steps": "training.gradient_accumulation_steps",
    "learning_rate": "training.learning_rate",
    "weight_decay": "training.weight_decay",
    "max_grad_norm": "training.max_grad_norm",
    "sequence_len": "training.max_length",
    "sample_packing": "training.packing",
    "neftune_noise_alpha": "training.neftune_noise_alpha",
    "noisy_embedding_alpha": "training.neftune_noise_alpha",
    "logging_steps": "training.logging_steps",
    "save_total_limit": "training.save_total_limit",
    "load_best_model_at_end": "training.load_best_model_at_end",
    "early_stopping_patience": "training.early_stopping_patience",
    "seed": "training.seed",
}
"""Keys that mean the same under another name."""

OPTIMISERS = {
    "adamw_torch": "adamw_torch",
    "adamw_hf": "adamw_torch",
    "adamw_torch_fused": "adamw_torch_fused",
    "adamw_bnb_8bit": "adamw_8bit",
    "adamw_8bit": "adamw_8bit",
    "paged_adamw_8bit": "paged_adamw_8bit",
    "paged_adamw_32bit": "paged_adamw_32bit",
    "adafactor": "adafactor",
    "sgd": "sgd",
}

SCHEDULERS = {
    "linear": "linear",
    "cosine": "cosine",
    "cosine_with_restarts": "cosine_with_restarts",
    "polynomial": "polynomial",
    "constant": "constant",
    "constant_with_warmup": "constant_with_warmup",
    "inverse_sqrt": "inverse_sqrt",
}

FORMATS = {
    "alpaca": "alpaca",
    "alpaca_chat": "alpaca",
    "alpaca_w_system": "alpaca",
    "sharegpt": "sharegpt",
    "chat_template": "messages",
    "completion": "text",
    "pretrain": "text",
    "context_qa": "question-answer",
}
"""Dataset types, without what stands behind a dot, and our formats."""

_LAUNCHER = "Write a config file with `accelerate config` and name it in accelerate_config."
_ATTENTION = "Attention is PyTorch's own (scaled_dot_product_attention)."
_TOKENIZER = "The tokenizer is the base's, as it is."
_BASE = "It is read from the base's own files."
_WATCH = "Every run is watched for divergence, with limits of its own."

REASONS = {
    "model_type": _BASE,
    "tokenizer_type": _BASE,
    "tokenizer_config": _TOKENIZER,
    "is_mistral_derived_model": _BASE,
    "is_llama_derived_model": _BASE,
    "is_falcon_derived_model": _BASE,
    "special_tokens": _TOKENIZER,
    "tokens": _TOKENIZER,
    "added_tokens_overrides": _TOKENIZER,
    "tokenizer_use_fast": _TOKENIZER,
    "trust_remote_code": "Code from the hub is never run.",
    "deepspeed": _LAUNCHER,
    "fsdp": _LAUNCHER,
    "fsdp_config": _LAUNCHER,
    "fsdp_version": _LAUNCHER,
    "ddp_timeout": _LAUNCHER,
    "device_map": "Each process has one GPU.",
    "max_memory": "Each process has one GPU.",
    "flash_attention": _ATTENTION,
    "xformers_attention": _ATTENTION,
    "sdp_attention": _ATTENTION,
    "s2_attention": _ATTENTION,
    "attn_implementation": _ATTENTION,
    "chat_template": "The base's own chat template is used, the one that the chat pane uses.",
    "chat_template_jinja": "The base's own chat template is used; the library can hold another.",
    "tf32": "It has no effect on bf16.",
    "eval_batch_size": "Evaluation has the training's batch size.",
    "eval_sample_packing": "Rows to evaluate are not packed; their loss is the same.",
    "pad_to_sequence_len": "Rows are padded to the longest of their batch only.",
    "group_by_length": "Rows come in random order; packing or padding_free saves the padding.",
    "gradient_checkpointing_kwargs": "Checkpointing is the non-reentrant one.",
    "loss_watchdog_threshold": _WATCH,
    "loss_watchdog_patience": _WATCH,
    "eval_table_size": "List prompts in samples: each evaluation answers them.",
    "eval_max_new_tokens": "List prompts in samples: each evaluation answers them.",
    "eval_table_max_new_tokens": "List prompts in samples: each evaluation answers them.",
    "dataset_prepared_path": "Rows are prepared with each run.",
    "shuffle_merged_datasets": "Rows are always shuffled, by the seed.",
    "test_datasets": "Import it as the validation split of the data set.",
    "hf_use_auth_token": "The hub's own log-in is used.",
    "hub_token": "The hub's own log-in is used.",
    "resume_from_checkpoint": "Resume with `ragopt-tui train --resume RUN`.",
    "auto_resume_from_checkpoints": "Resume with `ragopt-tui train --resume RUN`.",
    "data_seed": "seed is of the data's order too.",
    "strict": "It concerns how axolotl loads files.",
    "local_rank": "The launcher sets it.",
    "output_dir": "Trained variants go into the library.",
    "wandb_project": "Set WANDB_PROJECT in the environment.",
    "wandb_entity": "Set WANDB_ENTITY in the environment.",
    "wandb_name": "Runs are named by `name`.",
    "wandb_watch": "Set WANDB_WATCH in the environment.",
    "wandb_log_model": "Set WANDB_LOG_MODEL in the environment.",
    "wandb_run_id": "Set WANDB_RUN_ID in the environment.",
    "mlflow_tracking_uri": "Set MLFLOW_TRACKING_URI in the environment.",
    "mlflow_experiment_name": "Set MLFLOW_EXPERIMENT_NAME in the environment.",
}
"""Why keys have no place here."""

NOT_SUPPORTED = "There is nothing like it here."
