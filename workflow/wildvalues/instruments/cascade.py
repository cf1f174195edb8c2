"""Where the classifier is sure enough to decide, and where the language model is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from wildvalues.errors import InputError
from wildvalues.instruments.classifier import PRESENCE, Classifier, Head, HeldOut
from wildvalues.instruments.prevalence import Probabilities
from wildvalues.llm.facets import ChoiceFacet, Item, ListFacet, PhraseFacet, Reading

# Fewer held-out conversations above a threshold say too little about the error there.
MIN_SURE = 20


def thresholds(held_out: HeldOut, wanted_error: float) -> NDArray[np.float64]:
    """Return, for each option, the probability from which the classifier's choice of it is let stand.

    Among the held-out conversations for which an option is chosen with at least that probability, at most
    `wanted_error` are wrong: (errors + 1) / (conversations + 1) is held to it, the correction for a finite sample of
    conformal risk control (Angelopoulos et al. 2022, arXiv 2208.02814). The lowest such probability is taken; with
    none the option is never let stand (infinity). Each option has its own, since errors are not alike on both sides.

    Parameters
    ----------
    wanted_error
        Share in [0, 1]; at 1 everything is decided.

    Returns
    -------
    ndarray
        float64, shape (options,).
    """
    options = held_out.probabilities.shape[1]
    if wanted_error >= 1:
        return np.zeros(options)
    chosen = held_out.probabilities.argmax(axis=1)
    sure = held_out.probabilities.max(axis=1)
    found = np.full(options, np.inf)
    for option in range(options):
        mine = chosen == option
        order = np.argsort(-sure[mine], kind="stable")
        confidence = sure[mine][order]
        wrong = np.cumsum(held_out.labels[mine][order] != option)
        n = np.arange(1, len(confidence) + 1)
        # A threshold takes all that are equally sure.
        last_of_equals = np.append(confidence[1:] != confidence[:-1], True) if len(n) else np.zeros(0, dtype=bool)
        allowed = last_of_equals & (n >= MIN_SURE) & ((wrong + 1) / (n + 1) <= wanted_error)
        if allowed.any():
            found[option] = confidence[np.flatnonzero(allowed)[-1]]
    return found


def decided(probabilities: Probabilities, bounds: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return for which conversations the most probable option reaches its bound, shape (conversations,)."""
    if not len(probabilities):
        return np.zeros(0, dtype=bool)
    chosen = probabilities.argmax(axis=1)
    return np.asarray(probabilities.max(axis=1) >= bounds[chosen])


def heads_for(
    facets: Mapping[str, ListFacet | PhraseFacet | ChoiceFacet], classifier: Classifier, *, sure_only: bool
) -> dict[str, Head]:
    """Return the heads that answer a question's facets.

    Parameters
    ----------
    sure_only
        Whether the model answers the rest. Then one list facet may be asked: the classifier decides that there is no
        value, and the model names those that there are.

    Raises
    ------
    InputError
        When the classifier cannot answer a facet.
    """
    instrument = "cascade" if sure_only else "classifier"
    found = {}
    for name, facet in facets.items():
        head = classifier.heads.get(name)
        if head is None:
            known = ", ".join(classifier.heads)
            raise InputError(
                f"instrument {instrument}: the weights know {known} and not {name}; "
                f"read {name} with instrument model, or train it: `wildvalues train --facet {name}`"
            )
        if isinstance(facet, ListFacet) and not sure_only:
            raise InputError(
                f"instrument classifier: it tells whether there are {name}, but cannot name them; use cascade, in "
                "which the model does, or model"
            )
        wanted = tuple(facet.options) if isinstance(facet, ChoiceFacet) else PRESENCE
        if head.options != wanted:
            raise InputError(
                f"instrument {instrument}: {name} now has the options {', '.join(wanted)}, but the weights were "
                f"trained for {', '.join(head.options)}; run `wildvalues train` again"
            )
        found[name] = head
    return found


def readings(
    ids: Sequence[str], scores: Mapping[str, Probabilities], heads: Mapping[str, Head], wanted_error: float | None
) -> dict[str, Reading]:
    """Return the classifier's reading of each conversation that it decides.

    A question of several facets is decided where all of its facets are. That a list has some value is never
    decided here: somebody has to name it.

    Parameters
    ----------
    scores
        Probabilities by facet, conversations in the order of `ids`.
    wanted_error
        Decide where the error is at most this; None decides everything.
    """
    stands = np.ones(len(ids), dtype=bool)
    for name, head in heads.items():
        if wanted_error is not None:
            stands &= decided(scores[name], thresholds(head.held_out, wanted_error))
        if head.options == PRESENCE:
            stands &= scores[name].argmax(axis=1) == PRESENCE.index("none")
    return {
        ids[row]: Reading(tuple(_item(head, scores[name][row]) for name, head in heads.items()), 0)
        for row in np.flatnonzero(stands).tolist()
    }


def _item(head: Head, probabilities: Probabilities) -> Item:
    if head.options == PRESENCE:
        return Item(head.facet, 0, None)
    logs = np.log(np.maximum(probabilities, 1e-9))
    scored = {option: float(value) for option, value in zip(head.options, logs, strict=True)}
    return Item(head.facet, 0, head.options[int(probabilities.argmax())], log_probabilities=scored)
