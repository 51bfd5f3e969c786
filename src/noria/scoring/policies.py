"""What a deployment wants of unusual input, whatever was learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

# Not for type checkers alone: a worker reads policies by these types.
from noria.scoring.column import MissingPolicy, RangePolicy, UnseenPolicy

if TYPE_CHECKING:
    from noria.scoring.column import SignatureColumn

__all__ = ["ColumnPolicy", "Policies"]


@dataclass(frozen=True)
class ColumnPolicy:
    """What is wanted of one column; None leaves it to what holds for all.

    Attributes
    ----------
    missing, unseen, range : str or None
        As `SignatureColumn` has them.
    min, max : float or None
        Ends of the range, instead of training's.
    """

    missing: MissingPolicy | None = None
    unseen: UnseenPolicy | None = None
    range: RangePolicy | None = None
    min: float | None = None
    max: float | None = None


@dataclass(frozen=True)
class Policies:
    """What is wanted of all columns, and of single ones.

    Attributes
    ----------
    missing : str
        ``auto`` leaves it to what training saw; else as `SignatureColumn` has it, for every column.
    unseen, range, extra : str
        As `SignatureColumn` and `Signature` have them.
    columns : mapping of str to ColumnPolicy
        What differs, by name.
    """

    missing: MissingPolicy | Literal["auto"] = "auto"
    unseen: UnseenPolicy = "refuse"
    range: RangePolicy = "flag"
    extra: Literal["refuse", "ignore"] = "refuse"
    columns: Mapping[str, ColumnPolicy] = field(default_factory=dict)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Policies:
        """Read what `dataclasses.asdict` gave."""
        columns = {name: ColumnPolicy(**one) for name, one in value.get("columns", {}).items()}
        return cls(**{**value, "columns": columns})

    def of(self, column: SignatureColumn) -> SignatureColumn:
        """Give a column as it is wanted.

        Examples
        --------
        >>> from noria.scoring.column import SignatureColumn
        >>> policies = Policies(columns={"age": ColumnPolicy(range="refuse", max=110)})
        >>> age = policies.of(SignatureColumn("age", "int", min=18, max=75))
        >>> age.range, age.min, age.max
        ('refuse', 18, 110)
        """
        own = self.columns.get(column.name, ColumnPolicy())
        return replace(
            column,
            missing=own.missing or (column.missing if self.missing == "auto" else self.missing),
            unseen=own.unseen or self.unseen,
            range=own.range or self.range,
            min=column.min if own.min is None else own.min,
            max=column.max if own.max is None else own.max,
        )
