"""What every fixture script shares: double precision, seeds, spans, log-probs, and writing the files.

Weights are drawn once and stored as float32; everything computed from them is computed in float64, so a golden value
carries no rounding of its own and a test's tolerance measures the engine under test alone.
"""
import importlib.metadata
import inspect
import json
import os
import pathlib
import platform
import re
import sys
import textwrap

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM
from transformers import modeling_rope_utils as rope_utils
from transformers.models.gemma2 import modeling_gemma2 as gemma2
from transformers.models.gemma3 import modeling_gemma3 as gemma3
from transformers.models.llama import modeling_llama as llama
from transformers.models.mistral import modeling_mistral as mistral
from transformers.models.phi3 import modeling_phi3 as phi3
from transformers.models.qwen2 import modeling_qwen2 as qwen2
from transformers.models.qwen3 import modeling_qwen3 as qwen3

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

ROOT = pathlib.Path(__file__).resolve().parent.parent  # tests/golden
PAD = 0  # also <unk>; never drawn as a token of a prompt or completion
VOCAB = 96
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


# --- double precision -------------------------------------------------------------------------------------------------

def _at_double_precision(function):
    """The library's own source of `function`, with its hard-coded float32 casts turned into float64 ones."""
    source = textwrap.dedent(inspect.getsource(function))
    for single, double in (("torch.float32", "torch.float64"), (".float()", ".double()"),
                           ("dtype=torch.float)", "dtype=torch.float64)")):
        source = source.replace(single, double)
    scope = dict(vars(sys.modules[function.__module__]))
    exec(source, scope)
    return scope[function.__name__]


def _casting_functions():
    """(owner, name) of all that casts down to float32: norms, rotations and eager attention of every family."""
    for module in (llama, mistral, qwen2, qwen3, gemma2, gemma3, phi3):
        yield module, "eager_attention_forward"
        for name, value in vars(module).items():
            if inspect.isclass(value) and value.__module__ == module.__name__ and name.endswith(("RMSNorm", "RotaryEmbedding")):
                yield value, "forward"


class double_precision:
    """Inside `with`, models that are built and run compute RMSNorm, RoPE and softmax in float64.

    `model.double()` alone is not enough: transformers casts activations down to float32 in these three places.
    """

    def __enter__(self):
        self.saved = [(owner, name, getattr(owner, name)) for owner, name in _casting_functions()]
        self.saved.append((rope_utils, "_compute_default_rope_parameters", rope_utils._compute_default_rope_parameters))
        self.functions = dict(rope_utils.ROPE_INIT_FUNCTIONS)
        for owner, name, function in self.saved:  # the default rule last: the others then call it by its module name
            setattr(owner, name, _at_double_precision(function))
        rope_utils.ROPE_INIT_FUNCTIONS["default"] = rope_utils._compute_default_rope_parameters
        for kind in ("linear", "dynamic", "yarn", "llama3"):
            rope_utils.ROPE_INIT_FUNCTIONS[kind] = _at_double_precision(self.functions[kind])

    def __exit__(self, *_):
        for owner, name, function in self.saved:
            setattr(owner, name, function)
        rope_utils.ROPE_INIT_FUNCTIONS.update(self.functions)


def load_model(folder, dtype=torch.float64):
    """A model of a folder; float64 ones must be loaded and run inside `double_precision()`."""
    # sdpa, because eager attention casts its softmax to float32; but it knows no soft-cap (Gemma 2).
    attention = "eager" if AutoConfig.from_pretrained(folder).model_type == "gemma2" else "sdpa"
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation=attention).to(dtype)
    inner = model.model
    # `.to(float64)` widens what was computed in float32, so compute it anew: inv_freq under the patch, Gemma 3's √D.
    for rotary in filter(None, (inner.rotary_emb, getattr(inner, "rotary_emb_local", None))):
        rotary.inv_freq = rotary.rope_init_fn(rotary.config, "cpu")[0].to(dtype)
        rotary.original_inv_freq = rotary.inv_freq
        assert rotary.inv_freq.dtype == dtype
    if hasattr(inner.embed_tokens, "embed_scale"):
        inner.embed_tokens.embed_scale = torch.tensor(model.config.hidden_size**0.5, dtype=dtype)
    return model.train()


# --- batches and log-probs --------------------------------------------------------------------------------------------

def draw_tokens(generator, count):
    return torch.randint(3, VOCAB, (count,), generator=generator).tolist()


def pad_right(rows, width=None):
    """Rows of ids -> (input_ids [B, T] int64, attention_mask [B, T] int64)."""
    width = width or max(map(len, rows))
    ids = torch.tensor([row + [PAD] * (width - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    return ids, mask


def completion_mask(start, length, width):
    """[B, T] bool: true at tokens t with start <= t < length."""
    t = torch.arange(width)
    return (t >= torch.tensor(start)[:, None]) & (t < torch.tensor(length)[:, None])


def per_token_logps(logits, ids, mask):
    """[B, T]: entry t is log p(token t | tokens < t), read from logits at t - 1; 0 outside `mask`."""
    logps = logits[:, :-1].log_softmax(-1).gather(-1, ids[:, 1:, None]).squeeze(-1)
    logps = torch.cat([torch.zeros_like(logps[:, :1]), logps], dim=1)
    return torch.where(mask, logps, torch.zeros_like(logps))


# --- writing ----------------------------------------------------------------------------------------------------------

def versions(*packages):
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in packages}}


def write_json(path, value):
    path = ROOT / path
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(value, indent=1, allow_nan=False)
    text = re.sub(r"\[[-+\d.eE,\s]+\]", lambda match: re.sub(r"\s+", " ", match[0]), text)  # a list of numbers on one line
    path.write_text(text + "\n")


def write_tensors(path, tensors):
    """safetensors: ids and spans as I32, gradients rounded to F32 (half the bytes), everything else in its own dtype."""
    path = ROOT / path
    path.parent.mkdir(parents=True, exist_ok=True)
    ready = {}
    for name, tensor in tensors.items():
        dtype = torch.int32 if tensor.dtype == torch.int64 else torch.float32 if "grad." in name else tensor.dtype
        ready[name] = tensor.detach().to(dtype).clone().contiguous()
    save_file(ready, path, metadata={"format": "pt"})
