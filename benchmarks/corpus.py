"""Hold a conversation corpus against others: lengths, vocabulary, repeated phrasing, languages, share of subjective.

A corpus written for a purpose tends to sameness: the same openings, the same turns of phrase, every reply the same
length. No single figure shows that, so this prints several of them, one column a corpus, and the phrases that most
conversations share. Repetition grows with the number of conversations, and evaluation sets put one prompt to many
models; so each comparison corpus is first reduced to one conversation for each opening message, and then to a seeded
sample as large as the first corpus.

    python benchmarks/corpus.py data/demo/conversations.jsonl OTHER.jsonl.gz ... --labels data/demo/gold.jsonl
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neighbors import NearestNeighbors

ROLES = ("user", "assistant")
DECILES = (10, 20, 30, 40, 50, 60, 70, 80, 90)
NEIGHBOUR_QUANTILES = (50, 90, 99)
# Covington & McFall (2010), doi:10.1080/09296171003643098, recommend a window well above the length of a sentence; 100
# words still fit into a short conversation of which most messages have ten.
WINDOW = 100
# Scripts without spaces count a character as a word; vowel signs of Devanagari are no \w for Python.
_UNSPACED = "\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])[\w'’\u0900-\u097f])+")


@dataclass(frozen=True)
class Conversation:
    """One conversation as lists of lower-case words, by message."""

    conversation_id: str
    language: str
    roles: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]

    def of(self, role: str) -> list[tuple[str, ...]]:
        """Return the messages of `role`."""
        return [words for spoken_by, words in zip(self.roles, self.words, strict=True) if spoken_by == role]


def read(path: Path) -> list[Conversation]:
    """Return the conversations of a JSON Lines file, which may be gzipped, one for each opening message."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    by_opening: dict[str, Conversation] = {}
    for row in map(json.loads, content.splitlines()):
        messages = row["messages"]
        by_opening.setdefault(
            messages[0]["content"],
            Conversation(
                row["conversation_id"],
                row.get("language") or "?",
                tuple(message["role"] for message in messages),
                tuple(tuple(_WORD.findall(message["content"].lower())) for message in messages),
            ),
        )
    return list(by_opening.values())


def read_subjective(paths: Iterable[Path]) -> dict[str, bool]:
    """Return whether each labelled conversation is subjective, from files of labels in the gold schema."""
    rows = (json.loads(line) for path in paths for line in path.read_bytes().splitlines())
    return {row["conversation_id"]: row["subjective"] for row in rows}


def moving_average_type_token_ratio(words: Sequence[str], window: int = WINDOW) -> float:
    """Return the mean share of distinct words over all windows of `window` words (Covington & McFall 2010)."""
    if len(words) < window:
        return float("nan")
    counts = Counter(words[:window])
    total, windows = len(counts), 1
    for leaving, entering in zip(words, words[window:], strict=False):
        counts[entering] += 1
        counts[leaving] -= 1
        if not counts[leaving]:
            del counts[leaving]
        total += len(counts)
        windows += 1
    return total / windows / window


def share_of_openers_shared(corpus: Sequence[Conversation], role: str, length: int = 3) -> float:
    """Return the share of messages whose first `length` words also open a message of another conversation."""
    openers = [
        (words[:length], index) for index, talk in enumerate(corpus) for words in talk.of(role) if len(words) >= length
    ]
    found_in: dict[tuple[str, ...], set[int]] = defaultdict(set)
    for opener, index in openers:
        found_in[opener].add(index)
    return sum(len(found_in[opener]) > 1 for opener, _ in openers) / len(openers)


def conversations_by_phrase(corpus: Iterable[Conversation], role: str | None, length: int) -> Counter[tuple[str, ...]]:
    """Return for every phrase of `length` words the number of conversations that hold it (`role` None: both)."""

    def phrases(talk: Conversation) -> Iterator[tuple[str, ...]]:
        for words in talk.words if role is None else talk.of(role):
            yield from zip(*(words[start:] for start in range(length)), strict=False)

    return Counter(phrase for talk in corpus for phrase in set(phrases(talk)))


def neighbour_cosines(corpus: Sequence[Conversation], role: str) -> np.ndarray:
    """Return for each conversation the cosine of its nearest other, by TF-IDF of what `role` said, shape (n,)."""
    texts = [" ".join(word for words in talk.of(role) for word in words) for talk in corpus]
    vectors = TfidfVectorizer(tokenizer=str.split, token_pattern=None, sublinear_tf=True).fit_transform(texts)
    distances, _ = NearestNeighbors(n_neighbors=2, metric="cosine").fit(vectors).kneighbors(vectors)
    return np.asarray(1 - distances[:, 1])


def figures(corpus: Sequence[Conversation], subjective: dict[str, bool]) -> dict[str, str]:
    """Return the rows of the table for one corpus, as text."""

    def deciles(values: Iterable[int]) -> str:
        return " ".join(f"{value:.0f}" for value in np.percentile(list(values), DECILES))

    rows = {"conversations": f"{len(corpus)}"}
    for role in ROLES:
        rows[f"words of a message, {role}: deciles"] = deciles(len(words) for talk in corpus for words in talk.of(role))
    rows["words of a conversation: deciles"] = deciles(sum(map(len, talk.words)) for talk in corpus)
    rows["exchanges: deciles"] = deciles(len(talk.of("assistant")) for talk in corpus)
    languages = Counter(talk.language for talk in corpus)
    most_frequent, frequency = languages.most_common(1)[0]
    # Wording is compared within one language: mixed windows hold more distinct words, and phrases cannot recur.
    talks = [talk for talk in corpus if talk.language == most_frequent]
    for role in ROLES:
        words = [word for talk in talks for message in talk.of(role) for word in message]
        rows[f"type-token ratio, {role}"] = f"{moving_average_type_token_ratio(words):.3f}"
    for role in ROLES:
        rows[f"first 3 words shared, {role}"] = f"{share_of_openers_shared(talks, role):.1%}"
    for role in ROLES:
        phrases = conversations_by_phrase(talks, role, 5)
        rows[f"5-grams in 2 or more, {role}"] = f"{sum(n > 1 for n in phrases.values()) / len(phrases):.2%}"
    for role in ROLES:
        quantiles = np.percentile(neighbour_cosines(talks, role), NEIGHBOUR_QUANTILES)
        rows[f"nearest cosine, {role}: 50 90 99 %"] = " ".join(f"{value:.2f}" for value in quantiles)
    rows["languages"] = f"{len(languages)}"
    rows["most frequent language"] = f"{frequency / len(corpus):.0%} {most_frequent}"
    labelled = [subjective[talk.conversation_id] for talk in corpus if talk.conversation_id in subjective]
    rows["subjective, of labelled"] = f"{np.mean(labelled):.0%} of {len(labelled)}" if labelled else "-"
    return rows


def name_of(path: Path) -> str:
    """Return a column's heading: the file's name, or its folder's where many folders hold a file of that name."""
    stem = path.name.split(".")[0]
    return f"{path.resolve().parent.name}/{stem}" if stem == "conversations" else stem


def markdown(columns: dict[str, dict[str, str]]) -> str:
    """Return the columns, which have the same rows, as a Markdown table with aligned cells."""
    rows = [
        ["", *columns],
        *([label, *(column[label] for column in columns.values())] for label in next(iter(columns.values()))),
    ]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    rows.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    )


def main() -> None:
    """Print the table, then the most repeated phrases of each corpus."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="the corpus in question, JSON Lines, may be gzipped")
    parser.add_argument("others", type=Path, nargs="*", help="corpora to hold it against")
    parser.add_argument("--labels", type=Path, nargs="*", default=[], help="files of labels in the gold schema")
    parser.add_argument("--phrases", type=int, default=15, help="how many repeated phrases to print for each corpus")
    parser.add_argument("--phrase-length", type=int, default=5, help="words of a repeated phrase")
    parser.add_argument("--seed", type=int, default=0, help="of the samples of the larger corpora")
    arguments = parser.parse_args()

    subjective = read_subjective(arguments.labels)
    corpora: dict[str, list[Conversation]] = {}
    for path in (arguments.corpus, *arguments.others):
        talks = read(path)
        size = len(next(iter(corpora.values()), talks))
        corpora[name_of(path)] = random.Random(arguments.seed).sample(talks, size) if len(talks) > size else talks

    print(markdown({name: figures(talks, subjective) for name, talks in corpora.items()}))
    for name, talks in corpora.items():
        print(f"\n{name}: phrases of {arguments.phrase_length} words in most conversations")
        phrases = conversations_by_phrase(talks, None, arguments.phrase_length)
        for phrase, count in sorted(phrases.items(), key=lambda item: (-item[1], item[0]))[: arguments.phrases]:
            print(f"{count:5d}  {' '.join(phrase)}")


if __name__ == "__main__":
    main()
