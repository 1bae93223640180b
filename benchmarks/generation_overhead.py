"""Generation through the backends against the bare library on the same prompt, alternating.

usage: python -m benchmarks.generation_overhead [RUNS]

Prints the median seconds from an empty prompt cache to the last token of each, their ratio, and
how much a follow-up over the same passages saves. The bare runs are `Llama.create_completion`
and `model.generate` with a TextStreamer, greedy, in this thread: OpenMP threads of a second one
would spin against the first.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from ragopt_tui.chat.backends.llama_cpp import LlamaCppBackend, usable_cores
from ragopt_tui.chat.backends.transformers import TransformersBackend
from ragopt_tui.models.variant import resolve_variant

TOKENS = 64
PASSAGES = "\n\n".join(
    f"[{n}] (report-{n}.txt) In fiscal {2000 + n} the company opened {n * 7} offices and employed "
    f"{n * 311:,} people, while the cost of rent in the cities it serves rose by {n} percent."
    for n in range(1, 21)
)
PROMPT = f"Passages:\n\n{PASSAGES}\n\nQuestion: How many offices opened in fiscal 2009?"


def main(runs: int) -> None:
    """Measure both backends."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    gguf, folder = resolve_variant("builtin-q8_0").path, resolve_variant("builtin").path
    assert gguf is not None
    assert folder is not None
    llama = LlamaCppBackend(gguf, 2048)
    compare("llama.cpp", llama, bare_llama_cpp(str(gguf), llama), runs)
    torch_backend = TransformersBackend(folder, 2048)
    compare("transformers", torch_backend, bare_transformers(str(folder), torch_backend), runs)


def compare(
    name: str,
    backend: LlamaCppBackend | TransformersBackend,
    bare: Callable[[], None],
    runs: int,
) -> None:
    """Print medians of alternating runs, after one of each to warm up."""
    ours: list[float] = []
    theirs: list[float] = []
    follow_ups: list[float] = []
    for run in range(runs + 1):
        forget(backend)
        first, again, library = (
            seconds(lambda: ask(backend, PROMPT)),
            seconds(lambda: ask(backend, f"{PROMPT} Be brief.")),
            seconds(bare),
        )
        if run:
            ours.append(first)
            follow_ups.append(again)
            theirs.append(library)
    our, their = statistics.median(ours), statistics.median(theirs)
    print(f"{name}: {our:.3f} s, bare library {their:.3f} s, ratio {our / their:.2f}")
    print(f"{name}: follow-up over the same passages {statistics.median(follow_ups):.3f} s")


def ask(backend: LlamaCppBackend | TransformersBackend, prompt: str) -> None:
    """Generate to the end."""
    for _ in backend.stream([{"role": "user", "content": prompt}], TOKENS, lambda: False):
        pass


def forget(backend: LlamaCppBackend | TransformersBackend) -> None:
    """Empty the prompt cache by asking something that begins differently."""
    for _ in backend.stream([{"role": "system", "content": "x"}], 1, lambda: False):
        pass


def seconds(work: Callable[[], None]) -> float:
    """Give the wall time of a call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def bare_llama_cpp(file: str, backend: LlamaCppBackend) -> Callable[[], None]:
    """Give a run of llama-cpp-python's own streaming completion."""
    from llama_cpp import Llama

    cores = usable_cores()
    llama = Llama(file, n_ctx=2048, n_threads=cores, n_threads_batch=cores, verbose=False)
    tokens = backend.prompt_tokens([{"role": "user", "content": PROMPT}])

    def run() -> None:
        llama.reset()  # type: ignore[no-untyped-call]
        for _ in llama.create_completion(tokens, max_tokens=TOKENS, temperature=0.0, stream=True):
            pass

    return run


def bare_transformers(folder: str, backend: TransformersBackend) -> Callable[[], None]:
    """Give a run of `generate` with its own streamer, in the backend's data type."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, TextStreamer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=backend.dtype)
    tokens = torch.tensor([backend.prompt_tokens([{"role": "user", "content": PROMPT}])])

    class Streamer(TextStreamer):
        def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
            pass

    def run() -> None:
        model.generate(
            input_ids=tokens,
            attention_mask=torch.ones_like(tokens),
            max_new_tokens=TOKENS,
            do_sample=False,
            streamer=Streamer(tokenizer, skip_prompt=True),
        )

    return run


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
