"""What trains p(x | condition)."""
import torch
from torch import Tensor, nn

from dive_mmdet.diffusion.conditional import ConditionalGenerator

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

    Raises:
        ValueError: an unknown norm.
    """

    def __init__(self, generator: ConditionalGenerator, norm: str = 'l2', space: str | None = None,
                 timestep_exponent: float = 1.0, class_dropout: float = 0.0):
        if norm not in NORMS:
            raise ValueError(f"Unknown norm '{norm}': use one of {', '.join(NORMS)}.")
        self.generator, self.norm = generator, NORMS[norm]
        self.space = space or generator.prediction_type
        self.timestep_exponent, self.class_dropout = timestep_exponent, class_dropout

    def __call__(self, latents: Tensor, ids: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Latents (N, c, h, w) and token ids (N, L) -> scalar."""
        schedule = self.generator.schedule
        u = torch.rand(len(latents), generator=rng).to(latents.device)
        t = (schedule.num_steps * u ** self.timestep_exponent).long()
        noise = torch.randn(latents.shape, generator=rng).to(latents)
        rows = self.generator.embed(self.generator.hide_classes(ids, self.class_dropout, rng))
        x_t = schedule.q_sample(latents, t, noise)
        return self._error(self.generator.predict(x_t, t, rows), latents, x_t, t, noise)

    def _error(self, output: Tensor, x0: Tensor, x_t: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        schedule, prediction_type = self.generator.schedule, self.generator.prediction_type
        if self.space != prediction_type:
            epsilon = schedule.to_epsilon(output, x_t, t, prediction_type)
            weight = schedule.error_weight(t, self.space).view(-1, 1, 1, 1)
            return (self.norm(epsilon, noise, reduction='none') * weight).mean()
        return self.norm(output, schedule.target(x0, noise, t, prediction_type))
