"""The numbers and the figure of the demo corpus's data card, from the corpus itself.

Writes ``corpus.svg`` and ``corpus.png`` and fills the blocks between ``<!-- name -->`` and ``<!-- end -->`` of the
Markdown files beside the corpus, so that no number of the card is typed by hand. With ``--agreement`` also the block of
the second labelling, which needs the embedding model.

    python benchmarks/demo_card.py --agreement
"""

from __future__ import annotations

import argparse
import datetime as dt
import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from wildvalues.figures import style
from wildvalues.params import Params
from wildvalues.tools.agreement import as_markdown
from wildvalues.validate import encoder
from wildvalues.validation.agreement import agreement
from wildvalues.validation.by_context import label_evidence, read_corpus
from wildvalues.validation.gold import Gold, read_gold, read_lines
from wildvalues.validation.planted import read_planted
from wildvalues.validation.seeking import look_for

FOLDER = Path("data/demo")
PAGES = ("README.md", "PLANTED.md")
LANGUAGES = {
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "hi": "Hindi",
    "it": "Italian",
    "ja": "Japanese",
    "pt": "Portuguese",
    "tr": "Turkish",
    "zh": "Chinese",
}
# How the notes of the gold labels tell of a user who addresses whoever labels the log.
INJECTED = re.compile("analyst|labell?er|annotat|classif")
Rows = Sequence[Mapping[str, Any]]


class Corpus:
    """The demo corpus with its gold labels."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: Rows = read_corpus(folder / "conversations.jsonl")
        self.raw = {str(line["conversation_id"]): line for _, line in read_lines(folder / "gold.jsonl", "--folder")}
        self.gold: Mapping[str, Gold] = read_gold(folder / "gold.jsonl")
        self.subjective = {identity for identity, label in self.gold.items() if label.subjective}

    def count(self, key: Callable[[Mapping[str, Any]], str]) -> list[tuple[str, int, int]]:
        """Return each group with its conversations and the subjective ones among them, largest group first."""
        every = Counter(key(row) for row in self.rows)
        some = Counter(key(row) for row in self.rows if row["conversation_id"] in self.subjective)
        return [(name, n, some[name]) for name, n in sorted(every.items(), key=lambda item: (-item[1], item[0]))]

    def words(self, role: str) -> list[int]:
        """Return the words of every message of a role, parted by space."""
        return [
            len(message["content"].split())
            for row in self.rows
            for message in row["messages"]
            if message["role"] == role
        ]

    def injected(self) -> list[str]:
        """Return the conversations in which the user addresses whoever labels the log."""
        return sorted(identity for identity, label in self.raw.items() if INJECTED.search(label["notes"]))


def context(row: Mapping[str, Any]) -> str:
    """Return what a conversation is about."""
    return str(row["meta"]["context"])


def language(row: Mapping[str, Any]) -> str:
    """Return the name of a conversation's language."""
    return LANGUAGES.get(row["language"], row["language"])


def model(row: Mapping[str, Any]) -> str:
    """Return the invented model of a conversation."""
    return str(row["model"])


def week(row: Mapping[str, Any]) -> str:
    """Return the ISO week of a conversation, as the study counts weeks."""
    return dt.datetime.fromisoformat(row["started_at"]).strftime("%G-W%V")


def exchanges(row: Mapping[str, Any]) -> str:
    """Return the number of user messages, each of which has a reply."""
    return str(len(row["messages"]) // 2)


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return the lines of a Markdown table."""
    return [f"| {' | '.join(map(str, line))} |" for line in (heads, ["---"] * len(heads), *rows)]


def counts(corpus: Corpus) -> list[str]:
    """Return the block of counts."""
    n, users = len(corpus.rows), Counter(row["user_id"] for row in corpus.rows)
    personal = [label["pii"] for label in corpus.raw.values() if label["pii"]]
    kinds = Counter(one["type"].lower().replace("_", " ") for spans in personal for one in spans)
    values = [len(corpus.raw[identity]["ai_values"]) for identity in corpus.subjective]
    stated = sum(bool(corpus.raw[identity]["human_values"]) for identity in corpus.subjective)
    facts = [
        ("conversations", n),
        ("messages", sum(len(row["messages"]) for row in corpus.rows)),
        ("subjective, by the gold labels", f"{len(corpus.subjective)} ({len(corpus.subjective) / n:.0%})"),
        ("AI values in a subjective conversation, mean", f"{statistics.mean(values):.1f}"),
        ("subjective conversations with a human value", f"{stated} ({stated / len(corpus.subjective):.0%})"),
        ("users", f"{len(users)}, with {min(users.values())} to {max(users.values())} conversations each"),
        ("words of a user's message, median (mean)", _spread(corpus.words("user"))),
        ("words of a reply, median (mean)", _spread(corpus.words("assistant"))),
        ("with invented personal data", f"{len(personal)} ({_listed(kinds.most_common())})"),
        ("with an instruction to whoever labels the log", len(corpus.injected())),
    ]
    parts = table(("what", "number"), facts)
    for head, key in (("context", context), ("language", language), ("model", model), ("week", week)):
        rows = corpus.count(key)
        rows = sorted(rows) if head in ("model", "week") else rows
        parts += ["", *table((head, "conversations", "subjective"), rows)]
    long = {name: count for name, count, _ in corpus.count(exchanges)}
    turns = sorted((int(name), count) for name, count in long.items())
    return [*parts, "", *table(("exchanges", "conversations"), turns)]


def _spread(words: Sequence[int]) -> str:
    return f"{statistics.median(words):.0f} ({statistics.mean(words):.0f})"


def _listed(pairs: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{count} {name}" for name, count in pairs)


def planted(corpus: Corpus) -> list[str]:
    """Return the block of planted findings with what the gold labels show, by context."""
    evidence = label_evidence(corpus.rows, corpus.gold, Params().analyze)
    sought = look_for(read_planted(corpus.folder / "planted.csv"), evidence)
    rows = [
        (one.planted.id, one.planted.kind.replace("_", " "), one.planted.what, one.planted.where, one.says)
        for one in sought
    ]
    found = sum(one.found for one in sought)
    return [
        *table(("id", "kind", "what", "where", "in the gold labels, by context"), rows),
        "",
        f"{found} of {len(sought)} are found.",
    ]


def injections(corpus: Corpus) -> list[str]:
    """Return the block that lists the injected conversations."""
    return [", ".join(f"`{identity}`" for identity in corpus.injected()) + "."]


def second(corpus: Corpus, embedding: str | None) -> list[str]:
    """Return the block of the second labelling: its agreement with the gold."""
    params = Params()
    embed = params.embed if embedding is None else params.embed.model_copy(update={"model": embedding})
    other = read_gold(corpus.folder / "gold_second.jsonl")
    found = agreement(corpus.gold, other, encoder(embed), params.validation.similarity)
    return [
        *as_markdown(found),
        "",
        f"Nearest names by {embed.model}, at a cosine of {params.validation.similarity:g} or more.",
    ]


def filled(page: str, blocks: Mapping[str, Sequence[str]]) -> str:
    """Return a Markdown page with new text in its marked blocks; blocks it does not have are left out."""
    for name, lines in blocks.items():
        marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        text = "\n".join(lines)
        page = marked.sub(lambda match, text=text: f"{match[1]}{text}\n{match[2]}", page)  # type: ignore[misc]
    return page


def draw(corpus: Corpus) -> Figure:
    """Return the figure: conversations by context, language, model, week and length."""
    fig = style.figure(4.6)
    left = fig.add_axes((0.265, 0.09, 0.245, 0.85))
    bars(left, sorted(corpus.count(context), key=lambda row: (-row[2] / row[1], row[0])), "context")
    grouped = (
        ("language", corpus.count(language), 0.61),
        ("model", sorted(corpus.count(model)), 0.447),
        ("week", sorted(corpus.count(week)), 0.25),
    )
    for name, part, bottom in grouped:
        bars(fig.add_axes((0.645, bottom, 0.33, 0.033 * len(part))), part, name)
    strip(fig.add_axes((0.645, 0.09, 0.33, 0.075)), corpus)
    handles = [left.containers[0], left.containers[1]]
    fig.legend(handles, ["subjective", "factual or technical"], loc="lower left", bbox_to_anchor=(0.0, -0.005), ncols=2)
    return fig


def bars(axes: Axes, rows: Sequence[tuple[str, int, int]], title: str) -> None:
    """Draw a bar for each group, the subjective part dark."""
    names = [name for name, _, _ in rows]
    places = range(len(rows))
    axes.barh(places, [part for _, _, part in rows], color=style.AI, height=0.72)
    axes.barh(
        places, [n - part for _, n, part in rows], left=[part for _, _, part in rows], color="#a9cbe3", height=0.72
    )
    for place, (_, n, _) in zip(places, rows, strict=True):
        axes.annotate(str(n), (n, place), (2, 0), textcoords="offset points", va="center", fontsize=style.SMALL - 1)
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set_ylim(len(rows) - 0.45, -0.55)
    axes.tick_params(left=False, bottom=False, labelbottom=False)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.set_title(f"by {title}", loc="left", pad=3, fontsize=style.SMALL, color=style.FAINT)


def strip(axes: Axes, corpus: Corpus) -> None:
    """Draw how long messages are: the middle half and the median of each speaker's words, on a log scale."""
    for place, role in enumerate(("user", "assistant")):
        low, middle, high = statistics.quantiles(corpus.words(role), n=4)
        ends = statistics.quantiles(corpus.words(role), n=20)
        axes.plot([ends[0], ends[-1]], [place, place], color=style.RULE, linewidth=1.2, zorder=1)
        axes.plot([low, high], [place, place], color=style.AI, linewidth=4, solid_capstyle="butt", zorder=2)
        axes.plot([middle], [place], marker="o", color="white", markeredgecolor=style.AI, markersize=4, zorder=3)
        beside = {"xytext": (3, 0), "textcoords": "offset points", "va": "center", "fontsize": style.SMALL - 1}
        axes.annotate(f"{middle:.0f}", (ends[-1], place), **beside)
    axes.set_xscale("log")
    axes.set_xticks([1, 10, 100], ["1", "10", "100"])
    axes.minorticks_off()
    axes.set_yticks([0, 1], ["user", "reply"])
    axes.set_ylim(1.6, -0.6)
    axes.tick_params(left=False)
    axes.spines["left"].set_visible(False)
    axes.set_title("words of a message", loc="left", pad=3, fontsize=style.SMALL, color=style.FAINT)


def save(figure: Figure, folder: Path) -> None:
    """Write the figure as SVG and PNG, the same bytes for the same corpus."""
    figure.savefig(folder / "corpus.svg", metadata={"Date": None})
    figure.savefig(folder / "corpus.png", dpi=200, metadata={"Software": None})


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="the corpus, its labels and its card")
    parser.add_argument("--agreement", action="store_true", help="also the agreement with the second labelling")
    parser.add_argument("--embed", help="embedding model for the agreement; default: the study's")
    options = parser.parse_args(arguments)
    corpus = Corpus(options.folder)
    blocks = {"counts": counts(corpus), "planted": planted(corpus), "injections": injections(corpus)}
    if options.agreement:
        blocks["agreement"] = second(corpus, options.embed)
    for name in PAGES:
        page = options.folder / name
        page.write_text(filled(page.read_text("utf-8"), blocks), "utf-8")
    with style.applied():
        save(draw(corpus), options.folder)


if __name__ == "__main__":
    main()
