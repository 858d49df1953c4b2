"""The prior, as a module of its own."""
from mmengine.hooks import Hook
from torch import nn

from dive_mmdet.checkpoints.untrusted import guard_loading
from dive_mmdet.registry import HOOKS, MODELS

from .unwrapped import install_on


@HOOKS.register_module()
class LayoutPriorHook(Hook):
    """Builds the prior and installs it on the detector before its weights are loaded.

    Args:
        prior: config of the prior.
        weight: of its energy in the objective; 1 in the paper's formula.
    """

    def __init__(self, prior: dict, weight: float = 1.0):
        self.prior, self.weight = prior, weight

    def install(self, model: nn.Module) -> None:
        """Put the prior on a detector."""
        model.install_prior(MODELS.build(self.prior), self.weight)

    def before_run(self, runner) -> None:
        """Called before the Runner loads weights."""
        guard_loading()
        install_on(runner.model, self)
