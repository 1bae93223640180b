"""Models that are on the machine already are found where they lie."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.scan import hub_cache, scan
from ragopt_tui.models.store import VariantStore
from tests.models.tiny_models import (
    adapter_folder,
    base_folder,
    gguf_file,
    split_folder,
)


@pytest.fixture
def store(tmp_path: Path) -> VariantStore:
    return VariantStore(tmp_path / "library")


def cached(cache: Path, repository: str, folder: Path) -> Path:
    """Put a folder's files into a hub cache as huggingface_hub does: blobs and links to them."""
    place = cache / f"models--{repository.replace('/', '--')}"
    snapshot = place / "snapshots" / "0123abc"
    for made in (place / "blobs", place / "refs", snapshot):
        made.mkdir(parents=True)
    (place / "refs" / "main").write_text("0123abc")
    for number, file in enumerate(sorted(folder.iterdir())):
        shutil.move(file, place / "blobs" / str(number))
        (snapshot / file.name).symlink_to(f"../../blobs/{number}")
    return snapshot


def test_what_a_hub_cache_holds_is_added_under_its_names(
    store: VariantStore, tmp_path: Path
) -> None:
    cache = tmp_path / "hub"
    whole = cached(cache, "org/Tiny-7B", base_folder(tmp_path / "a"))
    (tmp_path / "q").mkdir()
    gguf_file(tmp_path / "q" / "Tiny-Q4.gguf")
    quantised = cached(cache, "org/Tiny-GGUF", tmp_path / "q")
    cached(cache, "org/tune", adapter_folder(tmp_path / "b", "org/Tiny-7B"))
    half = split_folder(tmp_path / "c")
    (half / "model-00002-of-00002.safetensors").unlink()
    cached(cache, "org/half", half)
    encoder = base_folder(tmp_path / "d")
    (encoder / "config.json").write_text('{"architectures": ["BertModel"]}')
    cached(cache, "org/encoder", encoder)
    found = scan(store, [cache])
    assert {v.id: v.kind for v in found.added} == {
        "tiny-7b": "base",
        "tiny-q4": "gguf",
        "tune": "adapter",
        "half": "base",
    }
    record = store.record("tiny-7b")
    assert (record.variant.path, record.variant.problem) == (whole, "")
    assert (record.source.hub_id, record.source.revision) == ("org/Tiny-7B", "0123abc")
    assert store.record("tiny-q4").source.file == "Tiny-Q4.gguf"
    assert store.find("tiny-q4").path == quantised / "Tiny-Q4.gguf"
    assert (store.find("tune").parent, store.find("tune").problem) == ("tiny-7b", "")
    assert "lacks model-00002-of-00002.safetensors" in store.find("half").problem
    (left,) = found.left_out
    assert "BertModel, which does not write text" in left.reason


def test_a_second_scan_adds_nothing_and_leaves_the_removed_alone(
    store: VariantStore, tmp_path: Path
) -> None:
    base_folder(tmp_path / "models" / "a")
    base_folder(tmp_path / "models" / "deep" / "er" / "b")
    assert [v.id for v in scan(store, [tmp_path / "models"]).added] == ["a", "b"]
    store.rename("a", "mine")
    store.remove("b")
    again = scan(store, [tmp_path / "models"])
    assert (again.added, again.known, again.left_out) == ([], 2, [])
    assert [v.name for v in store.variants()[3:]] == ["mine"]


def test_a_split_gguf_without_its_first_part_is_shown_as_broken(
    store: VariantStore, tmp_path: Path
) -> None:
    for part in (1, 2, 3):
        gguf_file(tmp_path / "g" / f"big-{part:05d}-of-00003.gguf", parts=(part - 1, 3))
    (tmp_path / "g" / "big-00001-of-00003.gguf").unlink()
    (broken,) = scan(store, [tmp_path / "g"]).added
    assert (broken.id, "lacks big-00001-of-00003.gguf" in broken.problem) == ("big", True)
    assert scan(store, [tmp_path / "g"]).known == 1


def test_what_only_looks_like_a_model_is_passed_over_or_left_out(
    store: VariantStore, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    (place / "web").mkdir(parents=True)
    (place / "web" / "config.json").write_text('{"port": 80}')
    gguf_file(place / "mmproj.gguf", architecture="clip")
    pickled = base_folder(place / "old")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    base_folder(place / ".hidden" / "x")
    base_folder(place / "datasets--org--x" / "snapshots" / "1")
    (place / "loop").symlink_to(place)
    found = scan(store, [place, tmp_path / "nothing there"])
    assert found.added == []
    assert sorted((left.path.name, left.reason.split(" ")[-1]) for left in found.left_out) == [
        ("mmproj.gguf", "text."),
        ("old", "loaded."),
    ]


def test_an_adapter_found_before_its_base_is_told_as_it_stands_in_the_end(
    store: VariantStore, tmp_path: Path
) -> None:
    base = base_folder(tmp_path / "models" / "b")
    adapter_folder(tmp_path / "models" / "a", str(base))
    added = scan(store, [tmp_path / "models"]).added
    assert [(v.id, v.parent, v.problem) for v in added] == [("a", "b", ""), ("b", "", "")]


def test_a_scan_ends_when_it_is_cancelled(store: VariantStore, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        base_folder(tmp_path / "models" / name)
    assert len(scan(store, [tmp_path / "models"], lambda: len(store.variants()) > 3).added) == 1


def test_a_library_that_cannot_be_written_ends_the_scan(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    base_folder(tmp_path / "models" / "a")
    with pytest.raises(RagoptError, match="cannot be changed"):
        scan(VariantStore(tmp_path / "file"), [tmp_path / "models"])


def test_the_hub_cache_is_the_one_that_other_tools_use(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", "/somewhere/hub")
    assert hub_cache() == Path("/somewhere/hub")
