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
        noises: drawn for each image in each step, with a timestep and hidden classes each. Several fill a GPU where
            reading images is what takes the time.

    Raises:
        ValueError: an unknown norm, a foreground where conditions have no boxes, or no noise.
    """

    def __init__(self, generator: ConditionalGenerator, norm: str = 'l2', space: str | None = None,
                 timestep_exponent: float = 1.0, class_dropout: float = 0.0, condition_dropout: float = 0.0,
                 foreground: dict | None = None, noises: int = 1):
        if norm not in NORMS:
            raise ValueError(f"Unknown norm '{norm}': use one of {', '.join(NORMS)}.")
        if foreground and not generator.vocabulary.has_objects:
            raise ValueError('A class has no box, so nothing is foreground: leave out `foreground`.')
        if noises < 1:
            raise ValueError(f'A step draws at least one noise for an image, got noises={noises}.')
        self.generator, self.norm = generator, NORMS[norm]
        self.space = space or generator.prediction_type
        self.timestep_exponent, self.class_dropout = timestep_exponent, class_dropout
        self.condition_dropout, self.foreground, self.noises = condition_dropout, foreground, noises

    def __call__(self, latents: Tensor, ids: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Latents (N, c, h, w) and token ids (N, L) -> scalar."""
        schedule, device = self.generator.schedule, latents.device if rng is None else rng.device
        latents, ids = latents.repeat(self.noises, 1, 1, 1), ids.repeat(self.noises, 1)
        u = torch.rand(len(latents), generator=rng, device=device).to(latents.device)
        t = (schedule.num_steps * u ** self.timestep_exponent).long()
        noise = torch.randn(latents.shape, generator=rng, device=device).to(latents)
        seen = self.generator.hide_classes(ids, self.class_dropout, rng)
        if self.condition_dropout:
            which = (torch.rand(len(ids), generator=rng) < self.condition_dropout).to(ids.device)
            seen = self.generator.vocabulary.dropped(seen, which)
        x_t = schedule.q_sample(latents, t, noise)
        error = self._error(self.generator.predict(x_t, t, self.generator.embed(seen)), latents, x_t, t, noise)
        if self.foreground:
            error = error * foreground_weights(ids, self.generator.tokenizer, latents.shape[2:], **self.foreground)
        return error.mean()

    def _error(self, output: Tensor, x0: Tensor, x_t: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        schedule, prediction_type = self.generator.schedule, self.generator.prediction_type
        if self.space != prediction_type:
            epsilon = schedule.to_epsilon(output, x_t, t, prediction_type)
            weight = schedule.error_weight(t, self.space).view(-1, 1, 1, 1)
            return self.norm(epsilon, noise, reduction='none') * weight
        return self.norm(output, schedule.target(x0, noise, t, prediction_type), reduction='none')
