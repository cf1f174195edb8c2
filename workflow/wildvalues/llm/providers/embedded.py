"""A language model inside this process: llama.cpp through xllamacpp, on the CPU, with no key and no network."""

from __future__ import annotations

import json
import math
import os
from typing import Any

from wildvalues.errors import ModelError
from wildvalues.llm import models
from wildvalues.llm.errors import ItemError
from wildvalues.llm.providers.control_tokens import ControlTokens
from wildvalues.llm.types import Answer, Rejected, Request

# Room for the worked examples (about 1,500 tokens), a conversation of 6,000 characters and the answer.
CONTEXT_TOKENS = 8_192
# Deep enough that the letters of a closed question are in it, whatever else the model would rather say.
_TOP_TOKENS = 200
# ... and for the next word, which may be any: about half of these tokens are words.
_TOP_TOKENS_OF_WORDS = 600
_MOST_WORDS = 250
_SHORTEST_WORD = 4
# Log-probability of an option that is not among the top tokens.
_FLOOR = -20.0


class EmbeddedProvider:
    """Answers one request after another; the shared beginning of consecutive requests is read once.

    Parameters
    ----------
    model
        A name of ``llm/models.yaml`` or the path of a GGUF file.

    Raises
    ------
    ModelError
        When the weights cannot be had or llama.cpp cannot load them.

    Notes
    -----
    One sequence at a time (``n_parallel=1``): answers do not depend on what else is in flight. Log-probabilities are
    rounded to 3 decimals, above the noise that a differently cached prefix causes (about 1e-4).
    """

    concurrency = 1

    def __init__(self, model: str) -> None:
        import xllamacpp

        weights = models.resolve(model).path
        params = xllamacpp.CommonParams()
        params.model.path = str(weights)
        params.n_ctx = CONTEXT_TOKENS
        params.n_parallel = 1
        params.cpuparams.n_threads = len(os.sched_getaffinity(0))
        params.warmup = False
        params.verbosity = 0
        try:
            self._server = xllamacpp.Server(params)
        except RuntimeError as error:
            raise ModelError(f"{weights}: llama.cpp cannot load this model ({error}); is it a GGUF file?") from None
        self._control = ControlTokens.of(weights)

    def complete(self, request: Request) -> Answer:
        """Answer in text held to the request's schema by a grammar."""
        body: dict[str, Any] = {"max_tokens": request.max_tokens}
        if request.messages[-1].role == "assistant":
            body["stop"] = [".", "\n"]
        if request.schema is not None:
            schema = json.loads(request.schema)
            body["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
        choice, usage = self._ask(request, body)
        text = choice["message"]["content"]
        if request.messages[-1].role == "assistant":  # llama.cpp repeats the beginning it was given
            text = text.removeprefix(request.messages[-1].content)
        stop = "max_tokens" if choice["finish_reason"] == "length" else "end_turn"
        return Answer(text, stop, usage["prompt_tokens"], usage["completion_tokens"])

    def choose(self, request: Request) -> Answer:
        """Choose the option whose first token is the likeliest next one; all log-probabilities are returned."""
        assert request.options is not None
        top = _TOP_TOKENS if request.options else _TOP_TOKENS_OF_WORDS
        choice, usage = self._ask(request, {"max_tokens": 1, "logprobs": True, "top_logprobs": top})
        ranked = choice["logprobs"]["content"][0]["top_logprobs"]
        if not request.options:
            words = _words(ranked)
            best = next(iter(words), "")
            return Answer(best, "end_turn", usage["prompt_tokens"], usage["completion_tokens"], words)
        found = dict.fromkeys(request.options, _FLOOR)
        for entry in reversed(ranked):
            token = entry["token"].strip()
            if token in found:
                found[token] = max(_FLOOR, entry["logprob"])
        total = math.log(sum(math.exp(value) for value in found.values()))
        scores = {option: round(value - total, 3) for option, value in found.items()}
        best = max(request.options, key=lambda option: scores[option])
        return Answer(best, "end_turn", usage["prompt_tokens"], usage["completion_tokens"], scores)

    def close(self) -> None:
        """Free the model."""
        del self._server

    def _ask(self, request: Request, body: dict[str, Any]) -> tuple[dict[str, Any], dict[str, int]]:
        response = self._server.handle_chat_completions(
            {
                "messages": [
                    {"role": m.role, "content": self._control.spelled_out(m.content)} for m in request.messages
                ],
                "temperature": request.temperature,
                "seed": request.sample,
                "cache_prompt": True,
                **body,
            }
        )
        if "choices" not in response:
            message = str(response.get("error", response))
            reason = f"llama.cpp: {' '.join(message.split())[:200]}"
            raise ItemError(Rejected(reason, "too_long" if "context" in message else "error"))
        return response["choices"][0], response["usage"]


def _words(ranked: list[dict[str, Any]]) -> dict[str, float]:
    """Return the likely next words with their log-probabilities, the likeliest first; pieces of words are left out."""
    found: dict[str, float] = {}
    for entry in ranked:
        token = entry["token"]
        word = token.strip().lower()
        if token.startswith(" ") and len(word) >= _SHORTEST_WORD and word.isalpha() and word.isascii():
            found[word] = max(found.get(word, -math.inf), round(entry["logprob"], 2))
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0]))[:_MOST_WORDS])
