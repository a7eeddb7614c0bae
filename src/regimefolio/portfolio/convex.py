"""Convex programs as arrays, and the solvers that answer them: Clarabel, and HiGHS where all is linear."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from regimefolio.core.types import Float

SOLVED = "solved"
"""What a solver says of an answer that can be used; else why it cannot."""

WISHED, ENOUGH = 1e-9, 1e-7
"""How close to the least a solution is made, and how close it must be where rounding allows no more."""

FEASIBLE = 1e-9
"""By how much a linear program's constraints may be missed."""

Bound: TypeAlias = Literal["equal", "below", "norm"]


class Rows(NamedTuple):
    """Constraints on the first variables of a program, A being `matrix` (m, k) and b `bound` (m,).

    `equal`: Ax = b. `below`: Ax ≤ b. `norm`: of b − Ax the first is at least the length of the rest.
    """

    kind: Bound
    matrix: Float
    bound: Float


class Solution(NamedTuple):
    """The variables (n,), which mean nothing where the status is not `SOLVED`."""

    x: Float
    status: str


def budget(n_assets: int) -> tuple[Rows, Rows]:
    """Weights that sum to 1, none below 0."""
    return Rows("equal", np.ones((1, n_assets)), np.ones(1)), not_negative(n_assets)


def not_negative(n_assets: int) -> Rows:
    """Weights of which none is below 0."""
    return Rows("below", -np.eye(n_assets), np.zeros(n_assets))


def deviation_below(covariance: Float, bound: float) -> Rows:
    """Weights whose deviation is `bound` at most."""
    root = root_of(covariance)
    return Rows("norm", np.vstack([np.zeros((1, len(root))), -root]), np.concatenate([[bound], np.zeros(len(root))]))


def root_of(covariance: Float) -> Float:
    """The symmetric F (n, n) with F·F the covariance, which may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    root: Float = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return root


def most_useful(expected: Float, covariance: Float, risk_aversion: float) -> Solution:
    """The weights of sum 1, none below 0, of which μ − risk_aversion/2 · σ² is greatest."""
    return minimised(-expected, budget(len(expected)), risk_aversion * covariance)


def minimised(linear: Float, rows: Sequence[Rows], quadratic: Float | None = None) -> Solution:
    """The x that makes ½·x'Px + q'x least.

    Parameters
    ----------
    linear : ndarray of shape (n,)
        q.
    rows : sequence of Rows
        The constraints; a variable has no others.
    quadratic : ndarray of shape (k, k), optional
        P of the first k variables, symmetric and positive semidefinite.
    """
    if quadratic is None and all(each.kind != "norm" for each in rows):
        return _linear(linear, rows)
    return _conic(linear, rows, quadratic)


def _wide(rows: Sequence[Rows], n: int) -> Float:
    """The matrices of constraints below each other, as wide as there are variables."""
    out = np.zeros((sum(len(each.bound) for each in rows), n))
    at = 0
    for each in rows:
        out[at : at + len(each.bound), : each.matrix.shape[1]] = each.matrix
        at += len(each.bound)
    return out


def _linear(linear: Float, rows: Sequence[Rows]) -> Solution:
    from scipy.optimize import linprog
    from scipy.sparse import csr_array

    equal, below = ([each for each in rows if each.kind == kind] for kind in ("equal", "below"))
    found = linprog(  # type: ignore[call-overload]  # it takes sparse arrays, of which its types say nothing
        linear,
        A_ub=csr_array(_wide(below, linear.size)),
        b_ub=np.concatenate([each.bound for each in below]),
        A_eq=_wide(equal, linear.size),
        b_eq=np.concatenate([each.bound for each in equal]),
        bounds=(None, None),
        method="highs",
        options={"primal_feasibility_tolerance": FEASIBLE, "dual_feasibility_tolerance": FEASIBLE},
    )
    if found.status != 0:
        return Solution(linear, found.message)
    return Solution(found.x, SOLVED)


def _conic(linear: Float, rows: Sequence[Rows], quadratic: Float | None) -> Solution:
    import clarabel
    from scipy.sparse import csc_matrix

    n, settings = linear.size, clarabel.DefaultSettings()
    settings.verbose, settings.max_threads = False, 1
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = WISHED
    settings.reduced_tol_gap_abs = settings.reduced_tol_gap_rel = settings.reduced_tol_feas = ENOUGH
    cone = {
        "equal": clarabel.ZeroConeT,
        "below": clarabel.NonnegativeConeT,
        "norm": clarabel.SecondOrderConeT,
    }
    whole = np.zeros((n, n))
    if quadratic is not None:
        whole[: len(quadratic), : len(quadratic)] = np.triu(quadratic)
    found = clarabel.DefaultSolver(
        csc_matrix(whole),
        linear,
        csc_matrix(_wide(rows, n)),
        np.concatenate([each.bound for each in rows]),
        [cone[each.kind](len(each.bound)) for each in rows],
        settings,
    ).solve()
    solved = found.status in (clarabel.SolverStatus.Solved, clarabel.SolverStatus.AlmostSolved)
    status = SOLVED if solved else str(found.status)
    return Solution(np.asarray(found.x, dtype=np.float64), status)
