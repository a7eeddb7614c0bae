"""Print the two tables of docs/method.md about gaussian_hmm: permuted refits, and accuracy on simulated markets.

    python scripts/regime_tables.py

About four minutes of one processor.
"""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from regimefolio.market import Market, Sample, Simulated
from regimefolio.regimes import GaussianHMM
from regimefolio.testing import accuracy

FEATURES = {"returns": "returns", "returns_and_volatility": "returns and volatility"}
WINDOWS = (None, 2520, 1260)
SEEDS = range(20)
MARKETS = {
    2: {},
    3: {"volatilities": (0.006, 0.012, 0.024), "drifts": (0.0008, 0.0002, -0.0015)},
    4: {"volatilities": (0.005, 0.009, 0.016, 0.03), "drifts": (0.0008, 0.0004, -0.0002, -0.002)},
}
"""States → what differs from the default simulated market."""


def detectors() -> list[GaussianHMM]:
    """Every number of states × features × window."""
    return [
        GaussianHMM(states=states, features=features, window=window, on="index")
        for states, features, window in itertools.product((2, 3, 4), FEATURES, WINDOWS)
    ]


def name(detector: GaussianHMM) -> str:
    """The first three cells of a row."""
    window = "all bars" if detector.window is None else f"{detector.window:,} bars"
    return f"| {detector.states} | {FEATURES[detector.features]} | {window} |"


def main() -> None:
    """Print both tables as Markdown."""
    data = Sample(name="sp500_20").load()
    market = Market(data.panel, data.index)
    print("| states | features | a fit looks back on | refits | permuted | part | labels that stay, mean | least |")
    print("|---|---|---|---|---|---|---|---|")
    for detector in detectors():
        compared = [report.agreement for report in detector.fit_reports(market)[1:]]
        same, permuted = [each.same for each in compared], sum(each.permuted for each in compared)
        part = permuted / len(compared)
        print(f"{name(detector)} {len(compared)} | {permuted} | {part:.1%} | {np.mean(same):.1%} | {min(same):.1%} |")
    print("\n| states | features | a fit looks back on | right | true-parameter filter | ratio |")
    print("|---|---|---|---|---|---|")
    with ThreadPoolExecutor() as pool:
        for detector in detectors():
            sources = [Simulated(seed=seed, assets=1, **MARKETS[detector.states]) for seed in SEEDS]
            found, best = np.mean(list(pool.map(accuracy, itertools.repeat(detector), sources)), axis=0)
            print(f"{name(detector)} {found:.1%} | {best:.1%} | {found / best:.1%} |", flush=True)


if __name__ == "__main__":
    main()
