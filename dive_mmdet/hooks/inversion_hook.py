"""The search, as a module of its own."""
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch import nn

from dive_mmdet.inversion import Likelihood
from dive_mmdet.registry import HOOKS, MODELS


@HOOKS.register_module()
class InversionHook(Hook):
    """Builds the inverter and its objective and installs them on the detector before its weights are loaded.

    Args:
        inverter: config of `ProposalInverter`, `GradientInverter` or another with `invert(posterior)`.
        objective: arguments of `Likelihood` but the generator.
        batch_size: network evaluations at once.
    """

    def __init__(self, inverter: dict, objective: dict, batch_size: int = 512):
        self.inverter, self.objective, self.batch_size = inverter, objective, batch_size

    def install(self, model: nn.Module) -> None:
        """Put the search on a detector."""
        model.install_inverter(MODELS.build(self.inverter), Likelihood(model.backbone, **self.objective),
                               self.batch_size)

    def before_run(self, runner) -> None:
        """Called before the Runner loads weights."""
        self.install(runner.model.module if is_model_wrapper(runner.model) else runner.model)
