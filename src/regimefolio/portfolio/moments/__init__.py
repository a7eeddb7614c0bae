"""Expected returns and covariances, one file a part."""

from regimefolio.portfolio.moments.alpha_scores import AlphaScores
from regimefolio.portfolio.moments.base import CovarianceTransformer, CovarianceTransformers, ExpectedReturns
from regimefolio.portfolio.moments.denoise import Denoise
from regimefolio.portfolio.moments.detone import Detone
from regimefolio.portfolio.moments.ema import ExponentialMean
from regimefolio.portfolio.moments.equilibrium import Equilibrium
from regimefolio.portfolio.moments.ewma import ExponentialCovariance
from regimefolio.portfolio.moments.gerber import Gerber
from regimefolio.portfolio.moments.historical import Historical
from regimefolio.portfolio.moments.james_stein import JamesStein
from regimefolio.portfolio.moments.ledoit_wolf import LedoitWolf
from regimefolio.portfolio.moments.oas import OracleApproximating
from regimefolio.portfolio.moments.pca import PrincipalComponents
from regimefolio.portfolio.moments.robust import RobustEllipse
from regimefolio.portfolio.moments.shrunk import Shrunk

__all__ = [
    "AlphaScores",
    "CovarianceTransformer",
    "CovarianceTransformers",
    "Denoise",
    "Detone",
    "Equilibrium",
    "ExpectedReturns",
    "ExponentialCovariance",
    "ExponentialMean",
    "Gerber",
    "Historical",
    "JamesStein",
    "LedoitWolf",
    "OracleApproximating",
    "PrincipalComponents",
    "RobustEllipse",
    "Shrunk",
]
