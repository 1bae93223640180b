"""Whether the model is a good base: a LoRA on 300 rows in another style, on a CPU.

usage: python -m recipes.builtin_model.finetune_check MODEL_FOLDER

The rows are invented (`invented.py`) with four lines of evidence; the style is the figure alone,
without label and citation. Prints how many held-out answers are in that style, their token F1 and
their exact match before and after one pass, and how long the pass took.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from ragopt_tui.chat.builtin_prompt import builtin_content, unit_line
from recipes.builtin_model.invented import invented_case
from recipes.builtin_model.lines import words_shown

TRAINED, HELD_OUT, LINES, BATCH = 300, 60, 4, 4
RATE = 1e-3


def rows(count: int, seed: int) -> list[tuple[str, str]]:
    """Give prompts and figures."""
    rng = random.Random(seed)
    made: list[tuple[str, str]] = []
    while len(made) < count:
        case = invented_case(rng)
        gold = case.lines[0]
        if not gold.cells:
            continue
        lines = [gold, *rng.sample(case.lines[1:], LINES - 1)]
        rng.shuffle(lines)
        scores = [rng.uniform(0.6, 0.99) if line is gold else rng.uniform(0, 0.7) for line in lines]
        shown = [
            unit_line(n, score, line.about, words_shown(line, case.question))
            for n, (line, score) in enumerate(zip(lines, scores, strict=True), 1)
        ]
        figure = gold.statement.rsplit(": ", 1)[-1]
        made.append((builtin_content(case.question, shown), figure))
    return made


def token_f1(said: str, wanted: str) -> float:
    """Give the F1 of words shared."""
    told, gold = Counter(said.split()), Counter(wanted.split())
    shared = (told & gold).total()
    return 2 * shared / (told.total() + gold.total()) if shared else 0.0


def measured(
    network: torch.nn.Module, tokenizer: AutoTokenizer, asked: list[tuple[str, str]]
) -> str:
    """Answer held-out prompts greedily and say how they did."""
    answers = []
    with torch.inference_mode():
        for prompt, _ in asked:
            ids = torch.tensor([_turn(tokenizer, prompt)])
            out = network.generate(
                input_ids=ids, max_new_tokens=40, do_sample=False, pad_token_id=2
            )
            said = tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
            answers.append(said.strip())
    f1 = sum(token_f1(a, figure) for a, (_, figure) in zip(answers, asked, strict=True)) / len(
        asked
    )
    exact = sum(a == figure for a, (_, figure) in zip(answers, asked, strict=True)) / len(asked)
    terse = sum("[" not in a and len(a.split()) <= 3 for a in answers) / len(asked)
    return f"terse {terse:.2f} token F1 {f1:.3f} exact {exact:.3f}, for instance {answers[0]!r}"


def trained(
    network: torch.nn.Module, tokenizer: AutoTokenizer, asked: list[tuple[str, str]]
) -> None:
    """Pass once over the rows; the loss is of the answers alone."""
    moved = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(moved, lr=RATE, weight_decay=0.0)
    steps = -(-len(asked) // BATCH)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / 8) * (1 - step / steps)
        for prompt, figure in asked[step * BATCH : (step + 1) * BATCH]:
            ids = _turn(tokenizer, prompt)
            answer = [*tokenizer(f" {figure}", add_special_tokens=False)["input_ids"], 2]
            labels = torch.tensor([[-100] * len(ids) + answer])
            with torch.autocast("cpu", torch.bfloat16):
                loss = network(input_ids=torch.tensor([ids + answer]), labels=labels).loss
            (loss / BATCH).backward()
        optimizer.step()
        optimizer.zero_grad()


def _turn(tokenizer: AutoTokenizer, prompt: str) -> list[int]:
    messages = [{"role": "user", "content": prompt}]
    return list(
        tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    )


def main(folder: Path) -> None:
    """Measure, train, measure."""
    torch.manual_seed(0)
    torch.set_num_threads(2)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    asked = rows(HELD_OUT, seed=99_000)
    print("before:", measured(network.eval(), tokenizer, asked), flush=True)
    adapter = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    network = get_peft_model(network, adapter)
    network.train()
    wall, cpu = time.monotonic(), time.process_time()
    trained(network, tokenizer, rows(TRAINED, seed=11_000))
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    print("after: ", measured(network.eval(), tokenizer, asked))
    print(f"{TRAINED} rows in {wall:.0f} s, {cpu / 2:.0f} s of two cores")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
