"""Switching to another variant against the bare library loading it, alternating.

usage: python -m benchmarks.switching [RUNS]

Ours is all that happens between choosing a variant and being able to ask it: finding it, freeing
the model before, comparing its need with the memory, loading. Bare is `Llama(...)`, or
`from_pretrained` of tokenizer and model in the same precision, or `load_adapter` and `set_adapter`
of peft on a base that is loaded. Prints medians in milliseconds and the median ratio of pairs.
"""

from __future__ import annotations

import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ragopt_tui.chat.model_slot import ModelSlot
from ragopt_tui.models.generation_settings import GenerationSettings
from ragopt_tui.models.store import VariantStore
from ragopt_tui.settings import Settings

CONTEXT = 2048


def main(runs: int) -> None:
    """Measure switches between formats, precisions and adapters."""
    import torch
    from transformers.utils import logging

    torch.set_num_threads(1)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    with tempfile.TemporaryDirectory() as folder:
        store = VariantStore(Path(folder) / "library")
        for name in ("first", "second"):
            write_adapter(store, Path(folder) / name)
            store.add(Path(folder) / name, parent="builtin")
        slot = ModelSlot(store, Settings(context_tokens=CONTEXT))
        compare(slot, store, "builtin", "builtin-q8_0", bare_llama_cpp(store), runs)
        store.set_settings("builtin", GenerationSettings(precision="bf16"))
        compare(slot, store, "builtin-q8_0", "builtin", bare_transformers(store), runs)
        compare(slot, store, "first", "second", bare_adapters(store), runs)
        slot.close()


def compare(
    slot: ModelSlot,
    store: VariantStore,
    before: str,
    after: str,
    bare: Callable[[], float],
    runs: int,
) -> None:
    """Print how long it takes from one variant to another; `bare` gives when its work was done."""
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(runs + 1):
        slot.use(store.answering(before), lambda _: None)
        started = time.perf_counter()
        slot.use(store.answering(after), lambda _: None)
        switched = time.perf_counter()
        done = bare()
        gc.collect()
        if number:
            ours.append(1000 * (switched - started))
            theirs.append(1000 * (done - switched))
    ratio = statistics.median(mine / bare for mine, bare in zip(ours, theirs, strict=True))
    our, their = statistics.median(ours), statistics.median(theirs)
    print(f"{before} to {after}: {our:.1f} ms, bare library {their:.1f} ms, ratio {ratio:.2f}")


def path(store: VariantStore, variant: str) -> str:
    """Give the path of a variant."""
    return str(store.find(variant).path)


def bare_llama_cpp(store: VariantStore) -> Callable[[], float]:
    """Give a load of the GGUF file by llama-cpp-python."""
    from llama_cpp import Llama

    from ragopt_tui.chat.backends.llama_cpp import usable_cores

    cores = usable_cores()

    def load() -> float:
        llama = Llama(
            path(store, "builtin-q8_0"),
            n_ctx=CONTEXT,
            n_threads=cores,
            n_threads_batch=cores,
            verbose=False,
        )
        done = time.perf_counter()
        llama.close()
        return done

    return load


def bare_transformers(store: VariantStore) -> Callable[[], float]:
    """Give a load of the folder by transformers."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    def load() -> float:
        folder = path(store, "builtin")
        loaded = (
            AutoTokenizer.from_pretrained(folder),
            AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16),
        )
        done = time.perf_counter()
        del loaded
        return done

    return load


def bare_adapters(store: VariantStore) -> Callable[[], float]:
    """Give a change of adapters by peft, which keeps the one before."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base: Any = AutoModelForCausalLM.from_pretrained(path(store, "builtin"), dtype=torch.bfloat16)
    model = PeftModel.from_pretrained(base, path(store, "first"), adapter_name="first").eval()

    def load() -> float:
        model.load_adapter(path(store, "second"), "second")
        model.set_adapter("second")
        done = time.perf_counter()
        model.delete_adapter("second")
        return done

    return load


def write_adapter(store: VariantStore, folder: Path) -> None:
    """Write an adapter of the built-in model with random numbers."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base: Any = AutoModelForCausalLM.from_pretrained(path(store, "builtin"), dtype=torch.bfloat16)
    targets = ["q_proj", "k_proj", "v_proj", "o_proj"]
    config = LoraConfig(
        r=16, target_modules=targets, init_lora_weights=False, task_type="CAUSAL_LM"
    )
    get_peft_model(base, config).save_pretrained(str(folder))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
