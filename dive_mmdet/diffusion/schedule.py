"""Noise schedules and the conversions between what a denoiser may predict."""
import torch
from torch import Tensor, nn

from dive_mmdet.registry import MODELS

PREDICTION_TYPES = ('epsilon', 'sample', 'v_prediction')


def make_betas(schedule: str, num_steps: int, beta_start: float, beta_end: float) -> Tensor:
    """Variances beta_t in float64, (T,).

    `scaled_linear` squares evenly spaced roots (latent diffusion, `make_beta_schedule`); `linear` is evenly spaced
    (DiT, `get_named_beta_schedule`).

    Raises:
        ValueError: an unknown schedule.
    """
    if schedule == 'scaled_linear':
        return torch.linspace(beta_start ** 0.5, beta_end ** 0.5, num_steps, dtype=torch.float64) ** 2
    if schedule == 'linear':
        return torch.linspace(beta_start, beta_end, num_steps, dtype=torch.float64)
    raise ValueError(f"Unknown schedule '{schedule}': use 'scaled_linear' or 'linear'.")


@MODELS.register_module()
class NoiseSchedule(nn.Module):
    """A variance-preserving schedule, x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps with t = 0 .. T - 1.

    Defaults are those of the layout-to-image release; DiT's are `linear`, 1e-4, 2e-2.

    Args:
        schedule: `scaled_linear` or `linear`.
        num_steps: T.
        beta_start, beta_end: first and last variance.
    """

    def __init__(self, schedule: str = 'scaled_linear', num_steps: int = 1000, beta_start: float = 0.0015,
                 beta_end: float = 0.0205):
        super().__init__()
        self.schedule, self.num_steps = schedule, num_steps
        self.beta_start, self.beta_end = beta_start, beta_end
        alphas_cumprod = torch.cumprod(1 - make_betas(schedule, num_steps, beta_start, beta_end), dim=0)
        self.register_buffer('alphas_cumprod', alphas_cumprod, persistent=False)
        self.register_buffer('signal', alphas_cumprod.sqrt().float(), persistent=False)
        self.register_buffer('sigma', (1 - alphas_cumprod).sqrt().float(), persistent=False)

    def coefficients(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """sqrt(abar_t) and sqrt(1 - abar_t), (B,) shaped to broadcast against `like`, (B, ...)."""
        shape = (-1, *[1] * (like.dim() - 1))
        return self.signal[t].view(shape), self.sigma[t].view(shape)

    def q_sample(self, x0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """Noised samples, (B, ...) at timesteps (B,)."""
        signal, sigma = self.coefficients(t, x0)
        return signal * x0 + sigma * noise

    def to_epsilon(self, prediction: Tensor, x_t: Tensor, t: Tensor, prediction_type: str) -> Tensor:
        """Predicted noise from a prediction of `epsilon`, `sample` (x_0) or `v_prediction`, (B, ...)."""
        signal, sigma = self.coefficients(t, x_t)
        if prediction_type == 'sample':
            return (x_t - signal * prediction) / sigma
        if prediction_type == 'v_prediction':
            return signal * prediction + sigma * x_t
        return prediction

    def target(self, x0: Tensor, noise: Tensor, t: Tensor, prediction_type: str) -> Tensor:
        """What a network should predict: the noise, x_0, or v = sqrt(abar) noise - sqrt(1 - abar) x_0, (B, ...)."""
        if prediction_type == 'v_prediction':
            signal, sigma = self.coefficients(t, x0)
            return signal * noise - sigma * x0
        return x0 if prediction_type == 'sample' else noise

    def to_sample(self, epsilon: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """Predicted x_0 from predicted noise, (B, ...)."""
        signal, sigma = self.coefficients(t, x_t)
        return (x_t - sigma * epsilon) / signal

    def error_weight(self, t: Tensor, space: str) -> Tensor:
        """Factor that turns a squared error of epsilon into one of `space`, (B,).

        eps - eps' = -sqrt(abar / (1 - abar)) (x_0 - x_0') = (v - v') sqrt(abar) at fixed x_t.
        """
        if space == 'epsilon':
            return torch.ones_like(self.signal[t])
        if space == 'sample':
            return (self.sigma[t] / self.signal[t]) ** 2
        if space == 'v_prediction':
            return 1 / self.signal[t] ** 2
        raise ValueError(f"Unknown error space '{space}': use one of {', '.join(PREDICTION_TYPES)}.")
