"""Whatever ends a synchronisation, the index answers, and the next run completes it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ragopt_tui.knowledge import passage_table
from ragopt_tui.knowledge.catalogue import Catalogue
from ragopt_tui.knowledge.generation_writer import GenerationWriter
from tests.knowledge.syncing import Library, report_on


class Interrupted(BaseException):
    pass


def interrupt(*_: object, **__: object) -> None:
    raise Interrupted


def fill(library: Library, count: int = 6) -> None:
    for n in range(count):
        facts = [f"fact {m} of firm {n} is this. " * 20 for m in range(3)]
        library.put(f"{n}.md", report_on(f"Firm {n}", *facts))


def change_everything(library: Library) -> None:
    """Change, delete, rename and add files."""
    library.put("0.md", report_on("Firm 0", "it now sells zeppelins.", "fact 1 of firm 0 is this."))
    (library.docs / "1.md").unlink()
    (library.docs / "2.md").rename(library.docs / "renamed.md")
    library.put("added.md", report_on("Added", "it sells umbrellas."))
    library.put("3.md", "")


def is_complete(library: Library) -> bool:
    names = {"0.md", "4.md", "5.md", "renamed.md", "added.md"}
    indexed = {name for name, r in library.records().items() if r.status == "indexed"}
    return (
        indexed == names
        and library.is_consistent()
        and library.top("zeppelins") == ["0.md"]
        and library.top("umbrellas") == ["added.md"]
    )


STEPS = [
    (GenerationWriter, "known_vectors"),
    (GenerationWriter, "begin"),
    (Catalogue, "mark_pending"),
    (passage_table, "delete_files"),
    (GenerationWriter, "write"),
    (passage_table, "replace_files"),
    (GenerationWriter, "record"),
    (Catalogue, "upsert"),
    (Catalogue, "remove"),
    (GenerationWriter, "finish"),
    (passage_table, "tidy"),
    (Catalogue, "set_fact"),
]


@pytest.mark.parametrize("step", STEPS, ids=[name for _, name in STEPS])
def test_a_run_that_ends_before_any_step_is_completed_by_the_next(
    library: Library, monkeypatch: pytest.MonkeyPatch, step: tuple[object, str]
) -> None:
    fill(library)
    library.sync()
    change_everything(library)
    with monkeypatch.context() as patch:
        patch.setattr(*step, interrupt)
        with pytest.raises(Interrupted):
            library.sync()
    assert library.top("fact of firm 5") == ["5.md"]
    library.sync()
    assert library.said == []
    assert is_complete(library)


@pytest.mark.parametrize("moment", ["embedding", "record"])
def test_a_killed_first_run_is_completed_by_the_next(library: Library, moment: str) -> None:
    fill(library)
    script = Path(__file__).with_name("sync_and_die.py")
    died = subprocess.run([sys.executable, str(script), str(library.docs), moment], check=False)
    assert died.returncode == -signal.SIGKILL
    already = library.count()
    assert already > 0
    summary = library.sync()
    assert library.said == []
    assert summary.files == 6
    assert summary.embedded <= summary.passages - already
    assert library.is_consistent()


def test_a_killed_run_over_changes_is_completed_by_the_next(library: Library) -> None:
    fill(library)
    library.sync()
    change_everything(library)
    script = Path(__file__).with_name("sync_and_die.py")
    died = subprocess.run([sys.executable, str(script), str(library.docs), "record"], check=False)
    assert died.returncode == -signal.SIGKILL
    library.sync()
    assert library.said == []
    assert is_complete(library)


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from ragopt_tui.errors import RagoptError
from ragopt_tui.knowledge.sync import synchronise
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for room in (0, 3000):
    def report(progress):
        if progress.stage == "embedding":
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    try:
        synchronise(Path(sys.argv[1]), "builtin", report)
    except RagoptError as error:
        print(error.message, file=sys.stderr)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
"""


def test_a_full_disk_is_said_and_the_index_answers(library: Library) -> None:
    # No mount is needed to have writes refused: files may not grow beyond some bytes.
    fill(library, 3)
    library.sync()
    fill(library, 6)
    command = [sys.executable, "-c", FULL_DISK, str(library.docs)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    assert said.count("The disk with the index is full") == 2, said
    assert library.top("fact of firm 1") == ["1.md"]
    assert library.sync().files == 6
    assert library.said == []
    assert library.is_consistent()
