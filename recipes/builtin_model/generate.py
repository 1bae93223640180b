"""Greedy answers of a Hugging Face folder to prompts, on a GPU where there is one.

usage: python -m recipes.builtin_model.generate MODEL_FOLDER PROMPTS.json ANSWERS.json

PROMPTS and ANSWERS hold a list for each name of a set.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def generate(model: Path, prompts: list[str], batch: int = 48) -> list[str]:
    """Answer greedily with a Hugging Face folder, in batches of like length."""
    on_gpu = torch.cuda.is_available()
    tokenizer = AutoTokenizer.from_pretrained(model, padding_side="left")
    dtype = torch.bfloat16 if on_gpu else torch.float32
    network = AutoModelForCausalLM.from_pretrained(model, dtype=dtype).eval()
    network.to("cuda" if on_gpu else "cpu")
    turns = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}], add_generation_prompt=True, tokenize=False
        )
        for prompt in prompts
    ]
    order = sorted(range(len(turns)), key=lambda n: len(turns[n]))
    answers = [""] * len(turns)
    for at in range(0, len(order), batch):
        some = order[at : at + batch]
        texts = [turns[n] for n in some]
        encoded = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
        encoded.pop("token_type_ids", None)
        with torch.inference_mode():
            out = network.generate(
                **encoded.to(network.device), max_new_tokens=160, do_sample=False, pad_token_id=2
            )
        said = tokenizer.batch_decode(
            out[:, encoded["input_ids"].shape[1] :], skip_special_tokens=True
        )
        for n, text in zip(some, said, strict=True):
            answers[n] = text.strip()
    return answers


if __name__ == "__main__":
    asked = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    said = {name: generate(Path(sys.argv[1]), prompts) for name, prompts in asked.items()}
    Path(sys.argv[3]).write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")
