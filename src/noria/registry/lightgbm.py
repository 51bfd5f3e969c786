"""LightGBM boosters as their own text, whose trees are checked before LightGBM reads them."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import TYPE_CHECKING

from noria.errors import UntrustedFormat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lightgbm import Booster

__all__ = ["check", "dumps", "loads"]

MOST_LINES = 22
"""LightGBM stops reading a tree's fields after this many lines."""


def dumps(booster: Booster) -> bytes:
    """Write a booster; every number with the digits that give it back exactly."""
    return str(booster.model_to_string(num_iteration=-1)).encode()


def loads(data: bytes, *, name: str = "head.txt") -> Booster:
    """Read a booster.

    Raises
    ------
    UntrustedFormat
        The file is no LightGBM text, or a tree in it points outside itself.
    """
    import lightgbm  # noqa: PLC0415 - heavy

    check(data, name=name)
    try:
        return lightgbm.Booster(model_str=data.decode())
    except lightgbm.basic.LightGBMError as error:
        raise _broken(name, str(error)) from None


def check(data: bytes, *, name: str = "head.txt") -> None:
    """Check the structure of a model text without LightGBM, which trusts what it reads.

    Raises
    ------
    UntrustedFormat
        It is not what `dumps` writes.
    """
    if not data.startswith(b"tree\n"):
        raise _broken(name, "it does not start as a LightGBM model does")
    # LightGBM ends a line at "\n" only and a text at NUL; a sign that Python takes for a line end would show us another
    # tree than the one LightGBM reads. It writes nothing but printable ASCII.
    if re.search(rb"[^\n -~]", data):
        raise _broken(name, "it is not plain text")
    text = data.decode("ascii")
    head, *trees = text.split("\nTree=")
    fields = _fields(head, name)
    features = _number(fields, "max_feature_idx", name) + 1
    if not trees or "end of trees" not in text:
        raise _broken(name, "it is cut off")
    classes, at_once = (_number(fields, key, name) for key in ("num_class", "num_tree_per_iteration"))
    if not 1 <= classes == at_once or len(trees) % at_once:  # LightGBM makes room for one and writes the other
        raise _broken(name, f"it has {classes} classes, {at_once} trees a round and {len(trees)} trees")
    if "tree_sizes" in fields:  # where LightGBM jumps to, without looking for the next tree itself
        sizes = [len(tree) + len("\nTree=") for tree in trees]
        told = _numbers(fields, "tree_sizes", len(trees), name)
        if list(accumulate(told[:-1])) != list(accumulate(sizes[:-1])):
            raise _broken(name, "its tree_sizes do not lead to its trees")
    for tree in trees:
        block = tree.partition("\n\n")[0].partition("\n")[2]
        if block.count("\n") >= MOST_LINES:
            raise _broken(name, "a tree has lines that LightGBM would not read")
        _check_tree(_fields(block, name), features, name)


def _check_tree(fields: Mapping[str, str], features: int, name: str) -> None:
    leaves = _number(fields, "num_leaves", name)
    if fields.get("is_linear", "0") != "0":
        raise _broken(name, "it has linear leaves, which noria never makes")
    _numbers(fields, "leaf_value", leaves, name, decimal=True)
    if leaves == 1:
        return
    inner = leaves - 1
    left, right = (_numbers(fields, side, inner, name) for side in ("left_child", "right_child"))
    _numbers(fields, "threshold", inner, name, decimal=True)
    kinds = _numbers(fields, "decision_type", inner, name)
    if not all(0 <= feature < features for feature in _numbers(fields, "split_feature", inner, name)):
        raise _broken(name, "a tree asks for a feature that does not exist")
    for node, children in enumerate(zip(left, right, strict=True)):
        for child in children:
            # A leaf is written as its complement; inner nodes are written parents first, so no ring can be.
            if not (node < child < inner or -leaves <= child < 0):
                raise _broken(name, "a tree points outside itself")
    if any(kind & 1 for kind in kinds):
        _check_categories(fields, kinds, name)


def _check_categories(fields: Mapping[str, str], kinds: list[int], name: str) -> None:
    count = _number(fields, "num_cat", name)
    bounds = _numbers(fields, "cat_boundaries", count + 1, name)
    words = _numbers(fields, "cat_threshold", bounds[-1], name)
    thresholds = [float(part) for part in fields["threshold"].split()]
    sound = bounds[0] == 0 and bounds == sorted(bounds) and bounds[-1] == len(words)
    used = [int(value) for value, kind in zip(thresholds, kinds, strict=True) if kind & 1]
    if not sound or not all(0 <= index < count for index in used):
        raise _broken(name, "the categories of a tree point outside themselves")


def _fields(text: str, name: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for key, found, value in (line.partition("=") for line in text.split("\n")):
        if found and (key in fields or not key.replace("_", "").isalpha()):
            raise _broken(name, f"it says {key[:40]!r} twice, or that is no name")
        fields[key] = value
    return fields


def _number(fields: Mapping[str, str], key: str, name: str) -> int:
    value = fields.get(key, "")
    if not value.isdigit() or len(value) > 9:
        raise _broken(name, f"{key} is {value[:40]!r}")
    return int(value)


def _numbers(fields: Mapping[str, str], key: str, count: int, name: str, *, decimal: bool = False) -> list[int]:
    value = fields.get(key, "")
    parts = value.split()
    if "_" in value:  # Python takes 1_0 for ten, LightGBM for one
        raise _broken(name, f"{key} holds something that is not a number")
    if len(parts) != count:
        raise _broken(name, f"a tree has {len(parts)} of {count} entries in {key}")
    try:
        return [int(float(part)) if decimal and part not in _ODD else int(part) for part in parts if part not in _ODD]
    except (ValueError, OverflowError):
        raise _broken(name, f"{key} holds something that is not a number") from None


_ODD = ("inf", "-inf", "nan")


def _broken(name: str, why: str) -> UntrustedFormat:
    return UntrustedFormat(
        f"{name} is not a LightGBM model that noria loads",
        why=why,
        mend="the file was altered or is of another kind: train again, or restore it",
        code="N-REG-103",
    )
