"""Rows to train on: examples and prose as tokens, packed into 2,048 positions, by many workers.

usage: python -m recipes.builtin_model.rows DATA OUT WORKER WORKERS [MOST_FILES]

DATA holds cases-*.jsonl.xz, profiles.json, prose.jsonl.xz (texts) and tokenizer.model. A worker first
writes its share of the prose as `prose_<worker>.npy`, then `examples_<worker>_<n>.npy` for ever,
pausing while 24 of its files wait to be read.
"""

from __future__ import annotations

import json
import lzma
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import sentencepiece

from recipes.builtin_model.examples import Example, Forms, Profiles, example
from recipes.builtin_model.invented import invented_case
from recipes.builtin_model.lines import Case, read_cases
from recipes.builtin_model.profiles import read_profiles
from recipes.builtin_model.prose import prose_case

LENGTH = 2048
ROW = np.dtype([("token", "<u2"), ("position", "<u2"), ("document", "u1"), ("part", "u1")])
NOTHING, PROMPT, ANSWER, CHOICE, PROSE = range(5)
"""Parts: CHOICE is the beginning of an answer, where it is decided what is said, and its citation."""
OFTEN = {"squad": 0.18, "wikitable": 0.12, "tatqa": 0.09}
FOLDERS, INVENTED, PROSE_CASES = 0.22, 0.30, 0.09
"""How often each origin is drawn; the folders share theirs by their questions."""
FORMS = Path(__file__).with_name("forms.json")
"""How other programs ask: a system turn before passages, and an instruction before them."""
ROWS_A_FILE = 512
WAITING = 24


class Tokens:
    """Examples and texts as arrays of ROW."""

    def __init__(self, file: Path) -> None:
        self._pieces = sentencepiece.SentencePieceProcessor(model_file=str(file))

    def of_example(self, made: Example) -> npt.NDArray[np.void] | None:
        """Give the exchange as the chat template writes it; None where it is too long."""
        prompt = [1, *self._pieces.encode(f"[INST] {made.content} [/INST]")]
        answer = [*self._pieces.encode(f" {made.answer}"), 2]
        if len(prompt) + len(answer) > LENGTH - 8:
            return None
        row = np.zeros(len(prompt) + len(answer), ROW)
        row["token"] = prompt + answer
        row["position"] = np.arange(len(row))
        row["part"][: len(prompt)] = PROMPT
        row["part"][len(prompt) :] = ANSWER
        row["part"][len(prompt) : len(prompt) + 4] = CHOICE
        row["part"][-5:] = CHOICE
        row["part"][0] = NOTHING
        return row

    def of_text(self, text: str) -> list[int]:
        """Give the tokens of a text with its first and last mark."""
        return [1, *self._pieces.encode(text), 2]


class Examples:
    """An endless mixture of examples."""

    def __init__(self, data: Path, seed: int) -> None:
        self._rng = random.Random(seed)
        self._forms = Forms(**json.loads(FORMS.read_text(encoding="utf-8")))
        with lzma.open(data / "prose.jsonl.xz", "rt", encoding="utf-8") as lines:
            self.texts: list[str] = [json.loads(line) for line in lines]
        self._profiles = Profiles(read_profiles(data / "profiles.json"))
        by_origin: dict[str, list[Case]] = {}
        for file in sorted(data.glob("cases-*.jsonl.xz")):
            for case in read_cases(file):
                by_origin.setdefault(case.origin, []).append(case)
        folders = sum(len(cases) for name, cases in by_origin.items() if name not in OFTEN)
        self._cases = list(by_origin.items())
        self._often = [
            OFTEN.get(name, FOLDERS * len(cases) / max(1, folders)) for name, cases in self._cases
        ]

    def draw(self) -> Example | None:
        """Give one more example, None where the draw came to nothing."""
        rng = self._rng
        chance = rng.random()
        mate = None
        if chance < INVENTED:
            case = invented_case(rng)
        elif chance < INVENTED + PROSE_CASES:
            made = prose_case(self.texts, rng)
            if not made:
                return None
            case = made
        else:
            name, cases = rng.choices(self._cases, self._often)[0]
            case = rng.choice(cases)
            mate = rng.choice(cases) if name not in OFTEN else None
        return example(case, mate, self._profiles, self._forms, rng)


def packed(draw: Callable[[], npt.NDArray[np.void] | None]) -> Iterator[npt.NDArray[np.void]]:
    """Give rows of LENGTH, each filled with whole examples from a small stock."""
    stock: list[npt.NDArray[np.void]] = []
    while True:
        row, used, number = np.zeros(LENGTH, ROW), 0, 1
        while True:
            while len(stock) < 32:
                drawn = draw()
                if drawn is not None:
                    stock.append(drawn)
            fitting = [n for n, one in enumerate(stock) if len(one) <= LENGTH - used]
            if not fitting:
                break
            chosen = stock.pop(max(fitting, key=lambda n: len(stock[n])) if used else 0)
            chosen["document"] = number
            row[used : used + len(chosen)] = chosen
            used, number = used + len(chosen), number + 1
        yield row


def prose_rows(texts: list[str], tokens: Tokens) -> npt.NDArray[np.void]:
    """Give texts end to end in rows of LENGTH; a text seen from its beginning or a cut only."""
    rows, row, used, number = [], np.zeros(LENGTH, ROW), 0, 1
    for text in texts:
        ids = tokens.of_text(text)
        while ids:
            taken = ids[: LENGTH - used]
            ids = ids[len(taken) :]
            part = row[used : used + len(taken)]
            part["token"], part["position"] = taken, np.arange(len(taken))
            part["document"], part["part"] = number, PROSE
            row["part"][used] = NOTHING
            used, number = used + len(taken), min(number + 1, 255)
            if used == LENGTH:
                rows.append(row)
                row, used, number = np.zeros(LENGTH, ROW), 0, 1
    return np.stack(rows)


def work(data: Path, out: Path, worker: int, workers: int, most: int) -> None:
    """Write a worker's files; each appears by rename."""
    tokens = Tokens(data / "tokenizer.model")
    examples = Examples(data, 1000 + worker)

    def save(rows: npt.NDArray[np.void], name: str) -> None:
        np.save(out / f"part_{worker}.npy", rows)
        (out / f"part_{worker}.npy").rename(out / name)

    save(prose_rows(examples.texts[worker::workers], tokens), f"prose_{worker}.npy")

    def draw() -> npt.NDArray[np.void] | None:
        made = examples.draw()
        return tokens.of_example(made) if made else None

    rows = packed(draw)
    for number in range(most):
        while len(list(out.glob(f"examples_{worker}_*.npy"))) >= WAITING:
            time.sleep(0.5)
        save(np.stack([next(rows) for _ in range(ROWS_A_FILE)]), f"examples_{worker}_{number}.npy")


if __name__ == "__main__":
    source, target, number, count = sys.argv[1:5]
    most_files = int(sys.argv[5]) if len(sys.argv) > 5 else 1_000_000
    work(Path(source), Path(target), int(number), int(count), most_files)
