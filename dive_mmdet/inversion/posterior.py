"""The objective of an inversion: likelihood + weight x prior, for a batch of images."""
from collections.abc import Callable

import torch
from torch import Tensor, nn

from .cache import EnergyCache
from .finite import finite
from .likelihood import Likelihood


class Posterior:
    """Energies of layouts under the images of one batch.

    Everything that an inverter learns about an image comes from here, and here from the frozen generator alone.

    Args:
        likelihood: -log p(x | layout) on a fixed bank.
        latents: (N, c, h, w) of the images.
        prior: -log p(layout), a module with `energy(rows) -> (B,)`; none by default.
        prior_weight: its weight, 1 in the paper's formula.
        batch_size: network evaluations at once.
    """

    def __init__(self, likelihood: Likelihood, latents: Tensor, prior: nn.Module | None = None,
                 prior_weight: float = 1.0, batch_size: int = 512):
        self.likelihood, self.generator = likelihood, likelihood.generator
        self.vocabulary = self.generator.vocabulary
        self.latents, self.prior, self.prior_weight = latents, prior if prior_weight else None, prior_weight
        self.batch_size = batch_size
        order_free = getattr(self.generator.condition, 'order_free', False)
        self.cache = EnergyCache(len(likelihood), self.vocabulary, order_free)
        # A prior's noise tells slots apart, so what it says of a layout may depend on the order of objects.
        self.prior_cache = EnergyCache(1, self.vocabulary, order_free=False)
        self.nfe = torch.zeros(len(latents), dtype=torch.long)

    def __len__(self) -> int:
        """N, number of images."""
        return len(self.latents)

    @property
    def num_pairs(self) -> int:
        """P, pairs in the bank."""
        return len(self.likelihood)

    def energy(self, images: Tensor, ids: Tensor, num_pairs: int | None = None) -> Tensor:
        """Energies of layouts on the first pairs of the bank, without gradients; each is computed once.

        Args:
            images: (B,) which image each layout is meant for.
            ids: (B, L) layouts, all ids allowed.
            num_pairs: how many pairs; all by default.

        Returns:
            (B,), on the CPU.
        """
        count = self.num_pairs if num_pairs is None else num_pairs
        if not 1 <= count <= self.num_pairs:
            raise ValueError(f'{count} pairs were asked for and the bank has {self.num_pairs}.')
        if not len(images):
            return torch.zeros(0)
        places = self.cache.find(images, ids)
        self._fill(places, images, ids, count)
        energy = self.cache.values[places, :count].mean(dim=1)
        return energy if self.prior is None else energy + self.prior_energy(ids)

    def known(self, images: Tensor, ids: Tensor) -> Tensor:
        """Energies on the whole bank that were computed already, nan for others; (B,), (B, L) -> (B,), on the CPU."""
        return self.cache.known(images, ids).mean(dim=1)

    def _fill(self, places: Tensor, images: Tensor, ids: Tensor, count: int) -> None:
        fresh, first = _first_of_each(places)
        missing = self.cache.values[fresh, :count].isnan().nonzero()                  # (M, 2): which layout, which pair
        which = first[missing[:, 0]]
        self.cache.values[fresh[missing[:, 0]], missing[:, 1]] = self._evaluate(images[which], ids[which],
                                                                               missing[:, 1])

    def errors(self, images: Tensor, ids: Tensor, pairs: Tensor) -> Tensor:
        """Errors on chosen pairs of the bank; (B,), (B, L), (Q,) -> (B, Q) on the CPU. Nothing is cached."""
        count = len(pairs)
        return self._evaluate(images.repeat_interleave(count), ids.repeat_interleave(count, dim=0),
                              pairs.repeat(len(ids))).view(len(ids), count)

    def _evaluate(self, images: Tensor, ids: Tensor, pairs: Tensor) -> Tensor:
        """One evaluation an item, (M,), (M, L), (M,) -> errors (M,) on the CPU."""
        device, found = self.latents.device, [torch.zeros(0)]
        for part in torch.arange(len(pairs)).split(self.batch_size) if len(pairs) else ():
            rows = self.generator.embed(ids[part].to(device))
            with torch.no_grad():
                errors = self.likelihood.pair_errors(self.latents[images[part].to(device)], rows,
                                                     pairs[part].to(device))
            found.append(finite(errors.float().cpu(), 'An energy'))
            self.nfe.index_add_(0, images[part].cpu(), torch.ones(len(part), dtype=torch.long))
        return torch.cat(found)

    def visit(self, images: Tensor, ids: Tensor, pairs: Tensor, see: Callable[[Tensor, Tensor, Tensor], None]) -> None:
        """Evaluate layouts on pairs of the bank and show the maps of their errors, in parts that fit the batch size.

        Args:
            images: (B,) which image each layout is meant for.
            ids: (B, L) layouts.
            pairs: (Q,) indices into the bank.
            see: called with layouts (M,), pairs (M,) as places in `pairs`, and maps (M, h, w) whose mean is the error;
                what it needs of the maps it must take at once.
        """
        device, count = self.latents.device, len(pairs)
        for part in torch.arange(len(ids) * count).split(self.batch_size) if len(ids) * count else ():
            which, place = part // count, part % count
            rows = self.generator.embed(ids[which].to(device))
            with torch.no_grad():
                maps = self.likelihood.pair_errors(self.latents[images[which].to(device)], rows,
                                                   pairs[place].to(device), reduce=False)
            see(which, place, finite(maps, 'An energy'))
            self.nfe.index_add_(0, images[which].cpu(), torch.ones(len(which), dtype=torch.long))

    def error_maps(self, images: Tensor, ids: Tensor, pairs: Tensor) -> Tensor:
        """Errors of every latent pixel on pairs of the bank, (B,), (B, L), (Q,) -> (B, Q, h, w)."""
        maps = self.latents.new_empty(len(ids), len(pairs), *self.latents.shape[2:], dtype=torch.float32)

        def keep(which: Tensor, place: Tensor, seen: Tensor) -> None:
            maps[which.to(maps.device), place.to(maps.device)] = seen
        self.visit(images, ids, pairs, keep)
        return maps

    def prior_energy(self, ids: Tensor) -> Tensor:
        """Weight times prior energy of layouts, (B, L) -> (B,), on the CPU."""
        if self.prior is None or not len(ids):
            return torch.zeros(len(ids))
        return self.prior_weight * self._prior_energy(ids)

    def _prior_energy(self, ids: Tensor) -> Tensor:
        places = self.prior_cache.find(torch.zeros(len(ids), dtype=torch.long), ids)
        fresh, first = _first_of_each(places)
        missing = self.prior_cache.values[fresh, 0].isnan().nonzero()[:, 0]
        for part in missing.split(self.batch_size) if len(missing) else ():
            with torch.no_grad():
                known = self.vocabulary.hide_added(ids[first[part]])
                rows = self.generator.embed(known.to(self.latents.device))
                energy = self.prior.energy(rows).float().cpu()
            self.prior_cache.values[fresh[part], 0] = finite(energy, "The prior's energy")
        return self.prior_cache.values[places, 0]

    def loss(self, images: Tensor, rows: Tensor, pairs: Tensor) -> Tensor:
        """Energy of rows on chosen pairs, with a gradient; nothing is cached.

        Args:
            images: (B,) which image each item is meant for.
            rows: (B, L, D) token rows, differentiable.
            pairs: (Q,) indices into the bank, the same for all items.

        Returns:
            (B,).
        """
        count = len(pairs)
        index = torch.arange(len(rows), device=rows.device).repeat_interleave(count)
        errors = self.likelihood.pair_errors(self.latents[images[index.cpu()].to(rows.device)], rows[index],
                                             pairs.to(rows.device).repeat(len(rows)))
        self.nfe.index_add_(0, images[index.cpu()].cpu(), torch.full((len(index),), 3))
        energy = errors.view(-1, count).mean(dim=1)
        if self.prior is not None:
            energy = energy + self.prior_weight * self.prior.energy(rows)
        return finite(energy, 'An energy')

    def gradient(self, images: Tensor, rows: Tensor, pairs: Tensor) -> Tensor:
        """Gradient of `loss` with respect to the rows, in parts that fit the batch size; (B,), (B, L, D), (Q,) ->
        (B, L, D)."""
        gradients = torch.zeros_like(rows)
        at_once = gradients_at_once(self.batch_size, len(pairs))
        for part in torch.arange(len(rows)).split(at_once) if len(rows) else ():
            with torch.enable_grad():
                leaf = rows[part].detach().requires_grad_()
                gradients[part] = torch.autograd.grad(self.loss(images[part], leaf, pairs).sum(), leaf)[0]
        return gradients

    def continuous_energy(self, images: Tensor, rows: Tensor) -> Tensor:
        """Energies of rows that need not be in the table on the whole bank; (B,), (B, L, D) -> (B,) on the CPU."""
        device = rows.device
        energy = self.likelihood.energy(self.latents[images.to(device)], rows, self.batch_size)
        self.nfe.index_add_(0, images, torch.full((len(images),), self.num_pairs))
        if self.prior is not None:
            with torch.no_grad():
                energy = energy + self.prior_weight * self.prior.energy(rows)
        return finite(energy.cpu(), 'An energy')

    def expectation(self, ids: Tensor) -> Tensor:
        """What the generator expects of an image before seeing any of it: x_0 predicted from pure noise.

        The limit of its denoising at the last timestep, where x_t holds nothing of the image; so one evaluation
        serves all images.

        Args:
            ids: (M, L) layouts, all ids allowed.

        Returns:
            (M, c, h, w), on the device of the latents.
        """
        device, schedule = self.latents.device, self.generator.schedule
        expected = []
        for part in ids.split(self.batch_size):
            t = torch.full((len(part),), schedule.num_steps - 1, device=device)
            noise = self.likelihood.bank.noise[:1].expand(len(part), -1, -1, -1)
            with torch.no_grad():
                epsilon = self.generator.predict_noise(noise, t, self.generator.embed(part.to(device)))
                expected.append(schedule.to_sample(epsilon, noise, t))
        return finite(torch.cat(expected), 'An expected image')


def gradients_at_once(batch_size: int, num_pairs: int) -> int:
    """Layouts whose gradients on so many pairs are taken together: what a backward keeps takes more memory."""
    return max(1, batch_size // (2 * num_pairs))


def _first_of_each(places: Tensor) -> tuple[Tensor, Tensor]:
    """Distinct places and where each stands first, (B,) -> (U,), (U,)."""
    fresh, inverse = places.unique(return_inverse=True)
    first = torch.full((len(fresh),), len(places)).scatter_reduce(0, inverse, torch.arange(len(places)), 'amin')
    return fresh, first
