"""A table that is written in parts, as one that was written at once: a large one need not fit into memory."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

ROW_GROUP = 1024 * 1024
"""Rows that a file keeps together, as pandas writes them."""


class ParquetParts:
    """A Parquet file; use it in a `with` block.

    The file is byte for byte what `to_parquet(index=False)` of all parts together makes, if they have the
    same columns and types.
    """

    def __init__(self, path: Path) -> None:
        """Name the file, which the first part begins."""
        self._path = path
        self._writer: parquet.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []

    def __enter__(self) -> ParquetParts:
        """Nothing is to be prepared."""
        return self

    def write(self, part: pd.DataFrame) -> None:
        """Append rows; the index is left out."""
        table = pa.Table.from_pandas(part, preserve_index=False)
        if self._writer is None:
            self._writer = parquet.ParquetWriter(self._path, table.schema)
        self._waiting.append(table)
        while sum(table.num_rows for table in self._waiting) > ROW_GROUP:
            self._write_rows(ROW_GROUP)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is left."""
        if self._writer is not None:
            with self._writer:
                if error is None:
                    self._write_rows(ROW_GROUP)

    def _write_rows(self, n: int) -> None:
        """Write the first `n` rows that wait, together."""
        assert self._writer is not None
        waiting = pa.concat_tables(self._waiting)
        self._waiting = [waiting.slice(n)]
        part, columns = waiting.slice(0, n), []
        del waiting
        while part.num_columns:
            # Pages end where chunks do, so there must be one chunk only; column by column needs less memory.
            columns.append(part.column(0).combine_chunks())
            part = part.remove_column(0)
        self._writer.write_table(pa.Table.from_arrays(columns, schema=self._writer.schema), row_group_size=n)
