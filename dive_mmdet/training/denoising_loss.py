"""What trains p(x | condition)."""
import torch
from torch import Tensor, nn

from dive_mmdet.diffusion.conditional import ConditionalGenerator

from .foreground import foreground_weights

NORMS = {'l2': nn.functional.mse_loss, 'l1': nn.functional.l1_loss}


class DenoisingLoss:
    """The error of a generator's prediction at random timesteps, under conditions some of whose classes are hidden.

    Args:
        generator: that is trained.
        norm: `l2`, or `l1` (published for the layout model).
        space: prediction type in which the error is measured; the generator's own by default.
        timestep_exponent: training draws t = T u^exponent with u uniform in [0, 1): 1 is uniform (published), less
            prefers high noise, where the condition matters most.
        class_dropout: probability, a class, of training on an unknown one instead, so that the generator can be asked
            about it; published are 0 for layouts and 0.1 for classes.
        condition_dropout: probability, an image, of training on the empty condition instead; images without
            annotations can then be trained on beside the others, whose condition is empty too.
        foreground: `weight` and `power` of `foreground_weights`; by default all pixels weigh alike.
        window: `low`, `high` and `share`: this share of the images draws t uniformly in [low, high) instead, where
            the objective of a search measures.

    Raises:
        ValueError: an unknown norm, a foreground where conditions have no boxes, or a window that the schedule has not.
    """

    def __init__(self, generator: ConditionalGenerator, norm: str = 'l2', space: str | None = None,
                 timestep_exponent: float = 1.0, class_dropout: float = 0.0, condition_dropout: float = 0.0,
                 foreground: dict | None = None, window: dict | None = None):
        if norm not in NORMS:
            raise ValueError(f"Unknown norm '{norm}': use one of {', '.join(NORMS)}.")
        if foreground and not generator.vocabulary.has_objects:
            raise ValueError('A class has no box, so nothing is foreground: leave out `foreground`.')
        if window and not (0 <= window['low'] < window['high'] <= generator.schedule.num_steps
                           and 0 < window['share'] <= 1):
            raise ValueError(f'A window has 0 <= low < high <= {generator.schedule.num_steps} and 0 < share <= 1, got '
                             f'{window}.')
        self.generator, self.norm = generator, NORMS[norm]
        self.space = space or generator.prediction_type
        self.timestep_exponent, self.class_dropout = timestep_exponent, class_dropout
        self.condition_dropout, self.foreground, self.window = condition_dropout, foreground, window

    def __call__(self, latents: Tensor, ids: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Latents (N, c, h, w) and token ids (N, L) -> scalar."""
        schedule = self.generator.schedule
        t = self._timesteps(len(latents), rng).to(latents.device)
        noise = torch.randn(latents.shape, generator=rng).to(latents)
        seen = self.generator.hide_classes(ids, self.class_dropout, rng)
        if self.condition_dropout:
            which = (torch.rand(len(ids), generator=rng) < self.condition_dropout).to(ids.device)
            seen = self.generator.vocabulary.dropped(seen, which)
        x_t = schedule.q_sample(latents, t, noise)
        error = self._error(self.generator.predict(x_t, t, self.generator.embed(seen)), latents, x_t, t, noise)
        if self.foreground:
            error = error * foreground_weights(ids, self.generator.tokenizer, latents.shape[2:], **self.foreground)
        return error.mean()

    def _timesteps(self, count: int, rng: torch.Generator | None) -> Tensor:
        u = torch.rand(count, generator=rng)
        t = self.generator.schedule.num_steps * u ** self.timestep_exponent
        if self.window:
            low, high, share = self.window['low'], self.window['high'], self.window['share']
            inside = torch.rand(count, generator=rng) < share
            t = torch.where(inside, low + (high - low) * torch.rand(count, generator=rng), t)
        return t.long()

    def _error(self, output: Tensor, x0: Tensor, x_t: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        schedule, prediction_type = self.generator.schedule, self.generator.prediction_type
        if self.space != prediction_type:
            epsilon = schedule.to_epsilon(output, x_t, t, prediction_type)
            weight = schedule.error_weight(t, self.space).view(-1, 1, 1, 1)
            return self.norm(epsilon, noise, reduction='none') * weight
        return self.norm(output, schedule.target(x0, noise, t, prediction_type), reduction='none')
