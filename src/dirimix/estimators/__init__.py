"""One scikit-learn style estimator a method; `base.AbstractMixture` says how to write one."""
