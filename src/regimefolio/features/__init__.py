"""What was known of every asset at every bar: technical ratings and other columns, and the matrix that keeps them.

A feature is a function of a `Panel` and sees its past alone; `features_of` computes some of them.
"""

from regimefolio.features.base import Feature, FeatureLoader, features_of, known_at

__all__ = ["Feature", "FeatureLoader", "features_of", "known_at"]
