from __future__ import annotations

from ragopt_tui.knowledge.duplicates import collapsed
from ragopt_tui.knowledge.passage import Hit, Profile
from tests.passages import passage

BOILERPLATE = (
    "The Company's actual results may differ materially from those in the forward-looking "
    "statements because of competition, currencies, interest rates and the weather in 14 countries."
)
TABLE = "| Item | 2023 | 2022 |\n|---|---|---|\n| Revenue | 1,577.0 | 1,499.5 |\n| Costs | 901.2 | 870.3 |"


def hit(
    text: str, file: str, company: str = "Corvane", period: str = "FY2023", number: int = 0
) -> Hit:
    profile = Profile("Report", company, period, "annual report")
    return Hit(passage(text, file=file, number=number, profile=profile), 0.5)


def files(hits: list[Hit]) -> list[tuple[str, tuple[str, ...]]]:
    return [(each.passage.file, each.also_in) for each in hits]


def test_a_paragraph_in_several_files_stands_once_and_names_the_others() -> None:
    nearly = BOILERPLATE.replace("the weather", "weather")
    hits = [hit(BOILERPLATE, "a.md"), hit("Other words.", "b.md"), hit(nearly, "c.md")]
    again = [*hits, hit(BOILERPLATE, "c.md", number=3), hit(BOILERPLATE, "a.md", number=9)]
    assert files(collapsed(again)) == [("a.md", ("c.md",)), ("b.md", ())]


def test_a_table_is_the_same_however_it_is_drawn() -> None:
    spaced = "Item      2023     2022\nRevenue   1577.0   1499.5\nCosts      901.2    870.3"
    assert files(collapsed([hit(TABLE, "a.md"), hit(spaced, "b.txt")])) == [("a.md", ("b.txt",))]


def test_other_companies_and_periods_are_never_the_same() -> None:
    hits = [
        hit(BOILERPLATE, "a.md"),
        hit(BOILERPLATE, "b.md", period="FY2022"),
        hit(BOILERPLATE, "c.md", company="Larkfield"),
    ]
    assert collapsed(hits) == hits


def test_one_other_figure_makes_another_passage() -> None:
    hits = [hit(TABLE, "a.md"), hit(TABLE.replace("901.2", "901.3"), "b.md")]
    assert collapsed(hits) == hits


def test_texts_without_words_are_told_apart_by_nothing() -> None:
    assert files(collapsed([hit("—", "a.md"), hit("…", "b.md")])) == [("a.md", ("b.md",))]
    assert collapsed([]) == []
