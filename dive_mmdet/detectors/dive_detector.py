"""Detection by inversion, in mmdet's registry."""
import torch
from mmdet.models.detectors import BaseDetector
from mmdet.registry import MODELS as MMDET_MODELS
from mmdet.structures import SampleList
from torch import Tensor, nn

from dive_mmdet.inversion import Likelihood, Posterior
from dive_mmdet.registry import HOOKS, MODELS
from dive_mmdet.structures import Inversion


@MMDET_MODELS.register_module()
@MODELS.register_module()
class DIVEDetector(BaseDetector):
    """Finds the layout under which a frozen generator best explains an image (paper, section 3).

    The inverter with its objective and the prior come from hook modules. A config names them in `custom_hooks`, and
    passes the same variables here, so that interfaces that run no hooks predict the same.

    Args:
        backbone: config of the frozen generator.
        bbox_head: config of the head that reads layouts.
        hooks: configs of `InversionHook` and `LayoutPriorHook`, installed at once.
        data_preprocessor, init_cfg: as in any detector.
    """

    def __init__(self, backbone: dict, bbox_head: dict, hooks: list[dict] = (), data_preprocessor: dict | None = None,
                 init_cfg: dict | None = None):
        super().__init__(data_preprocessor, init_cfg)
        self.backbone = MODELS.build(backbone).requires_grad_(False)
        self.bbox_head = MODELS.build(bbox_head)
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

    def predict(self, batch_inputs: Tensor, batch_data_samples: SampleList, rescale: bool = True) -> SampleList:
        """Find the layouts that best explain the images.

        Args:
            batch_inputs: images in [-1, 1], (N, 3, H, W).
            batch_data_samples: metas of the N images; ground truth, if any, is ignored.
            rescale: boxes in pixels of the original image instead of the input.
        """
        inversion = self.invert(batch_inputs)
        results = self.bbox_head.decode(inversion, self.backbone.vocabulary, batch_data_samples, rescale)
        for sample, nfe, found in zip(batch_data_samples, inversion.nfe.tolist(), inversion.per_image()):
            sample.set_metainfo(dict(nfe=nfe, inversion=found))
        return self.add_pred_to_datasample(batch_data_samples, results)

    def invert(self, batch_inputs: Tensor) -> Inversion:
        """Images (N, 3, H, W) in [-1, 1] -> what the search found."""
        if self.inverter is None:
            raise RuntimeError('DIVEDetector has no inverter: name InversionHook in custom_hooks, or pass its config '
                               'to the model as hooks=[...].')
        with torch.inference_mode(False), torch.no_grad():
            return self.inverter.invert(self.posterior(self.backbone.encode(batch_inputs.clone())))

    def posterior(self, latents: Tensor) -> Posterior:
        """The objective for latents (N, c, h, w): likelihood + weight x prior."""
        return Posterior(self.likelihood, latents, self.prior, self.prior_weight, self.batch_size)

    def loss(self, batch_inputs: Tensor, batch_data_samples: SampleList):
        """Nothing is trained here.

        Raises:
            RuntimeError: always; it names the configs that train.
        """
        raise RuntimeError('DIVEDetector inverts frozen models and has no loss: train the generator and the prior '
                           'with their own configs.')

    def extract_feat(self, batch_inputs: Tensor) -> Tensor:
        """Latents of images, (N, 3, H, W) -> (N, c, h, w)."""
        return self.backbone.encode(batch_inputs)

    def _forward(self, batch_inputs: Tensor, batch_data_samples: SampleList | None = None) -> Tensor:
        return self.invert(batch_inputs).ids
