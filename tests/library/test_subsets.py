import numpy as np
import pandas as pd
import pytest

from study.errors import StudyError
from study.validity.subsets import rater_scores, subsets

CODERS = {"sentiment": {"humans": "human", "experts": "human", "llm": "llm", "words": "dictionary"}}


@pytest.fixture
def measures() -> pd.DataFrame:
    """Six texts: four rated by humans and in the sample; the model failed on 'd', experts rated 'a' alone."""
    return pd.DataFrame(
        {
            "unit_id": list("abcdef"),
            "document_id": list("abcdef"),
            "domain": ["x", "x", "y", "y", "x", None],
            "sample": [True, True, True, True, False, False],
            "sentiment_humans": [1.0, 2, 3, 4, 5, np.nan],
            "sentiment_experts": [1.0, np.nan, np.nan, np.nan, np.nan, np.nan],
            "sentiment_llm": [0.1, 0.2, 0.3, np.nan, np.nan, np.nan],
            "sentiment_words": [0.0, 1, 2, 3, 4, 5],
        }
    )


def found(measures: pd.DataFrame, by: str | None = "domain", criterion: str = "humans") -> dict:
    listed = subsets(measures, CODERS, criterion=criterion, by=by)
    return {(s.domain, s.subset): ("".join(s.units["unit_id"]), s.measures) for s in listed}


def test_all_units_have_a_criterion_and_sample_units_every_machine_measure(measures):
    assert found(measures) == {
        ("x", "all"): ("abe", ("words",)),
        ("x", "sample"): ("ab", ("experts", "llm", "words")),
        ("y", "all"): ("cd", ("words",)),
        ("y", "sample"): ("c", ("experts", "llm", "words")),  # the model has no score of d
        ("all", "all"): ("abcde", ("words",)),
        ("all", "sample"): ("abc", ("experts", "llm", "words")),
    }


def test_without_a_covariate_there_is_the_pooled_domain_alone(measures):
    assert set(found(measures, by=None)) == {("all", "all"), ("all", "sample")}


def test_when_every_text_is_coded_the_model_is_compared_on_all(measures):
    measures["sample"] = True
    measures["sentiment_llm"] = 0.5
    assert found(measures)["all", "all"] == ("abcde", ("experts", "llm", "words"))


def test_a_model_that_failed_everywhere_does_not_empty_the_sample(measures):
    measures["sentiment_llm"] = np.nan
    assert found(measures)["all", "sample"][0] == "abcd"


def test_labels_without_values_count_as_codes(measures):
    nominal = measures[["unit_id", "domain", "sample"]].assign(
        topic_humans=np.nan,
        topic_humans_label=["tax", "war", "tax", None, "art", "art"],
        topic_llm=np.nan,
        topic_llm_label=["tax", None, "war", "tax", None, None],
    )
    coders = {"topic": {"humans": "human", "llm": "llm"}}
    listed = {
        s.subset: "".join(s.units["unit_id"]) for s in subsets(nominal, coders, criterion="humans", by=None)
    }
    assert listed == {"all": "abcef", "sample": "ac"}


def test_messages_name_the_key_and_the_nearest_spelling(measures):
    with pytest.raises(StudyError, match=r"compare\.by.*Did you mean 'domain'"):
        found(measures, by="domains")
    with pytest.raises(StudyError, match=r"compare\.criterion.*Did you mean 'humans'"):
        found(measures, criterion="human")
    measures["domain"] = "all"
    with pytest.raises(StudyError, match="Rename that level"):
        found(measures)


def test_means_of_a_units_ratings_with_and_without_the_own_one():
    ratings = pd.DataFrame(
        {
            "unit_id": ["a", "a", "a", "b", "c", "c"],
            "construct": "sentiment",
            "coder": "humans",
            "status": ["ok", "ok", "ok", "ok", "ok", "not_codable"],
            "value": [1.0, 2, 6, 5, 3, np.nan],
        }
    )
    scores = rater_scores(ratings, "sentiment", "humans")
    assert scores["mean"].tolist() == [3, 3, 3, 5, 3]
    assert scores["others"].tolist()[:3] == [4, 3.5, 1.5]
    assert scores["others"].isna().tolist() == [False, False, False, True, True]
    assert rater_scores(ratings, "sentiment", "experts").empty


def test_units_of_the_pilot_are_in_no_subset() -> None:
    units = pd.DataFrame(
        {
            "unit_id": ["a", "b", "c"],
            "sample": True,
            "pilot": [False, True, False],
            "mood_humans": [1.0, 2.0, 3.0],
            "mood_llm": [1.0, 2.0, 3.0],
        }
    )
    coders = {"mood": {"humans": "human", "llm": "llm"}}
    found = list(subsets(units, coders, criterion="humans", by=None))
    assert {subset.subset for subset in found} == {"all", "sample"}
    assert all(subset.units["unit_id"].tolist() == ["a", "c"] for subset in found)
