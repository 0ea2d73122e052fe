"""The simulation certificate: what each estimator does where the truth is known (`make certificate`).

`corpora` draws corpora of a known truth, `estimators` analyses them, `cells` repeats that, `summary` says how
it went, `page` shows it. See docs/reference/certificate.md.
"""
