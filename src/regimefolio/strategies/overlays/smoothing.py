"""One bar's opinion is noise; what the last bars agree on is less so."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from regimefolio.core.types import Bool, Float32, SignalBuffer, Signals, read_only
from regimefolio.kernels._compile import kernel
from regimefolio.market.view import Market
from regimefolio.strategies.overlays.base import Overlay


class Smoothing(Overlay, kind="smoothing"):
    """Replaces each opinion by the consensus of an asset's last bars.

    With a and c the alphas and confidences at the asset's last `window` own bars, a bar without opinion counting 0:
    alpha = Σ a / window and confidence = |Σ c · sign(a)| / window, the mean confidence where all of them speak and
    agree, less the more they are silent or contradict each other. Where the mean alpha and the net belief Σ c · sign(a)
    point to different sides, or one of them is 0, there is no consensus: no opinion.
    """

    window: int = Field(3, ge=1, description="bars of the asset's own, the newest included")

    @property
    def warmup(self) -> int:
        return self.window - 1

    def apply(self, signals: Signals, market: Market, out: SignalBuffer) -> None:
        present = read_only(np.isfinite(market.panel.close))
        _consensus(signals.alpha, signals.confidence, present, self.window, out.alpha, out.confidence)


@kernel
def _consensus(
    alpha: Float32, confidence: Float32, present: Bool, window: int, out_alpha: Float32, out_confidence: Float32
) -> None:
    """Sums are taken anew from the last `window` own bars at every bar, so that no rounding is carried along."""
    bars, assets = alpha.shape
    ring_alpha, ring_belief = np.zeros((window, assets)), np.zeros((window, assets))
    seen = np.zeros(assets, np.int64)
    for t in range(bars):
        for n in range(assets):
            out_alpha[t, n] = np.float32(0.0)
            out_confidence[t, n] = np.float32(0.0)
            if not present[t, n]:
                continue
            at = seen[n] % window
            seen[n] += 1
            ring_alpha[at, n] = alpha[t, n]
            ring_belief[at, n] = np.sign(alpha[t, n]) * np.float64(confidence[t, n])
            if seen[n] < window:
                continue
            mean, belief = 0.0, 0.0
            for k in range(1, window + 1):  # from the oldest to the newest
                mean += ring_alpha[(at + k) % window, n]
                belief += ring_belief[(at + k) % window, n]
            a, c = np.float32(mean / window), np.float32(abs(belief) / window)
            if mean * belief > 0.0 and a != np.float32(0.0) and c > np.float32(0.0):
                out_alpha[t, n] = a
                out_confidence[t, n] = c
