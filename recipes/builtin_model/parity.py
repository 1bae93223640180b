"""Whether transformers and llama.cpp give the same answers, and how fast llama.cpp is.

usage: python -m recipes.builtin_model.parity MODEL_FOLDER PROMPTS.json COUNT GGUF...

Compares token ids and greedy answers on COUNT prompts of all sets (transformers in float32), and
prints for each GGUF prompt and generated tokens a second on two threads, KL divergence and the
share of equal next tokens over the first 20 prompts with their answers.
"""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path

import numpy as np
import torch
from llama_cpp import Llama
from transformers import AutoModelForCausalLM, AutoTokenizer

END = 2
LONGEST = 120
COMPARED = 20


def main(model: Path, prompts: Path, count: int, files: list[Path]) -> None:
    """Print a line for each file."""
    sets = json.loads(prompts.read_text(encoding="utf-8"))
    every = [prompt for texts in sets.values() for prompt in texts]
    chosen = random.Random(1).sample(every, min(count, len(every)))
    tokenizer = AutoTokenizer.from_pretrained(model)
    network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    turns = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": text}], add_generation_prompt=True, tokenize=False
        )
        for text in chosen
    ]
    ids = [tokenizer(turn, add_special_tokens=False)["input_ids"] for turn in turns]
    with torch.inference_mode():
        answers = [_greedy(network, one) for one in ids]
        odds = [
            network(torch.tensor([one + said])).logits[0].log_softmax(-1).numpy()
            for one, said in zip(ids[:COMPARED], answers[:COMPARED], strict=True)
        ]
    for file in files:
        print(
            file.name, _compared(file, turns, ids, answers), _divergence(file, ids, answers, odds)
        )


def _greedy(network: torch.nn.Module, ids: list[int]) -> list[int]:
    out = network.generate(  # type: ignore[operator]
        torch.tensor([ids]), max_new_tokens=LONGEST, do_sample=False, pad_token_id=END
    )
    said = out[0, len(ids) :].tolist()
    return said[: said.index(END)] if END in said else said


def _compared(file: Path, turns: list[str], ids: list[list[int]], answers: list[list[int]]) -> str:
    llama = Llama(str(file), n_ctx=2048, n_threads=2, n_threads_batch=2, verbose=False)
    same_ids = same = prompted = written = 0
    reading = writing = 0.0
    for turn, one, said in zip(turns, ids, answers, strict=True):
        same_ids += llama.tokenize(turn.encode(), add_bos=False, special=True) == one
        llama.reset()
        started = time.monotonic()
        llama.eval(one)
        between = time.monotonic()
        told: list[int] = []
        while len(told) < LONGEST:
            token = llama.sample(temp=0.0, repeat_penalty=1.0)
            if token == END:
                break
            told.append(token)
            llama.eval([token])
        reading, writing = reading + between - started, writing + time.monotonic() - between
        prompted, written = prompted + len(one), written + len(told)
        same += told == said
    return (
        f"same ids {same_ids}/{len(ids)} same answers {same}/{len(ids)}"
        f" read {prompted / reading:.0f}/s wrote {written / writing:.0f}/s"
    )


def _divergence(
    file: Path, ids: list[list[int]], answers: list[list[int]], odds: list[np.ndarray]
) -> str:
    llama = Llama(
        str(file), n_ctx=2048, n_threads=2, verbose=False, logits_all=True, type_k=0, type_v=0
    )
    total = equal = positions = 0.0
    for one, said, whole in zip(ids, answers, odds, strict=False):
        llama.reset()
        llama.eval(one + said)
        scores = torch.from_numpy(np.array(llama.scores[: len(whole)])).log_softmax(-1).numpy()
        total += float((np.exp(whole) * (whole - scores)).sum())
        equal += float((whole.argmax(-1) == scores.argmax(-1)).sum())
        positions += len(whole)
    return f"KL {total / positions:.1e} same next token {equal / positions:.4f}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), [Path(f) for f in sys.argv[4:]])
