"""Estimators of the user's own: any class in scikit-learn's shape, named in the project file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, get_args

from noria.errors import WrongSetting, did_you_mean
from noria.pipeline.own import Kind, needed, own_class, seeded
from noria.training.family import Encoding, Estimator, Family, Fitting
from noria.training.space import read_space

if TYPE_CHECKING:
    from noria.training.space import Params

__all__ = ["own_family"]


def _wrong(what: str, why: str, use: str) -> WrongSetting:
    return WrongSetting(what, why=why, mend=f"use {use}", code="N-TRAIN-011")


ESTIMATOR = Kind("an estimator", "package.module:Estimator", {"fit": "fit(X, y)", "predict": "predict(X)"}, _wrong)
KEYS = ("class", "name", "space", "params", "encoding")


def own_family(written: Mapping[str, object]) -> Family:
    """Make a family of ``{ class = "pkg.mod:Estimator", space = {...}, params = {...}, encoding = "linear" }``.

    The class is imported here, so this runs only where the project's code may run.

    Raises
    ------
    WrongSetting
        A key is unknown, the class cannot be imported, or it lacks fit or predict.

    Examples
    --------
    >>> own_family({"class": "sklearn.naive_bayes:GaussianNB"}).name
    'GaussianNB'
    """
    for key in written:
        if key not in KEYS:
            what = f"an estimator of your own has no key {key!r}"
            raise _wrong(what, did_you_mean(key, KEYS), ", ".join(KEYS))
    path = str(written.get("class", ""))
    name = str(written.get("name", path.partition(":")[2]))
    space, fixed = written.get("space", {}), written.get("params", {})
    encoding = _encoding(written.get("encoding", "linear"))
    if not isinstance(space, Mapping) or not isinstance(fixed, Mapping):
        raise _wrong(f"space and params of {path} are tables", "", "space = { C = [0.1, 1, 10] }")
    kind = own_class(path, ESTIMATOR, [*fixed, *space])

    def build(params: Params, fitting: Fitting) -> Estimator:
        return kind(**seeded(kind, {**fixed, **params}, fitting.seed))  # type: ignore[no-any-return] # it has both methods

    read = read_space(space, path)
    # What the class does not know by itself is where its space begins; everything else starts as the class has it.
    first = {argument: read[argument].start for argument in needed(kind) if argument in read}
    return Family(name, path, build, encoding=encoding, space=read, portfolio=(first,), is_own=True)


def _encoding(written: object) -> Encoding:
    for known in get_args(Encoding):
        if written == known:
            return known  # type: ignore[no-any-return]  # get_args forgets the type
    raise _wrong(f"encoding = {written!r} does not exist", "", ", ".join(get_args(Encoding)))
