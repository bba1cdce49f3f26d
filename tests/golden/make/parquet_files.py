"""Writes the small Parquet files of tests/unit/data/parquet with pyarrow: every codec, dictionaries, nested columns, several row groups.

    python tests/golden/make/parquet_files.py      # pyarrow 26
"""
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

here = Path(__file__).resolve().parents[2] / "unit/data/parquet"
here.mkdir(parents=True, exist_ok=True)

rows = [{"id": i, "prompt": f"What is {i} + {i}? 🧀", "response": f"{2 * i}", "score": i / 7 if i % 5 else None} for i in range(40)]
for codec in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]:
    pq.write_table(pa.Table.from_pylist(rows), here / f"{codec}.parquet", compression=codec, row_group_size=16)
pq.write_table(pa.Table.from_pylist(rows), here / "v2.parquet", compression="zstd", data_page_version="2.0", use_dictionary=False, write_page_index=True,
               column_encoding={"id": "DELTA_BINARY_PACKED", "prompt": "DELTA_BYTE_ARRAY", "response": "DELTA_LENGTH_BYTE_ARRAY", "score": "BYTE_STREAM_SPLIT"})

talks = [{"messages": [{"role": "user", "content": f"Question {i}"}, {"role": "assistant", "content": f"Answer {i}"}][: 2 if i % 9 else 1], "at": datetime(2024, 1, 1)} for i in range(20)]
pq.write_table(pa.Table.from_pylist(talks), here / "messages.parquet", compression="zstd", row_group_size=8)

tasks = [{"id": f"Q{i}", "question": f"Which is {i}?", "choices": {"text": ["none", str(i), "all"], "label": ["A", "B", "C"]}, "answerKey": "B"} for i in range(12)]
pq.write_table(pa.Table.from_pylist(tasks), here / "arc.parquet", compression="snappy")

pairs = [{"prompt": f"Q{i}", "chosen": [{"role": "user", "content": f"Q{i}"}, {"role": "assistant", "content": "good"}],
          "rejected": [{"role": "user", "content": f"Q{i}"}, {"role": "assistant", "content": "bad"}]} for i in range(12)]
pq.write_table(pa.Table.from_pylist(pairs), here / "pairs.parquet", compression="snappy")
