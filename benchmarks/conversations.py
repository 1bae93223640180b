"""Conversations: opening one of 2,000 messages beside one of 10, reading back in it, and searching.

The program runs in 160x45 without a terminal but drawing all the same, on an empty folder and with
a store of its own. A conversation is open once its newest answer is drawn at the end of it; both
are opened in turns, and the medians and their ratio printed. Then Page Up goes from the newest
message of 2,000 to the first, ten pages and a rest at a time: the time until each page is drawn,
for the first pages beside the last ones, how late a task wakes that sleeps 5 ms at a time, and the
most answers that were drawn at once. Last, words are searched for in 20,000 messages as they are
typed. Exits with 1 if opening takes more than twice as long, or a page gets twice as slow.

    python -m benchmarks.conversations [turns]
"""

from __future__ import annotations

import asyncio
import gc
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from benchmarks.event_loop import delays, percentile
from ragopt_tui.chat.answer import Answer, Citation
from ragopt_tui.chat.conversations.search import search
from ragopt_tui.chat.conversations.store import open_store
from ragopt_tui.chat.exchange import Exchange
from ragopt_tui.knowledge.passage import Hit, Passage, Profile
from ragopt_tui.settings import Settings
from ragopt_tui.ui.app import RagoptApp
from ragopt_tui.ui.screens.main import MainScreen
from ragopt_tui.ui.widgets.exchange_card import ExchangeCard

SAMPLES = Path(__file__).resolve().parents[1] / "sample_docs"
LONG, SHORT, EVIDENCE, PASSAGE = 1000, 5, 6, 800
OTHERS, IN_EACH = 90, 100
TYPED = (
    "o",
    "op",
    "operating",
    "operating marg",
    "operating margin 2024",
    "dividend of",
    "question 77",
)
MOST_RATIO, LONGEST_SECONDS = 2.0, 120.0
BURST, KEY_REPEAT_SECONDS, REST_SECONDS, COMPARED = 10, 0.033, 1.5, 50


class Answers:
    """Answers that quote passages of the sample documents, each time others."""

    def __init__(self) -> None:
        text = " ".join(file.read_text("utf-8") for file in sorted(SAMPLES.glob("*.md")))
        self._pieces = [text[at : at + PASSAGE] for at in range(0, len(text) - PASSAGE, PASSAGE)]

    def exchange(self, number: int, docs: str) -> Exchange:
        """Give a question and its answer of four sentences or rows."""
        pieces = [self._pieces[(number * 7 + n) % len(self._pieces)] for n in range(EVIDENCE)]
        hits = tuple(Hit(_passage(number, n, piece), 1 / n) for n, piece in enumerate(pieces, 1))
        quotes = [piece[100:260].replace("\n", " ") for piece in pieces[:4]]
        text = "\n\n".join(f"{quote} [{n}]" for n, quote in enumerate(quotes, 1))
        question = f"What does question {number} ask about?"
        cited = tuple(
            Citation(n, hits[n - 1].passage.file, None, n, n, 100, 260, quote)
            for n, quote in enumerate(quotes, 1)
        )
        answer = Answer(question, text, False, cited, hits, "quotes", "g1.v1", 0.3)
        now = datetime.now()
        return Exchange(question, "quotes", now, docs, state="done", answer=answer)


def _passage(number: int, n: int, text: str) -> Passage:
    file = f"report_{(number + n) % 40}.md"
    profile = Profile("Annual report", "Company", "FY2024", "10-K")
    at = f"{file}#{n}"
    return Passage(at, file, None, 1, 9, 0, len(text), "prose", ("Results",), "", text, profile)


def fill(docs: str, answers: Answers, exchanges: int, title: str) -> None:
    """Keep a conversation of so many exchanges."""
    store, _ = open_store()
    # What is measured is not the writing.
    store.database.rows("PRAGMA synchronous = OFF")
    now = datetime.now()
    id, _ = store.begin(docs, title, answers.exchange(0, docs), now)
    for number in range(1, exchanges):
        store.put(id, answers.exchange(number, docs), now)
    store.close()


async def until(holds: Callable[[], bool]) -> None:
    """Let the program run until something holds."""
    async with asyncio.timeout(LONGEST_SECONDS):
        while not holds():
            await asyncio.sleep(0.001)


async def opened(screen: MainScreen) -> tuple[int, float]:
    """Go on with the other conversation; give its questions and the ms until it was open."""
    conversation = screen.conversation
    before = conversation.exchanges
    started = time.perf_counter()
    await screen.run_action("screen.resume_chat")

    def at_end() -> bool:
        exchanges = conversation.exchanges
        card = (
            conversation.card_of(exchanges[-1]) if exchanges and exchanges is not before else None
        )
        return bool(card and card.region.height) and conversation.scroll_y > 0

    await until(at_end)
    return conversation.earlier + len(conversation.exchanges), (
        time.perf_counter() - started
    ) * 1000


async def read_back(screen: MainScreen) -> tuple[list[float], int]:
    """Page up to the first message, ten pages and a rest at a time; give the ms until each page was
    drawn and the most answers drawn at once.
    """
    pages, most = [], 0
    conversation = screen.conversation
    while conversation.earlier or conversation.scroll_y > 0:
        started = time.perf_counter()
        drawn = asyncio.Event()
        conversation.leaf(-1)
        conversation.call_after_refresh(drawn.set)
        await drawn.wait()
        pages.append((time.perf_counter() - started) * 1000)
        most = max(most, len(screen.query(ExchangeCard)))
        await asyncio.sleep(KEY_REPEAT_SECONDS if len(pages) % BURST else REST_SECONDS)
    return pages, most


async def measure(docs: Path, turns: int) -> bool:
    """Print what was measured; give whether all of it is within its limits."""
    app = RagoptApp(docs, Settings())
    times: dict[int, list[float]] = {LONG: [], SHORT: []}
    late: list[float] = []
    async with app.run_test(size=(160, 45)) as pilot:
        screen = app.screen
        assert isinstance(screen, MainScreen)
        await until(lambda: screen.dialogue.ready and not screen.workspace.indexing.running)
        # As the program does where it has a terminal.
        gc.collect()
        gc.freeze()
        # The first two bring in what answers are drawn with.
        for turn in range(2 * turns + 2):
            questions, taken = await opened(screen)
            await pilot.pause(0.5)
            if turn > 1:
                times[questions].append(taken)
        while screen.conversation.earlier + len(screen.conversation.exchanges) != LONG:
            await opened(screen)
        await pilot.pause(0.5)
        watching = asyncio.create_task(delays(LONGEST_SECONDS, late))
        pages, drawn = await read_back(screen)
        watching.cancel()
    long, short = statistics.median(times[LONG]), statistics.median(times[SHORT])
    print(
        f"opened  {2 * LONG:,} messages {long:.0f} ms  {2 * SHORT} messages {short:.0f} ms",
        end="  ",
    )
    print(f"ratio {long / short:.2f}")
    newest, oldest = statistics.median(pages[:COMPARED]), statistics.median(pages[-COMPARED:])
    print(
        f"page up p50 {percentile(pages, 0.5):.0f} ms  p99 {percentile(pages, 0.99):.0f} ms",
        end="  ",
    )
    print(
        f"the last {COMPARED} of {len(pages)} pages beside the first: ratio {oldest / newest:.2f}"
    )
    print(f"at most {drawn} of {LONG:,} answers drawn at once; event loop late by", end="  ")
    print(f"p50 {percentile(late, 0.5):.1f} ms  p99 {percentile(late, 0.99):.1f} ms")
    return long / short <= MOST_RATIO and oldest / newest <= MOST_RATIO


def search_times() -> None:
    """Print how long each stage of typing takes to be searched for."""
    store, _ = open_store()
    for typed in TYPED:
        taken = []
        for _ in range(7):
            started = time.perf_counter()
            found = search(store, typed, 200)
            taken.append((time.perf_counter() - started) * 1000)
        print(f"search  {typed!r:26} {statistics.median(taken):6.1f} ms  {len(found)} found")
    store.close()


def main() -> int:
    """Measure and print."""
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"RAGOPT_HOME": home, "HF_HUB_OFFLINE": "1"}
        docs = Path(home, "reports").resolve()
        docs.mkdir()
        answers = Answers()
        fill(str(docs), answers, LONG, "long")
        fill(str(docs), answers, SHORT, "short")
        good = asyncio.run(measure(docs, turns))
        for number in range(OTHERS):
            fill("/other", answers, IN_EACH, f"conversation {number}")
        search_times()
    return not good


if __name__ == "__main__":
    raise SystemExit(main())
