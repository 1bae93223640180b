"""Train the reader (MPNet, 12 layers) on pools, distil it into the skimmer (MiniLM, 3 layers).

usage: python train.py PACKED.npz MINILM.safetensors MPNET.safetensors OUT [--seconds READER SKIMMER]

Both are trained with a conditional logit: of a question's units and "refuse" (logit 0) exactly
one choice is right. Pools of the sets in HELD_OUT are never trained on.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as functional
from encoders import CLS, SEP, PairEncoder, minilm, mpnet, quantise, restore
from held_out import HELD_OUT
from safetensors.torch import save_file

OFTEN = {"squad": 1.0, "multirc": 0.5, "covid": 0.7, "wikitable": 0.8, "tatqa": 1.5}
"""How often an origin's pools are drawn, a folder of documents of ours 3 times."""
UNANSWERABLE = 0.15
"""The share of answerable pools shown without the units that answer."""
CHUNKS = 4


@dataclass
class Packed:
    """Arrays of `pack.py` on the training device."""

    tokens: torch.Tensor
    starts: torch.Tensor
    question: torch.Tensor
    words: torch.Tensor
    context: torch.Tensor
    gold: torch.Tensor
    origin: np.ndarray
    origins: list[str]

    @classmethod
    def read(cls, file: Path, device: torch.device) -> Packed:
        arrays = np.load(file)
        on_device = {
            name: torch.from_numpy(arrays[name].astype(np.int64)).to(device)
            for name in ("tokens", "starts", "question", "words", "context")
        }
        gold = torch.from_numpy(arrays["gold"]).to(device)
        return cls(
            **on_device,
            gold=gold,
            origin=arrays["origin"],
            origins=[str(name) for name in arrays["origins"]],
        )

    def pairs(self, pools: torch.Tensor, units: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Give ids, lengths and where the second part begins for (pool, unit) index pairs."""
        texts = torch.stack(
            [self.question[pools], self.words[pools, units], self.context[pools, units]]
        )
        sizes = self.starts[texts + 1] - self.starts[texts]
        lengths = sizes.sum(0) + 4
        begins = torch.stack([torch.ones_like(pools), sizes[0] + 2, sizes[0] + sizes[1] + 3])
        longest = int(lengths.max())
        longest += -longest % 16
        ids = torch.zeros(len(pools), longest, dtype=torch.long, device=pools.device)
        ids[:, 0] = CLS
        rows = torch.arange(len(pools), device=pools.device)
        for part in range(3):
            reach = torch.arange(int(sizes[part].max()), device=pools.device)
            inside = reach < sizes[part][:, None]
            source = (self.starts[texts[part]][:, None] + reach)[inside]
            target = (begins[part][:, None] + reach)[inside]
            ids[rows[:, None].expand_as(inside)[inside], target] = self.tokens[source]
            ids[rows, begins[part] + sizes[part]] = SEP
        return ids, lengths, begins[1]


def logits_of(
    model: PairEncoder, data: Packed, pools: torch.Tensor, units: torch.Tensor, chunks: int
) -> torch.Tensor:
    """Score (pool, unit) index pairs, chunk by chunk of like length."""
    texts = torch.stack(
        [data.question[pools], data.words[pools, units], data.context[pools, units]]
    )
    order = (data.starts[texts + 1] - data.starts[texts]).sum(0).argsort()
    scores = torch.empty(len(pools), device=pools.device)
    parts = []
    for rows in order.chunk(chunks):
        with torch.autocast(pools.device.type, torch.bfloat16):
            parts.append(model(*data.pairs(pools[rows], units[rows])).float())
    scores = scores.index_copy(0, order, torch.cat(parts))
    return scores


def draw(
    data: Packed, pools: torch.Tensor, shown: int, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Choose `shown` units of each pool: those that answer (or not, as drawn), near ones, others.

    Gives their numbers (pools, shown) and which pools hide the units that answer (pools,).
    """
    device = pools.device
    gold, there = data.gold[pools], data.words[pools] >= 0
    width = gold.shape[1]
    chance = torch.rand(gold.shape, generator=generator, device=device)
    place = torch.arange(width, device=device)
    chance = chance + 0.6 * (place < width // 3)  # the most promising ones compete more often
    hidden = (torch.rand(len(pools), generator=generator, device=device) < UNANSWERABLE)[:, None]
    chance = torch.where(gold, torch.where(hidden, -1.0, 3.0), chance)
    chance = torch.where(there, chance, -2.0)
    return chance.topk(shown, dim=1).indices, hidden[:, 0]


def loss_of(scores: torch.Tensor, gold: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """Conditional logit with refusing (0) as one more choice, averaged over pools."""
    scores = scores.masked_fill(~there, -1e4)
    refuse = torch.zeros(len(scores), 1, device=scores.device)
    every = torch.logsumexp(torch.cat([scores, refuse], 1), 1)
    right = torch.logsumexp(scores.masked_fill(~gold, -1e4), 1)
    right = torch.where(gold.any(1), right, refuse[:, 0])
    return (every - right).mean()


def distillation(scores: torch.Tensor, taught: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """KL divergence of the student's choice from the teacher's, both softened by 2."""

    def choice(values: torch.Tensor) -> torch.Tensor:
        values = torch.cat([values.masked_fill(~there, -1e4), torch.zeros_like(values[:, :1])], 1)
        return functional.log_softmax(values / 2, 1)

    return 4 * functional.kl_div(
        choice(scores), choice(taught), reduction="batchmean", log_target=True
    )


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train; `shown` units of each of 64 pools make a step."""

    seconds: float
    rate: float
    shown: int
    pools: int = 64


def train(
    model: PairEncoder,
    data: Packed,
    schedule: Schedule,
    taught: torch.Tensor | None,
    log: list[str],
) -> None:
    """Train for a given time; the learning rate rises over 5 % of it and falls linearly.

    Word embeddings stay as they are. `taught` are logits to distil.
    """
    device = data.tokens.device
    generator = torch.Generator(device).manual_seed(0)
    chooser = np.random.default_rng(0)
    of = np.array(data.origins)[data.origin]
    names = [str(name).removesuffix("-missed") for name in of]
    weights = np.array([0.0 if n in HELD_OUT else OFTEN.get(n, 3.0) for n in names])
    model.words.requires_grad_(False)
    decayed = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    other = [p for p in model.parameters() if p.requires_grad and p.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.01}, {"params": other}],
        lr=schedule.rate,
        betas=(0.9, 0.98),
    )
    model.train()
    started, step = time.monotonic(), 0
    running = 0.0
    while (done := (time.monotonic() - started) / schedule.seconds) < 1:
        for group in optimizer.param_groups:
            group["lr"] = schedule.rate * min(1.0, done / 0.05, (1 - done) / 0.95 + 0.01)
        picked = chooser.choice(
            len(weights), schedule.pools, p=weights / weights.sum(), replace=False
        )
        pools = torch.from_numpy(picked).to(device)
        units, hidden = draw(data, pools, schedule.shown, generator)
        gold = data.gold[pools].gather(1, units) & ~hidden[:, None]
        there = (data.words[pools].gather(1, units) >= 0) & ~(
            hidden[:, None] & data.gold[pools].gather(1, units)
        )
        flat = pools[:, None].expand_as(units)
        scores = torch.full(units.shape, -1e4, device=device)
        scores = scores.masked_scatter(
            there, logits_of(model, data, flat[there], units[there], CHUNKS)
        )
        loss = loss_of(scores, gold, there)
        if taught is not None:
            loss = 0.5 * loss + distillation(scores, taught[pools].gather(1, units), there)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        running += (float(loss.detach()) - running) * (0.02 if step > 50 else 0.2)
        step += 1
        if step % 100 == 0:
            say(log, f"  step {step} {time.monotonic() - started:.0f}s loss {running:.4f}")
    model.eval()


@torch.inference_mode()
def score_all(model: PairEncoder, data: Packed, chosen: torch.Tensor | None = None) -> torch.Tensor:
    """Give the logits of every unit of every (chosen) pool, -1e4 where there is none."""
    scores = torch.full(data.words.shape, -1e4, device=data.tokens.device)
    every = torch.arange(len(scores), device=scores.device)
    for rows in (every if chosen is None else every[chosen]).split(128):
        there = (data.words[rows] >= 0).nonzero()
        scores[rows[there[:, 0]], there[:, 1]] = logits_of(
            model, data, rows[there[:, 0]], there[:, 1], 8
        )
    return scores


def report(name: str, scores: torch.Tensor, data: Packed, log: list[str]) -> None:
    """Print, for each origin, how often the first unit is right, and the refusal trade-off."""
    best, top = scores.max(1)
    right = (
        data.gold[torch.arange(len(top)), top.cpu()].cpu().numpy()
        if False
        else data.gold.gather(1, top[:, None])[:, 0].cpu().numpy()
    )
    answerable = data.gold.any(1).cpu().numpy()
    best = best.cpu().numpy()
    for number, origin in enumerate(data.origins):
        mine = data.origin == number
        yes, no = best[mine & answerable], best[mine & ~answerable]
        line = f"{name} {origin}{' (held out)' if origin in HELD_OUT else ''}: first right {right[mine & answerable].mean() if len(yes) else 0:.3f} of {len(yes)}"
        if len(no) > 5 and len(yes) > 5:
            for share in (0.05, 0.08, 0.12, 0.2):
                line += f" | {share:.0%}: {(no < np.quantile(yes, share)).mean():.2f}"
        say(log, line)


def say(log: list[str], line: str) -> None:
    """Print a line and keep it."""
    print(line, flush=True)
    log.append(line)


def main() -> None:
    """Train both, write their weights, and print how they do on every set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packed", type=Path)
    parser.add_argument("minilm", type=Path)
    parser.add_argument("mpnet", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, nargs=2, default=[440.0, 80.0])
    options = parser.parse_args()
    log: list[str] = []
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    data = Packed.read(options.packed, device)

    reader = mpnet(options.mpnet).to(device)
    train(reader, data, Schedule(options.seconds[0], rate=6e-5, shown=16), None, log)
    quantised = quantise(reader.to("cpu"))
    save_file(quantised, options.out / "reader.safetensors")
    restore(reader, quantised)
    taught = score_all(reader.to(device), data)
    report("reader in 8 bits", taught, data, log)

    skimmer = minilm(options.minilm, 3).to(device)
    train(skimmer, data, Schedule(options.seconds[1], rate=3e-4, shown=24), taught, log)
    report("skimmer", score_all(skimmer, data), data, log)
    state = skimmer.to("cpu", torch.bfloat16).state_dict()
    kept = {name: tensor.contiguous() for name, tensor in state.items() if name != "words.weight"}
    save_file(kept, options.out / "skimmer.safetensors")
    (options.out / "log.json").write_text(json.dumps(log, indent=1))


if __name__ == "__main__":
    main()
