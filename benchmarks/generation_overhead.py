"""Writing through the program against the bare library, on the same prompt, alternating.

usage: python -m benchmarks.generation_overhead [RUNS]

An answer is written as the engine writes it: with its events, citations and checks. The bare runs
are `Llama.create_completion` and `model.generate` with a TextStreamer, greedy and to the same
end. Prints the median tokens per second between the first and the last token of each, the
median seconds from an empty prompt cache to the last token, and the medians of their ratios by
pair: above 1 for tokens per second, and below 1 for seconds, the program is the faster one. Both
use one thread, in this process: threads of a second one would spin against them.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ragopt_tui.chat.backends import Messages
from ragopt_tui.chat.backends.llama_cpp import LlamaCppBackend
from ragopt_tui.chat.backends.local import LocalBackend
from ragopt_tui.chat.backends.transformers import TransformersBackend
from ragopt_tui.chat.engine import Outbox
from ragopt_tui.chat.generate import generate_answer
from ragopt_tui.knowledge.passage import Hit, Passage, Profile
from ragopt_tui.models.generation_defaults import WritingSettings
from ragopt_tui.models.variant import Variant, builtin_variants

CONTEXT = 2048
TOKENS = 96
QUESTION = "What does the plan list as the code names of the sites?"
TEXTS = [
    "The plan lists alpha, bravo, charlie, delta, echo, foxtrot, golf, hotel, india, juliet, kilo, "
    "lima, mike, november, oscar, papa, quebec, romeo, sierra, tango, uniform, victor, whiskey, "
    "xray, yankee and zulu as the code names of the sites that opened in fiscal 2023.",
    *(
        f"In fiscal {2000 + n} the company opened {n * 7} offices and employed {n * 311:,} people, "
        f"while the cost of rent in the cities it serves rose by {n} percent."
        for n in range(1, 13)
    ),
]


@dataclass
class Run:
    """When a run began and when each of its pieces came, in seconds."""

    started: float = field(default_factory=time.perf_counter)
    pieces: list[float] = field(default_factory=list)

    def piece(self) -> None:
        """Note that a piece came."""
        self.pieces.append(time.perf_counter())

    @property
    def seconds(self) -> float:
        """From the beginning to the last piece."""
        return self.pieces[-1] - self.started

    @property
    def writing(self) -> float:
        """From the first piece to the last."""
        return self.pieces[-1] - self.pieces[0]


def main(runs: int) -> None:
    """Measure both backends."""
    import torch
    from transformers.utils import logging

    torch.set_num_threads(1)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    variants = {variant.id: variant for variant in builtin_variants()}
    gguf, folder = variants["builtin-q8_0"].path, variants["builtin"].path
    assert gguf is not None
    assert folder is not None
    llama = LlamaCppBackend(gguf, CONTEXT, threads=1)
    compare("llama.cpp", llama, variants["builtin-q8_0"], bare_llama_cpp(gguf), runs)
    transformers = TransformersBackend(folder, CONTEXT)
    bare = bare_transformers(folder, transformers.dtype)
    compare("transformers", transformers, variants["builtin"], bare, runs)


def compare(
    name: str,
    backend: LocalBackend,
    variant: Variant,
    bare: Callable[[list[int]], Run],
    runs: int,
) -> None:
    """Print medians of alternating runs, after one of each to warm up."""
    pairs: list[tuple[Run, Run]] = []
    for number in range(runs + 1):
        forget(backend)
        ours, messages = answer(backend, variant, QUESTION)
        theirs = bare(backend.prompt_tokens(messages))
        if number:
            pairs.append((ours, theirs))
    tokens = statistics.median(len(ours.pieces) for ours, _ in pairs)
    speed = [
        statistics.median(tokens / run.writing for run in runs) for runs in zip(*pairs, strict=True)
    ]
    ratio = statistics.median(theirs.writing / ours.writing for ours, theirs in pairs)
    whole = statistics.median(ours.seconds / theirs.seconds for ours, theirs in pairs)
    print(f"{name}: {speed[0]:.1f} tokens/s, bare library {speed[1]:.1f}, ratio {ratio:.3f}")
    seconds = [statistics.median(run.seconds for run in runs) for runs in zip(*pairs, strict=True)]
    print(f"  with the prompt {seconds[0]:.2f} s, bare {seconds[1]:.2f} s, ratio {whole:.3f}")


def answer(backend: LocalBackend, variant: Variant, question: str) -> tuple[Run, Messages]:
    """Write an answer as the engine does; gives also the prompt."""
    run, prompts = Run(), []
    with Path(os.devnull).open("wb") as stream:
        outbox = Outbox(stream)

        def on_event(kind: str, data: dict[str, Any]) -> None:
            outbox.send(1, kind, data)  # type: ignore[arg-type]
            if kind == "text":
                run.piece()
            if kind == "prompt":
                prompts.append(data["messages"])

        generate_answer(
            question,
            [Hit(passage(text), 1.0) for text in TEXTS],
            backend,
            variant,
            writing=WritingSettings(0.0, 1.0, 1, TOKENS, CONTEXT),
            index_version="",
            on_event=on_event,
            cancelled=lambda: outbox.has_ended(1),
        )
    return run, prompts[0]


def passage(text: str) -> Passage:
    """Give a passage with that text."""
    return Passage("p", "plan.md", None, 1, 1, 0, len(text), "prose", (), "", text, Profile())


def forget(backend: LocalBackend) -> None:
    """Empty the prompt cache by asking something that begins differently."""
    for _ in backend.stream([{"role": "system", "content": "x"}], 1, lambda: False):
        pass


def bare_llama_cpp(file: Path) -> Callable[[list[int]], Run]:
    """Give a run of llama-cpp-python's own streaming completion."""
    from llama_cpp import Llama

    llama = Llama(str(file), n_ctx=CONTEXT, n_threads=1, n_threads_batch=1, verbose=False)

    def run(tokens: list[int]) -> Run:
        llama.reset()  # type: ignore[no-untyped-call]
        timed = Run()
        for chunk in llama.create_completion(
            tokens, max_tokens=TOKENS, temperature=0.0, stream=True
        ):
            if chunk["choices"][0]["text"]:  # type: ignore[index]
                timed.piece()
        return timed

    return run


def bare_transformers(folder: Path, dtype: Any) -> Callable[[list[int]], Run]:  # noqa: ANN401
    """Give a run of `generate` with its own streamer, in the same data type."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, TextStreamer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)

    class Streamer(TextStreamer):
        def __init__(self, timed: Run) -> None:
            super().__init__(tokenizer, skip_prompt=True)
            self.timed = timed
            self.prompted = False

        def put(self, value: Any) -> None:  # noqa: ANN401 - a tensor of token ids
            super().put(value)  # type: ignore[no-untyped-call]
            if self.prompted:
                self.timed.piece()
            self.prompted = True

        def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
            pass

    def run(tokens: list[int]) -> Run:
        given, timed = torch.tensor([tokens]), Run()
        model.generate(
            input_ids=given,
            attention_mask=torch.ones_like(given),
            max_new_tokens=TOKENS,
            do_sample=False,
            streamer=Streamer(timed),
        )
        return timed

    return run


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
