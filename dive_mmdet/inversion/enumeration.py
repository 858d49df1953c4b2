"""Diffusion Classifier: the energies of all classes, or of fewer and fewer of them on more and more pairs."""
import torch
from torch import Tensor

from dive_mmdet.registry import MODELS
from dive_mmdet.structures import Inversion

from .class_race import Race, race_classes
from .meter import Meter
from .posterior import Posterior
from .trace import Trace


@MODELS.register_module()
class AdaptiveEnumeration:
    """Compares all classes on a part of the bank, keeps the best, and goes on with those (arXiv 2303.16203, section 3).

    All classes share one bank, and a stage's pairs are among the next one's, so nothing is computed twice; every
    prefix of a bank covers its timesteps. The whole bank decides among the last ones; where a stage leaves one alone,
    nothing is left to decide, and energies are those of its pairs.

    A dropped class ranks below every class kept, by its energy in the stage that dropped it; in
    `Inversion.class_energy` it stands that much above the worst kept one.

    Args:
        race: how classes are compared, the keys of `Race`.
        max_nfe: evaluations an image may cost; a stage that cannot be paid is not asked.

    Raises:
        ValueError: stages that do not narrow, or (when inverting) a bank, a vocabulary or a budget that they do not
            fit.
    """

    def __init__(self, race: dict, max_nfe: float = float('inf')):
        self.race, self.max_nfe = Race.of(race), max_nfe

    def invert(self, posterior: Posterior) -> Inversion:
        """The class of the lowest energy of each of N images."""
        num_pairs, num_classes = posterior.num_pairs, len(posterior.vocabulary.class_ids)
        if posterior.vocabulary.has_objects:
            raise ValueError('Layouts are too many to enumerate: use LayoutInverter or GradientInverter.')
        self._require_fit(num_pairs, num_classes)
        meter, trace = Meter(posterior, self.max_nfe), Trace(posterior)
        classes = self._compared(posterior)
        energy = race_classes(posterior, meter, classes, self.race.stages(num_pairs, classes.shape[1]), trace)
        by_id = torch.full((len(posterior), num_classes), float('inf')).scatter(1, classes, energy)
        return Inversion(ids=by_id.argmin(dim=1, keepdim=True), energy=by_id.amin(dim=1), nfe=posterior.nfe.clone(),
                         trace=trace.courses, class_energy=posterior.vocabulary.by_class(by_id))

    def most_nfe(self, num_pairs: int, num_classes: int) -> float:
        """Evaluations that an image costs at most."""
        return min(self.max_nfe, sum(self._nfe(num_pairs, num_classes)))

    def _nfe(self, num_pairs: int, num_classes: int) -> list[int]:
        """Evaluations that each stage costs at most, with what comes before them in the first."""
        return self.race.nfe(num_pairs, num_classes)

    def _compared(self, posterior: Posterior) -> Tensor:
        """(N, M): the classes that the race compares."""
        return posterior.vocabulary.class_ids.repeat(len(posterior), 1)

    def _require_fit(self, num_pairs: int, num_classes: int) -> None:
        self.race.require_fit(num_pairs, num_classes)
        least = self._nfe(num_pairs, num_classes)[0]
        if self.max_nfe < least:
            raise ValueError(f'A budget of max_nfe={self.max_nfe} does not pay for the first comparison, which costs '
                             f'{least} evaluations: raise it, or compare on fewer pairs first.')


@MODELS.register_module()
class ExhaustiveEnumeration(AdaptiveEnumeration):
    """The energies of all classes on the whole bank."""

    def __init__(self):
        super().__init__({})
