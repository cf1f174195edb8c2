"""Ctrl-C and SIGTERM while models are asked: they never strike between an answer and its record."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Takes the two signals over where Python's own handlers stand, for as long as the context lasts.

    While the caller's code runs, a signal raises KeyboardInterrupt there, as always. Inside `guarded` it is noted, and
    raised by `check`, at a place where nothing is lost; a second one does not wait for that.
    """

    def __init__(self) -> None:
        self.heard = 0
        self.wake: Callable[[], None] = lambda: None
        self._guarded = False
        self._raises_again = True
        self._event = threading.Event()
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                before = signal.getsignal(number)
                if before in (signal.SIG_DFL, signal.default_int_handler):
                    self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._previous.items():
            signal.signal(number, before)

    @contextmanager
    def guarded(self, *, to_the_end: bool = False) -> Iterator[None]:
        """Hold signals back; with `to_the_end` a second one too, for code that looks at `heard` itself."""
        self._guarded, self._raises_again = True, not to_the_end
        try:
            yield
        finally:
            self._guarded = False

    def check(self) -> None:
        """Raise KeyboardInterrupt when a signal was held back."""
        if self.heard:
            raise KeyboardInterrupt

    def wait(self, seconds: float) -> None:
        """Sleep, at most until a signal comes."""
        self._event.wait(seconds)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.heard += 1
        self._event.set()
        if not self._guarded or (self.heard > 1 and self._raises_again):
            raise KeyboardInterrupt
        self.wake()
