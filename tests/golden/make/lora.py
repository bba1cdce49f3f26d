"""LoRA adapters with random, non-zero A and B, drawn in float32 so that they can be stored exactly."""
import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict

from common import LINEARS

RANK, ALPHA = 4, 8


def lora_config():
    return LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, bias="none", task_type="CAUSAL_LM", target_modules=sorted(LINEARS))


def attach_lora(model):
    """Wraps `model` (changing it in place, as PEFT does); every parameter except A and B is frozen."""
    peft_model = get_peft_model(model, lora_config(), autocast_adapter_dtype=False)
    return peft_model.to(model.dtype).train()


def draw_lora(peft_model, generator, scale_b):
    """{peft key: float32}: A ~ N(0, 1/sqrt(in)), B ~ N(0, scale_b). Keys as adapter_model.safetensors has them."""
    weights = {}
    for key, tensor in sorted(get_peft_model_state_dict(peft_model).items()):
        std = tensor.shape[1] ** -0.5 if "lora_A" in key else scale_b
        weights[key] = torch.randn(tensor.shape, generator=generator, dtype=torch.float32) * std
    return weights


def set_lora(peft_model, weights):
    dtype = next(peft_model.parameters()).dtype
    result = set_peft_model_state_dict(peft_model, {key: value.to(dtype) for key, value in weights.items()})
    assert not result.unexpected_keys


def lora_gradients(peft_model):
    """{peft key: gradient}; the adapter's name ('default'), which PEFT leaves out of files, is left out too."""
    return {name.replace(".default.", "."): parameter.grad
            for name, parameter in peft_model.named_parameters() if parameter.requires_grad}


def lora_weights(peft_model):
    return {key: value.detach().clone() for key, value in get_peft_model_state_dict(peft_model).items()}
