"""One analysis with the codes of every instrument, under every decision rule, corrected and uncorrected.

Specification curves are from Simonsohn, Simmons & Nelson (2020), Nature Human Behaviour 4, 1208-1214. That
which model, wording or rule makes the codes can decide what a regression says is shown by Baumann et al.
(2025, arXiv 2509.08825); that such choices interact, by McLaren et al. (2026, arXiv 2603.26898).
"""
