"""Keys of files hold any name there can be."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragopt_tui.knowledge.file_key import file_key, path_of_key

DOCS = Path("/docs")
NAMES = st.binary(min_size=1, max_size=40).filter(
    lambda b: not set(b) & {0, 47} and b not in (b".", b"..")
)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        (b"report 2023.md", "report 2023.md"),
        ("Geschäftsbericht 年報.md".encode(), "Geschäftsbericht 年報.md"),
        (b"[bold]x[/].md", "[bold]x[/].md"),
        (b"a\nb\x1b[31m.md", "a\\x0ab\\x1b[31m.md"),
        (b"caf\xe9.md", "caf\\xe9.md"),
        (b"a\\x0ab.md", "a\\\\x0ab.md"),
        ("left\u202eright.md".encode(), "left\\xe2\\x80\\xaeright.md"),
    ],
)
def test_printable_names_stay_and_all_else_is_written_as_bytes(name: bytes, key: str) -> None:
    path = PurePath(os.fsdecode(name))
    assert file_key(path) == key
    assert os.fsencode(path_of_key(DOCS, key)) == b"/docs/" + name


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_every_name_has_a_key_that_leads_back_to_it(parts: list[bytes]) -> None:
    raw = b"/".join(parts)
    key = file_key(PurePath(os.fsdecode(raw)))
    assert key.encode("utf-8").decode("utf-8") == key
    assert len(key.splitlines()) == 1
    assert os.fsencode(path_of_key(DOCS, key)) == b"/docs/" + raw


@pytest.mark.parametrize(
    "key", ["/etc/passwd", "../x", "a/../../x", "\\x2fetc/passwd", "a/\\x2e./x"]
)
def test_a_key_that_leads_out_of_the_folder_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="not the key"):
        path_of_key(DOCS, key)
