"""Tokens and evidence -> boxes, labels, scores."""
from dataclasses import dataclass

import torch
from mmcv.ops import batched_nms
from mmengine.model import BaseModule
from mmengine.structures import BaseDataElement, InstanceData
from torch import Tensor

from dive_mmdet.checkpoints.loading import require_all_weights
from dive_mmdet.layout import LayoutTokenizer
from dive_mmdet.layout.vocabulary import CLASS, LayoutVocabulary
from dive_mmdet.moved import refuse
from dive_mmdet.registry import MODELS
from dive_mmdet.structures import Inversion

from .calibration import fit_choice, fit_logistic


@dataclass
class FoundObjects:
    """The valid objects of one image.

    Attributes:
        boxes: (k, 4) normalised.
        labels: (k,) as found.
        evidence: (k,) of the found class.
        class_evidence: (k, M) of every class id.
    """
    boxes: Tensor
    labels: Tensor
    evidence: Tensor
    class_evidence: Tensor


@MODELS.register_module()
class LayoutHead(BaseModule):
    """Reads the objects of found layouts; nothing here looks at the image.

    A score is P(an object is there) x P(class | an object is there). The first is a logistic function of how much the
    object explains, the second a softmax of how much it would explain as each class; both are calibrated on training
    scenes, and the coefficients are buffers that travel with the weights.

    Args:
        labels_per_object: detections that an object gives: its found label, then the most probable others.
        nms_iou: of two detections of a class that overlap more, the one of the lower score goes.
        init_cfg: as in any BaseModule.
    """
    num_features, num_class_features = 4, 2

    def __init__(self, labels_per_object: int = 3, nms_iou: float = 0.5, init_cfg: dict | None = None, **unknown):
        refuse('LayoutHead', unknown, dict(duplicate_iou='`model.bbox_head.nms_iou`'))
        super().__init__(init_cfg)
        if labels_per_object < 1:
            raise ValueError(f'An object needs a label: give labels_per_object >= 1, got {labels_per_object}.')
        self.labels_per_object, self.nms_iou = labels_per_object, nms_iou
        self.register_buffer('calibration_weight', torch.tensor([1.0, 0.0, 0.0, 0.0]))
        self.register_buffer('calibration_bias', torch.zeros(()))
        self.register_buffer('feature_mean', torch.zeros(self.num_features))
        self.register_buffer('feature_std', torch.ones(self.num_features))
        self.register_buffer('class_weight', torch.tensor([0.0, 20.0]))
        self.register_buffer('class_scale', torch.ones(()))
        require_all_weights(self, 'the calibration of the head')

    @staticmethod
    def features(found: FoundObjects) -> Tensor:
        """What P(an object is there) is made of, (k, 4).

        log evidence, log evidence an area, log class margin (evidence of the best class minus that of the next), and
        the margin's share of the evidence.
        """
        evidence = found.evidence.double().clamp(min=1e-8)
        area = (found.boxes[:, 2:] - found.boxes[:, :2]).double().prod(dim=1).clamp(min=1e-6)
        best = found.class_evidence.double().topk(min(2, found.class_evidence.shape[1]), dim=1).values
        margin = best[:, 0] - best[:, 1] if best.shape[1] > 1 else evidence
        margin = torch.minimum(margin.clamp(min=1e-8), evidence)
        return torch.stack([evidence.log(), (evidence / area).log(), margin.log(), margin / evidence], dim=1).float()

    @staticmethod
    def class_features(found: FoundObjects) -> Tensor:
        """What P(class | an object is there) is made of, (k, M, 2), not above 0.

        By how much less a class explains than the best one does, in energy and as a share of the evidence.
        """
        worse = (found.class_evidence - found.class_evidence.amax(dim=1, keepdim=True)).double()
        return torch.stack([worse, worse / found.evidence.double().clamp(min=1e-8)[:, None]], dim=2)

    def scores(self, features: Tensor) -> Tensor:
        """Probability that an object is there, (k, F) -> (k,) in [0, 1]."""
        standard = (features - self.feature_mean.cpu()) / self.feature_std.cpu()
        return torch.sigmoid(standard @ self.calibration_weight.cpu() + self.calibration_bias.cpu())

    def class_probabilities(self, class_features: Tensor, vocabulary: LayoutVocabulary) -> Tensor:
        """P(label | an object is there), (k, M, 2) -> (k, C); the class ids that mean a label are summed."""
        logits = self._scaled(class_features.double()) @ self.class_weight.double().cpu()
        by_label = torch.zeros(len(logits), vocabulary.num_labels, dtype=torch.float64)
        return by_label.index_add(1, vocabulary.class_labels, logits.softmax(dim=1)).float()

    def calibrate(self, features: Tensor, there: Tensor, class_features: Tensor, labels: Tensor,
                  l2: float = 1e-2) -> tuple[float, float]:
        """Fit both probabilities.

        Args:
            features: (n, F) of found objects.
            there: (n,) bool, whether an annotated object is at that place.
            class_features: (m, M, 2) of found objects at the place of an annotated one.
            labels: (m,) annotated labels of those.
            l2: weight of the squared coefficients.

        Returns:
            mean negative log-likelihoods of the two.

        Raises:
            ValueError: all objects are right, or all wrong.
        """
        mean, std = features.double().mean(dim=0), features.double().std(dim=0).clamp(min=1e-6)
        weight, bias, loss = fit_logistic((features.double() - mean) / std, there, l2)
        scale = class_features[..., 0].abs().mean().clamp(min=1e-12) if len(class_features) else torch.ones(())
        self.class_scale.copy_(scale)
        class_weight, class_loss = fit_choice(self._scaled(class_features), labels, l2)
        for buffer, value in ((self.calibration_weight, weight), (self.calibration_bias, bias),
                              (self.feature_mean, mean), (self.feature_std, std), (self.class_weight, class_weight)):
            buffer.copy_(value)
        return loss, class_loss

    def objects(self, inversion: Inversion, image: int, vocabulary: LayoutVocabulary) -> FoundObjects:
        """Objects of one image whose corners exist and span an area."""
        ids = inversion.ids[image].cpu()
        layout = LayoutTokenizer(vocabulary).decode(ids)
        corners_exist = (vocabulary.objects(ids)[layout.slots, 1:] < vocabulary.num_corners).all(dim=1)
        valid = (layout.boxes[:, 2:] > layout.boxes[:, :2]).all(dim=1) & corners_exist
        slots = layout.slots[valid]
        labels = vocabulary.class_labels[vocabulary.class_places(vocabulary.objects(ids)[slots, CLASS])]
        return FoundObjects(layout.boxes[valid], labels, inversion.evidence[image, slots],
                            inversion.class_evidence[image, slots])

    def decode(self, inversion: Inversion, vocabulary: LayoutVocabulary, data_samples: list[BaseDataElement],
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
            found = self.objects(inversion, image, vocabulary)
            which, labels, scores = self._detections(found, vocabulary)
            boxes = (found.boxes[which] * extent(sample, rescale) + corner(sample, rescale)).float()
            results.append(InstanceData(bboxes=boxes, labels=labels, scores=scores))
        return results

    def _detections(self, found: FoundObjects, vocabulary: LayoutVocabulary) -> tuple[Tensor, Tensor, Tensor]:
        """Index of the object, label and score of each detection, (d,) each, object by object."""
        probabilities = self.class_probabilities(self.class_features(found), vocabulary)
        count = vocabulary.num_labels
        own = 2 * torch.nn.functional.one_hot(found.labels, count)  # first, whatever the probabilities
        labels = (probabilities + own).topk(min(self.labels_per_object, count), dim=1).indices            # (k, m)
        scores = (self.scores(self.features(found))[:, None] * probabilities.gather(1, labels)).flatten()
        which = torch.arange(len(labels)).repeat_interleave(labels.shape[1])
        corners = found.boxes[which] * (vocabulary.grid - 1)  # whole numbers, exact in float32
        keep = self._without_duplicates(corners, labels.flatten(), scores)
        return which[keep], labels.flatten()[keep], scores[keep]

    def _without_duplicates(self, boxes: Tensor, labels: Tensor, scores: Tensor) -> Tensor:
        """Places of the detections that stay, in order."""
        if not len(boxes):
            return torch.arange(0)
        kept = batched_nms(boxes.float(), scores.float(), labels, dict(type='nms', iou_threshold=self.nms_iou))[1]
        return kept.sort().values

    def _scaled(self, class_features: Tensor) -> Tensor:
        return class_features / torch.stack([self.class_scale.double().cpu(), torch.ones((), dtype=torch.float64)])


def extent(sample: BaseDataElement, rescale: bool) -> Tensor:
    """Width and height, twice, of what the generator saw, in pixels of the original image or of the input, (4,)."""
    crop = sample.get('crop_box')
    if rescale and crop is not None:
        return torch.tensor([crop[2] - crop[0], crop[3] - crop[1]] * 2)
    height, width = (sample.ori_shape if rescale else sample.img_shape)[:2]
    return torch.tensor([width, height] * 2)


def corner(sample: BaseDataElement, rescale: bool) -> Tensor:
    """Where its top left lies, x and y twice, (4,)."""
    crop = sample.get('crop_box')
    return torch.tensor([0, 0, 0, 0] if crop is None or not rescale else [*crop[:2]] * 2)
