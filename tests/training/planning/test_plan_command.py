"""`ragopt-tui train` as far as it starts nothing: plans, presets, settings, axolotl's files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ragopt_tui.cli import main
from ragopt_tui.jobs.supervisor import list_jobs
from ragopt_tui.training.configuration.config import TrainingConfig, parse_config
from ragopt_tui.training.configuration.presets import presets

Said = pytest.CaptureFixture[str]


def test_the_reference_is_planned_offline(capsys: Said) -> None:
    assert main(["train", "--preset", "reference-0", "--plan"]) == 0
    assert "144,703,488 of 7,255,363,584 (1.9944 %)" in capsys.readouterr().out
    assert list_jobs() == []


def test_a_plan_is_json_for_programs(capsys: Said) -> None:
    assert main(["train", "--preset", "reference-0", "--plan", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["parameters"]["trainable"] == 144_703_488
    assert plan["parameters"]["percent"] == pytest.approx(1.9944346871755614)
    assert plan["memory"]["need"] == sum(plan["memory"]["parts"].values())
    assert (plan["data"], plan["steps"], plan["seconds"], plan["errors"]) == (None, None, None, [])


def test_a_plan_with_mistakes_names_them_and_fails(capsys: Said) -> None:
    wrong = ["--set", "lora.target_modules=[q_prj]", "--set", "training.max_length=4096"]
    assert main(["train", "--preset", "cpu-demo", *wrong, "--plan", "--json"]) == 1
    errors = json.loads(capsys.readouterr().out)["errors"]
    assert [error["key"] for error in errors] == ["training.max_length", "lora.target_modules"]
    assert "q_proj" in errors[1]["hint"]
    assert main(["train", "--preset", "cpu-demo", *wrong, "--plan"]) == 1
    assert "error       lora.target_modules" in capsys.readouterr().out


def test_a_file_is_read_with_paths_from_its_own_folder(tmp_path: Path, capsys: Said) -> None:
    rows = [{"prompt": f"Quarter {n}?", "completion": "It rose."} for n in range(10)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    file = tmp_path / "run.yml"
    file.write_text("data: {set: rows.jsonl, template: none}\n")
    assert main(["train", str(file), "--plan"]) == 0
    said = capsys.readouterr().out
    assert "9 rows to train on, 1 to evaluate" in said
    steps = ["training.max_steps=5", "training.eval_steps=0", "training.save_steps=0"]
    options = [part for step in steps for part in ("--set", step)]
    assert main(["train", str(file), "--plan", *options]) == 0
    assert "5 of 2 rows, 1 epoch, 0 evaluations, " in capsys.readouterr().out
    assert "not known before the first steps" in said


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("training: {learning_rate: 2e-4}", 'must be a number; "2e-4" is text.'),
        ("lora:\n  rnk: 4", "run.yml, line 2: lora.rnk is no setting."),
        ("data: {set: x}\nbase: none-such", "base: There is no model 'none-such'"),
        ("base: builtin", "data.set is empty."),
        ("data: {set: x}\nmethod: full\nquantization: {load_in_4bit: true}", "needs an adapter"),
        ("data: {set: x}\nlora: {target_modules: [w]}", "the base has no layer 'w'"),
    ],
)
def test_what_is_wrong_is_said_before_anything_starts(
    text: str, told: str, tmp_path: Path, capsys: Said
) -> None:
    (tmp_path / "run.yml").write_text(text)
    assert main(["train", str(tmp_path / "run.yml")]) == 1
    assert told in capsys.readouterr().err
    assert list_jobs() == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("lora:\n  rnk: 4\ntraining: {max_step: 4, seed: x}", ["rnk", "max_step", "seed"]),
        ("method: full\nquantization: {load_in_8bit: true}", ["data.set is", "load_in_8bit"]),
    ],
)
def test_all_that_is_wrong_is_said_at_once(
    text: str, told: list[str], tmp_path: Path, capsys: Said
) -> None:
    (tmp_path / "run.yml").write_text(text)
    assert main(["train", str(tmp_path / "run.yml")]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(told)
    for line, part in zip(lines, told, strict=True):
        assert line.startswith("ragopt-tui: ")
        assert part in line
    assert list_jobs() == []


def test_nothing_to_train_is_said_so(capsys: Said) -> None:
    for arguments in ([], ["--plan"], ["no-such-file.yml"], ["--preset", "reference-9"]):
        assert main(["train", *arguments]) == 1
        assert capsys.readouterr().err.startswith("ragopt-tui: ")
    assert main(["train", "--resume", "x", "--set", "lora.r=8"]) == 1
    assert "its own settings" in capsys.readouterr().err


def test_presets_are_listed_and_printed(capsys: Said) -> None:
    assert main(["train", "--presets"]) == 0
    listed = capsys.readouterr().out
    assert all(f"{name}  " in listed for name in presets())
    assert main(["train", "--presets", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["presets"]
    assert [row["name"] for row in rows] == list(presets())
    assert main(["train", "--preset", "cpu-demo", "--print"]) == 0
    assert capsys.readouterr().out == presets()["cpu-demo"].text
    assert main(["train", "--preset", "cpu-demo", "--set", "lora.r=8", "--print"]) == 0
    assert parse_config(capsys.readouterr().out).lora.r == 8


def test_axolotls_configuration_is_printed_as_ours(tmp_path: Path, capsys: Said) -> None:
    file = tmp_path / "qlora.yml"
    file.write_text("base_model: builtin\nadapter: lora\nlora_r: 8\nflash_attention: true\n")
    assert main(["train", "--import-axolotl", str(file)]) == 0
    printed = capsys.readouterr()
    config = parse_config(printed.out)
    assert (config.base, config.lora.r) == ("builtin", 8)
    assert "not taken over: flash_attention: true. Attention is PyTorch's own" in printed.err
    assert main(["train", "--import-axolotl", str(file), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert isinstance(parse_config(values["config"]), TrainingConfig)
    assert [each["key"] for each in values["unmapped"]] == ["flash_attention"]
