"""Sections for the study of `stand_ins` that ask for every kind of exhibit."""

SECTIONS = """
[validation.blocks]
scheme = "blocks"
size = [2.0, 2.5]
methods = ["raw", "equal", "simplex-ls"]
[preselection]
scheme = "blocks"
confirm = ["equal"]
[threshold]
level = 0.5
methods = ["equal"]
draws = 200
[threshold.along]
"table.csv" = "x"
[exhibits]
table-1 = { kind = "rms", title = "Table <1>" }
global-weights = "global-weights"
priors = "priors"
evidence-sets = "evidence-sets"
ranking = "ranking"
variants = "variants"
simplex = { kind = "dirichlet", concentrations = [[0.3, 0.3, 0.3], [1.3, 1.3, 1.3]] }
coverage = "coverage"
by-size = "coverage-by-size"
traces = "traces"
sensitivity = "sensitivity"
correlations = "correlations"
preselection = "preselection"
domains = "domains"
weights = "weight-maps"
effective = "effective-map"
parts = "part-maps"
reversion = "reversion-map"
loo = "leave-one-out-map"
bound = "threshold-map"
limits = { kind = "limits", methods = ["equal"] }
"""
