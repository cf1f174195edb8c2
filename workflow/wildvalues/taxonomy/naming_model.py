"""Names by a language model, with the centre's name wherever the model gives none that can be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from wildvalues.llm.types import Answer, Rejected, Request
from wildvalues.params import Params
from wildvalues.taxonomy.naming import ClusterName, Facet, name_by_centre, with_vector
from wildvalues.taxonomy.naming_prompt import ask, load_prompt, read
from wildvalues.taxonomy.spelling import letters_key
from wildvalues.taxonomy.vectors import encode

# Asks requests in order: (id, request) in, (id, answer or reason) out.
Asker = Callable[[list[tuple[str, Request]]], Iterator[tuple[str, Answer | Rejected]]]


class ModelNamer:
    """Asks for the names of one level after the other, so that a cluster is named knowing its parts' names.

    Parameters
    ----------
    ask_all
        Answers requests.
    model
        Exact model id for the requests.

    Attributes
    ----------
    counts
        calls, named_by_model, rejected, duplicates, input_tokens, output_tokens.
    """

    def __init__(self, params: Params, prompts: Path, ask_all: Asker, model: str) -> None:
        self._params = params
        self._prompt = load_prompt(prompts)
        self._ask_all = ask_all
        self._model = model
        self.counts: Counter[str] = Counter()

    def name_level(self, facet: Facet, level: int, named: dict[str, ClusterName]) -> dict[str, ClusterName]:
        """Name every cluster of a level; a name another cluster of the level has goes to the heavier one."""
        groups = facet.at(level)
        requests = [
            (group.node_id, ask(self._prompt, facet, group, named, self._params, self._model)) for group in groups
        ]
        proposed: dict[str, tuple[str, str]] = {}
        for node_id, answer in self._ask_all(requests):
            self.counts["calls"] += 1
            usable = None
            if isinstance(answer, Answer):
                self.counts["input_tokens"] += answer.input_tokens
                self.counts["output_tokens"] += answer.output_tokens
                usable = read(answer)
            if usable is None:
                self.counts["rejected"] += 1
            else:
                proposed[node_id] = usable
        found: dict[str, ClusterName] = {}
        taken: set[str] = set()
        for group in groups:
            if group.node_id not in proposed:
                continue
            name, description = proposed[group.node_id]
            if letters_key(name) in taken:
                self.counts["duplicates"] += 1
                continue
            taken.add(letters_key(name))
            found[group.node_id] = ClusterName(name, description, np.zeros(0), by="model")
        vectors = encode([given.name for given in found.values()], self._params.embed) if found else np.zeros((0, 0))
        found = {node: with_vector(given, vectors[i]) for i, (node, given) in enumerate(found.items())}
        self.counts["named_by_model"] += len(found)
        members = {group.node_id: group for group in facet.groups}
        for group in groups:
            if group.node_id not in found:
                given_names = [given.name for given in found.values()]
                found[group.node_id] = name_by_centre(facet, group, given_names, named, members)
        return found
