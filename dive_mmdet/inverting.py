"""What the detector and the classifier have in common: a frozen generator, and a search that hooks install."""
import torch
from torch import Tensor, nn

from dive_mmdet.inversion import Likelihood, Posterior
from dive_mmdet.registry import HOOKS, MODELS
from dive_mmdet.structures import Inversion


class InvertsGenerator:
    """Mixed into a framework's model, after whose constructor `_install` is called.

    The inverter with its objective and the prior come from hook modules. A config names them in `custom_hooks`, and
    passes the same variables to the model, so that interfaces that run no hooks predict the same.
    """

    def _install(self, backbone: dict, hooks: list[dict]) -> None:
        self.backbone = MODELS.build(backbone).requires_grad_(False)
        self.inverter, self.likelihood, self.prior = None, None, None
        self.prior_weight, self.batch_size = 0.0, 512
        for config in hooks:
            HOOKS.build(config).install(self)

    def install_inverter(self, inverter, likelihood: Likelihood, batch_size: int) -> None:
        """Take the search and the objective from `InversionHook`."""
        self.inverter, self.likelihood, self.batch_size = inverter, likelihood, batch_size

    def install_prior(self, prior: nn.Module, weight: float) -> None:
        """Take the prior from `LayoutPriorHook`."""
        self.prior, self.prior_weight = prior.requires_grad_(False), weight

    def invert(self, batch_inputs: Tensor) -> Inversion:
        """Images (N, 3, H, W) in [-1, 1] -> what the search found.

        Raises:
            RuntimeError: no search was installed.
        """
        if self.inverter is None:
            raise RuntimeError(f'{type(self).__name__} has no inverter: name InversionHook in custom_hooks, or pass '
                               'its config to the model as hooks=[...].')
        with torch.inference_mode(False), torch.no_grad():
            return self.inverter.invert(self.posterior(self.backbone.encode(batch_inputs.clone())))

    def posterior(self, latents: Tensor) -> Posterior:
        """The objective for latents (N, c, h, w): likelihood + weight x prior."""
        return Posterior(self.likelihood, latents, self.prior, self.prior_weight, self.batch_size)

    def extract_feat(self, batch_inputs: Tensor) -> Tensor:
        """Latents of images, (N, 3, H, W) -> (N, c, h, w)."""
        return self.backbone.encode(batch_inputs)
