"""What the hub holds and how it refuses, asked of a hub on this machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ragopt_tui.errors import RagoptError
from ragopt_tui.models.hub import hub_token, look_up, search
from ragopt_tui.models.hub_files import HubFile, chosen, offers
from tests.models.hub_server import Hub, Repository


def named(*names: str) -> list[HubFile]:
    return [HubFile(name, 10, "a" * 64) for name in names]


def names(files: tuple[HubFile, ...]) -> list[str]:
    return [file.name for file in files]


def test_only_weights_tokenizer_configuration_and_card_are_fetched() -> None:
    (offer,) = offers(
        named(
            *("config.json", "tokenizer.json", "tokenizer.model", "merges.txt", "README.md"),
            *("chat_template.jinja", "model.safetensors.index.json", "LICENSE.txt"),
            *("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"),
            *("consolidated.safetensors", "original/x.safetensors", "onnx/model.onnx"),
            *("pytorch_model.bin", "pytorch_model.bin.index.json", "modeling_x.py", "run.sh"),
            *(".gitattributes", "../../evil.json", "/etc/evil.json", "a\\b.json", "x\x1b.json"),
        )
    )
    assert names(offer.files) == [
        *("config.json", "tokenizer.json", "tokenizer.model", "merges.txt", "README.md"),
        *("chat_template.jinja", "model.safetensors.index.json", "LICENSE.txt"),
        *("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"),
    ]
    assert (offer.label, offer.size) == ("safetensors", 100)


def test_a_file_whose_digest_is_none_is_not_fetched() -> None:
    assert offers([HubFile("model.safetensors", 10, "../../x")]) == ()


def test_gguf_files_are_offered_one_by_one_and_split_ones_whole() -> None:
    files = named(
        *("a-Q4_K_M.gguf", "Q8_0/a-Q8_0-00002-of-00002.gguf", "Q8_0/a-Q8_0-00001-of-00002.gguf"),
        *("a-F16-00001-of-00003.gguf", "mmproj-a.gguf", "config.json"),
    )
    half, whole = offers(files)
    assert names(half.files) == [f"Q8_0/a-Q8_0-0000{n}-of-00002.gguf" for n in (1, 2)]
    assert names(whole.files) == ["a-Q4_K_M.gguf"]
    assert chosen("me/a", files, "q8_0").files == half.files
    assert chosen("me/a", files, "a-Q4_K_M.gguf").files == whole.files
    with pytest.raises(RagoptError, match=r"me/a holds 2 GGUF models. Choose a file: .*Q4_K_M"):
        chosen("me/a", files, "")
    with pytest.raises(RagoptError, match=r"me/a has no file for 'Q5_K_M'\. Choose a file"):
        chosen("me/a", files, "Q5_K_M")


def test_the_folder_is_preferred_and_the_only_gguf_file_needs_no_choice() -> None:
    files = named("model.safetensors", "config.json", "a-Q8_0.gguf")
    assert chosen("me/a", files, "").label == "safetensors"
    assert chosen("me/a", files[1:], "").label == "a-Q8_0.gguf"


def test_pickled_weights_are_refused_with_the_reason() -> None:
    with pytest.raises(RagoptError, match=r"only pickled weights.*pytorch_model.bin.*run code"):
        chosen("me/a", named("config.json", "pytorch_model.bin"), "")
    with pytest.raises(RagoptError, match="holds no weights"):
        chosen("me/a", named("README.md", "run.py"), "")


def test_a_repository_says_its_commit_files_and_licence(hub: Hub) -> None:
    hub.repositories["me/tiny"] = Repository({"model.safetensors": b"xy", "config.json": b"{}"})
    model = look_up("me/tiny", "main", None)
    assert (model.commit, model.gated, model.licence) == ("c" * 40, False, "apache-2.0")
    assert [(file.size, len(file.digest)) for file in model.files] == [(2, 64), (2, 40)]
    assert [offer.label for offer in model.offers] == ["safetensors"]
    assert "authorization" not in hub.requests[-1][2]


def test_nothing_is_told_of_this_machine(hub: Hub) -> None:
    hub.repositories["me/tiny"] = Repository({"model.safetensors": b"xy"})
    code = (
        "from ragopt_tui.models.scan import hub_cache; hub_cache();"
        "from ragopt_tui.models.hub import look_up; look_up('me/tiny', 'main', None)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    ((_, path, headers),) = hub.requests
    assert path.startswith("/api/models/me/tiny/")
    assert "torch" not in headers["user-agent"]


@pytest.mark.parametrize(
    ("repository", "revision", "reason"),
    [
        ("me/none", "main", "The hub has no model me/none, or does not show it to you."),
        ("me/tiny", "v9[x]", r"me/tiny has no revision 'v9\[x\]'."),
        ("a b", "main", "'a b' is no name of a repository. It reads owner/name"),
        ("me/secret", "main", "The hub has no model me/secret, or does not show it to you."),
    ],
)
def test_what_is_not_there_is_said(hub: Hub, repository: str, revision: str, reason: str) -> None:
    hub.repositories["me/tiny"] = Repository({})
    hub.repositories["me/secret"] = Repository({}, private=True)
    with pytest.raises(RagoptError, match=reason):
        look_up(repository, revision, None)


def test_a_search_gives_models_with_usable_weights_the_most_used_first(hub: Hub) -> None:
    hub.repositories["me/Mistral-a"] = Repository({}, downloads=5)
    hub.repositories["me/mistral-b"] = Repository({}, downloads=50, gated=True, tags=["gguf"])
    hub.repositories["me/mistral-c"] = Repository({}, downloads=99, tags=["pytorch"])
    hub.repositories["me/other"] = Repository({})
    found = search("mistral", None)
    assert [(model.id, model.formats, model.gated) for model in found] == [
        ("me/mistral-b", ("gguf",), True),
        ("me/Mistral-a", ("safetensors",), False),
    ]
    assert found[0].parameters == 7


def test_an_unreachable_or_switched_off_hub_is_said(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    for ask in (lambda: look_up("me/a", "main", None), lambda: search("a", None)):
        with pytest.raises(
            RagoptError,
            match=r"The hub at http://127.0.0.1:9 cannot be reached: connection refused",
        ):
            ask()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(RagoptError, match="switched off here"):
        search("a", None)


@pytest.mark.usefixtures("hub")
def test_a_token_comes_from_the_environment_then_the_folder_then_the_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = tmp_path / "hf" / "token"
    login.parent.mkdir()
    assert hub_token(tmp_path) is None
    login.write_text("hf_login\n")
    assert hub_token(tmp_path) == "hf_login"
    (tmp_path / ".env").write_text("OTHER=1\nHF=/some/folder\n")
    assert hub_token(tmp_path) == "hf_login"
    (tmp_path / ".env").write_text("# token\nexport HF='hf_short'  # mine\n")
    assert hub_token(tmp_path) == "hf_short"
    (tmp_path / ".env").write_text('HF=hf_short\nHF_TOKEN="hf_long"\n')
    assert hub_token(tmp_path) == "hf_long"
    monkeypatch.setenv("HF_TOKEN", "hf_environment")
    assert hub_token(tmp_path) == "hf_environment"


@pytest.mark.usefixtures("hub")
def test_a_login_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "hf").write_text("in the way")
    with pytest.raises(RagoptError, match="login to the hub cannot be read: Not a directory"):
        hub_token(tmp_path)
