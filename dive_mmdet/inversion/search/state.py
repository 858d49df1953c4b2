"""Where a search stands: the layouts of its images, what they cost, and the one place where a change is accepted."""
import torch
from torch import Tensor

from dive_mmdet.inversion.meter import Meter
from dive_mmdet.inversion.posterior import Posterior
from dive_mmdet.layout.vocabulary import CLASS

UNKNOWN_COST = 1000.0  # more than any energy: an object of unknown class is no answer


class SearchState:
    """Layouts of B images with their energies and the maps of their errors.

    Args:
        posterior: of the images.
        meter: asked before evaluations are made.
        images: (B,) which image each row belongs to.
        ids: (B, L) layouts to start from; each costs one evaluation a pair.
        object_cost: energy that an object must be worth.
        pairs: Q, first pairs of the bank, on which layouts are judged.
        joint: whether questions about objects that lie apart share layouts.
    """

    def __init__(self, posterior: Posterior, meter: Meter, images: Tensor, ids: Tensor, *, object_cost: float,
                 pairs: int, joint: bool = True):
        self.posterior, self.vocabulary, self.meter = posterior, posterior.vocabulary, meter
        self.images, self.ids, self.object_cost, self.joint = images, ids.clone(), object_cost, joint
        # Objects that must be judged should this branch be refused, (B,).
        self.otherwise = torch.zeros(len(ids), dtype=torch.long)
        self.maps = posterior.error_maps(images, ids, torch.arange(pairs))            # (B, Q, h, w)
        self.energy = self._energy()

    def __len__(self) -> int:
        """B."""
        return len(self.ids)

    @property
    def pairs(self) -> int:
        """Q."""
        return self.maps.shape[1]

    @property
    def shape(self) -> tuple[int, int]:
        """(h, w) of the maps."""
        return tuple(self.maps.shape[2:])

    @property
    def objects(self) -> Tensor:
        """How many each layout has, (B,)."""
        return self.vocabulary.is_present(self.ids).sum(dim=1)

    @property
    def unknown(self) -> Tensor:
        """Which objects are of unknown class, (B, K) bool."""
        return self.vocabulary.objects(self.ids)[..., CLASS] == self.vocabulary.any_class

    @property
    def cost(self) -> Tensor:
        """What a search lowers: the energy, what the objects must be worth, and classes still unknown; (B,) float64."""
        return self.energy.double() + self.object_cost * self.objects + UNKNOWN_COST * self.unknown.sum(dim=1)

    def pays(self, rows: Tensor, cost: Tensor | int, growth: Tensor | int = 0) -> Tensor:
        """Whether rows can pay for evaluations, and for judging so many objects more, (R,) -> (R,) bool."""
        return self.meter.pays(self.images[rows], cost, torch.maximum(self.objects[rows] + growth,
                                                                      self.otherwise[rows]))

    def branch(self, rows: Tensor, ids: Tensor) -> 'SearchState':
        """Other layouts (R, L) of some rows, which do not change this state; Q evaluations a row."""
        other = SearchState(self.posterior, self.meter, self.images[rows], ids, object_cost=self.object_cost,
                            pairs=self.pairs, joint=self.joint)
        other.otherwise = torch.maximum(self.objects, self.otherwise)[rows]
        return other

    def accept(self, rows: Tensor, other: 'SearchState') -> Tensor:
        """Take over the layouts of a branch where they cost less, (R,) -> (R,) bool; row r is the branch's row r."""
        better = other.cost < self.cost[rows]
        which = rows[better]
        self.ids[which], self.energy[which] = other.ids[better], other.energy[better]
        self.maps[which.to(self.maps.device)] = other.maps[better.to(self.maps.device)]
        return better

    def extend(self, pairs: int) -> None:
        """Judge on the first `pairs` of the bank from now on."""
        more = self.posterior.error_maps(self.images, self.ids, torch.arange(self.pairs, pairs))
        self.maps = torch.cat([self.maps, more], dim=1)
        self.energy = self._energy()

    def _energy(self) -> Tensor:
        return self.maps.mean(dim=(1, 2, 3)).cpu() + self.posterior.prior_energy(self.ids)
