"""Train on rows that workers make meanwhile (`rows.py`), for a given time.

usage: python -m recipes.builtin_model.train ROWS OUT --seconds 540 [--init FOLDER] [--cpu --batch 2]
       [--held-out NAME=ROWS.npy ...]

The schedule runs on the clock: the learning rate rises, stays until 40 % of the time and falls to
nothing. Muon moves the layers' matrices, AdamW the rest. Weights are written every 120 s as byte planes (`network.join_planes`).
"""

from __future__ import annotations

import argparse
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as functional

from recipes.builtin_model.network import LanguageModel, bf16_weights, load_weights, write_planes

LENGTH = 2048
NOTHING, PROMPT, ANSWER, CHOICE, PROSE = range(5)
WEIGHT_OF_PROSE, WEIGHT_OF_PROMPT = 0.12, 0.06
PROSE_SHARE = 0.12
"""The share of rows that are prose, until 70 % of the time; then a third of it."""
KEPT_FILES = 60


class Muon:
    """Momentum orthogonalised by Newton-Schulz steps (Jordan et al., 2024), for matrices."""

    def __init__(self, matrices: list[torch.nn.Parameter], decay: float = 0.05) -> None:
        by_shape: dict[tuple[int, ...], list[torch.nn.Parameter]] = {}
        for matrix in matrices:
            by_shape.setdefault(tuple(matrix.shape), []).append(matrix)
        self._groups = list(by_shape.values())
        self._momenta = [torch.zeros(len(g), *g[0].shape, device=g[0].device) for g in self._groups]
        self._decay = decay
        on_gpu = self._groups[0][0].is_cuda
        self._orthogonal = torch.compile(orthogonal) if on_gpu else orthogonal

    @torch.no_grad()
    def step(self, rate: float) -> None:
        for group, momentum in zip(self._groups, self._momenta, strict=True):
            gradient = torch.stack([p.grad for p in group if p.grad is not None]).float()
            momentum.mul_(0.95).add_(gradient)
            update = self._orthogonal(gradient + 0.95 * momentum).float()
            update *= 0.2 * max(group[0].shape) ** 0.5
            torch._foreach_mul_(group, 1 - rate * self._decay)
            torch._foreach_add_(group, list(update.unbind(0)), alpha=-rate)


def orthogonal(matrices: torch.Tensor) -> torch.Tensor:
    """Bring the singular values of a stack of matrices near 1, in bfloat16."""
    x = matrices.bfloat16()
    tall = x.size(-2) > x.size(-1)
    x = x.mT if tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for a, b, c in (
        (4.0848, -6.8946, 2.9270),
        (3.9505, -6.3029, 2.6377),
        (3.7418, -5.5913, 2.3037),
        (2.8769, -3.1427, 1.2046),
        (2.8366, -3.0525, 1.2012),
    ):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if tall else x


class Rows(threading.Thread):
    """Reads workers' files in the background and gives batches of mixed rows."""

    def __init__(self, folder: Path, batch: int) -> None:
        super().__init__(daemon=True)
        self.folder, self.batch, self.done = folder, batch, 0.0
        self.fresh = self.again = 0
        self._ready: queue.Queue[npt.NDArray[np.void]] = queue.Queue(10)
        self._rng = np.random.default_rng(1)

    def run(self) -> None:
        examples = self._examples()
        prose: list[npt.NDArray[np.void]] = []
        while True:
            if len(prose) < 4 or self._rng.random() < 0.01:
                files = sorted(self.folder.glob("prose_*.npy"))
                prose = [np.load(file, mmap_mode="r") for file in files] or prose
            share = PROSE_SHARE if self.done < 0.7 else PROSE_SHARE / 3
            count = int(self.batch * share + self._rng.random()) if prose else 0
            files_of = [prose[self._rng.integers(len(prose))] for _ in range(count)]
            rows = [file[self._rng.integers(len(file))] for file in files_of]
            rows += [next(examples) for _ in range(self.batch - count)]
            self._ready.put(np.stack(rows))

    def next(self) -> npt.NDArray[np.void]:
        return self._ready.get()

    def _examples(self) -> Iterator[npt.NDArray[np.void]]:
        kept: list[npt.NDArray[np.void]] = []
        while True:
            files = sorted(self.folder.glob("examples_*.npy"))[:8]
            arrays = [np.load(file) for file in files]
            for file in files:
                file.unlink()
            if arrays:
                self.fresh += sum(map(len, arrays))
                kept = [*kept, *arrays][-KEPT_FILES:]
            elif not kept:
                time.sleep(0.3)
                continue
            else:
                self.again += 1
                arrays = [kept[self._rng.integers(len(kept))]]
            rows = np.concatenate(arrays)
            yield from rows[self._rng.permutation(len(rows))]


def mask_of(document: torch.Tensor) -> object:
    """Let a token see those before it in its own document."""
    if not document.is_cuda:
        causal = torch.ones(LENGTH, LENGTH, dtype=torch.bool).tril()
        return (causal & (document[:, :, None] == document[:, None]))[:, None]
    from torch.nn.attention.flex_attention import create_block_mask

    def seen(b: torch.Tensor, h: torch.Tensor, q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        return (q >= k) & (document[b, q] == document[b, k])

    make = _compiled.setdefault("mask", torch.compile(create_block_mask))
    return make(seen, len(document), None, LENGTH, LENGTH, device=document.device)


_compiled: dict[str, object] = {}


def weights_of(part: torch.Tensor) -> torch.Tensor:
    """Weigh each position's loss, so that answers, prose and prompts have their shares."""
    answers = (part == ANSWER) + 2.0 * (part == CHOICE)
    prose, prompt = (part == PROSE).float(), (part == PROMPT).float()
    shares = (1 - WEIGHT_OF_PROSE - WEIGHT_OF_PROMPT, WEIGHT_OF_PROSE, WEIGHT_OF_PROMPT)
    kinds = (answers, prose, prompt)
    return sum(
        (share * kind / kind.sum().clamp(min=1) for share, kind in zip(shares, kinds, strict=True)),
        torch.zeros_like(prose),
    )


def on_device(rows: npt.NDArray[np.void], device: torch.device) -> dict[str, torch.Tensor]:
    """Give the fields of rows as int32 tensors."""
    fields = ("token", "position", "document", "part")
    arrays = {name: np.ascontiguousarray(rows[name]).astype(np.int32) for name in fields}
    return {
        name: torch.from_numpy(array).to(device, non_blocking=True)
        for name, array in arrays.items()
    }


def losses(model: torch.nn.Module, rows: dict[str, torch.Tensor]) -> torch.Tensor:
    """Give the loss of every position but the last, (batch, LENGTH - 1)."""
    device = rows["token"].device
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        logits = model(rows["token"], rows["position"], mask_of(rows["document"]))[:, :-1]
    targets = rows["token"][:, 1:].long()
    flat = functional.cross_entropy(
        logits.flatten(0, 1).float(), targets.flatten(), reduction="none"
    )
    return flat.view(targets.shape)


@torch.no_grad()
def exact(
    model: torch.nn.Module, rows: npt.NDArray[np.void], device: torch.device, batch: int
) -> str:
    """Say how many answers come out word for word if each next token is the likeliest."""
    right = total = 0
    for at in range(0, len(rows), batch):
        some = rows[at : at + batch]
        blank = np.zeros((batch - len(some), LENGTH), rows.dtype)
        fields = on_device(np.concatenate([some, blank]), device)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            said = model(fields["token"], fields["position"], mask_of(fields["document"]))
        wrong = (said[:, :-1].argmax(-1) != fields["token"][:, 1:]).cpu().numpy()
        is_answer = np.isin(fields["part"][:, 1:].cpu().numpy(), (ANSWER, CHOICE))
        for n, row in enumerate(some):
            of = row["document"][1:]
            for document in np.unique(of[is_answer[n]]):
                total += 1
                right += not wrong[n][is_answer[n] & (of == document)].any()
    return f"{right}/{total} = {right / max(1, total):.3f}"


def main() -> None:
    """Train and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=540)
    parser.add_argument("--init", type=Path)
    parser.add_argument("--rate", type=float, default=1.2e-3)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--held-out", nargs="*", default=[])
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    device = torch.device("cpu" if options.cpu else "cuda")
    model = LanguageModel()
    if options.init:
        load_weights(model, options.init)
    model.to(device)
    held_out = {
        name: np.load(file) for name, file in (text.split("=") for text in options.held_out)
    }
    train(model, Rows(options.rows, options.batch), held_out, options)
    write_planes(bf16_weights(model), options.out)


def train(
    model: LanguageModel,
    rows: Rows,
    held_out: dict[str, npt.NDArray[np.void]],
    options: argparse.Namespace,
) -> None:
    """Run the schedule; print the losses every 100 steps and the held-out answers every 120 s."""
    device = next(model.parameters()).device
    named = list(model.named_parameters())
    matrices = [p for n, p in named if p.dim() == 2 and n.startswith("layers")]
    others = [p for n, p in named if not (p.dim() == 2 and n.startswith("layers"))]
    muon = Muon(matrices)
    decayed = [{"params": [p], "weight_decay": 0.01 * (p.dim() == 2)} for p in others]
    adam = torch.optim.AdamW(decayed, lr=options.rate, betas=(0.9, 0.95), eps=1e-8)
    run = model if device.type == "cpu" else torch.compile(model)
    rows.start()
    started, step, written = 0.0, 0, 0.0
    sums = torch.zeros(4, device=device)
    while True:
        fields = on_device(rows.next(), device)
        if step == 3:  # what is compiled is not counted
            started = time.monotonic()
        rows.done = done = (time.monotonic() - started) / options.seconds if started else 0.0
        if done >= 1:
            break
        rate = options.rate * min(1.0, (step + 1) / 100, max(0.0, (1 - done) / 0.6))
        loss = losses(run, fields)
        part = fields["part"][:, 1:]
        (loss * weights_of(part)).sum().backward()
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        muon.step(rate)
        for group in adam.param_groups:
            group["lr"] = rate
        adam.step()
        model.zero_grad(set_to_none=True)
        with torch.no_grad():
            choice, prose = part == CHOICE, part == PROSE
            sums += torch.stack(
                [(loss * choice).sum(), choice.sum(), (loss * prose).sum(), prose.sum()]
            )
        step += 1
        if step % 100 == 0:
            a, b, c, d = sums.tolist()
            sums.zero_()
            print(
                f"step {step} {done:.3f} rate {rate:.1e} choice {a / max(1, b):.4f} prose {c / max(1, d):.3f}"
                f" fresh {rows.fresh} again {rows.again} waiting {rows._ready.qsize()}",
                flush=True,
            )
        if (time.monotonic() - started) - written > 120 and started:
            written = time.monotonic() - started
            weights = bf16_weights(model)
            threading.Thread(target=write_planes, args=(weights, options.out)).start()
            _report(run, held_out, device, options.batch)
    _report(run, held_out, device, options.batch)
    print(f"{step} steps of {options.batch * LENGTH} positions", flush=True)


def _report(
    model: torch.nn.Module,
    held_out: dict[str, npt.NDArray[np.void]],
    device: torch.device,
    batch: int,
) -> None:
    for name, rows in held_out.items():
        print(f"  {name} word for word {exact(model, rows, device, batch)}", flush=True)


if __name__ == "__main__":
    main()
