"""A capture in CSV as Parquet, beside the table of `cargo bench --bench archive`.

    cargo bench --bench archive -- --csv part.csv
    python3 tests/benches/parquet.py part.csv        # needs pyarrow

Everything happens in memory and on one core; zstd at level 3 in each form.
"""

import sys
import time

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

THIRTY_MINUTES = 30 * 60 * 10_000
NUMBERS = ["t_s", "force_n", "stage_mm"]


def timed(work):
    began = time.perf_counter()
    done = work()
    return done, time.perf_counter() - began


def counts(table):
    """The same rows as whole counts of their smallest step, as the compact form keeps them."""
    columns = {"phase": table["phase"]}
    for name in NUMBERS:
        steps = pc.abs(pc.pairwise_diff(table[name].combine_chunks()))
        step = pc.min(steps.filter(pc.greater(steps, 1e-9))).as_py()
        columns[name] = pc.round(pc.divide(table[name], step)).cast(pa.int64())
    return pa.table(columns)


def row(form, table, **settings):
    def write():
        out = pa.BufferOutputStream()
        pq.write_table(table, out, compression="zstd", compression_level=3, **settings)
        return out.getvalue()

    packed, wrote = timed(write)
    again, read = timed(lambda: pq.read_table(pa.BufferReader(packed), use_threads=False))
    assert again.num_rows == table.num_rows
    size, rows = packed.size, table.num_rows
    print(
        f"| {form} | {size / rows:.2f} | {size / rows * THIRTY_MINUTES / 1e6:.0f} MB | {rows / wrote / 1e6:.1f} "
        f"| {rows / wrote / 1e4:.0f} | {rows / read / 1e6:.1f} |"
    )


def main():
    pa.set_cpu_count(1)
    table = pa.csv.read_csv(sys.argv[1])
    as_read = {"use_dictionary": ["phase"]}
    row("Parquet, plain numbers", table, **as_read)
    row("Parquet, byte-stream-split numbers", table, column_encoding=dict.fromkeys(NUMBERS, "BYTE_STREAM_SPLIT"), **as_read)
    packed = dict.fromkeys(NUMBERS, "DELTA_BINARY_PACKED")
    row("Parquet, counts, delta-packed", counts(table), column_encoding=packed, **as_read)
    print(f"pyarrow {pa.__version__}")


main()
