"""Detection by inversion, in mmdet's registry."""
from mmdet.models.detectors import BaseDetector
from mmdet.registry import MODELS as MMDET_MODELS
from mmdet.structures import SampleList
from torch import Tensor

from dive_mmdet.inverting import InvertsGenerator
from dive_mmdet.registry import MODELS


@MMDET_MODELS.register_module()
@MODELS.register_module()
class DIVEDetector(InvertsGenerator, BaseDetector):
    """Finds the layout under which a frozen generator best explains an image (paper, section 3).

    Args:
        backbone: config of the frozen generator.
        bbox_head: config of the head that reads layouts.
        data_preprocessor, init_cfg: as in any detector.
        search: what is searched and how, the keys of `SearchConfig`.
    """

    def __init__(self, backbone: dict, bbox_head: dict, data_preprocessor: dict | None = None,
                 init_cfg: dict | None = None, **search):
        super().__init__(data_preprocessor, init_cfg)
        self._install(backbone, search)
        self.bbox_head = MODELS.build(bbox_head)

    def predict(self, batch_inputs: Tensor, batch_data_samples: SampleList, rescale: bool = True) -> SampleList:
        """Find the layouts that best explain the images.

        Args:
            batch_inputs: images in [-1, 1], (N, 3, H, W).
            batch_data_samples: metas of the N images; ground truth, if any, is ignored.
            rescale: boxes in pixels of the original image instead of the input.
        """
        inversion = self.invert(batch_inputs)
        results = self.bbox_head.decode(inversion, self.backbone.vocabulary, batch_data_samples, rescale)
        self.describe(batch_data_samples, inversion)
        return self.add_pred_to_datasample(batch_data_samples, results)

    def loss(self, batch_inputs: Tensor, batch_data_samples: SampleList):
        """Nothing is trained here.

        Raises:
            RuntimeError: always; it names the configs that train.
        """
        raise RuntimeError('DIVEDetector inverts frozen models and has no loss: train the generator and the prior '
                           'with their own configs.')

    def _forward(self, batch_inputs: Tensor, batch_data_samples: SampleList | None = None) -> Tensor:
        return self.invert(batch_inputs).ids
