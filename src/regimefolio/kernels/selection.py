"""Finding a value by its rank, without sorting."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from regimefolio.kernels._compile import kernel


@kernel
def smallest(values: NDArray[np.float64], rank: int) -> float:
    """The value of a rank, from 0 on, among values without NaN.

    They are reordered: none before the rank is larger, none after it smaller. Source: Hoare (1961), Algorithm 65, Find.
    """
    low, high = 0, values.size - 1
    while low < high:
        pivot = values[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if rank <= j:
            high = j
        elif rank >= i:
            low = i
        else:
            break
    return values[rank]
