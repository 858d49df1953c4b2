"""The detector itself, whatever a Runner has wrapped around it."""
from mmengine.model import BaseTTAModel, is_model_wrapper
from torch import nn


def unwrapped(model: nn.Module) -> nn.Module:
    """The model in wrappers of distributed runs and of test-time augmentation."""
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.module
    return model


def install_on(model: nn.Module, hook) -> None:
    """Let a hook install its part, on the device where the model lies already."""
    model = unwrapped(model)
    device = next(model.parameters()).device
    hook.install(model)
    model.to(device)
