"""Which files of a repository make up a model that may be fetched: no pickles, no code."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragopt_tui.errors import RagoptError
from ragopt_tui.plaintext import one_line

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

_WEIGHTS = re.compile(r"(adapter_)?model(-\d{5}-of-\d{5})?\.safetensors")
_DESCRIBING = re.compile(
    r"(?!.*\.bin\.)[\w.-]+\.(json|model|jinja)"
    r"|merges\.txt|vocab\.txt|README\.md|(LICENSE|NOTICE|USE_POLICY)[\w.-]*"
)
_CODE_OR_PICKLE = re.compile(r"\.(bin|pt|pth|ckpt|pkl|h5|msgpack|onnx|py)\b", re.IGNORECASE)
_GGUF_PART = re.compile(r"-(\d{5})-of-(\d{5})(?=\.gguf$)", re.IGNORECASE)
_DIGEST = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_UNUSUAL = re.compile(r"[^\w./ +=@()\[\]-]")


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository; `size` is in bytes.

    `digest` is what the content must have, in hexadecimal: its SHA-256 where the hub keeps the
    file as a large one, else its git object id (SHA-1).
    """

    name: str
    size: int
    digest: str

    @classmethod
    def of(cls, sibling: RepoSibling) -> HubFile:
        """Read what the hub says of a file."""
        large = sibling.lfs
        digest = (large.sha256 if large else sibling.blob_id) or ""
        return cls(sibling.rfilename, (large.size if large else sibling.size) or 0, digest)

    @property
    def large(self) -> bool:
        """Whether its digest is a SHA-256."""
        return len(self.digest) == 64


@dataclass(frozen=True, slots=True)
class Offer:
    """One form of a model that can be fetched: `file` is "" for the Hugging Face folder.

    For GGUF `file` is the name in the repository, for a split one that of its first part.
    """

    file: str
    files: tuple[HubFile, ...]

    @property
    def size(self) -> int:
        """How many bytes its files have together."""
        return sum(file.size for file in self.files)

    @property
    def label(self) -> str:
        """How it is named in a choice: `safetensors`, or the GGUF file's name without its folder."""
        return self.file.rsplit("/", 1)[-1] or "safetensors"


def offers(files: Iterable[HubFile]) -> tuple[Offer, ...]:
    """Give the forms in which a repository's model can be fetched: the folder first, then GGUF."""
    safe = [file for file in files if _is_safe(file)]
    names = folder_files(file.name for file in safe)
    folder = [Offer("", tuple(file for file in safe if file.name in names))] if names else []
    return (*folder, *_gguf_offers(safe))


def folder_files(names: Iterable[str]) -> frozenset[str]:
    """Give those names that make up a Hugging Face folder; none where it has no safetensors.

    Weights under other names than the usual are the same ones again, in another layout.
    """
    top = [name for name in names if "/" not in name]
    weights = frozenset(filter(_WEIGHTS.fullmatch, top))
    return frozenset(filter(_DESCRIBING.fullmatch, top)) | weights if weights else weights


def chosen(repository: str, files: Iterable[HubFile], wanted: str) -> Offer:
    """Give the form called `wanted`: a GGUF file's name, a part of it that fits only one, or "".

    Without a wish it is the Hugging Face folder, or the only GGUF file.
    Raises RagoptError where there is nothing to fetch, nothing of that name, or a choice to make.
    """
    files = tuple(files)
    available = offers(files)
    if not available:
        raise _nothing_usable(repository, files)
    if not wanted:
        if available[0].file and len(available) > 1:
            raise RagoptError(f"{repository} holds {len(available)} GGUF models.", _say(available))
        return available[0]
    exact = [offer for offer in available if wanted in (offer.file, offer.label)]
    fitting = exact or [
        offer for offer in available if offer.file and wanted.lower() in offer.file.lower()
    ]
    if len(fitting) != 1:
        what = "no file" if not fitting else f"{len(fitting)} files"
        raise RagoptError(
            f"{repository} has {what} for {one_line(wanted, 80)!r}.", _say(fitting or available)
        )
    return fitting[0]


def _say(available: Iterable[Offer]) -> str:
    listed = [f"{offer.label} ({offer.size / 1e9:.1f} GB)" for offer in available]
    more = f" and {len(listed) - 30} more" if len(listed) > 30 else ""
    return f"Choose a file: {', '.join(listed[:30])}{more}."


def _is_safe(file: HubFile) -> bool:
    # A name from the hub becomes a path below the cache, and a digest a file name.
    parts = file.name.split("/")
    plain = all(parts) and not any(part.startswith(".") for part in parts)
    return plain and not _UNUSUAL.search(file.name) and bool(_DIGEST.fullmatch(file.digest))


def _gguf_offers(files: list[HubFile]) -> list[Offer]:
    models: dict[tuple[str, str], list[HubFile]] = {}
    for file in sorted(files, key=lambda file: file.name):
        base = file.name.rsplit("/", 1)[-1].lower()
        if base.endswith(".gguf") and not base.startswith(("mmproj", "imatrix")):
            part = _GGUF_PART.search(file.name)
            key = (_GGUF_PART.sub("", file.name), part[2] if part else "")
            models.setdefault(key, []).append(file)
    return [Offer(parts[0].name, tuple(parts)) for parts in models.values() if _is_whole(parts)]


def _is_whole(parts: list[HubFile]) -> bool:
    part = _GGUF_PART.search(parts[0].name)
    return part is None or (int(part[1]) == 1 and int(part[2]) == len(parts))


def _nothing_usable(repository: str, files: tuple[HubFile, ...]) -> RagoptError:
    pickled = [file.name for file in files if _CODE_OR_PICKLE.search(file.name)]
    weights = [name for name in pickled if not name.endswith(".py")]
    if weights:
        return RagoptError(
            f"{repository} has only pickled weights or such as are not read here"
            f" ({one_line(weights[0], 80)}); pickles can run code when they are loaded.",
            "Look for a copy of the model with *.safetensors or GGUF files.",
        )
    return RagoptError(
        f"{repository} holds no weights that can be fetched: no *.safetensors in its top folder and"
        " no GGUF file.",
        "Look for a copy of the model with *.safetensors or GGUF files.",
    )
