"""What a decision at each bar came to, where that is known."""

from __future__ import annotations

import numpy as np

from regimefolio.core.types import Float, Panel, last_seen
from regimefolio.market.fill import fill_prices


def realised(panel: Panel, horizon: int, first: int = 0) -> Float:
    """Returns of each asset from the fill that follows a bar to the bar `horizon` bars later, from bar `first` on.

    Fills are at opens where the data has them, else at closes; where an asset lacks the last bar, its last price since
    `first` counts.

    Returns
    -------
    ndarray of shape (max(T - 1 - horizon - first, 0), N)
        Of the bars for which it is over; NaN where there was no fill.
    """
    price = fill_prices(panel, "next_close" if panel.open is None else "next_open")[first:]
    sold = price[1 + horizon :]
    sold = np.where(np.isfinite(sold), sold, last_seen(panel.close[first:])[1 + horizon :])
    returns: Float = sold / price[1 : 1 + len(sold)] - 1.0
    return returns
