"""From trained weights to what ships: a Hugging Face folder and a GGUF in Q8_0.

usage: python -m recipes.builtin_model.export PLANES OUT LLAMA_CPP

PLANES is what `train.py` wrote, LLAMA_CPP the folder of llama.cpp that comes with the sources of
llama-cpp-python, whose converter is used (it needs sentencepiece). Tokenizer and configuration are
those of the model that ships. Writes OUT/model, OUT/builtin-F16.gguf, -Q8_0.gguf and -Q4_K_M.gguf.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from pathlib import Path

from recipes.builtin_model.network import join_planes

SHIPPED = Path(__file__).parent.parent.parent / "ragopt_tui" / "builtin" / "model"


def hugging_face_folder(planes: Path, target: Path) -> None:
    """Put weights, tokenizer and configuration together."""
    target.mkdir(parents=True, exist_ok=True)
    for file in SHIPPED.iterdir():
        if file.suffix != ".safetensors":
            shutil.copyfile(file, target / file.name)
    join_planes(planes, target / "model.safetensors")


def gguf(model: Path, target: Path, llama_cpp: Path) -> None:
    """Convert a Hugging Face folder to F16."""
    converter = llama_cpp / "convert_hf_to_gguf.py"
    command = [sys.executable, str(converter), str(model), "--outtype", "f16"]
    subprocess.run([*command, "--outfile", str(target)], check=True)


def quantised(source: Path, target: Path, kind: int) -> None:
    """Write a GGUF in another type, named by llama.cpp's number for it."""
    import llama_cpp

    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = kind
    names = str(source).encode(), str(target).encode()
    if llama_cpp.llama_model_quantize(*names, ctypes.byref(parameters)):
        raise SystemExit(f"{target} could not be written.")


def main(planes: Path, out: Path, llama: Path) -> None:
    """Write everything."""
    import llama_cpp

    hugging_face_folder(planes, out / "model")
    whole = out / "builtin-F16.gguf"
    gguf(out / "model", whole, llama)
    quantised(whole, out / "builtin-Q8_0.gguf", llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0)
    quantised(whole, out / "builtin-Q4_K_M.gguf", llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M)


if __name__ == "__main__":
    main(*(Path(name) for name in sys.argv[1:]))
