"""One sentence of what differs when a question is asked again."""

from __future__ import annotations

import dataclasses

from ragopt_tui.chat.answer import Answer
from ragopt_tui.chat.conversations.difference import difference
from ragopt_tui.knowledge.scope import Filter
from tests.chat.conversations.exchanges import answered, stopped
from tests.ui.scripted import HITS, QUESTION, quotes_answer, refusal, unsupported


def between(before: Answer, after: Answer) -> str:
    return difference(answered(QUESTION, before), answered(QUESTION, after))


def changed(**fields: object) -> Answer:
    return dataclasses.replace(quotes_answer(), **fields)


def test_nothing_differs() -> None:
    said = between(quotes_answer(), changed(seconds=9.0))
    assert said == "The same answer from the same evidence as on 14 March 2025, 12:00."


def test_the_index_and_one_passage_differ_and_the_text_does_not() -> None:
    said = between(changed(evidence=HITS[:3]), changed(index_version="g1.v15"))
    assert said == (
        "Since 14 March 2025, 12:00: the index went from g1.v14 to g1.v15;"
        " 1 of 4 passages is another; the text is the same."
    )


def test_another_variant_with_other_text() -> None:
    assert between(quotes_answer(), unsupported()) == (
        "Since 14 March 2025, 12:00: built-in Q8_0 answers instead of quotes; the text differs."
    )


def test_evidence_in_another_order_fewer_of_it_or_none_the_same() -> None:
    reverse = between(quotes_answer(), changed(evidence=HITS[::-1]))
    assert "the same passages in another order" in reverse
    assert "2 passages instead of 4" in between(quotes_answer(), changed(evidence=HITS[:2]))
    others = between(changed(evidence=HITS[:1]), changed(evidence=HITS[1:]))
    assert "all passages are others" in others


def test_an_answer_that_appears_or_disappears() -> None:
    assert "there is an answer now." in between(refusal(), quotes_answer())
    assert "there is no answer any more." in between(quotes_answer(), refusal())


def test_the_same_words_that_cite_something_else() -> None:
    assert "other citations." in between(quotes_answer(), changed(citations=()))


def test_files_of_one_name_that_changed_and_settings_that_did() -> None:
    before = answered(QUESTION, unsupported(), variant_hash="aa", settings={"passages": 6})
    after = answered(QUESTION, unsupported(), variant_hash="bb", settings={"passages": 8})
    assert difference(before, after) == (
        "Since 14 March 2025, 12:00: the files of built-in Q8_0 have changed;"
        " passages is 8 instead of 6; the text is the same."
    )
    before.variant_hash = ""
    assert "files" not in difference(before, after)


def test_nothing_is_said_where_there_is_no_answer_to_compare() -> None:
    assert difference(stopped(QUESTION), answered(QUESTION)) == ""
    assert difference(answered(QUESTION), stopped(QUESTION)) == ""


def test_a_question_asked_without_one_of_its_periods_and_with_another_again() -> None:
    before, after = answered(QUESTION), answered(QUESTION)
    before.scope = [Filter("period", "FY2022", "2022", "removed")]
    after.scope = [Filter("period", "FY2023", "2023", "removed")]
    assert difference(before, after) == (
        "Since 14 March 2025, 12:00: asked without FY2023; asked with FY2022 again;"
        " the text is the same."
    )
