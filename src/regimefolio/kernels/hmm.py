"""Hidden Markov models with Gaussian states: log densities, the filter, and expectation maximisation.

A model of K states over d features is start (K,), transition (K,K) with rows that sum to 1, mean (K,d) and
covariance (K,d,d). Observations stand feature by feature, (d,T). Source: Rabiner (1989), A Tutorial on Hidden
Markov Models, section III, in the scaled form of section V.A.

The training recursions are written out for four states; a model of fewer gets more of probability zero, which add
exact zeros. They use `_exponentials` rather than the C library's: four times as fast, and the same everywhere.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import kernel

Float: TypeAlias = NDArray[np.float64]

MOST_STATES = 4

_LOG2E = 1.4426950408889634
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_ROUND = 6755399441055744.0  # 1.5 * 2**52: adding it rounds to an integer and leaves that in the low bits
_ONE = 1023 << 52  # the exponent bits of 1.0
_SMALLEST = -460.0  # a state is never less than 1e-200 times as likely as another, so that no sum of states is zero


class Model(NamedTuple):
    """A model that is trained in place."""

    start: Float
    transition: Float
    mean: Float
    covariance: Float
    weight: Float  # (K,) expected bars in each state at the last iteration


class Work(NamedTuple):
    """Memory of a training over T bars, to be used again by the next one of as many states."""

    log_density: Float  # (4,T)
    density: Float  # (4,T), relative to the bar's largest; zero for the states that a model has not
    scale: Float  # (T,)
    posterior: Float  # (T,4)
    inverse: Float  # (T,)


def work(n_bars: int) -> Work:
    """Memory for training over `n_bars` bars."""
    return Work(
        np.zeros((MOST_STATES, n_bars)),
        np.zeros((MOST_STATES, n_bars)),
        np.zeros(n_bars),
        np.zeros((n_bars, MOST_STATES)),
        np.zeros(n_bars),
    )


@kernel
def log_densities(X: Float, mean: Float, covariance: Float, out: Float) -> bool:
    """Write each bar's log density under state k into row k of out; False where a covariance is singular.

    X is (d,T) with d = 1 or 2.
    """
    d, T = X.shape
    x, y = X[0], X[d - 1]
    for k in range(mean.shape[0]):
        a = covariance[k, 0, 0]
        if not a > 0.0:
            return False
        deviation = math.sqrt(a)
        constant = -0.5 * d * math.log(2.0 * math.pi) - math.log(deviation)
        inverse_x = math.sqrt(0.5) / deviation
        mean_x = mean[k, 0]
        row = out[k]
        if d == 1:
            for t in range(T):
                u = (x[t] - mean_x) * inverse_x
                row[t] = constant - u * u
            continue
        slope = covariance[k, 1, 0] / deviation
        rest = covariance[k, 1, 1] - slope * slope
        if not rest > 0.0:
            return False
        constant -= 0.5 * math.log(rest)
        inverse_y = math.sqrt(0.5 / rest)
        slope *= math.sqrt(2.0) * inverse_y
        mean_y = mean[k, 1]
        for t in range(T):
            u = (x[t] - mean_x) * inverse_x
            v = (y[t] - mean_y) * inverse_y - u * slope
            row[t] = constant - u * u - v * v
    return True


@kernel
def filter_states(log_density: Float, start: Float, transition: Float, out: Float) -> float:
    """Write the probability (T,K) of each state given the bars up to t; returns the log likelihood.

    From log densities (T,K); one bar after the other, so that a row does not depend on later ones, nor on T.
    """
    T, K = log_density.shape
    total = 0.0
    for t in range(T):
        top = log_density[t, 0]
        for k in range(1, K):
            top = max(top, log_density[t, k])
        s = 0.0
        for k in range(K):
            if t == 0:
                prior = start[k]
            else:
                prior = 0.0
                for j in range(K):
                    prior += out[t - 1, j] * transition[j, k]
            p = prior * math.exp(max(log_density[t, k] - top, _SMALLEST))
            out[t, k] = p
            s += p
        inverse = 1.0 / s
        for k in range(K):
            out[t, k] *= inverse
        total += top + math.log(s)
    return total


@kernel
def _exponentials(x: Float, scale: Float, out: Float) -> None:
    """Write exp(x) for x ≤ 0 into out, to one unit in the last place; scale is overwritten.

    exp(x) = 2^n · exp(r), n = round(x / ln 2), |r| ≤ ln 2 / 2: a polynomial in r, and n put into the bits of the
    exponent. Three loops, each of which the compiler turns into vector instructions.
    """
    for t in range(x.size):
        v = max(x[t], _SMALLEST)
        s = v * _LOG2E + _ROUND
        scale[t] = s
        s -= _ROUND
        r = (v - s * _LN2_HIGH) - s * _LN2_LOW
        p = 1.0 / 6227020800.0
        p = p * r + 1.0 / 479001600.0
        p = p * r + 1.0 / 39916800.0
        p = p * r + 1.0 / 3628800.0
        p = p * r + 1.0 / 362880.0
        p = p * r + 1.0 / 40320.0
        p = p * r + 1.0 / 5040.0
        p = p * r + 1.0 / 720.0
        p = p * r + 1.0 / 120.0
        p = p * r + 1.0 / 24.0
        p = p * r + 1.0 / 6.0
        p = p * r + 0.5
        p = p * r + 1.0
        out[t] = p * r + 1.0
    bits = scale.view(np.int64)
    for t in range(x.size):
        bits[t] = (bits[t] << 52) + _ONE
    for t in range(x.size):
        out[t] *= scale[t]


@kernel
def _relative_densities(log_density: Float, K: int, scale: Float, out: Float) -> float:
    """Densities over the bar's largest one; returns the sum of the logs of what they were divided by."""
    total = 0.0
    scale[:] = log_density[0]
    for k in range(1, K):
        row = log_density[k]
        for t in range(row.size):
            scale[t] = max(scale[t], row[t])
    for t in range(scale.size):
        total += scale[t]
    for k in range(K):
        row = log_density[k]
        for t in range(row.size):
            row[t] -= scale[t]
    for k in range(K):
        _exponentials(log_density[k], scale, out[k])
    return total


@kernel
def _forward(e: Float, start: Float, A: Float, filtered: Float, inverse: Float) -> float:
    """Write filtered probabilities (T,4) and the inverse of each bar's scale; returns the scales' log sum."""
    e0, e1, e2, e3 = e[0], e[1], e[2], e[3]
    a00, a01, a02, a03 = A[0, 0], A[0, 1], A[0, 2], A[0, 3]
    a10, a11, a12, a13 = A[1, 0], A[1, 1], A[1, 2], A[1, 3]
    a20, a21, a22, a23 = A[2, 0], A[2, 1], A[2, 2], A[2, 3]
    a30, a31, a32, a33 = A[3, 0], A[3, 1], A[3, 2], A[3, 3]
    q0, q1, q2, q3 = start[0], start[1], start[2], start[3]
    total, product, i = 0.0, 1.0, 1.0
    for t in range(e0.size):
        # The division by the last bar's scale comes late, so that it runs beside the products above it. Sums are
        # of pairs: as short a way as with three states, and to the bit what those sum to where the fourth is zero.
        p0, p1, p2, p3 = q0 * e0[t] * i, q1 * e1[t] * i, q2 * e2[t] * i, q3 * e3[t] * i
        q0 = (p0 * a00 + p1 * a10) + (p2 * a20 + p3 * a30)
        q1 = (p0 * a01 + p1 * a11) + (p2 * a21 + p3 * a31)
        q2 = (p0 * a02 + p1 * a12) + (p2 * a22 + p3 * a32)
        q3 = (p0 * a03 + p1 * a13) + (p2 * a23 + p3 * a33)
        s = (p0 + p1) + (p2 + p3)
        i = 1.0 / s
        filtered[t, 0], filtered[t, 1], filtered[t, 2], filtered[t, 3] = p0 * i, p1 * i, p2 * i, p3 * i
        inverse[t] = i
        product *= s
        if product < 1e-100:
            total += math.log(product)
            product = 1.0
    return total + math.log(product)


@kernel
def _backward(e: Float, A: Float, posterior: Float, inverse: Float, pairs: Float) -> None:
    """Turn filtered probabilities into smoothed ones; pairs (4,4) receives the expected transitions."""
    e0, e1, e2, e3 = e[0], e[1], e[2], e[3]
    a00, a01, a02, a03 = A[0, 0], A[0, 1], A[0, 2], A[0, 3]
    a10, a11, a12, a13 = A[1, 0], A[1, 1], A[1, 2], A[1, 3]
    a20, a21, a22, a23 = A[2, 0], A[2, 1], A[2, 2], A[2, 3]
    a30, a31, a32, a33 = A[3, 0], A[3, 1], A[3, 2], A[3, 3]
    x00, x01, x02, x03, x10, x11, x12, x13 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    x20, x21, x22, x23, x30, x31, x32, x33 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    b0, b1, b2, b3 = 1.0, 1.0, 1.0, 1.0
    for t in range(e0.size - 2, -1, -1):
        i = inverse[t + 1]
        u0, u1, u2, u3 = e0[t + 1] * i * b0, e1[t + 1] * i * b1, e2[t + 1] * i * b2, e3[t + 1] * i * b3
        p0, p1, p2, p3 = posterior[t, 0], posterior[t, 1], posterior[t, 2], posterior[t, 3]
        x00, x01, x02, x03 = x00 + p0 * u0, x01 + p0 * u1, x02 + p0 * u2, x03 + p0 * u3
        x10, x11, x12, x13 = x10 + p1 * u0, x11 + p1 * u1, x12 + p1 * u2, x13 + p1 * u3
        x20, x21, x22, x23 = x20 + p2 * u0, x21 + p2 * u1, x22 + p2 * u2, x23 + p2 * u3
        x30, x31, x32, x33 = x30 + p3 * u0, x31 + p3 * u1, x32 + p3 * u2, x33 + p3 * u3
        b0 = (a00 * u0 + a01 * u1) + (a02 * u2 + a03 * u3)
        b1 = (a10 * u0 + a11 * u1) + (a12 * u2 + a13 * u3)
        b2 = (a20 * u0 + a21 * u1) + (a22 * u2 + a23 * u3)
        b3 = (a30 * u0 + a31 * u1) + (a32 * u2 + a33 * u3)
        posterior[t, 0], posterior[t, 1], posterior[t, 2], posterior[t, 3] = p0 * b0, p1 * b1, p2 * b2, p3 * b3
    pairs[0, 0], pairs[0, 1], pairs[0, 2], pairs[0, 3] = x00 * a00, x01 * a01, x02 * a02, x03 * a03
    pairs[1, 0], pairs[1, 1], pairs[1, 2], pairs[1, 3] = x10 * a10, x11 * a11, x12 * a12, x13 * a13
    pairs[2, 0], pairs[2, 1], pairs[2, 2], pairs[2, 3] = x20 * a20, x21 * a21, x22 * a22, x23 * a23
    pairs[3, 0], pairs[3, 1], pairs[3, 2], pairs[3, 3] = x30 * a30, x31 * a31, x32 * a32, x33 * a33


@kernel
def _reestimate(X: Float, posterior: Float, pairs: Float, floor: float, model: Model) -> None:
    """The model that is most likely given the smoothed probabilities."""
    d, T = X.shape
    K = model.start.size
    x, y = X[0], X[d - 1]
    for k in range(K):
        g, gx, gy, gxx, gxy, gyy = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for t in range(T):
            p = posterior[t, k]
            px, py = p * x[t], p * y[t]
            g, gx, gy = g + p, gx + px, gy + py
            gxx, gxy, gyy = gxx + px * x[t], gxy + px * y[t], gyy + py * y[t]
        model.weight[k] = g
        i = 1.0 / g
        mean_x, mean_y = gx * i, gy * i
        model.mean[k, 0] = mean_x
        model.covariance[k, 0, 0] = gxx * i - mean_x * mean_x + floor
        if d == 2:
            model.mean[k, 1] = mean_y
            model.covariance[k, 0, 1] = gxy * i - mean_x * mean_y
            model.covariance[k, 1, 0] = model.covariance[k, 0, 1]
            model.covariance[k, 1, 1] = gyy * i - mean_y * mean_y + floor
        model.start[k] = posterior[0, k]
        i = 1.0 / ((pairs[k, 0] + pairs[k, 1]) + (pairs[k, 2] + pairs[k, 3]))
        for j in range(K):
            model.transition[k, j] = pairs[k, j] * i


@kernel
def maximise(
    X: Float, model: Model, iterations: int, tolerance: float, floor: float, least: float, work: Work
) -> tuple[float, int]:
    """Train a model of 2 to 4 states on bars (d,T), d = 1 or 2, by expectation maximisation, in place.

    Stops when an iteration gains less than `tolerance` in log likelihood, or after `iterations`. `floor` is added
    to each variance at every iteration. Returns the log likelihood of the model as it is left, and the iterations
    made; the likelihood is NaN where it degenerated: a singular covariance, or a state of fewer than `least` bars.
    """
    K = model.start.size
    start, A = np.zeros(MOST_STATES), np.zeros((MOST_STATES, MOST_STATES))
    pairs = np.zeros((MOST_STATES, MOST_STATES))
    log_density, density, scale, posterior, inverse = work
    previous = -np.inf
    for n in range(iterations + 1):
        for k in range(K):
            start[k] = model.start[k]
            for j in range(K):
                A[k, j] = model.transition[k, j]
        if not log_densities(X, model.mean, model.covariance, log_density):
            return np.nan, n
        likelihood = _relative_densities(log_density, K, scale, density)
        likelihood += _forward(density, start, A, posterior, inverse)
        if not np.isfinite(likelihood):
            return np.nan, n
        if n == iterations or likelihood - previous < tolerance:
            return likelihood, n
        previous = likelihood
        _backward(density, A, posterior, inverse, pairs)
        _reestimate(X, posterior, pairs, floor, model)
        for k in range(K):
            if not model.weight[k] >= least:
                return np.nan, n
    return previous, iterations
