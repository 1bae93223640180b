"""Who can answer: quotes, the built-in model's formats, Hugging Face folders and GGUF files."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import ragopt_tui
from ragopt_tui.errors import RagoptError
from ragopt_tui.plaintext import one_line

VariantKind = Literal["quotes", "base", "gguf"]
_WRITERS = ("CausalLM", "LMHeadModel", "ConditionalGeneration")
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json")


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to answer; `path` is a folder for `base`, a file for `gguf`, None for `quotes`.

    `id` is what settings and `--model` take, `name` what is shown.
    """

    id: str
    name: str
    kind: VariantKind
    path: Path | None
    builtin: bool


def builtin_variants() -> list[Variant]:
    """Give the variants that ship with the program, quotes first."""
    builtin = Path(ragopt_tui.__file__).parent / "builtin"
    return [
        Variant("quotes", "quotes", "quotes", None, True),
        Variant("builtin", "built-in bf16", "base", builtin / "model", True),
        Variant(
            "builtin-q8_0", "built-in Q8_0", "gguf", builtin / "gguf" / "builtin-Q8_0.gguf", True
        ),
    ]


def resolve_variant(name: str) -> Variant:
    """Find the variant called `name`, or the Hugging Face folder or GGUF file at that path.

    Raises RagoptError if there is none, or if what is there cannot be used to answer.
    """
    known = {variant.id: variant for variant in builtin_variants()}
    if name in known:
        return known[name]
    path = Path(name).expanduser()
    if path.is_dir():
        _check_folder(path)
        path = path.resolve()
        return Variant(str(path), path.name, "base", path, False)
    if path.is_file():
        _check_gguf(path)
        path = path.resolve()
        return Variant(str(path), path.stem, "gguf", path, False)
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    raise RagoptError(
        f"There is no model {name!r}: no variant has that name ({', '.join(known)}), and no "
        "Hugging Face folder or .gguf file is at that path.",
        f"Did you mean {near[0]}?" if near else "Give one of those names, or a path that exists.",
    )


def variant_name(variant: str) -> str:
    """Name a variant by its id: the built-in ones by their own names, others by their file."""
    names = {known.id: known.name for known in builtin_variants()}
    return names.get(variant) or one_line(variant.rstrip("/").rsplit("/", 1)[-1], 48)


def _check_gguf(path: Path) -> None:
    if path.suffix.lower() != ".gguf":
        raise RagoptError(
            f"{path} is not a model: a .gguf file or a Hugging Face folder was expected.",
            "Give the folder that holds config.json, or a .gguf file.",
        )
    with path.open("rb") as stream:
        magic = stream.read(4)
    if magic != b"GGUF":
        raise RagoptError(
            f"{path} is not a GGUF file: it does not begin with the letters GGUF.",
            "Fetch or convert it again.",
        )


def _check_folder(folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise _not_a_model(folder)
    config = _read_json(folder / "config.json")
    architectures = [str(name) for name in config.get("architectures") or []]
    if architectures and not any(word in name for word in _WRITERS for name in architectures):
        raise RagoptError(
            f"{folder} holds a {architectures[0]}, which does not write text.",
            "Give a causal language model.",
        )
    _check_weights(folder)
    if not any((folder / file).is_file() for file in _TOKENIZER_FILES):
        raise RagoptError(
            f"{folder} has no tokenizer.", "Copy the tokenizer files of the model there."
        )


def _not_a_model(folder: Path) -> RagoptError:
    if (folder / "adapter_config.json").is_file():
        return RagoptError(
            f"{folder} is an adapter without its base model.", "Merge it into its base first."
        )
    files = sorted(folder.glob("*.gguf"))
    if files:
        return RagoptError(f"{folder} holds GGUF files.", f"Give the file itself: {files[0]}.")
    return RagoptError(
        f"{folder} is not a Hugging Face model: it has no config.json.",
        "Give the folder that holds config.json and *.safetensors.",
    )


def _check_weights(folder: Path) -> None:
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        shards = {str(shard) for shard in (_read_json(index).get("weight_map") or {}).values()}
        missing = sorted(shard for shard in shards if not (folder / shard).is_file())
        if missing:
            raise RagoptError(f"{folder} lacks {missing[0]}, one of its weight files.")
    elif not any(folder.glob("*.safetensors")):
        if any(file for pattern in _PICKLED for file in folder.glob(pattern)):
            raise RagoptError(
                f"{folder} has only pickled weights, which can run code when they are loaded.",
                "Get the model with *.safetensors files.",
            )
        raise RagoptError(f"{folder} has no weights: no *.safetensors file is in it.")


def _read_json(file: Path) -> dict[str, Any]:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RagoptError(f"{file} cannot be read: {error}.") from error
    if not isinstance(values, dict):
        raise RagoptError(f"{file} cannot be read: it holds no JSON object.")
    return values
