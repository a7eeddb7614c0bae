"""The four phases of a workflow: discover parameters, analyse regimes, optimise ensembles, validate."""

from regimefolio.workflow.phases.base import Job, Phase
from regimefolio.workflow.phases.ensemble_optimization import EnsembleOptimization
from regimefolio.workflow.phases.parameter_discovery import ParameterDiscovery
from regimefolio.workflow.phases.regime_analysis import RegimeAnalysis
from regimefolio.workflow.phases.validation import Validation

PHASES: tuple[Phase, ...] = (ParameterDiscovery(), RegimeAnalysis(), EnsembleOptimization(), Validation())
"""In the order in which they run."""

__all__ = [
    "PHASES",
    "EnsembleOptimization",
    "Job",
    "ParameterDiscovery",
    "Phase",
    "RegimeAnalysis",
    "Validation",
]
