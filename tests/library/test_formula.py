import patsy
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from study.errors import StudyError
from study.inference import parse_formula

COLUMNS = ["y", "a", "b", "c", "d", "sentiment_llm", "größe"]


def test_the_default_analysis():
    formula = parse_formula("y ~ (sentiment_llm + a) * C(d)", COLUMNS)
    assert formula.variables == ("y", "sentiment_llm", "a", "d")
    assert str(formula) == "y ~ 1 + sentiment_llm + a + C(d) + sentiment_llm:C(d) + a:C(d)"
    assert str(formula.without("a")) == "y ~ 1 + sentiment_llm + C(d) + sentiment_llm:C(d)"
    assert str(formula.without("d")) == "y ~ 1 + sentiment_llm + a"


FACTORS = st.sampled_from(["a", "b", "c", "C(d)", "größe"])
EXPRESSIONS = st.recursive(
    FACTORS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" + ", "+", " - ", "*", " * ", ":", "/"]), inner).map("".join),
        inner.map(lambda e: f"({e})"),
    ),
    max_leaves=8,
)
INTERCEPTS = st.sampled_from(["", " + 1", " - 1", " + 0"])


@given(EXPRESSIONS, INTERCEPTS)
@example("a*b*c - a:b", " - 1")
@example("(a + b)/C(d)", "")
def test_terms_are_those_of_patsy(expression, intercept):
    written = f"y ~ {expression}{intercept}"
    theirs = patsy.ModelDesc.from_formula(written)
    terms = {frozenset(factor.name() for factor in term.factors) for term in theirs.rhs_termlist}
    if not terms:
        with pytest.raises(StudyError):
            parse_formula(written, COLUMNS)
        return
    formula = parse_formula(written, COLUMNS)
    ours = {frozenset(term) for term in formula.terms} | ({frozenset()} if formula.intercept else set())
    assert ours == terms
    again = parse_formula(str(formula), COLUMNS)
    assert again == formula


HOSTILE = [
    "__import__('os').system('x')",
    "y ~ __import__('os').system('x')",
    'y ~ I(open("x"))',
    'y ~ Q("a")',
    "y ~ a.b",
    "y ~ a.__class__",
    "y ~ `a`",
    "y ~ a[0]",
    "y ~ {a}",
    "y ~ [a]",
    "y ~ a if b else c",
    "y ~ lambda: a",
    "y ~ a; b",
    "y ~ a, b",
    "y ~ a = b",
    "y ~ a @ b",
    "y ~ a ** 2",
    "y ~ a ^ 2",
    "y ~ exec(a)",
    "y ~ np.log(a)",
    "y ~ log(a)",
    "y ~ C(a, Treatment)",
    "y ~ C(C(a))",
    "y ~ C(a + b)",
    "y ~ C('a')",
    "y ~ C",
    "y ~ C()",
    "I(y) ~ a",
    "C(y) ~ a",
    "y + a ~ b",
    "~ a",
    "",
    "y",
    "y ~",
    "y ~ 0",
    "y ~ a +",
    "y ~ a b",
    "y ~ (a",
    "y ~ a)",
    "y ~ a ~ b",
    "y ~ a:",
    "y ~ 2*a",
    "y ~ a*0",
    "y ~ (1 + a)",
    "y ~ 1e9 + a",
    "y ~ 0x1 + a",
    "y ~ y + a",
    "y ~ a % b",
    "y ~ a\x00",
    "y ~ a # b",
    "y ~ 'a'",
    "y ~ a\\nb",
    "y ~ " + "(" * 5000 + "a" + ")" * 5000,
    "y ~ " + "a+" * 5000 + "a",
]


@pytest.mark.parametrize("written", HOSTILE, ids=range(len(HOSTILE)))
def test_anything_else_is_refused_in_one_paragraph(written):
    with pytest.raises(StudyError, match=r"config/study\.yaml, key 'analyses\.x\.formula'") as caught:
        parse_formula(written, COLUMNS, key="analyses.x.formula")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


@given(st.text(alphabet=st.sampled_from("yabC~+-*:/() 01.'\"[]{}_é,=\n"), max_size=40))
def test_no_text_leads_to_anything_but_terms_or_a_message(written):
    try:
        formula = parse_formula(written, COLUMNS)
    except StudyError:
        return
    assert set(formula.variables) <= set(COLUMNS)
    assert set(str(formula)) <= set("yabcd C()~+:01 ")


def test_a_misspelt_column_names_the_nearest():
    with pytest.raises(StudyError, match="Did you mean 'sentiment_llm'"):
        parse_formula("y ~ sentiment_lm", COLUMNS)


def test_columns_whose_names_are_python_cannot_stand_in_a_formula():
    for name in ("class", "lambda", "C", "ﬁnal"):  # the last one is another name after Python's normalisation
        with pytest.raises(StudyError, match="Rename the column"):
            parse_formula(f"y ~ {name}", ["y", name])


def test_few_characters_cannot_stand_for_millions_of_terms():
    names = [f"x{i}" for i in range(30)]
    with pytest.raises(StudyError, match="more than 200 terms"):
        parse_formula("y ~ " + "*".join(names), ["y", *names])
