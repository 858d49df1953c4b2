"""Tokens and evidence -> boxes, labels, scores."""
import torch
from mmdet.structures import DetDataSample
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from torch import Tensor, nn

from dive_mmdet.diffusion.loading import require_all_weights
from dive_mmdet.layout import LayoutTokenizer
from dive_mmdet.layout.vocabulary import LayoutVocabulary
from dive_mmdet.registry import MODELS
from dive_mmdet.structures import Inversion


@MODELS.register_module()
class LayoutHead(BaseModule):
    """Reads the objects of found layouts; nothing here looks at the image.

    The score is a logistic function of how much an object explains, calibrated on training scenes; its coefficients
    are buffers and travel with the weights.

    Args:
        duplicate_iou: of two objects of the same class that overlap more, the one of less evidence goes.
        init_cfg: as in any BaseModule.
    """
    num_features = 4

    def __init__(self, duplicate_iou: float = 0.5, init_cfg: dict | None = None):
        super().__init__(init_cfg)
        self.duplicate_iou = duplicate_iou
        self.register_buffer('calibration_weight', torch.tensor([1.0, 0.0, 0.0, 0.0]))
        self.register_buffer('calibration_bias', torch.zeros(()))
        self.register_buffer('feature_mean', torch.zeros(self.num_features))
        self.register_buffer('feature_std', torch.ones(self.num_features))
        require_all_weights(self, 'the calibration of the head')

    @staticmethod
    def features(evidence: Tensor, margin: Tensor, boxes: Tensor) -> Tensor:
        """What the score is made of, (k,), (k,), (k, 4) normalised -> (k, 4).

        log evidence, log evidence an area, log class margin, and the margin's share of the evidence.
        """
        evidence = evidence.double().clamp(min=1e-8)
        margin = margin.double().clamp(min=1e-8)
        area = (boxes[:, 2:] - boxes[:, :2]).double().prod(dim=1).clamp(min=1e-6)
        margin = torch.minimum(margin, evidence)
        return torch.stack([evidence.log(), (evidence / area).log(), margin.log(), margin / evidence], dim=1).float()

    def scores(self, features: Tensor) -> Tensor:
        """Probability that an object is right, (k, F) -> (k,) in (0, 1)."""
        standard = (features - self.feature_mean.cpu()) / self.feature_std.cpu()
        return torch.sigmoid(standard @ self.calibration_weight.cpu() + self.calibration_bias.cpu())

    def calibrate(self, features: Tensor, correct: Tensor, l2: float = 1e-2) -> float:
        """Fit the logistic function, (n, F) and (n,) bool; returns the mean negative log-likelihood.

        Raises:
            ValueError: all objects are right, or all wrong.
        """
        correct = correct.double()
        if not 0 < float(correct.mean()) < 1:
            raise ValueError('Calibration needs right and wrong objects: use more or harder training scenes.')
        mean, std = features.double().mean(dim=0), features.double().std(dim=0).clamp(min=1e-6)
        standard = (features.double() - mean) / std
        weight = torch.zeros(self.num_features, dtype=torch.float64, requires_grad=True)
        bias = torch.zeros((), dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn='strong_wolfe')

        def likelihood():
            return nn.functional.binary_cross_entropy_with_logits(standard @ weight + bias, correct)

        def closure():
            optimizer.zero_grad()
            objective = likelihood() + l2 * weight.square().sum()
            objective.backward()
            return objective
        with torch.enable_grad():
            optimizer.step(closure)
        for buffer, value in ((self.calibration_weight, weight), (self.calibration_bias, bias),
                              (self.feature_mean, mean), (self.feature_std, std)):
            buffer.copy_(value.detach())
        return float(likelihood().detach())

    def objects(self, inversion: Inversion, image: int, vocabulary: LayoutVocabulary):
        """Valid objects of one image without duplicates: boxes (k, 4) normalised, labels (k,), features (k, F)."""
        layout = LayoutTokenizer(vocabulary).decode(inversion.ids[image].cpu())
        evidence, margin = inversion.evidence[image, layout.slots], inversion.margin[image, layout.slots]
        corners_exist = (vocabulary.objects(inversion.ids[image].cpu())[layout.slots, 1:] < vocabulary.num_corners)
        valid = (layout.boxes[:, 2:] > layout.boxes[:, :2]).all(dim=1) & corners_exist.all(dim=1)
        keep = self._without_duplicates(layout.boxes, layout.labels, evidence, valid.nonzero()[:, 0].tolist())
        boxes = layout.boxes[keep]
        return boxes, layout.labels[keep], self.features(evidence[keep], margin[keep], boxes)

    def decode(self, inversion: Inversion, vocabulary: LayoutVocabulary, data_samples: list[DetDataSample],
               rescale: bool = True) -> list[InstanceData]:
        """Detections of N images.

        Args:
            inversion: of the N images.
            vocabulary: of the layouts.
            data_samples: metas of the images; ground truth, if any, is ignored.
            rescale: boxes in pixels of the original image instead of the input.
        """
        results = []
        for image, sample in enumerate(data_samples):
            boxes, labels, features = self.objects(inversion, image, vocabulary)
            height, width = (sample.ori_shape if rescale else sample.img_shape)[:2]
            results.append(InstanceData(
                bboxes=(boxes * torch.tensor([width, height] * 2)).float(), labels=labels,
                scores=self.scores(features)))
        return results

    def _without_duplicates(self, boxes: Tensor, labels: Tensor, evidence: Tensor, candidates: list[int]) -> list[int]:
        kept: list[int] = []
        for index in sorted(candidates, key=lambda i: -float(evidence[i])):
            rivals = [other for other in kept if labels[other] == labels[index]]
            if all(box_iou(boxes[index], boxes[other]) <= self.duplicate_iou for other in rivals):
                kept.append(index)
        return sorted(kept)


def box_iou(a: Tensor, b: Tensor) -> float:
    """IoU of two boxes, (4,), (4,)."""
    shared = (torch.minimum(a[2:], b[2:]) - torch.maximum(a[:2], b[:2])).clamp(min=0).prod()
    return float(shared / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - shared))
