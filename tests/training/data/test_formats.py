"""Every format: recognised by its columns, read into examples, and its bad rows named by line."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import ipc, parquet

from ragopt_tui.errors import RagoptError
from ragopt_tui.training.data.checking import check
from ragopt_tui.training.data.detection import Layout
from ragopt_tui.training.data.example import Evidence, Example, Message, Problem
from ragopt_tui.training.data.formats import FORMATS
from ragopt_tui.training.data.importing import Read, Request, read_source, source_of
from ragopt_tui.training.data.turns import BadRow

Q, A = "What was revenue?", "It was 5."
ALPACA: list[dict[str, Any]] = [
    {"instruction": "Add.", "input": "1 and 2", "output": "3"},
    {"instruction": Q, "input": "", "output": A},
    {"instruction": Q, "output": 5},
]
ALPACA_READ = [
    (Message("user", "Add.\n\n1 and 2"), Message("assistant", "3", True)),
    (Message("user", Q), Message("assistant", A, True)),
    (Message("user", Q), Message("assistant", "5", True)),
]


def read(place: Path, **options: Any) -> Read:
    request = Request(str(place), **options)
    with source_of(request) as source:
        return read_source(source, request)


def lines(file: Path, *rows: object) -> Path:
    texts = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    file.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return file


def one(file: Path, **options: Any) -> Example:
    found = read(file, **options)
    assert not found.problems
    (example,) = found.splits["train"]
    return example


def turns(read_: Read) -> list[tuple[Message, ...]]:
    return [example.messages for example in read_.splits["train"]]


def test_alpaca_reads_alike_from_every_kind_of_file(tmp_path: Path) -> None:
    lines(tmp_path / "a.jsonl", *ALPACA)
    (tmp_path / "a.json").write_text(json.dumps(ALPACA, indent=1))
    (tmp_path / "held.json").write_text(json.dumps({"version": 1, "data": ALPACA}))
    lines(tmp_path / "lines.json", *ALPACA)
    table = pa.Table.from_pylist([{**row, "output": str(row["output"])} for row in ALPACA])
    parquet.write_table(table, tmp_path / "a.parquet")
    for name, writer in (("file.arrow", ipc.new_file), ("stream.arrow", ipc.new_stream)):
        with writer(str(tmp_path / name), table.schema) as out:
            out.write_table(table)
    for name in (
        "a.jsonl",
        "a.json",
        "held.json",
        "lines.json",
        "a.parquet",
        "file.arrow",
        "stream.arrow",
    ):
        found = read(tmp_path / name)
        assert (found.format, turns(found), found.problems) == ("alpaca", ALPACA_READ, []), name


def test_question_answer_evidence_is_read_from_csv_whatever_the_columns_case(
    tmp_path: Path,
) -> None:
    file = tmp_path / "syntheses.csv"
    file.write_text(
        f'No,Question,ANSWER,Evidence Text,Document\n1,{Q},{A},"Revenue,\nof 5.",q4.md\n'
    )
    example = one(file)
    assert example.messages == (Message("user", Q), Message("assistant", A, True))
    assert example.evidence == (Evidence("Revenue,\nof 5.", True, "q4.md"),)


@pytest.mark.parametrize("head", ["\ufeffQuestion;Answer", "Question\tAnswer"])
def test_other_separators_and_excels_mark_are_understood(tmp_path: Path, head: str) -> None:
    file = tmp_path / "a.csv"
    file.write_text(f"{head}\n{Q}{head[-7]}{A}\n", encoding="utf-8")
    assert one(file).question == Q


def test_utf_16_as_excel_saves_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"Question\tAnswer\n{Q}\tfünf\n", encoding="utf-16")
    assert one(tmp_path / "a.csv").answer == "fünf"


def test_columns_of_any_name_are_mapped(tmp_path: Path) -> None:
    file = lines(tmp_path / "a.jsonl", {"ask": Q, "say": A, "proof": "Revenue of 5.", "firm": "N"})
    columns = {"question": "ask", "answer": "say", "evidence": "proof"}
    found = read(file, columns=columns, group="firm")
    (example,) = found.splits["train"]
    assert (found.format, found.columns) == ("question-answer", columns)
    assert (example.question, example.evidence[0].text, example.group) == (Q, "Revenue of 5.", "N")


def test_chat_messages_are_read_with_their_weights_and_parts(tmp_path: Path) -> None:
    file = lines(
        tmp_path / "a.jsonl",
        {
            "messages": [
                {"role": "developer", "content": "Be short."},
                {"role": "user", "content": [{"type": "text", "text": Q}]},
                {"role": "assistant", "content": "Hm.", "weight": 0},
                {"role": "user", "content": "So?"},
                {"role": "assistant", "content": A},
            ]
        },
    )
    assert one(file).messages == (
        Message("system", "Be short."),
        Message("user", Q),
        Message("assistant", "Hm."),
        Message("user", "So?"),
        Message("assistant", A, True),
    )


def test_sharegpt_conversations_are_read(tmp_path: Path) -> None:
    talk = [{"from": "human", "value": Q}, {"from": "gpt", "value": A}]
    file = lines(tmp_path / "a.jsonl", {"conversations": talk, "system": "Be short."})
    assert one(file).messages == (
        Message("system", "Be short."),
        Message("user", Q),
        Message("assistant", A, True),
    )


def test_prompt_and_completion_are_texts_or_turns(tmp_path: Path) -> None:
    text = one(lines(tmp_path / "a.jsonl", {"prompt": "1+1=", "completion": "2"}))
    assert (text.between, [turn.content for turn in text.messages]) == ("", ["1+1=", "2"])
    asked = [
        {"role": "user", "content": "Hi?"},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": Q},
    ]
    said = [{"role": "assistant", "content": A}]
    dialogue = one(lines(tmp_path / "b.jsonl", {"prompt": asked, "completion": said}))
    assert [turn.trained for turn in dialogue.messages] == [False, False, False, True]


COT = "Because ##begin_quote##Revenue of 5.##end_quote## <ANSWER>: 5"
RAFTED = (Evidence("Staff grew.", False), Evidence("Revenue of 5.", True))


@pytest.mark.parametrize(
    "row",
    [
        {
            "question": Q,
            "context": {
                "sentences": [["Staff grew.", "Revenue of 5."]],
                "title": [["placeholder_title", "placeholder_title"]],
            },
            "oracle_context": "Revenue of 5.",
            "answer": "5",
            "cot_answer": COT,
            "instruction": "<DOCUMENT>…",
        },
        {"question": Q, "documents": ["Staff grew.", "Revenue of 5."], "oracle": 1, "answer": COT},
        {
            "question": Q,
            "documents": [{"text": "Staff grew."}, {"text": "Revenue of 5.", "oracle": True}],
            "answer": COT,
        },
    ],
)
def test_raft_knows_which_documents_hold_the_answer(tmp_path: Path, row: dict[str, Any]) -> None:
    found = read(lines(tmp_path / "a.jsonl", row))
    (example,) = found.splits["train"]
    assert found.format == "raft"
    assert (example.question, example.answer, example.evidence) == (Q, COT, RAFTED)


def test_rafts_short_answer_is_taken_where_it_is_asked_for(tmp_path: Path) -> None:
    row = {"question": Q, "context": ["x"], "answer": "5", "cot_answer": COT}
    assert one(lines(tmp_path / "a.jsonl", row), columns={"answer": "answer"}).answer == "5"


def test_text_is_read_from_rows_and_from_documents_piece_by_piece(tmp_path: Path) -> None:
    assert one(lines(tmp_path / "a.jsonl", {"text": "Revenue rose."})).text == "Revenue rose."
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "q4.md").write_text("# Results\n\nRevenue rose.\n\n## Costs\n\nCosts fell.\n")
    (docs / "notes.txt").write_text("Staff grew.")
    (docs / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    found = read(docs)
    assert found.format == "text"
    assert [(each.group, each.text) for each in found.splits["train"]] == [
        ("notes.txt", "Staff grew."),
        ("q4.md", "Results\nRevenue rose."),
        ("q4.md", "Costs\nCosts fell."),
    ]
    assert found.splits["train"][2].place == "q4.md, line 7"
    assert [problem.place for problem in found.problems] == ["broken.pdf"]
    checked = check(Request(str(docs)))
    assert (checked.problem, checked.left_out) == ("", 1)
    assert checked.rows == {"train": 3, "validation": 0, "test": 0}


def test_a_folder_of_data_files_has_its_splits_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001"):
        lines(tmp_path / "data" / f"{name}.jsonl", {"text": name})
    (tmp_path / "validation").mkdir()
    lines(tmp_path / "validation" / "data.jsonl", {"text": "v"})
    (tmp_path / "dataset_info.json").write_text("{}")
    (tmp_path / "README.md").write_text("about")
    splits = read(tmp_path).splits
    assert {split: len(examples) for split, examples in splits.items()} == {
        "train": 2,
        "validation": 1,
        "test": 1,
    }
    assert splits["test"][0].place == "test-00000-of-00001.jsonl, line 1"


def test_bad_rows_of_json_lines_are_left_out_by_line_and_the_rest_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    good = json.dumps({"instruction": Q, "output": A}).encode()
    rows = {
        b"{broken": "is no JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        b'{"instruction": "\xff", "output": "x"}': "is not UTF-8",
        b"[1]": "is no JSON object",
        b'{"output": "x"}': "instruction is missing",
        b'{"instruction": null, "output": "x"}': "instruction is missing",
        b'{"instruction": "x", "output": ""}': "output is empty",
        b'{"instruction": "x", "output": " \\n"}': "output is empty",
        b'{"instruction": "x", "output": ["y"]}': "output is no text",
        b'{"instruction": "x", "output": "\\ud800"}': "output holds half of a character",
        b"[" * 100_000: "is no JSON: nested too deep",
    }
    file.write_bytes(b"\n".join([good, b"", *rows, good]))
    found = read(file)
    assert [each.place for each in found.splits["train"]] == ["line 1", f"line {len(rows) + 3}"]
    assert found.problems == [
        Problem(f"line {number}", reason) for number, reason in enumerate(rows.values(), start=3)
    ]


def test_bad_rows_of_csv_are_left_out_by_the_line_where_they_begin(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(
        b'question,answer,evidence\nq1,a1,"two\nlines"\nq2,,e\nq3,\xe4,e\nq4,a,e,more\nq5,a\n'
        b'"q6"x,a,e\nq7,a7,e7\n'
    )
    found = read(file)
    assert [(each.place, each.question) for each in found.splits["train"]] == [
        ("line 2", "q1"),
        ("line 9", "q7"),
    ]
    assert [(each.place, each.reason.split(":")[0]) for each in found.problems] == [
        ("line 4", "answer is empty"),
        ("line 5", "is not UTF-8"),
        ("line 6", "has 4 fields, the header 3"),
        ("line 7", "evidence is missing"),
        ("line 8", "is no row of a table"),
    ]


def test_dialogues_that_cannot_be_trained_on_say_which_turn_is_wrong(tmp_path: Path) -> None:
    user, answer = {"role": "user", "content": Q}, {"role": "assistant", "content": A}
    bad: dict[str, list[Any]] = {
        "there is no answer to learn": [user],
        "what turn 2 says is missing": [user, {"role": "assistant", "content": None}],
        "what turn 2 says is empty": [user, {"role": "assistant", "content": ""}],
        "turn 2 is of 'tool', which is not trained on": [user, {"role": "tool", "content": "x"}],
        "turn 2 calls tools, which is not trained on": [user, answer | {"tool_calls": [1]}],
        "turn 1 holds more than text": [{"role": "user", "content": [{"type": "image"}]}, answer],
        "turn 1 has no role and content": ["x", answer],
        "messages is no list of turns": "x",  # type: ignore[dict-item]
        "messages is missing": None,  # type: ignore[dict-item]
    }
    rows = [{"messages": each} for each in [[user, answer], *bad.values()]]
    found = read(lines(tmp_path / "a.jsonl", *rows))
    assert len(found.splits["train"]) == 1
    assert [problem.reason for problem in found.problems] == list(bad)


def test_nulls_and_no_numbers_of_a_table_are_missing(tmp_path: Path) -> None:
    rows = {"instruction": ["x", "y", "z"], "output": [float("nan"), None, 5.5]}
    parquet.write_table(pa.table(rows), tmp_path / "a.parquet")
    found = read(tmp_path / "a.parquet")
    assert [each.answer for each in found.splits["train"]] == ["5.5"]
    assert found.problems == [
        Problem("row 1", "output is missing"),
        Problem("row 2", "output is missing"),
    ]


def test_a_row_of_a_table_that_is_not_utf_8_is_left_out(tmp_path: Path) -> None:
    texts = pa.array([b"a", b"\xff", None, b"b"], pa.binary()).view(pa.string())
    parquet.write_table(pa.table({"text": texts}), tmp_path / "a.parquet")
    found = read(tmp_path / "a.parquet")
    assert [each.text for each in found.splits["train"]] == ["a", "b"]
    assert found.problems == [
        Problem("row 2", "is not UTF-8"),
        Problem("row 3", "text is missing"),
    ]


def test_a_damaged_arrow_file_is_refused_before_it_is_read_on(tmp_path: Path) -> None:
    table = pa.table({"text": ["a", "b", "c"]})
    file = tmp_path / "a.arrow"
    with ipc.new_file(str(file), table.schema) as out:
        out.write_table(table)
    whole = file.read_bytes()
    ends = struct.pack("<4i", 0, 1, 2, 3)
    assert whole.count(ends) == 1
    file.write_bytes(whole.replace(ends, struct.pack("<4i", 0, 1, 2, 1 << 30)))
    with pytest.raises(RagoptError, match="is no whole Arrow file"):
        read(file)


@pytest.mark.parametrize(
    ("name", "content", "options", "said"),
    [
        ("a.jsonl", b'{"a": 1}\n', {}, "None of the formats has these columns: a."),
        ("a.jsonl", b'{"prompt": "x", "chosen": "y", "rejected": "z"}', {}, "preference data"),
        ("a.jsonl", b'{"question": "q"}', {"format": "raft"}, "raft needs the column 'documents'"),
        ("a.jsonl", b'{"text": "x"}', {"format": "parquet"}, "There is no format 'parquet'."),
        ("a.jsonl", b'{"Ask": "x"}', {"columns": {"question": "ask"}}, "Did you mean 'Ask'"),
        (
            "a.jsonl",
            b'{"text": "x"}',
            {"format": "text", "columns": {"answer": "text"}},
            "text has no column 'answer'",
        ),
        ("a.jsonl", b'{"text": "x"}', {"group": "company"}, "There is no column 'company'."),
        ("a.jsonl", b"{}\nnot json", {}, "these columns: none."),
        (
            "a.jsonl",
            b"nothing\nof this",
            {},
            "all 2 rows are left out, 2 of them for this: is no JSON",
        ),
        (
            "a.jsonl",
            b'{"text": ""}\n{"text": null}',
            {},
            "all 2 rows are left out, 1 of them for this: text is empty",
        ),
        ("a.json", b"{broken", {}, "is no JSON"),
        ("a.csv", b"a,b,a\n1,2,3\n", {}, "two columns called 'a'"),
        ("a.csv", b"\xff\xe4a,b\n1,2\n", {}, "is not UTF-8"),
        ("a.csv", b"text\n", {}, "There are no rows"),
        ("a.jsonl", b"", {}, "is empty"),
        ("a.parquet", b"PAR1 nothing", {}, "is no whole Parquet file"),
        ("a.arrow", b"nothing of it", {}, "is no whole Arrow file"),
        ("a.bin", b"x", {}, "is no data file that is read"),
        ("a.md", b"# Text", {"columns": {"text": "x"}}, "have no columns"),
    ],
)
def test_what_cannot_be_read_at_all_is_refused_in_a_sentence(
    tmp_path: Path, name: str, content: bytes, options: dict[str, Any], said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RagoptError) as refused:
        read(tmp_path / name, **options)
    assert said in str(refused.value)
    assert "a." in refused.value.message or "format" in refused.value.message


@pytest.mark.parametrize(
    ("row", "format"),
    [
        ({"text": "", "instruction": Q, "input": "", "output": A}, "alpaca"),
        ({"instruction": f"Be a planner. {Q}", "input": "", "output": "import torch"}, "alpaca"),
        ({"Unnamed: 0": 1, "question": Q, "answer": A, "evidence_text": "5."}, "question-answer"),
        ({"text": "<HUMAN>: Hi?\n<ASSISTANT>: Yes."}, "text"),
        ({"question": Q, "answer": A, "context": "Revenue of 5."}, "question-answer"),
        ({"question": Q, "context": ["5."], "oracle_context": "5.", "cot_answer": COT}, "raft"),
        ({"Query": Q, "Response": A}, "question-answer"),
        ({"prompt": Q, "response": A}, "prompt-completion"),
        ({"id": "1", "conversations": [{"from": "human", "value": Q}, {"from": "gpt", "value": A}]}, "sharegpt"),
        ({"prompt": Q, "messages": [{"role": "user", "content": Q}, {"role": "assistant", "content": A}]}, "messages"),
    ],
)  # fmt: skip
def test_sets_as_people_have_them_are_recognised_by_their_columns(
    tmp_path: Path, row: dict[str, Any], format: str
) -> None:
    found = read(lines(tmp_path / "a.jsonl", row))
    assert (found.format, found.problems) == (format, [])


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from("role content from value text oracle sentences title weight".split()),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=8,
)


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_whatever_stands_in_a_row_gives_an_example_or_a_reason(data: st.DataObject) -> None:
    kind = FORMATS[data.draw(st.sampled_from(sorted(FORMATS)))]
    row = {column.name: data.draw(JSON) for column in kind.columns}
    try:
        example = Layout(kind, {name: name for name in row}).example(row)
    except BadRow:
        return
    assert Example.from_json(json.loads(json.dumps(example.to_json()))) == example
    assert example.text or any(turn.trained for turn in example.messages)
