"""The methods, each with the face of a scikit-learn regressor."""
