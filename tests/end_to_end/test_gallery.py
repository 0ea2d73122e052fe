"""Every study of the gallery, generated, run and verified at its small size with the real model."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from gallery.run import Outcome, carry_out
from gallery.studies import Study, studies

from end_to_end.studies import environment, settings, snakemake, write_settings

pytestmark = pytest.mark.slow

STUDIES = {study.name: study for study in studies()}
LABORATORY = "llm-laboratory"
# test_pan_chen.py runs and verifies that study at its full size, which is as small.
HERE = {name: study for name, study in STUDIES.items() if name != "pan-chen-2018"}
MODEL = "smollm2-135m"


class Gallery:
    """The studies that were run so far."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, Outcome] = {}

    def outcome(self, name: str) -> Outcome:
        if name not in self._known:
            self._known[name] = carry_out(STUDIES[name], self._folder, small=True, cores="2")
        return self._known[name]


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment().items():
            patch.setenv(name, value)
        yield Gallery(tmp_path_factory.mktemp("gallery"))


def page(study: Path, name: str) -> str:
    text = (study / f"results/report/{name}.html").read_text(encoding="utf-8")
    return " ".join(html.unescape(re.sub(r"<style.*?</style>|<[^>]+>", " ", text, flags=re.DOTALL)).split())


@pytest.mark.parametrize("study", HERE.values(), ids=HERE)
def test_a_study_runs_and_is_verified(study: Study, gallery: Gallery) -> None:
    outcome = gallery.outcome(study.name)
    assert outcome.verified, outcome.problem
    assert (outcome.folder / "report.html").is_file()
    claims = pd.read_csv(outcome.folder / "results/tables/claims.csv", dtype=str, keep_default_na=False)
    assert len(claims) == len(outcome.claims)
    assert bool(outcome.claims) == study.small.get("claims", True)
    # A figure that the study cannot compute at all is one that the claim says so of.
    unknown = claims[(claims["reproduced"] == "") & (claims["verdict"] != "not attempted")]
    assert unknown.empty, unknown["claim"].tolist()


def test_nothing_of_the_gallery_is_in_a_study(gallery: Gallery) -> None:
    folder = gallery.outcome(LABORATORY).folder
    assert not [name for name in ("gallery.md", "small.yaml", "verdicts.csv") if (folder / name).exists()]


def test_the_laboratory_answers_its_four_questions_from_its_own_tables(gallery: Gallery) -> None:
    folder = gallery.outcome(LABORATORY).folder
    experiments = settings(folder)["experiments"]
    assert set(experiments) == {"order", "rationale", "compression", "paraphrase"}
    said = page(folder, "16_laboratory")
    for experiment in experiments.values():
        assert experiment["question"] in said
    flips = pd.read_csv(folder / "results/tables/experiment_flips.csv")
    assert set(flips["experiment"]) == set(experiments)
    assert flips["flip_rate"].dropna().between(0, 1).all()
    codes = pd.read_parquet(folder / "results/experiments/order.parquet")
    pair = codes[codes["wording"] == "main"].pivot(index="unit_id", columns="label_order", values="label")
    row = flips[(flips["experiment"] == "order") & (flips["level"] == "rotation_1")].iloc[0]
    tone = codes[codes["wording"] == "tone"].pivot(index="unit_id", columns="label_order", values="label")
    share = pd.concat([each["fixed"] != each["rotation_1"] for each in (pair, tone)]).mean()
    assert row["reference"] == "fixed"
    assert row["flip_rate"] == pytest.approx(share)
    for kind, name in (("positions", "order"), ("rationale", "rationale"), ("sparsity", "compression")):
        assert (folder / f"results/figures/{kind}_{name}.png").stat().st_size > 10_000


def test_compressed_models_are_models_of_their_own(gallery: Gallery) -> None:
    folder = gallery.outcome(LABORATORY).folder
    cards = {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in (folder / "results/models").glob("*.json")
    }
    assert set(cards) == {MODEL, f"{MODEL}.Q4_0", f"{MODEL}.sparse50", f"{MODEL}.Q4_0.sparse50"}
    assert len({card["sha256"] for card in cards.values()}) == 4
    assert len({card["source"]["sha256"] for card in cards.values()}) == 1
    assert cards[f"{MODEL}.sparse50"]["sparsity"] == 0.5


def test_a_new_level_is_asked_for_alone(gallery: Gallery) -> None:
    folder = gallery.outcome(LABORATORY).folder
    changed = settings(folder)
    changed["experiments"]["order"]["factors"]["label_order"].append("reversed")
    write_settings(folder, changed)
    units, others = (
        pd.read_parquet(folder / f"results/experiments/{name}.parquet")["unit_id"].nunique()
        for name in ("order", "rationale")
    )
    said = snakemake(folder, "results/experiments/order.parquet").stderr
    found = re.findall(r"The model was asked (\d+) times; (\d+) of (\d+) responses were in the store", said)
    # Two wordings with the new order; the experiment on rationales has asked for one of them about its texts.
    assert [tuple(map(int, one)) for one in found] == [(2 * units - others, 8 * units + others, 10 * units)]
