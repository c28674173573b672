"""What a kind of model can be told: its parameters, for programs and for people."""

from __future__ import annotations

import json
from typing import Any

from ._text import snake_case
from ._views import schema_html


class Schema(dict[str, Any]):
    """The description of a kind: `kind`, `task`, `description`, and `parameters`, a dictionary for each.

    >>> print(maquette.schema("knn-classifier"))     # a table
    """

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Of each parameter the name in Python, the default, the values it may have, and a sentence about it."""
        return [
            (
                snake_case(parameter["name"]),
                json.dumps(parameter.get("default"), ensure_ascii=False),
                allowed_values(parameter),
                str(parameter.get("description", "")),
            )
            for parameter in self["parameters"]
        ]

    def __str__(self) -> str:
        rows = self.rows()
        widths = [max((len(line[column]) for line in rows), default=0) for column in range(3)]
        lines = [f"{self['kind']}: {self['description']}"]
        for *cells, sentence in rows:
            padded = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
            lines.append(f"  {padded}  {sentence}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        defaults = " ".join(f"{name}={default}" for name, default, _, _ in self.rows())
        return f"<Schema of {self['kind']}: {defaults}>"

    def _repr_html_(self) -> str:
        return schema_html(self)


def allowed_values(parameter: dict[str, Any]) -> str:
    """`1 … 10000`, `adam, sgd`, `true, false`."""
    if parameter["type"] == "boolean":
        return "true, false"
    values = [str(value) for value in parameter.get("values", [])]
    if "minimum" in parameter and "maximum" in parameter:
        values.append(f"{parameter['minimum']:.16g} … {parameter['maximum']:.16g}")
    if parameter["type"] == "integers":
        values = [f"a list of {values[0]}"] if values else ["a list"]
    return ", ".join(values)
