"""A variant's files for other tools: the GGUF file or Hugging Face folder, and Ollama's Modelfile."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.gguf_header import read_gguf_header
from ragopt_tui.models.inspection import RECORD_FILE
from ragopt_tui.models.record import VariantRecord

_SYSTEM, _PROMPT = "\ue000system\ue001", "\ue000prompt\ue001"


def export_variant(record: VariantRecord, target: Path, *, modelfile: bool) -> list[Path]:
    """Copy a variant's files into a folder, which is made; gives the files that are there then.

    Each appears whole. Raises RagoptError if one of that name is there, if there is nothing to
    copy, or if the disk is full.
    """
    path = record.variant.path
    if path is None:
        raise RagoptError(f"{record.variant.name} has no files to export.")
    if modelfile and path.suffix != ".gguf":
        raise RagoptError(
            f"{record.variant.name} is no GGUF file, which a Modelfile names.",
            "Make one with `ragopt-tui ship`.",
        )
    home = path if path.is_dir() else path.parent
    sources = [home / file.name for file in record.files if file.name != RECORD_FILE]
    names = [source.relative_to(home) for source in sources]
    wanted = [*names, Path("Modelfile")] if modelfile else names
    taken = [target / name for name in wanted if (target / name).exists()]
    if taken:
        raise RagoptError(f"{taken[0]} exists.", "Give another folder.")
    try:
        target.mkdir(parents=True, exist_ok=True)
        for source, name in zip(sources, names, strict=True):
            _copy(source, target / name)
        if modelfile:
            (target / "Modelfile").write_text(_modelfile(record, names[0]), encoding="utf-8")
    except OSError as error:
        raise RagoptError(
            f"{target} cannot be written: {error.strerror or error}.",
            "Free some space or check the folder's permissions.",
        ) from error
    return [target / name for name in wanted]


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        shutil.copyfile(source, aside)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def _modelfile(record: VariantRecord, file: Path) -> str:
    """Write a Modelfile: https://docs.ollama.com/modelfile."""
    lines = [f"FROM ./{file}"]
    template = record.chat_template or _own_template(record)
    if template and (translated := ollama_template(template)):
        lines.append(f'TEMPLATE """{translated}"""')
    settings = record.settings
    values = {
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "num_predict": settings.max_tokens,
        "num_ctx": settings.context_tokens,
        "seed": settings.seed,
    }
    lines += [f"PARAMETER {name} {value}" for name, value in values.items() if value is not None]
    if settings.system_prompt and '"""' not in settings.system_prompt:
        lines.append(f'SYSTEM """{settings.system_prompt}"""')
    return "\n".join(lines) + "\n"


def _own_template(record: VariantRecord) -> str:
    template = read_gguf_header(Path(str(record.variant.path))).get("tokenizer.chat_template")
    return template if isinstance(template, str) else ""


def ollama_template(jinja: str) -> str:
    """Translate a chat template for one turn into Ollama's language; "" where that fails.

    The template is rendered with marks in place of system prompt and question; what stands around
    them is what Ollama must write. The beginning-of-sequence token is Ollama's own to add.
    """
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    render = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string
    question = {"role": "user", "content": _PROMPT}
    system = {"role": "system", "content": _SYSTEM}
    values = {"add_generation_prompt": True, "bos_token": "", "eos_token": ""}
    try:
        plain = render(jinja).render(messages=[question], **values)
        full = render(jinja).render(messages=[system, question], **values)
    except (TemplateError, TypeError, ValueError):
        return ""
    if plain.count(_PROMPT) != 1 or full.count(_PROMPT) != 1 or '"""' in full or "{{" in full:
        return ""
    without = plain.replace(_PROMPT, "{{ .Prompt }}")
    if full.count(_SYSTEM) != 1:
        return without + "{{ .Response }}"
    with_system = full.replace(_SYSTEM, "{{ .System }}").replace(_PROMPT, "{{ .Prompt }}")
    return (
        f"{{{{ if .System }}}}{with_system}{{{{ else }}}}{without}{{{{ end }}}}{{{{ .Response }}}}"
    )
