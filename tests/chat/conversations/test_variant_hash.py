"""The hash of what answered, computed once for each state of its files."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from ragopt_tui.chat.conversations.store import ConversationStore
from ragopt_tui.chat.conversations.variant_hash import (
    HashingStopped,
    combined_hash,
    file_hash,
    variant_files,
)


def hash_of(path: Path) -> str:
    states = variant_files(path)
    return combined_hash(states, [file_hash(state, lambda: False) for state in states])


def test_a_file_has_the_hash_that_sha256sum_prints(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(os.urandom(5_000_000))
    assert hash_of(file) == hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_split_model_has_a_hash_of_all_its_parts(tmp_path: Path) -> None:
    parts = [tmp_path / f"m-0000{n}-of-00002.gguf" for n in (1, 2)]
    for part in parts:
        part.write_bytes(part.name.encode())
    assert [state.path for state in variant_files(parts[0])] == [str(part) for part in parts]
    before = hash_of(parts[0])
    parts[1].write_bytes(b"another")
    assert hash_of(parts[0]) != before


def test_a_folder_has_the_hash_of_the_list_that_sha256sum_prints(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "config.json").write_bytes(b"{}")
    (tmp_path / "nested").mkdir()
    shown = subprocess.run(
        "sha256sum config.json model.safetensors | sha256sum",
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    before = hash_of(tmp_path)
    assert before == shown.stdout.split()[0]
    (tmp_path / "config.json").write_bytes(b'{"a": 1}')
    assert hash_of(tmp_path) != before


def test_quotes_have_no_files() -> None:
    assert combined_hash(variant_files(None), []) == ""


def test_a_hash_is_known_until_size_or_time_of_change_differ(
    store: ConversationStore, tmp_path: Path
) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"weights")
    (state,) = variant_files(file)
    assert store.known_hash(state) is None
    store.remember_hash(state, "aa")
    assert store.known_hash(state) == "aa"
    os.utime(file, ns=(1, 1))
    (touched,) = variant_files(file)
    assert store.known_hash(touched) is None
    store.remember_hash(touched, "bb")
    assert store.known_hash(touched) == "bb"


def test_hashing_ends_when_nobody_waits_any_more(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"weights")
    (state,) = variant_files(file)
    with pytest.raises(HashingStopped):
        file_hash(state, lambda: True)
