"""Snakemake and DVC run the same commands and get the same bytes."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from small_study import PRODUCTS, ROOT, command, hashes, make_study, set_params, with_dvc
from wildvalues.stage import STAGE_NAMES, load_stage
from wildvalues.tools.engines import changed_keys, differences

HAS_TEX = shutil.which("latexmk") is not None
TARGET = [] if HAS_TEX else ["without_pdf"]


def snakemake(folder: Path, *options: str, check: bool = True):
    return command(folder, "snakemake", "--cores", "2", *options, check=check)


def jobs(folder: Path, *options: str) -> set[str]:
    """The rules that Snakemake would run, from the table of jobs that a dry run prints."""
    done = snakemake(folder, "--dry-run", *options, *TARGET)
    shown = done.stdout + done.stderr
    found = {name for name in STAGE_NAMES if re.search(rf"^{name} +1$", shown, re.MULTILINE)}
    assert bool(found) != ("Nothing to be done" in shown), shown
    return found


@pytest.fixture(scope="module")
def by_snakemake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_study(tmp_path_factory.mktemp("snakemake"))
    snakemake(folder, "--quiet", "all", *TARGET)
    return folder


@pytest.fixture(scope="module")
def by_dvc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = with_dvc(make_study(tmp_path_factory.mktemp("dvc")))
    command(folder, "dvc", "repro", "--quiet", *([] if HAS_TEX else ["trace"]))
    return folder


def test_both_engines_spell_out_every_stage_as_it_declares_itself() -> None:
    assert differences(ROOT) == []


def test_a_difference_is_reported_with_the_fragment_to_paste(tmp_path: Path) -> None:
    make_study(tmp_path)
    text = (tmp_path / "dvc.yaml").read_text("utf-8")
    (tmp_path / "dvc.yaml").write_text(text.replace("- cluster\n", "- cluster.levels\n", 1), "utf-8")
    (problem,) = differences(tmp_path)
    assert problem.startswith("dvc.yaml: cluster: params lack ['cluster'] and have ['cluster.levels'] too many")
    assert "  cmd: wildvalues cluster --embeddings" in problem


def test_nothing_publishable_depends_on_private_files_but_through_disclose() -> None:
    # Reference figures are committed, and come from no conversation of the study.
    public = ("results/", "paper/", "workflow/prompts", "data/reference/")
    for name in STAGE_NAMES:
        stage = load_stage(name)
        published = [
            path
            for path in stage.writes.values()
            if path.startswith(("results/", "paper/")) and not path.startswith("results/metrics/")
        ]
        private = [path for path in stage.reads.values() if not path.startswith(public)]
        assert name == "disclose" or not published or not private, f"{name} writes {published} and reads {private}"


def test_every_rule_has_a_log_and_a_benchmark() -> None:
    for file in (ROOT / "workflow/rules").glob("*.smk"):
        for rule in file.read_text("utf-8").split("\nrule ")[1:]:
            assert "\n    log:" in rule, (file.name, rule.partition(":")[0])
            assert "\n    benchmark:" in rule, (file.name, rule.partition(":")[0])


def test_a_parameter_given_to_snakemake_alone_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "params.yaml").write_text("cluster:\n  seed: 1\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    assert changed_keys({"cluster": {"seed": 1}}) == []
    assert changed_keys({"cluster": {"seed": 2}}) == ["cluster.seed=2"]


@pytest.mark.slow
def test_snakemake_and_dvc_make_the_same_bytes(by_snakemake: Path, by_dvc: Path) -> None:
    one, two = hashes(by_snakemake, *PRODUCTS), hashes(by_dvc, *PRODUCTS)
    assert len(one) > 60
    assert one == two


@pytest.mark.slow
@pytest.mark.skipif(not HAS_TEX, reason="the PDF needs latexmk")
def test_both_engines_make_the_same_pdf(by_snakemake: Path, by_dvc: Path) -> None:
    assert hashes(by_snakemake, "paper/main.pdf") == hashes(by_dvc, "paper/main.pdf")


@pytest.mark.slow
def test_a_finished_study_has_nothing_to_do(by_snakemake: Path, by_dvc: Path) -> None:
    assert jobs(by_snakemake) == set()
    assert json.loads(command(by_dvc, "dvc", "status", "--json", "trace").stdout) == {}


@pytest.mark.slow
def test_new_levels_run_cluster_and_what_follows_and_ask_no_model(by_snakemake: Path, by_dvc: Path) -> None:
    follows = set(STAGE_NAMES[STAGE_NAMES.index("cluster") :]) - {"validate"} - (set() if HAS_TEX else {"typeset"})
    for folder in (by_snakemake, by_dvc):
        set_params(folder, cluster__levels=[9, 3])
    try:
        assert jobs(by_snakemake) == follows
        before = hashes(by_snakemake, "memo")
        snakemake(by_snakemake, "--quiet", "all", *TARGET)
        assert hashes(by_snakemake, "memo") == before

        before = hashes(by_dvc, "memo")
        ran = command(by_dvc, "dvc", "repro", *([] if HAS_TEX else ["trace"])).stdout
        assert {name for name in STAGE_NAMES if f"Running stage '{name}'" in ran} == follows
        assert hashes(by_dvc, "memo") == before
    finally:
        for folder in (by_snakemake, by_dvc):
            set_params(folder, cluster__levels=[8, 3])
        snakemake(by_snakemake, "--quiet", "all", *TARGET)
        command(by_dvc, "dvc", "repro", "--quiet", *([] if HAS_TEX else ["trace"]))


@pytest.mark.slow
def test_dvc_shows_metrics_and_plots_and_runs_experiments(by_dvc: Path) -> None:
    assert "subjective" in command(by_dvc, "dvc", "metrics", "show").stdout
    command(by_dvc, "dvc", "plots", "show", "--out", "plots")
    assert (by_dvc / "plots/index.html").exists()
    command(by_dvc, "git", "add", "--all")
    command(by_dvc, "git", "commit", "--quiet", "--message", "Results")
    command(by_dvc, "dvc", "exp", "run", "--quiet", "-S", "cluster.seed=2", *([] if HAS_TEX else ["trace"]))
    assert "seed: 2" in (by_dvc / "params.yaml").read_text("utf-8")


@pytest.mark.slow
def test_snakemake_makes_a_report(by_snakemake: Path) -> None:
    snakemake(by_snakemake, "--report", "report.html", *TARGET)
    assert (by_snakemake / "report.html").stat().st_size > 100_000


@pytest.mark.slow
def test_each_engine_can_take_over_from_the_other(by_snakemake: Path, tmp_path: Path) -> None:
    study = tmp_path / "study"
    shutil.copytree(by_snakemake, study)
    with_dvc(study)
    if not HAS_TEX:
        pytest.skip("the hand-shakes are about whole studies, with the PDF")
    command(study, "wildvalues", "engines", "adopt")
    assert json.loads(command(study, "dvc", "status", "--json").stdout) == {}

    clone = tmp_path / "clone"
    command(study, "git", "add", "--all")
    command(study, "git", "commit", "--quiet", "--message", "Adopted")
    command(tmp_path, "git", "clone", "--quiet", str(study), str(clone))
    command(clone, "dvc", "cache", "dir", "--local", str(study / ".dvc/cache"))
    command(clone, "dvc", "checkout", "--quiet")
    command(clone, "wildvalues", "engines", "sync")
    assert jobs(clone) == set()


@pytest.mark.slow
def test_snakemake_stops_at_parameters_that_the_stages_would_not_see(tmp_path: Path) -> None:
    make_study(tmp_path)
    done = snakemake(tmp_path, "--dry-run", "--config", "cluster={seed: 2}", check=False)
    assert done.returncode != 0
    assert "dvc exp run -S" in done.stdout + done.stderr
