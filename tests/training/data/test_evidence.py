"""Evidence as the chat pane puts it: the same prompt, the same tokens, answers with citations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from ragopt_tui.chat.backends.transformers import TransformersBackend
from ragopt_tui.chat.builtin_prompt import INSTRUCTION
from ragopt_tui.chat.prompt import REFUSAL, build_prompt
from ragopt_tui.knowledge.passage import Hit, Passage, Profile
from ragopt_tui.training.data.evidence_prompt import cited_answer
from ragopt_tui.training.data.example import Evidence, Example, Message
from ragopt_tui.training.data.rendered import LeftOut
from ragopt_tui.training.data.rendering import Renderer
from tests.training.data.made import BUILTIN, builtin_tokenizer, turns

TABLE = "# Results\n\nIn millions of dollars.\n\n| | 2023 | 2022 |\n|---|---|---|\n| Revenue | 5.2 | 5.0 |\n| Costs | 3 | 2 |\n"
ASKED = Example(
    turns("What was revenue in 2023?", "Revenue was $5.2 million. It rose 4 %.").messages,
    evidence=(
        Evidence("Costs were flat. Staff grew in 2023.", False, "costs.md"),
        Evidence("In 2023 revenue was $5.2 million, up 4 %. The dividend was cut.", True, "q4.md"),
    ),
)


@pytest.fixture(scope="module")
def chat() -> Iterator[TransformersBackend]:
    """The built-in model as the chat has it loaded."""
    backend = TransformersBackend(BUILTIN, 2048)
    yield backend
    backend.close()


def test_an_ordinary_model_is_trained_on_the_tokens_that_the_chat_would_give_it(
    chat: TransformersBackend,
) -> None:
    hits = [
        Hit(_passage("costs.md", "Costs were flat. Staff grew in 2023."), 0.0),
        Hit(
            _passage("q4.md", "In 2023 revenue was $5.2 million, up 4 %. The dividend was cut."), 1
        ),
    ]
    prompt = build_prompt(
        "What was revenue in 2023?", hits, builtin=False, count_tokens=chat.count_tokens, room=900
    )
    renderer = Renderer(builtin_tokenizer())
    rendered = renderer.render(ASKED)
    asked = tuple(chat.prompt_tokens(prompt.messages))
    assert rendered.ids[: len(asked)] == asked == renderer.prompt_ids(ASKED)
    assert rendered.loss == (False,) * len(asked) + (True,) * (len(rendered.ids) - len(asked))
    assert _learned(ASKED) == "Revenue was $5.2 million [2]. It rose 4 % [2].</s>"


def test_the_built_in_model_is_trained_on_lines_with_scores_high_for_what_answers() -> None:
    prompt = _prompt(ASKED, builtin=True)
    lines = [line for line in prompt.splitlines() if " | " in line]
    assert prompt.startswith(f"<s>[INST] {INSTRUCTION}\n\nQuestion: What was revenue in 2023?\n\n")
    assert prompt.endswith("\n\nQuestion: What was revenue in 2023? [/INST]")
    assert lines == ["[2] 9 | q4.md | In 2023 revenue was $5.2 million, up 4 %."]


def test_tables_in_evidence_are_lines_by_row() -> None:
    asked = replace(
        ASKED,
        messages=turns("What was revenue in 2023?", "5.2").messages,
        evidence=(Evidence(TABLE, True, "q4.md"),),
    )
    assert _prompt(asked, builtin=True).count("[1] 9 | ") == 1
    assert "Results. In millions of dollars. | Revenue, 2023: $5.2 million\n" in _prompt(
        asked, builtin=True
    )
    assert _learned(asked, builtin=True) == "5.2 [1]</s>"


def test_two_units_that_make_up_the_answer_together_both_have_high_scores() -> None:
    text = "Revenue was 5 in 2023. The board met in May. Costs were 3 in 2023."
    both = Example(
        turns("What were revenue and costs?", "Revenue was 5 and costs were 3.").messages,
        evidence=(Evidence(text, True, "q4.md"),),
    )
    lines = [line for line in _prompt(both, builtin=True).splitlines() if " | " in line]
    assert [(line[4], line.rpartition(" | ")[2]) for line in lines] == [
        ("9", "Costs were 3 in 2023."),
        ("9", "Revenue was 5 in 2023."),
    ]


def test_passages_of_one_file_keep_their_own_numbers() -> None:
    same = replace(ASKED, evidence=tuple(replace(each, file="q4.md") for each in ASKED.evidence))
    lines = [line for line in _prompt(same, builtin=True).splitlines() if " | " in line]
    assert [line[:5] for line in lines] == ["[2] 9"]


def test_without_a_passage_that_answers_no_line_has_a_high_score() -> None:
    silent = replace(
        ASKED,
        messages=turns("What was revenue in 2023?", "I cannot find this.").messages,
        evidence=(replace(ASKED.evidence[0], oracle=False),),
    )
    scores = [line[4] for line in _prompt(silent, builtin=True).splitlines() if " | " in line]
    assert max(scores) <= "3"
    assert _learned(silent, builtin=True) == f"{REFUSAL}</s>"


def test_what_the_data_say_as_system_stands_before_the_chats_rules() -> None:
    said = replace(ASKED, messages=(Message("system", "Be brief."), *ASKED.messages))
    assert _prompt(said).startswith("<s>[INST] Be brief.\n\nYou answer questions about financial")
    assert "Be brief." not in _prompt(said, builtin=True)


def test_closed_book_shows_no_evidence_and_asks_for_no_citation() -> None:
    renderer = Renderer(builtin_tokenizer(), template="chat")
    text = builtin_tokenizer().decode(renderer.render(ASKED).ids)
    assert text == (
        "<s>[INST] What was revenue in 2023? [/INST] Revenue was $5.2 million. It rose 4 %.</s>"
    )


def test_an_example_without_evidence_is_left_out_where_evidence_is_asked_for() -> None:
    with pytest.raises(LeftOut, match="no evidence"):
        Renderer(builtin_tokenizer(), template="evidence").render(turns("Hi?", "Yes."))


def test_distractors_that_have_no_room_are_not_shown() -> None:
    behind = replace(
        ASKED, evidence=(ASKED.evidence[1], Evidence("Costs were flat. " * 60, False, "costs.md"))
    )
    rendered = Renderer(builtin_tokenizer(), max_length=400).render(behind)
    text = builtin_tokenizer().decode(rendered.ids)
    assert rendered.truncated
    assert "q4.md" in text
    assert "costs.md" not in text
    assert text.endswith("It rose 4 % [1].</s>")


@pytest.mark.parametrize("builtin", [False, True])
def test_an_example_whose_answering_passage_has_no_room_is_left_out(builtin: bool) -> None:
    long = replace(ASKED, evidence=(Evidence("Costs were flat. " * 60, False), ASKED.evidence[1]))
    renderer = Renderer(builtin_tokenizer(), max_length=150 if builtin else 400, builtin=builtin)
    with pytest.raises(LeftOut, match="does not fit"):
        renderer.render(long)


ORACLE, OTHER = Evidence("Revenue was 5. It rose."), Evidence("Staff grew.", False)


@pytest.mark.parametrize(
    ("answer", "evidence", "cited"),
    [
        ("Revenue was 5.", [OTHER, ORACLE], "Revenue was 5 [2]."),
        ("Revenue was 5. It rose", [ORACLE, OTHER], "Revenue was 5 [1]. It rose [1]"),
        ("Revenue was 5.", [ORACLE, ORACLE, OTHER], "Revenue was 5 [1][2]."),
        ("Revenue was 5 [7].", [ORACLE], "Revenue was 5 [7]."),
        ("Revenue was 5.", [OTHER], "Revenue was 5."),
        ("Unfortunately, the context does not say.", [ORACLE], REFUSAL),
        (
            'It says ##begin_quote##"Revenue was 5."##end_quote## so.\n<ANSWER>: 5.',
            [OTHER, ORACLE],
            'It says ##begin_quote##"Revenue was 5."##end_quote## [2] so.\n<ANSWER>: 5 [2].',
        ),
        (
            "##begin_quote##Profit fell.##end_quote## <ANSWER>: 5",
            [ORACLE],
            "##begin_quote##Profit fell.##end_quote## <ANSWER>: 5 [1]",
        ),
    ],
)
def test_answers_cite_the_passages_that_hold_them(
    answer: str, evidence: list[Evidence], cited: str
) -> None:
    assert cited_answer(answer, evidence) == cited


def _prompt(example: Example, builtin: bool = False) -> str:
    renderer = Renderer(builtin_tokenizer(), builtin=builtin)
    return str(builtin_tokenizer().decode(renderer.prompt_ids(example)))


def _learned(example: Example, builtin: bool = False) -> str:
    rendered = Renderer(builtin_tokenizer(), builtin=builtin).render(example)
    ids = [id for id, loss in zip(rendered.ids, rendered.loss, strict=True) if loss]
    return str(builtin_tokenizer().decode(ids)).lstrip()


def _passage(file: str, text: str) -> Passage:
    return Passage(
        id=f"{file}#0", file=file, page=None, line_start=1, line_end=1, char_start=0,
        char_end=len(text), kind="prose", headings=(), lead="", text=text, profile=Profile(),
    )  # fmt: skip
