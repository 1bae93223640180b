"""The library: what is added is found, kept, edited, removed and restored."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.generation_settings import GenerationSettings
from ragopt_tui.models.record import VariantRecord, read_record
from ragopt_tui.models.store import VariantStore
from ragopt_tui.models.variant import builtin_variants
from tests.models.tiny_models import base_folder, gguf_file


@pytest.fixture
def store(tmp_path: Path) -> VariantStore:
    return VariantStore(tmp_path / "library")


def record_file(store: VariantStore, id: str) -> Path:
    return store.folder.path / id / "variant.json"


def test_an_empty_library_has_what_comes_with_the_program(store: VariantStore) -> None:
    assert store.variants() == builtin_variants()
    assert [store.find(v.id) for v in builtin_variants()] == builtin_variants()
    assert not store.folder.path.exists()


def test_an_added_folder_stays_where_it_is_and_is_found_by_everything(
    store: VariantStore, tmp_path: Path
) -> None:
    folder = base_folder(tmp_path / "Tiny-7B")
    before = sorted((file.name, file.stat().st_mtime_ns) for file in folder.iterdir())
    added = store.add(folder).variant
    assert (added.id, added.name, added.path, added.problem) == ("tiny-7b", "Tiny-7B", folder, "")
    for name in ("tiny-7b", "tiny", "Tiny-7B", "TINY", str(folder)):
        assert store.find(name) == added
    assert sorted((file.name, file.stat().st_mtime_ns) for file in folder.iterdir()) == before
    assert store.variants() == [*builtin_variants(), added]
    assert not store.holds(store.record(added.id))


def test_adding_the_same_place_again_renews_it(store: VariantStore, tmp_path: Path) -> None:
    folder = base_folder(tmp_path / "tiny")
    id = store.add(folder, hashes={"config.json": "ab"}).variant.id
    store.note(id, "mine")
    base_folder(folder, hidden=16)
    assert "bytes, " in store.find(id).problem
    renewed = store.add(folder)
    assert (renewed.variant.id, renewed.note, renewed.variant.problem) == (id, "mine", "")
    assert {file.sha256 for file in renewed.files} == {""}
    assert len(store.variants()) == len(builtin_variants()) + 1


def test_what_comes_with_the_program_is_not_added_again(store: VariantStore) -> None:
    for variant in builtin_variants()[1:]:
        assert variant.path is not None
        assert store.add(variant.path).variant == variant
    assert store.variants() == builtin_variants()


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("org/My Model [v0.3]", "org-my-model-v0.3"),
        ("../../etc/passwd", "etc-passwd"),
        ("Modèle été", "modele-ete"),
        ("模型", "model"),
        ("[bold red]x[/]", "bold-red-x"),
        ("quotes ", "quotes-2"),
        ("a" * 300, "a" * 48),
        (".hidden", "hidden"),
        ("x\x1b[31m\n\u202ey", "x-31m-y"),
    ],
)
def test_any_name_gets_an_id_that_can_be_typed(
    store: VariantStore, tmp_path: Path, name: str, id: str
) -> None:
    added = store.add(base_folder(tmp_path / "m"), name=name).variant
    assert added.id == id
    assert not set(added.name) & set("\n\x1b\u202e")
    assert store.find(id) == added
    assert store.find(str(added.path)) == added
    assert record_file(store, id).is_file()


def test_two_of_one_name_have_their_own_ids_and_are_told_apart(
    store: VariantStore, tmp_path: Path
) -> None:
    ids = [store.add(base_folder(tmp_path / d / "tiny")).variant.id for d in ("a", "b", "c")]
    assert ids == ["tiny", "tiny-2", "tiny-3"]
    assert store.find("tiny").id == "tiny"
    with pytest.raises(RagoptError, match=r"2 variants are called 'tiny-': tiny-2, tiny-3"):
        store.find("tiny-")


def test_an_unknown_name_says_what_there_is_and_what_is_near(store: VariantStore) -> None:
    with pytest.raises(RagoptError, match="no variant has that name") as raised:
        store.find("bultin-q8")
    assert "builtin-q8_0" in raised.value.hint
    for odd in ("", "\x00", "~nobody-of-that-name/x", "x" * 5000):
        with pytest.raises(RagoptError, match="There is no model"):
            store.find(odd)


def test_a_path_outside_of_the_library_is_found_with_its_problem(
    store: VariantStore, tmp_path: Path
) -> None:
    file = gguf_file(tmp_path / "x.gguf", template=False)
    variant = store.find(str(file))
    assert (variant.id, variant.kind) == (str(file), "gguf")
    assert "no chat template" in variant.problem
    with pytest.raises(RagoptError, match="no chat template"):
        store.answering(str(file))


def test_a_missing_chat_template_is_asked_for_and_may_be_given(
    store: VariantStore, tmp_path: Path
) -> None:
    id = store.add(base_folder(tmp_path / "tiny", template=False)).variant.id
    assert "has no chat template: how to talk to it is unknown" in store.find(id).problem
    store.set_chat_template(id, "{{ messages }}")
    assert store.answering(id).problem == ""
    assert store.record(id).chat_template == "{{ messages }}"


def test_broken_weights_are_refused_or_kept_with_their_problem(
    store: VariantStore, tmp_path: Path
) -> None:
    folder = base_folder(tmp_path / "tiny")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(RagoptError, match="bytes that its header promises"):
        store.add(folder)
    kept = store.add(folder, broken=True).variant
    assert "bytes that its header promises" in kept.problem
    assert kept in store.variants()
    base_folder(folder)
    assert store.add(folder).variant.problem == ""


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda folder: shutil.rmtree(folder), "is gone"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "lacks tokenizer.json"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"12"), "has 2 bytes"),
    ],
)
def test_what_happens_to_files_later_is_the_variants_problem(
    store: VariantStore, tmp_path: Path, change: Callable[[Path], object], problem: str
) -> None:
    folder = base_folder(tmp_path / "tiny")
    id = store.add(folder).variant.id
    change(folder)
    assert problem in store.find(id).problem
    assert problem in store.variants()[-1].problem


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "cannot be read"),
        ("{", "cannot be read"),
        ("[]", "holds no JSON object"),
        ("{}", "it has no 'variant'"),
        ('{"variant": {"kind": "spell"}}', "unknown kind 'spell'"),
        ('{"variant": {"id": 3, "name": "x", "kind": "base", "builtin": false}}', "id cannot be 3"),
        ('{"variant": 3}', "wrong type"),
        ("[" * 100_000, "cannot be read"),
        (None, "No such file"),
    ],
)
def test_a_broken_record_is_shown_with_its_reason_and_can_be_removed(
    store: VariantStore, tmp_path: Path, content: str | None, reason: str
) -> None:
    id = store.add(base_folder(tmp_path / "tiny")).variant.id
    other = store.add(base_folder(tmp_path / "other")).variant
    file = record_file(store, id)
    file.unlink()
    if content is not None:
        file.write_text(content)
    broken = store.find(id)
    assert reason in broken.problem
    assert store.variants() == [*builtin_variants(), other, broken]
    with pytest.raises(RagoptError, match=r"variant\.json cannot be read"):
        store.note(id, "x")
    store.remove(id)
    assert store.variants() == [*builtin_variants(), other]


def test_a_record_of_wrong_settings_says_which(store: VariantStore, tmp_path: Path) -> None:
    id = store.add(base_folder(tmp_path / "tiny")).variant.id
    values = json.loads(record_file(store, id).read_text())
    values["settings"] = {"temperature": "hot"}
    record_file(store, id).write_text(json.dumps(values))
    assert "temperature must be a number" in store.find(id).problem


def test_what_the_user_keeps_with_a_variant_is_read_back(
    store: VariantStore, tmp_path: Path
) -> None:
    settings = GenerationSettings(temperature=0.5, system_prompt="Kürzer.", threads=3)
    for id in (store.add(base_folder(tmp_path / "tiny")).variant.id, "builtin"):
        store.tag(id, ["fast", " fast ", "", "de\x1bmo"])
        store.note(id, "line\nline\n")
        store.set_settings(id, settings)
        again = VariantStore(store.folder.path)
        record = again.record(id)
        assert (record.tags, record.note) == (("fast", "de\ufffdmo"), "line\nline")
        assert again.settings_of(id) == settings
    assert store.variants()[:3] == builtin_variants()
    store.rename("tiny", "Small one")
    assert (store.find("Small one").id, store.find("tiny").name) == ("tiny", "Small one")
    with pytest.raises(RagoptError, match="needs a name"):
        store.rename("tiny", " \n")
    with pytest.raises(RagoptError, match="comes with the program"):
        store.rename("builtin", "x")


def test_records_are_read_back_as_written(store: VariantStore, tmp_path: Path) -> None:
    record = store.add(gguf_file(tmp_path / "x.gguf"), hashes={"x.gguf": "ab"})
    assert read_record(record_file(store, "x")) == record
    assert VariantRecord.from_json(json.loads(json.dumps(record.to_json()))) == record
    assert record.files[0].sha256 == "ab"


def test_what_is_removed_can_be_restored_until_it_is_purged(
    store: VariantStore, tmp_path: Path
) -> None:
    folder = base_folder(tmp_path / "tiny")
    variant = store.add(folder).variant
    store.remove(variant.id)
    assert store.variants() == builtin_variants()
    (removed,) = store.trashed()
    assert (removed.id, removed.name, removed.path) == (variant.id, variant.name, folder)
    assert store.add(base_folder(tmp_path / "b" / "tiny")).variant.id == "tiny-2"
    assert store.restore(variant.id).variant == variant
    with pytest.raises(RagoptError, match="no variant 'tiny' in the trash"):
        store.restore(variant.id)
    store.remove(variant.id)
    store.purge(variant.id)
    assert store.trashed() == []
    assert (folder / "model.safetensors").is_file()
    for id in ("..", "../library", "nothing"):
        with pytest.raises(RagoptError, match="There is no variant"):
            store.remove(id)
        with pytest.raises(RagoptError, match="in the trash"):
            store.purge(id)
    with pytest.raises(RagoptError, match="cannot be removed"):
        store.remove("quotes")


def test_purging_an_adopted_variant_frees_its_files(store: VariantStore, tmp_path: Path) -> None:
    made = store.folder.new_folder()
    base_folder(made)
    assert store.variants() == builtin_variants()
    record = store.adopt(made, name="merged one", kind="merged", parent="builtin")
    assert (record.variant.kind, record.variant.parent, record.variant.problem) == (
        "merged",
        "builtin",
        "",
    )
    assert record.variant.path == store.folder.path / "merged-one"
    assert store.holds(record)
    moved = VariantStore(store.folder.path.rename(tmp_path / "moved"))
    path = moved.record("merged-one").variant.path
    assert path == tmp_path / "moved" / "merged-one"
    moved.remove("merged-one")
    assert moved.trashed()[0].bytes == record.bytes
    moved.purge("merged-one")
    assert not path.exists()
    assert not any((tmp_path / "moved").glob(".new-*"))


def test_an_endpoint_is_kept_by_its_address_and_model(store: VariantStore) -> None:
    record = store.add_endpoint("http://localhost:8000", "org/big", key_variable="MY_KEY")
    variant = record.variant
    assert (variant.kind, variant.url, variant.served) == (
        "endpoint",
        "http://localhost:8000/v1",
        "org/big",
    )
    assert (variant.id, record.key_variable, variant.problem) == ("org-big", "MY_KEY", "")
    assert store.add_endpoint("http://localhost:8000/v1/", "org/big").variant == variant
    for bad in ("localhost", "ftp://x/v1", "http://", "http://x:port/v1"):
        with pytest.raises(RagoptError, match="is no URL of a server"):
            store.add_endpoint(bad, "m")
    with pytest.raises(RagoptError, match="would be written to disk"):
        store.add_endpoint("https://me:secret@host/v1", "m")


def test_a_library_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = VariantStore(tmp_path / "file")
    assert store.variants() == builtin_variants()
    with pytest.raises(RagoptError, match=r"model library .* cannot be changed"):
        store.add(base_folder(tmp_path / "tiny"))


def test_processes_that_register_at_once_lose_nothing(store: VariantStore, tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from ragopt_tui.models.store import VariantStore\n"
        "store = VariantStore(Path(sys.argv[1])); sys.stdin.readline()\n"
        "for place in sys.argv[2:]: store.add(Path(place))\n"
    )
    shared = base_folder(tmp_path / "shared")
    own = [[base_folder(tmp_path / str(n) / f"tiny-{m}") for m in range(4)] for n in range(3)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(store.folder.path), *map(str, [*places, shared])],
            stdin=subprocess.PIPE,
        )
        for places in own
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.close()
    assert [process.wait() for process in processes] == [0, 0, 0]
    paths = sorted(str(v.path) for v in store.variants() if not v.builtin)
    assert paths == sorted(str(place) for place in [shared, *(p for each in own for p in each)])
    assert not any(variant.problem for variant in store.variants())
    assert not any(store.folder.path.glob(".new-*"))
