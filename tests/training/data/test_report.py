"""What is told of a set before it is trained on, and the commands that tell it."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ragopt_tui.cli import main
from ragopt_tui.commands.following import result_of
from ragopt_tui.errors import RagoptError
from ragopt_tui.training.data.example import Example
from ragopt_tui.training.data.importing import Request, import_set
from ragopt_tui.training.data.pieces import ONLY_LAST
from ragopt_tui.training.data.rendered_set import rendered_set
from ragopt_tui.training.data.rendering import Renderer
from ragopt_tui.training.data.report import Bin, histogram, report_on, token_report
from ragopt_tui.training.data.starting import start_import
from ragopt_tui.training.data.store import DataSetStore
from tests.training.data import made
from tests.training.data.made import builtin_tokenizer, turns, words_tokenizer


def test_lengths_fall_into_bins_of_one_width() -> None:
    assert histogram([]) == ()
    assert histogram([0, 1, 1, 3]) == (Bin(0, 1, 1), Bin(1, 2, 2), Bin(2, 3, 0), Bin(3, 4, 1))
    many = histogram(list(range(1000)))
    assert len(many) == 16
    assert {each.end - each.start for each in many} == {64}
    assert sum(each.rows for each in many) == 1000


def test_what_is_cut_off_left_out_or_noted_is_counted_with_its_reason() -> None:
    tokenizer = words_tokenizer(made.FORGETS_THINKING)
    dialogues = [
        turns("Hi ?", "Yes ."),
        turns("Hi ?", "Yes . And . No . more . Yes . No ."),
        turns("Hi ? And ? No ? more ? Yes ? And ?", "Yes ."),
        turns("Hi ?", "<think> why </think> Yes", "And", "No"),
    ]
    examples = [replace(each, place=f"line {n}") for n, each in enumerate(dialogues, start=1)]
    report = token_report(rendered_set(examples, Renderer(tokenizer, max_length=25)))
    assert (report.rows, report.truncated, report.left_out) == (4, 0, {})
    assert report.notes == {ONLY_LAST: 1}
    assert (report.shortest, report.median, report.longest) == (14, 24, 25)
    assert (report.tokens, report.loss_tokens) == (14 + 24 + 24 + 25, 3 + 13 + 3 + 2)
    report = token_report(rendered_set(examples, Renderer(tokenizer, max_length=22)))
    assert (report.rows, report.truncated) == (3, 2)
    assert report.left_out == {"Its prompt alone has … tokens, max_length is 22.": 1}
    assert report.truncated_rows == ("line 2", "line 3")
    assert [row.place for row in report.left_out_rows] == ["line 4"]
    assert (report.longest, report.tokens) == (24, 14 + 22 + 22)


def rows(tmp_path: Path, *pairs: tuple[str, str, str]) -> Path:
    file = tmp_path / "facts.jsonl"
    lines = [
        json.dumps({"question": q, "answer": a, "evidence": f"{q} {a}", "company": c})
        for q, a, c in pairs
    ]
    file.write_text("\n".join([*lines, "{broken"]))
    return file


FACTS = [(f"What was revenue {n}?", f"Revenue was {n}.", f"Company {n // 3}") for n in range(9)]


def test_a_report_holds_what_the_import_saw_and_what_the_model_reads(tmp_path: Path) -> None:
    file = rows(tmp_path, *FACTS, FACTS[0])
    data = import_set(Request(str(file), group="company"), DataSetStore())
    report = report_on(data, Renderer(builtin_tokenizer(), builtin=True, max_length=512))
    values = json.loads(json.dumps(report.to_json()))
    assert values["record"]["rows"] == {"train": 10, "validation": 0, "test": 0}
    assert values["problems"][0]["place"] == "line 11"
    assert values["overlap"]["duplicates"]["train"] == 1
    assert values["groups"]["train"] == 3
    assert values["with_evidence"] == 10
    assert values["tokens"]["train"]["rows"] == 10
    assert values["tokens"]["train"]["left_out"] == {}
    assert sum(each["rows"] for each in values["tokens"]["train"]["histogram"]) == 10
    assert report_on(data).tokens == {}


def run(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """Run a command with --json and give what it prints."""
    assert main(["data", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_set_is_imported_split_shown_exported_removed_and_restored_by_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = rows(tmp_path, *FACTS)
    made_ = run(capsys, "import", str(file), "--group", "company", "--name", "Facts")
    assert (made_["id"], made_["rows"]["train"], made_["problems"]) == ("facts", 9, 1)
    assert made_["left_out"][0]["place"] == "line 10"
    split = run(capsys, "split", "facts", "--validation", "3", "--test", "0.3", "--seed", "4")
    assert split["id"] == "facts-2"
    assert split["rows"] == {"train": 3, "validation": 3, "test": 3}
    assert split["origin"]["made_from"] == f"facts@{made_['version']}"
    assert {each["id"] for each in run(capsys, "list")["sets"]} == {"facts", "facts-2"}
    shown = run(capsys, "show", "facts-2", "-n", "1")
    assert shown["examples"][0]["messages"][0]["role"] == "user"
    files = run(capsys, "export", "facts", "--out", str(tmp_path / "out.csv"))["files"]
    assert Path(files[0]).read_text().startswith("question,answer,evidence,group\n")
    assert run(capsys, "remove", "facts-2") == {"set": "facts-2"}
    assert [each["id"] for each in run(capsys, "list", "--removed")["sets"]] == ["facts-2"]
    assert run(capsys, "restore", "facts-2")["id"] == "facts-2"


def test_a_check_says_what_would_be_kept_and_keeps_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run(capsys, "import", str(rows(tmp_path, *FACTS)), "--check", "--validation", "2")
    assert found["format"] == "question-answer"
    assert found["columns"]["evidence"] == "evidence"
    assert found["available"] == ["question", "answer", "evidence", "company"]
    assert (found["rows"]["validation"], found["left_out"]) == (2, 1)
    other = tmp_path / "other.csv"
    other.write_text("ask,say\nx,y\n")
    assert main(["data", "import", str(other), "--check", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["available"] == ["ask", "say"]
    assert "None of the formats" in found["problem"]
    assert not DataSetStore().sets()


def test_show_marks_what_carries_loss_with_brackets_where_there_is_no_colour(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["data", "import", str(rows(tmp_path, *FACTS))])
    capsys.readouterr()
    assert main(["data", "show", "facts", "--tokens", "builtin", "-n", "1"]) == 0
    told = capsys.readouterr().out
    assert told.endswith("Question: What was revenue 0? [/INST]⟦ Revenue was 0 [1].</s>⟧\n")
    assert "train: 9 rows" in told
    assert "[1] 9 | document-1.txt" in told
    assert "\x1b" not in told


def test_on_a_terminal_loss_is_green_unless_colours_are_not_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["data", "import", str(rows(tmp_path, *FACTS))])
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    for value, before, behind in (("", "\x1b[1;32m", "\x1b[0m"), ("1", "⟦", "⟧")):
        monkeypatch.setenv("NO_COLOR", value)
        main(["data", "show", "facts", "--tokens", "builtin", "-n", "1"])
        assert f"[/INST]{before} Revenue was 0 [1].</s>{behind}\n" in capsys.readouterr().out


def test_other_templates_and_lengths_are_shown_as_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["data", "import", str(rows(tmp_path, *FACTS))])
    capsys.readouterr()
    options = ["--tokens", "builtin", "-n", "1", "--template", "chat", "--max-length", "16"]
    shown = run(capsys, "show", "facts", *options)
    (preview,) = shown["previews"]
    assert (preview["tokens"], preview["truncated"]) == (16, True)
    assert [loss for _, loss in preview["pieces"]] == [False, True]
    shown = run(capsys, "show", "facts", *options[:-1], "5")
    assert "prompt alone has" in shown["previews"][0]["left_out"]
    assert run(capsys, "show", "facts", *options, "--all-tokens")["previews"][0]["pieces"][1][1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "nothing"], "There is no data set 'nothing'"),
        (["show", "facts", "--tokens", "builtin-q8_0"], "is a GGUF model, which cannot be trained"),
        (["show", "facts", "--tokens", "quotes"], "no model files"),
        (["import", "nothing.jsonl"], "nothing.jsonl does not exist"),
        (["import", "FILE", "--column", "question"], "--column question names no column"),
        (["import", "FILE", "--validation", "900"], "900 rows, the data set has 9"),
        (["split", "facts", "--validation", "9"], "9 rows, the data set has 9"),
    ],
)
def test_mistakes_are_told_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    file = rows(tmp_path, *FACTS)
    main(["data", "import", str(file)])
    capsys.readouterr()
    assert main(["data", *(word.replace("FILE", str(file)) for word in words)]) == 1
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told


def test_a_job_imports_a_set_and_says_how_many_rows_were_left_out(tmp_path: Path) -> None:
    job = start_import(str(rows(tmp_path, *FACTS)), name="Facts", group="company", validation=3)
    result = result_of(job)
    assert (result["set"], result["problems"]) == ("facts", 1)
    assert result["message"] == "Facts is imported: 9 examples, 1 rows left out."
    assert DataSetStore().find("facts").record.rows["validation"] == 3


def test_rendering_a_set_can_be_stopped() -> None:
    class Stopped(Exception):
        pass

    def told(done: int) -> None:
        if done:
            raise Stopped

    examples = [turns("Hi ?", "Yes .")] * 1000
    with pytest.raises(Stopped):
        rendered_set(examples, Renderer(words_tokenizer(made.CHATML)), told)


def test_a_set_without_a_chat_template_is_refused_once_not_row_by_row() -> None:
    with pytest.raises(RagoptError, match="no chat template"):
        rendered_set([turns("Hi ?", "Yes .")] * 3, Renderer(words_tokenizer("")))
    text = rendered_set([Example(text="Yes .")], Renderer(words_tokenizer("")))
    assert len(text.rows) == 1
