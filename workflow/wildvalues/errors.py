"""The errors a person can act on; the CLI prints them as one sentence and exits with `exit_code`."""

from __future__ import annotations

# Set by ``--wait``; the engines run fixed command strings, so it can be said in the environment too.
WAIT_VARIABLE = "WILDVALUES_WAIT"


class WildvaluesError(Exception):
    """A problem the user can mend. The message says where, what was found, and what to do."""

    exit_code = 2


class ParamsError(WildvaluesError):
    """A key or value of ``params.yaml`` is wrong."""


class InputError(WildvaluesError):
    """An input file, table or corpus cannot be used as it is."""


class ModelError(WildvaluesError):
    """A language or embedding model cannot be had, verified or reached."""


class TooManyRejectsError(WildvaluesError):
    """More items failed than ``llm.max_failed_share`` allows."""


class BudgetExceededError(WildvaluesError):
    """The next call would cost more than ``llm.budget_usd`` allows."""


class PendingError(WildvaluesError):
    """Work was handed to a remote queue and is not finished: run the same command again later.

    Nothing is lost and nothing is paid twice. With `WAIT_VARIABLE` in the environment, or ``--wait``, a stage stays
    until it is finished.
    """

    exit_code = 75  # EX_TEMPFAIL of sysexits.h: not a failure, try again
