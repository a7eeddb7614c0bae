"""Expected returns and covariances, one file a part."""

from regimefolio.portfolio.moments.base import CovarianceTransformer, ExpectedReturns
from regimefolio.portfolio.moments.historical import Historical
from regimefolio.portfolio.moments.ledoit_wolf import LedoitWolf

__all__ = ["CovarianceTransformer", "ExpectedReturns", "Historical", "LedoitWolf"]
