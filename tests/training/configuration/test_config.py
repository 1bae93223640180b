"""The configuration as YAML: what is written is read again, and each mistake is named."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ragopt_tui.errors import RagoptError
from ragopt_tui.training.configuration.changes import with_absolute_paths, with_settings
from ragopt_tui.training.configuration.config import (
    ConfigError,
    Lora,
    TrainingConfig,
    config_errors,
    difference,
    parse_config,
    read_config,
    settings_of,
    write_config,
)
from ragopt_tui.training.configuration.reading import yaml_number


def _of_type(hint: Any, least: float | None, most: float | None) -> st.SearchStrategy[Any]:
    if get_origin(hint) is Literal:
        return st.sampled_from(get_args(hint))
    if get_origin(hint) is tuple:
        return st.lists(_of_type(get_args(hint)[0], None, None), max_size=3).map(tuple)
    if get_origin(hint) is dict:
        inner = st.integers(1, 99) if get_args(hint)[1] is int else st.text(max_size=5)
        return st.dictionaries(st.text(min_size=1, max_size=5), inner, max_size=3)
    if get_args(hint):
        return st.one_of([_of_type(each, None, None) for each in get_args(hint)])
    if hint is int:
        return st.integers(int(least or 0), int(most or 9))
    if hint is float:
        return st.floats(least, most, allow_nan=False)
    return st.booleans() if hint is bool else st.text(max_size=20)


def _configs(kind: type[Any]) -> st.SearchStrategy[Any]:
    known = settings_of(kind)
    values = {
        name: _configs(hint)
        if dataclasses.is_dataclass(hint)
        else _of_type(hint, known[name].least, known[name].most)
        for name, hint in get_type_hints(kind).items()
    }
    return st.builds(kind, **values)


_CONFIG = _configs(TrainingConfig)


@settings(max_examples=40, deadline=None, derandomize=True)
@example(TrainingConfig(name="a\x85b\u2028c", samples=("on", "1e3", "null", " x\n\n y ")))
@given(_CONFIG)
def test_what_is_written_is_read_again(config: TrainingConfig) -> None:
    assert parse_config(write_config(config)) == config


def test_silence_means_the_defaults() -> None:
    assert parse_config("") == TrainingConfig()
    assert parse_config("lora:\ndata:\n") == TrainingConfig()


def test_every_setting_says_what_it_is() -> None:
    for kind in (TrainingConfig, Lora):
        assert all(setting.about for setting in settings_of(kind).values())


@pytest.mark.parametrize(
    ("text", "key", "line", "told", "hint"),
    [
        ("lerning: 1", "lerning", 1, "is no setting", "Did you mean training"),
        ("lora:\n  rank: 8", "lora.rank", 2, "is no setting", "lora.r"),
        ("training:\n  lerning_rate: 1.0", "training.lerning_rate", 2, "", "learning_rate"),
        ("lora_alpha: 8", "lora_alpha", 1, "", "It belongs to lora.lora_alpha."),
        ("training:\n  r: 8", "training.r", 2, "", "It belongs to lora.r."),
        ("training: {warmup_ratio: 0.1}", "training.warmup_ratio", 1, "", "warmup_steps"),
        ("training: {bf16: true}", "training.bf16", 1, "", "dtype: bf16"),
        ("training: {learning_rate: 2e-4}", "training.learning_rate", 1, "text", "2.0e-4"),
        ('training: {learning_rate: "0.001"}', "training.learning_rate", 1, "text", "0.001"),
        ("training: {learning_rate: fast}", "training.learning_rate", 1, "a number", ""),
        ("training: {learning_rate: .nan}", "training.learning_rate", 1, "a number", ""),
        ("training: {seed: 1.5}", "training.seed", 1, "a whole number", ""),
        ("training: {packing: 1}", "training.packing", 1, "true or false", ""),
        ("training: {optim: adamw_8bits}", "training.optim", 1, "one of", "adamw_8bit?"),
        ("training: {max_length: 0}", "training.max_length", 1, "from 8 to", ""),
        ("lora: {r: true}", "lora.r", 1, "a whole number, not true", ""),
        ("lora: {target_modules: q_proj}", "lora.target_modules", 1, "a list or", "[q_proj]"),
        ("lora: {target_modules: [1]}", "lora.target_modules", 1, "text", "quotes"),
        ("lora: [r]", "lora", 1, "a mapping", ""),
        ("lora: {rank_pattern: {q_proj: a}}", "lora.rank_pattern", 1, "a whole number", ""),
        ("name: 2026", "name", 1, "text, not 2026", "quotes"),
        ("data: {columns: [a]}", "data.columns", 1, "a mapping", ""),
        ("lora:\n  r: 1\n  r: 2", "lora.r", 3, "twice", ""),
        ("- a", "", 1, "no mapping", ""),
        ("name: [", "", 1, "no YAML", ""),
        ("a: b: c", "", 1, "no YAML", ""),
        ("name: \x00", "", 0, "no YAML", ""),
    ],
)
def test_each_mistake_is_named_by_key_and_line(
    text: str, key: str, line: int, told: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "run.yml")
    error = caught.value
    assert (error.key, error.line) == (key, line)
    assert error.message.startswith("run.yml")
    assert told in error.message
    assert hint in error.hint
    assert key in error.told


def test_all_mistakes_are_given_in_the_order_of_the_file() -> None:
    errors = config_errors("training:\n  seed: x\nlora:\n  r: 0\n  q: 1\n")
    assert [(error.key, error.line) for error in errors] == [
        ("training.seed", 2),
        ("lora.r", 4),
        ("lora.q", 5),
    ]


@settings(derandomize=True)
@given(st.floats(1e-12, 1e12))
def test_a_proposed_number_is_one_to_yaml(number: float) -> None:
    text = f"training: {{max_grad_norm: {yaml_number(number)}}}"
    assert [error.told for error in config_errors(text) if "text" in error.told] == []


def test_differences_are_given_by_key() -> None:
    changed = parse_config("name: b\nlora: {r: 8}\n")
    assert difference(TrainingConfig(), changed) == [("name", "fine-tuned", "b"), ("lora.r", 16, 8)]
    assert difference(changed, changed) == []


def test_settings_are_changed_by_key_and_checked() -> None:
    changed = with_settings(
        TrainingConfig(), ["data.set=a b", "lora.r=8", "lora.target_modules=[x]", 'samples=["a?"]']
    )
    assert (changed.data.set, changed.lora.r, changed.samples) == ("a b", 8, ("a?",))
    assert changed.lora.target_modules == ("x",)
    with pytest.raises(ConfigError, match=r"lora\.r must be from 1"):
        with_settings(TrainingConfig(), ["lora.r=0"])
    with pytest.raises(ConfigError, match=r"lora\.q is no setting"):
        with_settings(TrainingConfig(), ["lora.q=0"])
    with pytest.raises(RagoptError, match="sets nothing"):
        with_settings(TrainingConfig(), ["lora.r"])


def test_a_file_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(RagoptError, match="cannot be read: No such file"):
        read_config(tmp_path / "none.yml")
    with pytest.raises(RagoptError, match="cannot be read: Is a directory"):
        read_config(tmp_path)
    file = tmp_path / "latin.yml"
    file.write_bytes("name: Größe".encode("latin-1"))
    with pytest.raises(RagoptError, match="no text in UTF-8"):
        read_config(file)
    file.write_text("name: Größe", encoding="utf-8-sig")
    assert read_config(file).name == "Größe"


def test_paths_are_made_absolute_and_ids_stay(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").touch()
    config = parse_config("base: builtin\ndata: {set: rows.csv}\n")
    (tmp_path / "builtin").mkdir()
    placed = with_absolute_paths(config, [tmp_path / "none", tmp_path], {"builtin"})
    assert placed.data.set == str((tmp_path / "rows.csv").resolve())
    assert placed.base == "builtin"
