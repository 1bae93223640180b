"""llama.cpp's own converter, in exactly the version of the runtime that will load its files.

It comes from the source distribution of the installed llama-cpp-python, fetched once with pip and
kept in the data folder with the hash of each file, or from a llama.cpp checkout that the user names.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ragopt_tui.errors import RagoptError
from ragopt_tui.jobs.events import Reporter
from ragopt_tui.plaintext import one_line

_PACKAGE = "llama-cpp-python"
_SCRIPT = "convert_hf_to_gguf.py"
_LORA_SCRIPT = "convert_lora_to_gguf.py"
_PARTS = (_SCRIPT, _LORA_SCRIPT, "LICENSE", "conversion/", "gguf-py/gguf/")
_MANIFEST = "manifest.json"
_ARCHIVE_BYTES = 80_000_000
_POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Converter:
    """The converter in a folder; `version` is llama-cpp-python's, or "checkout"."""

    folder: Path
    version: str

    @property
    def model_script(self) -> Path:
        """Converts Hugging Face folders."""
        return self.folder / _SCRIPT

    @property
    def lora_script(self) -> Path:
        """Converts adapters."""
        return self.folder / _LORA_SCRIPT

    def architectures(self) -> frozenset[str]:
        """Give the architectures it knows, as config.json names them; none where it does not say."""
        file = self.folder / "conversion" / "__init__.py"
        try:
            tree = ast.parse(file.read_text(encoding="utf-8"))
        except (OSError, SyntaxError):
            return frozenset()
        for node in tree.body:
            if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "TEXT_MODEL_MAP":
                return frozenset(ast.literal_eval(node.value) if node.value else {})
        return frozenset()


def converter_folder(data: Path) -> Path:
    """Give where the converter of the installed runtime is kept under the data folder."""
    return data / "converters" / f"llama-cpp-python-{runtime_version()}"


def runtime_version() -> str:
    """Give the version of the installed llama-cpp-python."""
    return importlib.metadata.version(_PACKAGE)


def find_converter(data: Path, checkout: str = "") -> Converter | None:
    """Give the converter of a checkout, if one is named, or the one kept in the data folder.

    None where none was fetched yet. Raises RagoptError if the checkout is none, or if the kept
    one was changed or is incomplete.
    """
    if checkout:
        folder = Path(checkout).expanduser()
        if not (folder / _SCRIPT).is_file():
            raise RagoptError(
                f"{folder} is no llama.cpp checkout: it has no {_SCRIPT}.",
                "Set llama_cpp to a folder with llama.cpp's sources, or to nothing.",
            )
        return Converter(folder.resolve(), "checkout")
    folder = converter_folder(data)
    if not folder.is_dir():
        return None
    if damage := _damage(folder):
        raise RagoptError(
            f"The converter in {folder} cannot be trusted: {damage}.",
            "Delete that folder and convert again: it is fetched anew.",
        )
    return Converter(folder, runtime_version())


def fetch_converter(data: Path, report: Reporter) -> Converter:
    """Fetch the converter with pip into the data folder, with progress.

    Raises RagoptError if it cannot be fetched, as without a network.
    """
    target = converter_folder(data)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=target.parent) as scratch:
        archive = _download(Path(scratch), report)
        grown = Path(scratch) / "converter"
        grown.mkdir()
        _unpack(archive, grown)
        files = {name: _sha256(grown / name) for name in sorted(_names(grown))}
        manifest = {"version": runtime_version(), "archive": _sha256(archive), "files": files}
        (grown / _MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        if target.exists():
            shutil.rmtree(target)
        grown.rename(target)
    return Converter(target, runtime_version())


def _download(scratch: Path, report: Reporter) -> Path:
    requirement = f"{_PACKAGE}=={runtime_version()}"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--progress-bar", "off"]
    command += ["--no-binary", _PACKAGE, "--dest", str(scratch), requirement]
    _tell(scratch, requirement, report)
    log = scratch / "pip.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"TMPDIR": str(scratch)},
        )
        while process.poll() is None:
            if report.cancelled:
                process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_POLL_SECONDS)
            _tell(scratch, requirement, report)
    report.raise_if_cancelled()
    archives = sorted(scratch.glob("*.tar.gz"))
    if process.returncode or not archives:
        lines = [line for line in log.read_text(errors="replace").splitlines() if "ERROR" in line]
        reason = one_line(lines[-1].partition("ERROR: ")[2], 200) if lines else "pip found none"
        raise RagoptError(
            f"llama.cpp's converter for {requirement} could not be fetched: {reason}.",
            "Connect to the network once and convert again, or set llama_cpp in the settings to "
            "a folder with llama.cpp's sources.",
        )
    return archives[0]


def _tell(scratch: Path, requirement: str, report: Reporter) -> None:
    """Say how much of the archive is there, by the file that pip writes into."""
    done = 0
    for file in [*scratch.glob("*.tar.gz"), *scratch.glob("pip-*/*.tar.gz")]:
        with contextlib.suppress(FileNotFoundError):
            done = max(done, file.stat().st_size)
    total = max(done, _ARCHIVE_BYTES)
    report.progress("fetching the converter", done, total, "bytes", f"{requirement}, once")


def _unpack(archive: Path, target: Path) -> None:
    with tarfile.open(archive) as tar:
        for member in tar:
            inside = member.name.partition("/vendor/llama.cpp/")[2]
            if member.isfile() and inside.startswith(_PARTS):
                member.name = inside
                tar.extract(member, target, filter="data")
    if not (target / _SCRIPT).is_file():
        raise RagoptError(f"{archive.name} holds no llama.cpp converter.")


def _damage(folder: Path) -> str:
    try:
        files = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))["files"]
        changed = [name for name, digest in files.items() if _sha256(folder / name) != digest]
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return "files are missing"
    added = [name for name in _names(folder) if name not in files]
    if changed or added:
        return f"{(changed or added)[0]} is not the file that was fetched"
    return ""


def _names(folder: Path) -> list[str]:
    names = (str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
    return [name for name in names if name != _MANIFEST and "__pycache__" not in name]


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
