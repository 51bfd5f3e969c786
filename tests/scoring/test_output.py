"""An output is whole or not there."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
import pytest

from noria.errors import WrongArgument
from noria.scoring.output import writing

TABLE = pa.table({"row": [0, 1], "score": [0.1, 1e-300], "prediction": ["a,b", 'say "c"']})


@pytest.mark.parametrize("name", ["out.parquet", "out.csv"])
def test_what_is_written_in_parts_is_one_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with writing(path) as write:
        write(TABLE)
        assert not path.exists()
        write(TABLE)
    read = pq.read_table(path) if name.endswith("parquet") else arrow_csv.read_csv(path)
    assert read.to_pydict() == pa.concat_tables([TABLE, TABLE]).to_pydict()


@pytest.mark.parametrize("name", ["out.parquet", "out.csv"])
def test_what_is_broken_off_leaves_the_old_file_and_nothing_else(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("old")

    def broken_off() -> None:
        with writing(tmp_path / name) as write:
            write(TABLE)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert (tmp_path / name).read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_no_rows_make_no_file_and_other_endings_none_either(tmp_path: Path) -> None:
    with writing(tmp_path / "out.csv"):
        pass
    with pytest.raises(WrongArgument, match=r"cannot write out.txt"), writing(tmp_path / "out.txt"):
        pass
    assert not list(tmp_path.iterdir())
