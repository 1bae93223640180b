"""Chains that all tests of this folder share, whichever process they run in."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from ragopt_tui.conversion.converter import converter_folder
from ragopt_tui.settings import folders
from tests.verification.chains import Chain

ChainOf = Callable[[str], Chain]


@pytest.fixture(scope="session")
def chain_of(tmp_path_factory: pytest.TempPathFactory) -> ChainOf:
    """Give a chain by its recipe's name; its steps are made once."""
    with pytest.MonkeyPatch.context() as without:
        without.delenv("RAGOPT_HOME", raising=False)
        converter = converter_folder(folders().data)
    if not converter.is_dir():
        pytest.skip("run `ragopt-tui convert --fetch-converter` first")
    root = tmp_path_factory.getbasetemp()
    shared = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    made: dict[str, Chain] = {}

    def chain(name: str) -> Chain:
        if name not in made:
            folder = shared / "chains" / name.replace(" ", "-").replace(",", "")
            folder.mkdir(parents=True, exist_ok=True)
            made[name] = Chain(name, folder, converter)
        return made[name]

    return chain
