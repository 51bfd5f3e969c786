"""A file that a step opens by itself is told, as its change would go unseen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from noria.pipeline.undeclared import reads

if TYPE_CHECKING:
    from conftest import Workshop

STEP = """
@step
def limits():
    with open("made.txt", "w") as file:
        file.write("x")
    open("made.txt").close()
    open(__file__).close()
    return open("limits.txt").read()
"""


def test_a_run_tells_it(workshop: Workshop) -> None:
    workshop.write("limits.txt", "18")
    workshop.pipeline(STEP)
    assert workshop.run().ok
    (note,) = [event.text for event in workshop.events if event.kind == "note"]
    assert note.startswith("it read limits.txt, which is in no key")
    workshop.run()
    assert [event.kind for event in workshop.events] == ["step_cached"]


def test_only_files_of_the_project_are_told(tmp_path: Path) -> None:
    (tmp_path / "project" / ".noria").mkdir(parents=True)
    for name in ("a.txt", "project/b.txt", "project/.noria/c.txt"):
        (tmp_path / name).write_text("x")
    with reads(tmp_path / "project") as found:
        for name in ("a.txt", "project/b.txt", "project/.noria/c.txt"):
            (tmp_path / name).read_bytes()
    assert found == ["b.txt"]
    (tmp_path / "project" / "b.txt").read_text()
    assert found == ["b.txt"]
