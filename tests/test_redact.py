"""Personal data is masked, look-alikes are not, and masking twice is masking once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import get_args

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wildvalues.files import read_json, read_table, write_table
from wildvalues.params import Params, Redact, RedactionKind
from wildvalues.redact import run
from wildvalues.redaction.masker import mask
from wildvalues.tables import CONVERSATIONS, REDACTIONS

EVERY = Redact(kinds=list(get_args(RedactionKind)))
# Put together here, so that no scanner of this repository takes it for somebody's key.
MADE_UP_KEY = "sk-" + "proj-" + "aB3dE6gH9j" * 3

PERSONAL = [
    ("write to jo.lee+news@example.co.uk please", "email", "jo.lee+news@example.co.uk"),
    ("jo.lee (at) example (dot) com", "email", "jo.lee (at) example (dot) com"),
    ("call +1 202 555 0147 now", "phone", "+1 202 555 0147"),
    ("my number is (202) 555-0147.", "phone", "(202) 555-0147"),
    ("text me at 2025550147 ok", "phone", "2025550147"),
    ("Ruf mich an: 030 901820", "phone", "030 901820"),
    ("Mon portable : 06 12 34 56 78", "phone", "06 12 34 56 78"),
    ("card 4111 1111 1111 1111 exp 12/29", "card", "4111 1111 1111 1111"),
    ("5500005555555559", "card", "5500005555555559"),
    ("IBAN DE89 3704 0044 0532 0130 00 bitte", "iban", "DE89 3704 0044 0532 0130 00"),
    ("GB82WEST12345698765432", "iban", "GB82WEST12345698765432"),
    ("ban 203.0.113.77 from the server", "ip", "203.0.113.77"),
    ("host 2001:db8::ff00:42:8329 is down", "ip", "2001:db8::ff00:42:8329"),
    ("postgres://ann:s3cr3t@db.example.com/x", "url_credentials", "ann:s3cr3t"),
    ("https://example.com/a?page=2&token=abc123def456", "url_credentials", "abc123def456"),
    (f"key {MADE_UP_KEY} here", "api_key", MADE_UP_KEY),
    ("AKIAIOSFODNN7EXAMPLE", "api_key", "AKIAIOSFODNN7EXAMPLE"),
    ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "api_key", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
    ("password: hunter2hunter", "api_key", "hunter2hunter"),
    ("use wJalrXUtnFEMI7K7MDENGbPxRfiCYzEXAMPL3KEY ok", "api_key", "wJalrXUtnFEMI7K7MDENGbPxRfiCYzEXAMPL3KEY"),
    ("ssn 536-90-4399", "national_id", "536-90-4399"),
    ("mi DNI es 12345678Z", "national_id", "12345678Z"),
    ("CPF 390.533.447-05", "national_id", "390.533.447-05"),
    ("NI number QQ 12 34 56 C? no: AB 12 34 56 C", "national_id", "AB 12 34 56 C"),
    ("I live at 48 Pellham Crescent.", "address", "48 Pellham Crescent"),
    ("at 27b Quillfeather Lane, Exmoor Bridge.", "address", "27b Quillfeather Lane, Exmoor Bridge"),
    ("i live on 12 maple street btw", "address", "12 maple street"),
    ("Lindenstraße 12, 10969 Berlin", "address", "Lindenstraße 12, 10969 Berlin"),
    ("J'habite au 12 rue de la Paix, 75002 Paris", "address", "12 rue de la Paix, 75002 Paris"),
    ("vivo en Calle de Alcalá 48", "address", "Calle de Alcalá 48"),
    ("abito in Via Garibaldi 7", "address", "Via Garibaldi 7"),
    ("Rua Augusta, 120", "address", "Rua Augusta, 120"),
    ("My name is Ottoline Vasskov and", "person", "Ottoline Vasskov"),
    ("my name is jonas and i", "person", "jonas"),
    ("I'm Sarah, hi", "person", "Sarah"),
    ("my boss Karen hates me", "person", "Karen"),
    ("Ask Dr. Quenby about it", "person", "Quenby"),
    ("Ich heiße Grete Ahlers.", "person", "Grete Ahlers"),
    ("Je m'appelle Éloïse Martin", "person", "Éloïse Martin"),
    ("Me llamo Itziar.", "person", "Itziar"),
    ("Mi chiamo Ludovica", "person", "Ludovica"),
    ("Меня зовут Светлана", "person", "Светлана"),
    ("我叫王小明，", "person", "王小明"),
    ("Thanks!\n\nBest regards,\nTorben Aldersley", "person", "Torben Aldersley"),
    ("Marisol Quenby, m.quenby@example.com", "person", "Marisol Quenby"),
    ("mi jefa Remedios me grita", "person", "Remedios"),
    ("мой муж Игорь пьёт", "person", "Игорь"),
    ("mein freund Timo schweigt", "person", "Timo"),
    ("aunt Beatrix left me the house", "person", "Beatrix"),
    ("mrs pemberton says no", "person", "pemberton"),
    ("[10:42] Tamsin: u coming?", "person", "Tamsin"),
    ("From: Saoirse Kettleburn\nTo: all", "person", "Saoirse Kettleburn"),
    ("add me on discord: grimtooth#4821", "username", "grimtooth#4821"),
    ("my gamertag is xX_FrostByte_Xx on xbox", "username", "xX_FrostByte_Xx"),
    ("follow me on insta @moss.and.marrow", "username", "@moss.and.marrow"),
    ("u/quietlyburning42 is after me", "username", "u/quietlyburning42"),
    ("https://twitch.tv/pixelpudding_ grows", "username", "pixelpudding_"),
    ('{"username": "fenlark"}', "username", "fenlark"),
    ("mein nutzername ist nordlicht_lene", "username", "nordlicht_lene"),
    ("i was born on 12 March 1987 in Leeds", "date_of_birth", "12 March 1987"),
    ("dob 03/14/1991", "date_of_birth", "03/14/1991"),
    ("my bday is june 3rd 1999", "date_of_birth", "june 3rd 1999"),
    ("my son, born 2 Feb 2019, is shy", "date_of_birth", "2 Feb 2019"),
    ("geboren am 14.08.1979 in Husum, ich", "date_of_birth", "14.08.1979"),
    ("nací el 4 de mayo de 1990", "date_of_birth", "4 de mayo de 1990"),
    ("生年月日は1990年4月12日です", "date_of_birth", "1990年4月12日"),
    ("pesel 44051401359", "national_id", "44051401359"),
    ("mijn bsn is 111222333", "national_id", "111222333"),
    ("personnummer 811228-9874", "national_id", "811228-9874"),
    ("tc kimlik no 10000000146", "national_id", "10000000146"),
    ("身份证号11010519491231002X", "national_id", "11010519491231002X"),
    ("hetuni on 131052-308T", "national_id", "131052-308T"),
    ("my sin is 130 692 544", "national_id", "130 692 544"),
    ("live at 14b larkspur lane now", "address", "14b larkspur lane"),
    ("wohne lindenstr. 12, 10969 berlin", "address", "lindenstr. 12, 10969 berlin"),
    ("ul. Lipowa 8/12, 00-316 Warszawa", "address", "ul. Lipowa 8/12, 00-316 Warszawa"),
    ("Björkvägen 14, 752 37 Uppsala", "address", "Björkvägen 14, 752 37 Uppsala"),
    ("bea dot wren at example dot com", "email", "bea dot wren at example dot com"),
    ("the wifi pin for guests is xk29-plum ok", "api_key", "xk29-plum"),
    ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG", "api_key", "wJalrXUtnFEMI/K7MDENG"),
]

HARMLESS = [
    "Python 3.11.4 and Chrome 120.0.6099.109 on port 8080",
    "version 10.0.19041.1 of the driver, v1.2.3.4",
    "listen on 127.0.0.1:5432 or 0.0.0.0 with mask 255.255.255.0",
    "std::vector<int> a; x[::2] and 1::3",
    "between 1914-1918 and 2020-2024, on 2024-10-12 at 12:30:45",
    "pi is 3.14159265358979 and 6.02214076e23",
    "0     6     40  0.567130  1000     4\n1     7     41  0.678241  2000     5",
    "order #2025550147 costs $1,234,567.89",
    "1234 5678 9012 3456 is no card",
    "Who was Napoleon, and what did Marie Curie discover in Paris?",
    "I'm German and I'm so Sorry, I am Really tired",
    "Hello Claude, I'm ChatGPT",
    "my friend is nice, my boss says No",
    "a one way street, 4 wheel drive, the 2nd street on the left",
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "https://example.com/path/to/some-long-identifier-without-secrets?page=2",
    "CalculateTheAverageOfAllNumbersInTheList2",
    "token = get_token(user)",
    "The Street was empty. 300 people in Trafalgar Square",
    "npm i @types/node @tanstack/react-query@5.17.1, then @app.route('/') and @Override",
    "@everyone raid at 8",
    "username is required, user id 48213, the user wants more",
    "token from discord client_id and telegram bot_token",
    "Einstein was born on 14 March 1879, Barack Obama was born on August 4, 1961",
    "born in the 90s; my birthday is next week; released on 12/05/2024",
    "gateway 10.0.0.1, router 192.168.1.1, dns 8.8.8.8",
    "look at amazon dot com",
    "mr right, dr pepper and my mom is nice",
    "1234567890 and 123-456-789 are numbers",
    "",
]


def masked(text: str, **settings_: object) -> str:
    return mask([text], Redact(**settings_))[0][0]  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "kind", "secret"), PERSONAL)
def test_personal_data_is_masked_and_its_place_is_recorded(text: str, kind: str, secret: str) -> None:
    (after,), found = mask([text], EVERY)
    assert secret not in after
    assert [(item.kind, text[item.start : item.end]) for item in found if item.kind == kind] == [(kind, secret)]
    assert f"[{'CREDENTIALS' if kind == 'url_credentials' else kind.upper()}_1]" in after


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_personal_stays(text: str) -> None:
    assert mask([text], EVERY) == ([text], [])


def test_the_same_thing_has_the_same_placeholder_throughout_a_conversation() -> None:
    messages = [
        "My name is Anna Keller, mail A.Keller@example.com",
        "Hello Anna! Is a.keller@example.com right, Ms Keller?",
        "yes. my friend Tom says hi to ANNA KELLER. tom@example.com",
    ]
    after, _ = mask(messages, Redact())
    assert after == [
        "My name is [PERSON_1], mail [EMAIL_1]",
        "Hello [PERSON_1]! Is [EMAIL_1] right, Ms [PERSON_1]?",
        "yes. my friend [PERSON_2] says hi to [PERSON_1]. [EMAIL_2]",
    ]


def test_a_name_that_is_a_word_is_not_masked_where_it_is_the_word() -> None:
    assert masked("My name is Will Harding. Will you help? Ask Will.") == (
        "My name is [PERSON_1]. Will you help? Ask [PERSON_1]."
    )


def test_what_was_found_by_a_word_before_it_is_masked_where_that_word_is_missing() -> None:
    messages = ["password: hunter2hunter, user name kestrel_dev", "I would not use hunter2hunter, kestrel_dev.", "ok"]
    assert mask(messages, EVERY)[0] == [
        "password: [API_KEY_1], user name [USERNAME_1]",
        "I would not use [API_KEY_1], [USERNAME_1].",
        "ok",
    ]


def test_numbering_goes_on_after_placeholders_that_are_there() -> None:
    assert masked("[EMAIL_3] and jo@example.com") == "[EMAIL_3] and [EMAIL_4]"


@pytest.mark.parametrize(
    ("hidden", "plain"),
    [
        ("jo\u200b@exam\u200dple.com", "[EMAIL_1]"),
        ("4111\u2060 1111 1111 11\u00ad11", "[CARD_1]"),
        ("ｊｏ＠ｅｘａｍｐｌｅ．ｃｏｍ", "[EMAIL_1]"),
    ],
)
def test_invisible_and_wide_characters_neither_hide_data_nor_move_offsets(hidden: str, plain: str) -> None:
    text = f"👩\u200d💻 see {hidden} ok"
    (after,), (found,) = mask([text], Redact())
    assert after == f"👩\u200d💻 see {plain} ok"
    assert text[found.start : found.end] == hidden


PIECES = [text for text, _, _ in PERSONAL] + HARMLESS
PIECES += ["[PERSON_1]", "\u200b", "\u0301", " ", "\n", "+49", "12 ", "My name is ", "Ѕ", "１", "@", "born "]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(st.sampled_from(PIECES) | st.text(max_size=12), max_size=5).map("".join), max_size=3))
def test_masking_twice_is_masking_once(messages: list[str]) -> None:
    once, _ = mask(messages, EVERY)
    twice, more = mask(once, EVERY)
    assert twice == once
    assert more == []


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=5).map(" ".join), max_size=3))
def test_the_records_rebuild_the_masked_text(messages: list[str]) -> None:
    after, found = mask(messages, EVERY)
    for index, message in enumerate(messages):
        built, at = "", 0
        for item in (item for item in found if item.message == index):
            assert item.start >= at
            built += message[at : item.start] + item.placeholder
            at = item.end
        assert built + message[at:] == after[index]


def test_only_the_kinds_asked_for_are_masked() -> None:
    text = "I'm Sarah, jo@example.com, +1 202 555 0147"
    assert masked(text, kinds=["email"]) == "I'm Sarah, [EMAIL_1], +1 202 555 0147"
    assert masked(text, kinds=[]) == text


REPEATED = [
    "Aa ",
    "1 ",
    "a.",
    "A-",
    "12 Main ",
    "1234567 ",
    "x@y",
    ":",
    "ab:",
    "\n- ",
    "is ",
    "user ",
    "dob ",
    "my ",
    "ё",
]


@pytest.mark.parametrize("piece", [*REPEATED, "a dot ", "mi hijo ", "password for "])
def test_long_messages_take_time_in_proportion(piece: str) -> None:
    text = piece * (20_000 // len(piece))
    before = time.process_time()
    mask([text], EVERY)
    assert time.process_time() - before < 4


def test_the_stage_masks_every_message_and_counts_by_kind(tmp_path: Path) -> None:
    def row(name: str, *texts: str) -> dict[str, object]:
        roles = ("user", "assistant")
        messages = [{"role": roles[i % 2], "content": text} for i, text in enumerate(texts)]
        blank = dict.fromkeys(("language", "model", "user_id", "started_at"))
        return {"conversation_id": name, "source": "test", "messages": messages, **blank}

    rows = [row("b", "mail jo@example.com", "I wrote to jo@example.com."), row("a", "what is 2 + 2?", "4")]
    paths = {key: tmp_path / key for key in ("redacted", "redactions", "metrics")}
    outputs = []
    for order in (rows, rows[::-1]):
        write_table(pd.DataFrame(order), tmp_path / "sample", CONVERSATIONS.schema)
        run(Params(), sample=tmp_path / "sample", **paths)
        outputs.append([path.read_bytes() for path in paths.values()])
    assert outputs[0] == outputs[1]
    table = read_table(paths["redacted"], CONVERSATIONS.schema).set_index("conversation_id")
    assert table.loc["b", "messages"][1]["content"] == "I wrote to [EMAIL_1]."
    assert read_table(paths["redactions"], REDACTIONS.schema)["placeholder"].tolist() == ["[EMAIL_1]", "[EMAIL_1]"]
    metrics = read_json(paths["metrics"])
    assert (metrics["conversations_with_redactions"], metrics["redactions"], metrics["redactions_email"]) == (1, 2, 2)
    assert metrics["redactions_person"] == 0


def test_a_study_with_nothing_personal_writes_an_empty_record(tmp_path: Path) -> None:
    write_table(CONVERSATIONS.schema.empty_table(), tmp_path / "sample", CONVERSATIONS.schema)
    paths = {key: tmp_path / key for key in ("redacted", "redactions", "metrics")}
    run(Params(), sample=tmp_path / "sample", **paths)
    assert read_table(paths["redactions"], REDACTIONS.schema).empty
