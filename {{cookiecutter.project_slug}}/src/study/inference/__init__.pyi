from study.inference.formula import Formula as Formula
from study.inference.formula import parse_formula as parse_formula
from study.inference.regression import incremental_r2 as incremental_r2
from study.inference.regression import linear_regression as linear_regression
