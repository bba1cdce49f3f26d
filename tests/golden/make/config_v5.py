"""config-v5/<name>.json: the same configurations as transformers 5 writes them (RoPE's settings moved to rope_parameters).

Needs transformers 5, so it runs in an environment of its own, and imports nothing of its neighbours.
"""
import pathlib
import tempfile

from transformers import AutoConfig

ROOT = pathlib.Path(__file__).resolve().parent.parent

for folder in sorted([*(ROOT / "llama").iterdir(), *(ROOT / "families").iterdir()]):
    with tempfile.TemporaryDirectory() as scratch:
        AutoConfig.from_pretrained(folder).save_pretrained(scratch)
        (ROOT / "config-v5").mkdir(exist_ok=True)
        (ROOT / "config-v5" / f"{folder.name}.json").write_bytes((pathlib.Path(scratch) / "config.json").read_bytes())
