"""Groups compared in whole studies: within tasks, within prompts several models answered, and what is set aside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from annotated_studies import Annotated, tables, write_study
from wildvalues.analysis.concentration import concentration
from wildvalues.analysis.contrasts import Contrasts, contrasts
from wildvalues.analysis.prompts import opening_digests
from wildvalues.analysis.study import Study, build_study


def study_of(conversations: list[Annotated], prompts: list[int] | None = None) -> Study:
    given = tables(conversations)
    openings = None
    if prompts is not None:
        openings = pd.Series([f"{prompt:04d}" for prompt in prompts], index=given["screened"]["conversation_id"])
    return build_study(given["screened"], given["annotations"], given["mentions"], given["taxonomy"], openings)


def compared(study: Study, near_universal: float = 0.8) -> Contrasts:
    nearest = pd.Series({"care": "care", "honesty": "honesty"})
    return contrasts(study, nearest, alpha=0.05, min_count=3, min_context=8, near_universal=near_universal)


def answered(n_prompts: int = 60) -> tuple[list[Annotated], list[int]]:
    """Three models on the same prompts: `c` shows care twice as often as the others, all the same honesty."""
    rng = np.random.default_rng(1)
    found, prompts = [], []
    for prompt in range(n_prompts):
        for model, care in (("a", 0.3), ("b", 0.3), ("c", 0.75)):
            ai = ["care"] * bool(rng.random() < care) + ["honesty"] * bool(rng.random() < 0.4) + ["tact"]
            found.append(Annotated(ai=ai, model=model, task="give advice" if prompt % 2 else "write code"))
            prompts.append(prompt)
    return found, prompts


def test_a_model_that_differs_on_the_same_prompts_is_found_and_the_others_are_not():
    found = compared(study_of(*answered()))
    rows = found.pairs.query("comparison == 'model' and design == 'prompt' and level == 0 and facet == 'ai_values'")
    assert set(rows.loc[rows["significant"], "node_id"]) == {"care"}
    care = rows[rows["node_id"] == "care"].set_index("group_id")
    assert care.loc["c", "odds_low"] > 1
    assert care.loc["c", "difference"] == pytest.approx(0.45, abs=0.15)
    assert (care["n_strata"] == 60).all()
    tests = found.tests.query("design == 'prompt' and level == 0 and facet == 'ai_values'").set_index("node_id")
    assert (tests.loc["care", "n_groups"], tests.loc["care", "dof"]) == (3, 2)
    assert tests.loc["care", "q"] < 0.001
    assert tests.loc["honesty", "p"] > 0.01


def test_without_shared_prompts_models_are_compared_within_tasks_alone():
    conversations, prompts = answered(20)
    assert set(compared(study_of(conversations)).pairs["design"]) == {"task"}
    assert set(compared(study_of(conversations, list(range(len(prompts))))).pairs["design"]) == {"task"}


def test_near_universal_values_are_set_aside_or_kept_as_asked():
    study = study_of(*answered(20))
    conversations, _ = answered(20)
    assert "tact" not in set(compared(study).pairs["node_id"])
    universal = study_of([Annotated(ai=["tact"] * (i > 1), model="ab"[i % 2]) for i in range(len(conversations))])
    assert "tact" in set(compared(universal, near_universal=1.0).pairs["node_id"])
    assert "tact" not in set(compared(universal).pairs.get("node_id", []))


def test_a_value_that_goes_with_being_stated_is_told_from_one_that_does_not():
    rng = np.random.default_rng(2)
    conversations = []
    for _ in range(150):
        ai = [value for value in ("care", "honesty", "tact") if rng.random() < 0.6]
        stated = {value: bool(rng.random() < (0.7 if value == "honesty" else 0.2)) for value in ai}
        conversations.append(Annotated(ai=ai, explicit=stated))
    rows = compared(study_of(conversations)).pairs.query("comparison == 'stated' and level == 0")
    rows = rows[rows["facet"] == "ai_values"].set_index(["node_id", "group_id"])
    honesty, care = rows.loc[("honesty", "stated")], rows.loc[("care", "stated")]
    assert honesty["odds_low"] > 2
    assert care["odds_high"] < 1
    assert rows.loc[("honesty", "demonstrated"), "odds_ratio"] == pytest.approx(1 / honesty["odds_ratio"])
    assert honesty["n_with"] == honesty["n_conversations"] + rows.loc[("honesty", "demonstrated"), "n_conversations"]


def test_sides_compare_the_mixture_of_mentions_not_their_number():
    # Users state a third as many values, in the same mixture: no difference.
    conversations = [Annotated(ai=["care", "honesty"], human=["care", "honesty"] * (i % 3 == 0)) for i in range(60)]
    rows = compared(study_of(conversations)).pairs.query("comparison == 'side' and level == 0")
    assert rows["odds_ratio"].to_numpy() == pytest.approx(1.0)
    assert not rows["significant"].any()


def test_equal_first_messages_are_known_without_their_text(tmp_path: Path):
    given = tables([Annotated(), Annotated(), Annotated()])
    given["screened"]["messages"] = [
        [{"role": "user", "content": text}, {"role": "assistant", "content": str(index)}]
        for index, text in enumerate(["Why?", "Why? ", "How?"])
    ]
    found = opening_digests(write_study(given, tmp_path)["screened"])
    assert found.index.tolist() == given["screened"]["conversation_id"].tolist()
    assert found.iloc[0] == found.iloc[1] != found.iloc[2]
    assert not found.str.contains("Why").any()


def test_concentration_is_of_the_counts_and_its_tops_need_more_values_than_they_sum():
    conversations = [Annotated(ai=["care"] + ["honesty"] * (i < 6) + ["tact"] * (i < 2)) for i in range(12)]
    found = concentration(study_of(conversations), draws=20, seed=1).query("facet == 'ai_values' and level == 0")
    found = found.set_index("measure")
    assert found.loc["top_1", "value"] == pytest.approx(12 / 20)
    assert found.loc["gini", "value"] == pytest.approx((2 * -2 + 6 * 0 + 12 * 2) / (3 * 20))
    assert not {"top_5", "exponent"} & set(found.index)
    assert (found["value_low"] <= found["value"]).all()
