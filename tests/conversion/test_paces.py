"""What steps took here is what the next ones are expected to take."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragopt_tui.conversion.paces import Paces, quantising, seconds_needed
from ragopt_tui.errors import RagoptError
from tests.ui.library_records import ADAPTER, MISTRAL

GB = 1_000_000_000


@pytest.fixture
def paces(tmp_path: Path) -> Paces:
    return Paces.of(tmp_path)


def test_nothing_is_expected_before_anything_was_done(paces: Paces) -> None:
    assert paces.expected("merge", GB) is None
    paces.note("convert", GB, 10.0)
    assert paces.expected("merge", GB) is None


def test_the_nearest_size_counts_and_all_but_starting_grows_with_it(paces: Paces) -> None:
    paces.note("merge", GB, 15.0)
    paces.note("merge", 20 * GB, 400.0)
    assert paces.expected("merge", GB) == 15.0
    assert paces.expected("merge", 2 * GB) == 25.0
    assert paces.expected("merge", 15 * GB) == pytest.approx(5 + 395 * 0.75)
    paces.note("merge", GB, 25.0)
    assert paces.expected("merge", GB) == 20.0


def test_far_larger_models_than_any_before_are_not_guessed(paces: Paces) -> None:
    paces.note("compare", GB, 60.0)
    assert paces.expected("compare", 20 * GB) is not None
    assert paces.expected("compare", 100 * GB) is None
    assert paces.expected("compare", GB // 1000) is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"merge": 3}',
        '{"merge": [["a", 1]]}',
        '{"merge": [[1]]}',
        '{"merge": [[1e999, 1]]}',
    ],
)
def test_a_damaged_file_is_as_none_and_is_written_anew(paces: Paces, text: str) -> None:
    paces.file.write_text(text)
    assert paces.expected("merge", GB) is None
    paces.note("merge", GB, 3.0)
    assert paces.expected("merge", GB) == 3.0


def test_what_failed_is_not_counted(paces: Paces) -> None:
    with pytest.raises(RagoptError), paces.measured("merge", GB):
        raise RagoptError("no room")
    assert paces.expected("merge", GB) is None
    with paces.measured("merge", GB):
        pass
    assert paces.expected("merge", GB) is not None


def test_a_file_that_cannot_be_written_harms_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    Paces.of(tmp_path / "gone").note("merge", GB, 3.0)
    assert not (tmp_path / "gone").exists()
    in_the_way = Paces.of(tmp_path)
    in_the_way.file.mkdir()
    in_the_way.note("merge", GB, 3.0)
    assert list(tmp_path.iterdir()) == [in_the_way.file]


def test_the_path_takes_what_its_steps_and_comparisons_take(paces: Paces) -> None:
    parameters = MISTRAL.facts.parameters
    assert parameters is not None

    def needed(to: str, *, compared: bool, importance: bool = False) -> float | None:
        return seconds_needed(paces, ADAPTER, MISTRAL, to, compared=compared, importance=importance)

    paces.note("merge", parameters, 100.0)
    assert needed("Q4_K_M", compared=False) is None
    paces.note("convert", parameters, 50.0)
    assert needed("F16", compared=False) == 150.0
    paces.note(quantising("Q4_K_M", importance=False), parameters, 30.0)
    assert needed("Q5_0", compared=False) == 180.0
    # These take longer, so that they are not known from the others.
    assert needed("IQ4_XS", compared=False) is None
    assert needed("Q4_K_M", compared=False, importance=True) is None
    assert needed("Q4_K_M", compared=True) is None
    paces.note("compare", parameters, 80.0)
    assert needed("Q4_K_M", compared=True) == 180.0 + 3 * 80.0
