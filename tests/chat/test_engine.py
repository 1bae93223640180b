"""The real engine process, over its real pipes, on a small folder of documents."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ragopt_tui.chat.answer import Answer
from ragopt_tui.chat.engine_client import (
    EngineClient,
    EngineDied,
    RequestCancelled,
)
from ragopt_tui.chat.protocol import Event
from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge.location import IndexLocation
from ragopt_tui.knowledge.sync import synchronise

pytestmark = pytest.mark.asyncio(loop_scope="module")

REPORT = """# Northwind annual report 2023

Net revenue was $4.2 billion in fiscal 2023, up 8% from 2022.

The company employed 12,400 people at the end of the year.
"""
LETTER = """# Letter about markup

The clause [bold]unless[/bold] waived \x1b[31mwas red\x1b[0m in \x1b]0;title\x07 of fiscal 2021.

The plan lists alpha, bravo, charlie, delta, echo, foxtrot, golf, hotel, india, juliet, kilo, \
lima, mike, november, oscar, papa, quebec, romeo, sierra, tango, uniform, victor, whiskey, \
xray, yankee and zulu as the code names of the sites that opened in fiscal 2023.
"""
PAGE = """<html><head><title>Bond</title><style>p { color: red }</style></head>
<body>

<!-- a comment
over two lines -->
<p>The bond was
issued in Oslo.</p>


<p>Its coupon of the bond in fiscal 2018
was 7.25 % each year.</p>
</body></html>
"""
LONG_QUESTION = "What does the plan list as the code names of the sites?"


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def home(shared_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One home for the module, so that its engine and its index are found by all tests."""
    monkeypatch.setenv("RAGOPT_HOME", str(shared_home))
    return shared_home


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory, shared_home: Path) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    (folder / "report.md").write_text(REPORT)
    (folder / "letter.md").write_text(LETTER)
    (folder / "bond.html").write_text(PAGE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAGOPT_HOME", str(shared_home))
        synchronise(folder, "builtin", lambda _: None)
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(docs: Path, shared_home: Path) -> AsyncIterator[EngineClient]:
    states: list[str] = []
    running = EngineClient(lambda state, _: states.append(state))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAGOPT_HOME", str(shared_home))
        opened = await running.call("open", {"docs": str(docs), "embedder": "builtin"})
    assert opened["passages"] >= 2
    assert opened["index_version"]
    assert states == ["starting", "ready"]
    yield running
    await running.close()
    assert running.state == "stopped"


def asking(question: str, variant: str = "quotes") -> dict[str, Any]:
    return {"question": question, "variant": variant, "passages": 3}


async def events_of(client: EngineClient, method: Any, params: dict[str, Any]) -> list[Event]:
    return [event async for event in client.request(method, params)]


async def test_quotes_answer_with_status_evidence_and_text_in_order(client: EngineClient) -> None:
    events = await events_of(client, "ask", asking("What was net revenue in fiscal 2023?"))
    kinds = [event.type for event in events if event.type != "status"]
    assert kinds == ["settings", "filters", "evidence", "text", "done"]
    assert events[0].data == {
        "refusal_threshold": 0.55,
        "max_answer_tokens": 256,
        "context_tokens": 8192,
        "cross_encoder": "builtin",
        "passages": 3,
        "seed": None,
    }
    assert events[1].data["message"] == "searching"
    answer = Answer.from_json(events[-1].data)
    assert "$4.2 billion" in answer.text
    assert (answer.citations[0].file, answer.citations[0].line_start) == ("report.md", 3)
    assert answer.variant == "quotes"
    assert answer.seconds > 0


async def test_filters_come_before_the_evidence_and_can_be_taken_away(
    client: EngineClient,
) -> None:
    question = asking("What was net revenue in fiscal 2023?")
    for without, state in (([], "relaxed"), ([["period", "FY2023"]], "removed")):
        events = await events_of(client, "ask", question | {"without": without})
        (filters,) = [event.data["filters"] for event in events if event.type == "filters"]
        period = {"kind": "period", "value": "FY2023", "said": "fiscal 2023", "state": state}
        assert filters == [period] == events[-1].data["filters"]


async def test_filters_to_take_away_that_are_no_pairs_are_refused(client: EngineClient) -> None:
    with pytest.raises(RagoptError, match="needs without as pairs"):
        await client.call("ask", asking("What was net revenue?") | {"without": ["period"]})


async def test_a_follow_up_is_read_after_the_questions_before_it(client: EngineClient) -> None:
    before = [{"question": "What was net revenue in fiscal 2022?", "answer": ""}]
    events = await events_of(client, "ask", asking("and in 2023?") | {"earlier": before})
    meant = "What was net revenue in fiscal 2023?"
    (resolved,) = [event.data["question"] for event in events if event.type == "resolved"]
    assert resolved == meant
    answer = Answer.from_json(events[-1].data)
    assert (answer.question, answer.resolved_question) == ("and in 2023?", meant)
    assert "$4.2 billion" in answer.text


async def test_a_question_is_read_as_it_is_told_whatever_came_before(client: EngineClient) -> None:
    before = [{"question": "What was net revenue in fiscal 2022?", "answer": ""}]
    told = {"earlier": before, "read_as": "Who employed 12,400 people?"}
    answer = Answer.from_json(await client.call("ask", asking("and in 2023?") | told))
    assert answer.resolved_question == "Who employed 12,400 people?"
    alone = Answer.from_json(await client.call("ask", asking("and in 2023?")))
    assert alone.resolved_question == "and in 2023?"


async def test_a_variant_streams_its_answer(client: EngineClient) -> None:
    question = asking("What was net revenue in fiscal 2023?", "builtin-q8_0")
    events = await events_of(client, "ask", question)
    answer = Answer.from_json(events[-1].data)
    streamed = "".join(event.data["text"] for event in events if event.type == "text")
    assert streamed.strip() == answer.text
    assert "$4.2 billion" in answer.text
    assert answer.citations[0].quote.startswith("Net revenue was $4.2 billion")
    assert answer.variant == "builtin-q8_0"
    (prompt,) = [event.data["messages"] for event in events if event.type == "prompt"]
    assert answer.evidence[0].passage.text[:40] in prompt[-1]["content"]


@pytest.mark.parametrize("question", ["net revenue " * 4167, "?!… --- ()", "売上高は?"])
async def test_questions_too_long_or_without_words_are_answered_or_refused(
    client: EngineClient, question: str
) -> None:
    answer = Answer.from_json(await client.call("ask", asking(question)))
    assert answer.question == question
    assert answer.refused or answer.citations


async def test_search_gives_passages_with_scores(client: EngineClient) -> None:
    found = await client.call("search", {"question": "employed people", "limit": 2})
    assert "12,400 people" in found["hits"][0]["text"]
    scores = [hit["score"] for hit in found["hits"]]
    assert scores == sorted(scores, reverse=True)


async def test_a_document_comes_with_the_lines_of_its_file(
    client: EngineClient, docs: Path
) -> None:
    document = await client.call("document", {"file": "report.md"})
    assert document["text"].split("\n") == REPORT.split("\n")
    assert document["line_numbers"][:3] == [1, 2, 3]
    assert document["changed"] is False
    file = docs / "report.md"
    file.write_text(REPORT + "More.\n")
    assert (await client.call("document", {"file": "report.md"}))["changed"] is True
    file.write_text(REPORT)
    assert (await client.call("document", {"file": "report.md"}))["changed"] is False


@pytest.mark.parametrize(
    "file", ["../secret.md", "/etc/passwd", "link.md", "a/../../x", "none.md", "nul\x00.md", "."]
)
async def test_only_files_of_the_folder_are_read(
    client: EngineClient, docs: Path, tmp_path: Path, file: str
) -> None:
    (tmp_path / "outside.md").write_text("secret")
    link = docs / "link.md"
    link.symlink_to(tmp_path / "outside.md")
    try:
        with pytest.raises(RagoptError, match="in the folder"):
            await client.call("document", {"file": file})
    finally:
        link.unlink()


async def test_markup_and_escape_sequences_arrive_as_data(client: EngineClient) -> None:
    document = await client.call("document", {"file": "letter.md"})
    assert "[bold]unless[/bold]" in document["text"]
    for variant in ("quotes", "builtin-q8_0"):
        events = await events_of(client, "ask", asking("What does the clause say?", variant))
        assert events[-1].type == "done"
        everything = b"".join(event.to_line() for event in events)
        assert b"\\u001b" not in everything
        assert b"\\u0007" not in everything
        hits = next(event.data["hits"] for event in events if event.type == "evidence")
        assert any("[bold]unless[/bold]" in hit["text"] for hit in hits)


@pytest.mark.parametrize(
    ("method", "params", "message"),
    [
        ("ask", asking("Why?", "no-such-model"), "no-such-model"),
        ("ask", {"question": " ", "variant": "quotes", "passages": 3}, "needs question"),
        ("ask", {"question": "Why?", "variant": "quotes", "passages": 0}, "at least 1"),
        ("ask", asking("Why?") | {"earlier": [{"asked": "x"}]}, "needs earlier questions"),
        ("open", {"docs": "/no/such/folder", "embedder": "builtin"}, "/no/such/folder"),
        ("load", {"variant": "/no/such.gguf"}, "/no/such.gguf"),
        ("nonsense", {}, "nonsense"),
    ],
)
async def test_bad_requests_fail_with_a_sentence(
    client: EngineClient, method: Any, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(RagoptError, match=message):
        await client.call(method, params)
    assert client.state == "ready"


async def test_a_folder_without_index_is_empty_until_it_is_indexed(
    client: EngineClient, docs: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "later"
    folder.mkdir()
    (folder / "note.md").write_text("# Note\n\nThe dividend was 3 cents in 2020.\n")
    opened = await client.call("open", {"docs": str(folder), "embedder": "builtin"})
    assert opened == {"index_version": "", "passages": 0}
    question = asking("What was the dividend in 2020?")
    with pytest.raises(RagoptError, match="No documents"):
        await client.call("ask", question)
    await asyncio.to_thread(synchronise, folder, "builtin", lambda _: None)
    answer = await client.call("ask", question)
    assert "3 cents" in answer["answer"]
    (folder / "next.md").write_text("# Next\n\nThe coupon was 9 % in 2019.\n")
    await asyncio.to_thread(synchronise, folder, "builtin", lambda _: None)
    later = await client.call("ask", asking("What was the coupon in 2019?"))
    assert "9 %" in later["answer"]
    assert later["index_version"] != answer["index_version"]
    await client.call("open", {"docs": str(docs), "embedder": "builtin"})


async def test_cited_lines_of_a_page_are_those_of_its_source(client: EngineClient) -> None:
    answer = await client.call("ask", asking("What was the coupon of the bond in fiscal 2018?"))
    citation = answer["citations"][0]
    assert "7.25 %" in citation["quote"]
    lines = PAGE.split("\n")
    cited = lines[citation["line_start"] - 1 : citation["line_end"]]
    assert any("7.25 %" in line for line in cited)
    assert len(cited) <= 3


async def test_a_damaged_index_is_told_and_its_replacement_is_used(
    client: EngineClient, docs: Path, tmp_path: Path
) -> None:
    (tmp_path / "note.md").write_text("# Note\n\nThe dividend was 3 cents in 2020.\n")
    await asyncio.to_thread(synchronise, tmp_path, "builtin", lambda _: None)
    opening = {"docs": str(tmp_path), "embedder": "builtin"}
    await client.call("open", opening)
    manifest = IndexLocation.of(tmp_path).manifest_file
    manifest.write_text("{")
    with pytest.raises(RagoptError, match="is damaged"):
        await client.call("open", opening)
    with pytest.raises(RagoptError, match="is damaged"):
        await client.call("ask", asking("What was the dividend?"))
    await asyncio.to_thread(synchronise, tmp_path, "builtin", lambda _: None, rebuild=True)
    answer = await client.call("ask", asking("What was the dividend in 2020?"))
    assert "3 cents" in answer["answer"]
    await client.call("open", {"docs": str(docs), "embedder": "builtin"})


async def test_cancelling_mid_answer_ends_it_and_serves_the_next(client: EngineClient) -> None:
    await client.call("load", {"variant": "builtin"})
    exchange = client.request("ask", asking(LONG_QUESTION, "builtin"))
    kinds = []
    asked = False
    async for event in exchange:
        kinds.append(event.type)
        if event.type == "text" and not asked:
            asked = True
            await exchange.cancel()
    assert kinds[-1] == "cancelled"
    answer = await client.call("ask", asking("How many people did the company employ?"))
    assert "12,400" in answer["answer"]


async def test_a_waiting_request_can_be_cancelled(client: EngineClient) -> None:
    first = asyncio.create_task(client.call("ask", asking(LONG_QUESTION, "builtin")))
    second = client.request("ask", asking("What was net revenue?"))
    waiting = asyncio.create_task(anext(aiter(second)))
    while second.id not in client.pending_requests:
        await asyncio.sleep(0)
    await second.cancel()
    assert (await waiting).type == "cancelled"
    assert (await first)["variant"] == "builtin"


async def test_a_consumer_that_leaves_cancels_its_request(client: EngineClient) -> None:
    stream = aiter(client.request("ask", asking(LONG_QUESTION, "builtin")))
    assert (await anext(stream)).type == "settings"
    await stream.aclose()  # type: ignore[attr-defined]
    assert not client.pending_requests
    assert (await client.call("ask", asking("What was net revenue?")))["variant"] == "quotes"


async def test_killed_mid_answer_it_says_why_and_goes_on(client: EngineClient) -> None:
    await client.call("load", {"variant": "builtin"})
    seen: list[str] = []
    client.on_state = lambda state, reason: seen.append(f"{state} {reason}".strip())
    killed = client.pid
    assert killed is not None

    async def kill_at_first_text() -> None:
        async for event in client.request("ask", asking(LONG_QUESTION, "builtin")):
            if event.type == "text":
                os.kill(killed, signal.SIGKILL)

    with pytest.raises(EngineDied, match="was killed, probably because memory ran out"):
        await kill_at_first_text()
    assert client.pid is None
    answer = await client.call("ask", asking("What was net revenue in fiscal 2023?"))
    assert "$4.2 billion" in answer["answer"]
    assert client.pid not in (None, killed)
    assert [line.split()[0] for line in seen] == ["dead", "starting", "ready"]


async def test_prints_of_native_code_do_not_reach_the_protocol(docs: Path) -> None:
    noisy = (
        "import ctypes, os\n"
        "from ragopt_tui.chat import engine\n"
        "os.write(1, b'printed before the engine starts\\n')\n"
        "serve = engine.Engine.serve\n"
        "def noisy(self, request):\n"
        "    os.write(1, b'{\"half a line')\n"
        "    ctypes.CDLL(None).puts(b'from C')\n"
        "    ctypes.CDLL(None).fflush(None)\n"
        "    print('from Python', flush=True)\n"
        "    serve(self, request)\n"
        "engine.Engine.serve = noisy\n"
        "engine.main()\n"
    )
    client = EngineClient(command=(sys.executable, "-c", noisy))
    try:
        document = {"docs": str(docs), "embedder": "builtin"}
        assert (await client.call("open", document))["passages"] >= 2
    finally:
        await client.close()
    log = Path(os.environ["RAGOPT_HOME"], "logs", "engine.log").read_text()
    assert '{"half a line' in log
    assert "from C" in log


async def test_an_abort_in_native_code_is_named_and_a_closed_client_ends_its_engine() -> None:
    aborting = (
        "import os\n"
        "from ragopt_tui.chat import engine\n"
        "engine.Engine.serve = lambda self, request: os.abort()\n"
        "engine.main()\n"
    )
    client = EngineClient(command=(sys.executable, "-c", aborting))
    with pytest.raises(EngineDied, match=r"stopped itself in native code \(SIGABRT\)"):
        await client.call("document", {"file": "x"})
    await client.start()
    pid = client.pid
    assert pid is not None
    await client.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_closing_ends_requests_that_wait(client: EngineClient, docs: Path) -> None:
    other = EngineClient()
    await other.start()
    waiting = asyncio.create_task(other.call("load", {"variant": "builtin"}))
    while not other.pending_requests:
        await asyncio.sleep(0)
    await other.close()
    with pytest.raises((EngineDied, RequestCancelled)):
        await waiting
