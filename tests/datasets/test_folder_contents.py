"""What lies where in a folder, against counting by hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from noria.datasets.folder_contents import contents, shared_folder

NAMES = st.sampled_from(["a", "b", "ab", "c d"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


@given(st.dictionaries(PATHS, st.integers(0, 9)), st.lists(NAMES, max_size=2).map("/".join))
def test_every_file_is_counted_once(files: dict[str, int], within: str) -> None:
    found = contents(files, within)
    inside = {path: size for path, size in files.items() if not within or path.startswith(f"{within}/")}
    assert (found.files, found.size) == (len(inside), sum(inside.values()))
    assert sum(part.files for part in found.folders) + found.loose_files == len(inside)
    assert sum(part.size for part in found.folders) + found.loose_size == sum(inside.values())
    assert dict(found.largest).items() <= inside.items()
    if inside:
        assert found.largest[0][1] == max(inside.values())


def test_many_folders_are_bounded_and_counted_truly() -> None:
    found = contents({f"d{n:03}/file": n for n in range(120)})
    assert found.folder_count == 120
    assert len(found.folders) == 51
    assert found.folders[0].name == "d119"
    assert found.folders[-1].name == "…"
    assert sum(part.files for part in found.folders) == 120
    assert sum(part.size for part in found.folders) == sum(range(120))


@given(st.lists(PATHS, max_size=5))
def test_the_shared_folder_holds_all(paths: list[str]) -> None:
    folder = shared_folder(paths)
    assert all(path.startswith(f"{folder}/") for path in paths) or not folder
