"""A real TRL DPOTrainer whose own `get_batch_loss_metrics` is called on our batches."""
import tempfile

from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from trl import DPOConfig, DPOTrainer

import torch

from common import VOCAB, completion_mask, pad_right, per_token_logps


def make_trainer(model, beta):
    """The trainer asks for a tokenizer and a data set; both are stand-ins, since batches are given as ids."""
    words = Tokenizer(models.WordLevel({f"t{i}": i for i in range(VOCAB)}, unk_token="t0"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="t0", bos_token="t1", eos_token="t2")
    arguments = DPOConfig(output_dir=tempfile.mkdtemp(), beta=beta, loss_type="sigmoid", use_cpu=True, bf16=False,
                          gradient_checkpointing=False, report_to=[], disable_tqdm=True)
    row = {"prompt": ["t5"], "chosen": [" t6"], "rejected": [" t7"]}
    return DPOTrainer(model=model, args=arguments, train_dataset=Dataset.from_dict(row), processing_class=tokenizer)


def interleave(pairs):
    """Pairs (prompt, chosen, rejected) -> rows of ids [2P], completion starts and lengths; row 2p chosen, 2p+1 rejected."""
    rows = [prompt + completion for prompt, *completions in pairs for completion in completions]
    starts = [len(prompt) for prompt, *completions in pairs for _ in completions]
    return rows, starts, [len(row) for row in rows]


@torch.no_grad()
def reference_logps(model, pairs, width):
    """[2P, T] per-token log-probs of the completions under `model` as it is now."""
    rows, starts, lengths = interleave(pairs)
    ids, attention = pad_right(rows, width)
    return per_token_logps(model(input_ids=ids, attention_mask=attention).logits, ids, completion_mask(starts, lengths, width))


def trl_batch(pairs, ref_logps):
    """TRL's collated batch. ref_logps: [2P, T] per token; TRL takes the sums."""
    batch = {}
    for name, completions in zip(("prompt", "chosen", "rejected"), zip(*pairs)):
        # TRL's collator pads prompts on the left and completions on the right.
        flip = name == "prompt"
        ids, mask = pad_right([row[::-1] if flip else row for row in completions])
        batch[f"{name}_input_ids"], batch[f"{name}_attention_mask"] = (ids.flip(1), mask.flip(1)) if flip else (ids, mask)
    batch["ref_chosen_logps"], batch["ref_rejected_logps"] = ref_logps[0::2].sum(-1), ref_logps[1::2].sum(-1)
    return batch


def trl_loss(trainer, model, batch, beta, consistency):
    """(loss, metrics) by TRL. consistency: a number, or [P] for one C per pair; label_smoothing = 1 - C broadcasts."""
    trainer.beta = beta
    trainer.label_smoothing = 1 - consistency
    return trainer.get_batch_loss_metrics(model, batch)
