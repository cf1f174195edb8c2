"""The study's ledger: what its stages spent and set aside, so that ``llm.budget_usd`` holds for all of them together.

The ledger is ``.wildvalues/spending.json`` in the study folder, so a new folder starts anew, and a stage that runs
again goes on where the money stood. Answers from the memo cost nothing and are not in it.

A run draws money from the ledger in portions, and reserves each call from its portion before sending it: two stages
at once cannot both spend the same dollar, and no call waits for a file. What a run has drawn counts as spent until it
ends. A run that was killed never ends: it is charged all it had drawn, because nobody knows what its calls in flight
cost. That is at most a fiftieth of the budget beyond those calls.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Annotated

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wildvalues.errors import BudgetExceededError, InputError
from wildvalues.files import replacing

FOLDER = Path(".wildvalues")
# Drawn at a time, as a share of the budget: rarely enough to cost no time, little enough to leave the rest for others.
_PORTION = 0.02
# Without a budget nothing is drawn; what was spent is written down this often.
_WRITE_EVERY_S = 5.0
# Sums of floats may miss by this much.
_CENT = 1e-9

Dollars = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class RunEntry(BaseModel):
    """One run of one stage."""

    model_config = ConfigDict(extra="forbid")

    stage: str
    drawn: Dollars = 0.0
    spent: Dollars = 0.0
    ended: bool = False
    unknown_price: bool = False

    @property
    def charge(self) -> float:
        """Dollars that others cannot spend any more."""
        return self.spent if self.ended else max(self.spent, self.drawn)


class Book(BaseModel):
    """The file: runs by id, and dollars held for batches that are still in the provider's queue, by batch id."""

    model_config = ConfigDict(extra="forbid")

    runs: dict[str, RunEntry] = {}
    held: dict[str, Dollars] = {}

    @property
    def charged(self) -> float:
        """Dollars spent, drawn or held."""
        return sum(run.charge for run in self.runs.values()) + sum(self.held.values())


class Ledger:
    """One run's view of the study's ledger. Thread-safe. Use as a context manager, or call `close`.

    Parameters
    ----------
    budget
        Dollars that all runs of the study may spend together; None sets no limit and still counts.
    stage
        Name of the stage, for the file.
    folder
        Where the ledger is; ``.wildvalues`` of the working folder when left out.

    Raises
    ------
    InputError
        On first use, when the file cannot be read or written.
    """

    def __init__(self, budget: float | None, stage: str, folder: Path = FOLDER) -> None:
        self._budget = math.inf if budget is None else budget
        self._path = folder.absolute() / "spending.json"
        self._id = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{os.getpid()}-{secrets.token_hex(3)}"
        self._entry = RunEntry(stage=stage)
        self._reserved = 0.0
        self._lock = threading.Lock()
        self._written = time.monotonic()

    def reserve(self, dollars: float) -> bool:
        """Set `dollars` aside for a call; False when they are not there (now: calls in flight may turn out cheaper)."""
        with self._lock:
            needed = self._entry.spent + self._reserved + dollars
            if needed > self._entry.drawn + _CENT and self._budget < math.inf and not self._draw(needed):
                return False
            self._reserved += dollars
            return True

    def settle(self, reserved: float, spent: float | None) -> None:
        """Replace what was reserved for a call by what it cost: 0 when it failed, None when its price is unknown."""
        with self._lock:
            self._reserved = max(0.0, self._reserved - reserved)
            self._count(spent)

    def hold(self, batch: str, reserved: float) -> None:
        """Keep what was reserved for a batch set aside after this run, until `release`."""
        with self._lock, self._book() as book:
            self._reserved = max(0.0, self._reserved - reserved)
            book.held[batch] = book.held.get(batch, 0.0) + reserved
            # The same dollars must not count twice: they go from this run's portion to the batch.
            self._entry.drawn = max(self._entry.spent + self._reserved, self._entry.drawn - reserved)
            book.runs[self._id] = self._entry

    def release(self, batch: str, spent: float | None) -> None:
        """Replace what was held for a batch by what its answers cost."""
        with self._lock, self._book() as book:
            book.held.pop(batch, None)
            self._count(spent, write=False)
            self._entry.drawn = max(self._entry.drawn, self._entry.spent + self._reserved)
            book.runs[self._id] = self._entry

    def spent(self) -> float:
        """Dollars that the whole study has spent, drawn or held, as far as others have written it down."""
        with self._lock:
            others = read(self._path.parent)
            others.runs.pop(self._id, None)
            return others.charged + self._entry.spent + self._reserved

    def exceeded(self, dollars: float) -> BudgetExceededError:
        """Return the error for a call that may cost `dollars` and cannot be paid."""
        others = read(self._path.parent)
        mine = others.runs.pop(self._id, self._entry)
        text = f"${others.charged + mine.charge:,.4f} of ${self._budget:g} are spent or set aside in this study"
        running = sorted({run.stage for run in others.runs.values() if not run.ended and run.drawn > run.spent})
        if running:
            text += f" (by runs of {', '.join(running)} that have not ended, or were killed, too)"
        return BudgetExceededError(
            f"llm.budget_usd: {text} and the next call may cost ${dollars:,.4f}; finished answers are kept, so raise "
            f"the budget in params.yaml and run again ({self._path} is the ledger)"
        )

    def close(self) -> None:
        """Give back what was drawn and not spent."""
        with self._lock:
            # Reserved money of calls that nobody waited for stays charged: they may have been answered.
            self._entry.spent += self._reserved
            self._reserved = 0.0
            if self._entry.drawn or self._entry.spent or self._entry.unknown_price:
                self._entry.ended = True
                with self._book() as book:
                    book.runs[self._id] = self._entry

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _count(self, spent: float | None, *, write: bool = True) -> None:
        if spent is None or math.isnan(spent):
            self._entry.unknown_price = True
        else:
            self._entry.spent += spent
        is_due = self._budget == math.inf and time.monotonic() - self._written > _WRITE_EVERY_S
        if write and is_due and (self._entry.spent or self._entry.unknown_price):
            with self._book() as book:
                book.runs[self._id] = self._entry

    def _draw(self, needed: float) -> bool:
        """Draw up to `needed` dollars in all, and some more where there is more."""
        with self._book() as book:
            book.runs.pop(self._id, None)
            free = self._budget - book.charged
            enough = needed <= free + _CENT
            if enough:
                self._entry.drawn = max(needed, min(needed + _PORTION * self._budget, free))
            book.runs[self._id] = self._entry
            return enough

    @contextlib.contextmanager
    def _book(self) -> Iterator[Book]:
        """Yield the file's content, to be written back, while no other process can."""
        folder = self._path.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # The folder keeps itself out of version control, wherever the study is.
            if not (folder / ".gitignore").exists():
                (folder / ".gitignore").write_text("*\n", "utf-8")
            with FileLock(folder / "spending.lock"):
                book = read(folder)
                yield book
                with replacing(self._path) as scratch:
                    scratch.write_text(book.model_dump_json(indent=1) + "\n", "utf-8")
        except OSError as error:
            raise InputError(
                f"{self._path}: the study's ledger cannot be written ({error.strerror}); "
                "run in a folder that can be written, or no budget can be kept"
            ) from None
        self._written = time.monotonic()


def read(folder: Path = FOLDER) -> Book:
    """Read the ledger of a study; an empty one where nothing was spent.

    Raises
    ------
    InputError
        When the file is no ledger. It is not replaced by an empty one: that would forget what was spent.
    """
    path = folder / "spending.json"
    try:
        return Book.model_validate(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return Book()
    except (ValueError, ValidationError, OSError) as error:
        first = str(error).splitlines()[0]
        raise InputError(
            f"{path}: not a readable ledger ({first}); delete it to count this study's spending from zero"
        ) from None
