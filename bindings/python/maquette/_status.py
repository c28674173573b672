"""What trainings and batch predictions report alike."""

from __future__ import annotations

from typing import Any, ClassVar


class Status(dict[str, Any]):
    """Where something stands: the dictionary that Maquette sends, with its entries as attributes."""

    #: What `status` is while something goes on.
    RUNNING: ClassVar[tuple[str, ...]] = ()

    @property
    def status(self) -> str:
        """What goes on, in a word: see the class."""
        return str(self["status"])

    @property
    def data(self) -> dict[str, Any]:
        """What came with it."""
        data = self.get("data")
        return data if isinstance(data, dict) else {}

    @property
    def error(self) -> str | None:
        """What went wrong, after `status` "error"."""
        return self.data.get("error")

    @property
    def is_final(self) -> bool:
        """Whether it is over, or has not begun."""
        return self.status not in self.RUNNING

    @property
    def summary(self) -> str:
        """One line."""
        return self.status

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.summary}>"
