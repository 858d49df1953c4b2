"""-log p(x | layout) up to a constant: the denoising error on fixed pairs."""
import torch
from torch import Tensor, nn

from dive_mmdet.diffusion import LayoutGenerator, NoiseBank, stratified_timesteps
from dive_mmdet.diffusion.precision import mixed_precision, require_precision


class Likelihood(nn.Module):
    """Mean weighted squared error of the predicted noise (paper, section 3; the weighting is explicit here).

    Args:
        generator: the frozen p(x | layout).
        num_pairs: P, size of the noise bank.
        low, high: timesteps of the bank, evenly spaced in [low, high).
        space: weighting over t, as the space in which the error is measured: `epsilon` (published, weight 1),
            `sample` ((1 - abar) / abar) or `v_prediction` (1 / abar).
        seed: of the bank's noise; the bank is shared by all images.
        precision: of the generator's matrix products, see `PRECISIONS`; noise and errors are in float32.
    """

    def __init__(self, generator: LayoutGenerator, num_pairs: int = 16, low: int = 0, high: int = 1000,
                 space: str = 'epsilon', seed: int = 42, precision: str = 'float32'):
        super().__init__()
        steps = generator.schedule.num_steps
        if not 0 <= low < high <= steps or not 1 <= num_pairs <= high - low:
            raise ValueError(f'{num_pairs} pairs at timesteps [{low}, {high}) do not fit a schedule of {steps} steps.')
        # The generator belongs to the detector; as a submodule it would be saved twice.
        object.__setattr__(self, 'generator', generator)
        self.space, self.precision = space, require_precision(precision)
        self.low, self.high, self.seed = low, high, seed
        self.bank = NoiseBank(stratified_timesteps(num_pairs, low, high), generator.latent_shape, seed)
        self.register_buffer('weight', generator.schedule.error_weight(self.bank.timesteps.cpu(), space),
                             persistent=False)

    def __len__(self) -> int:
        """P, pairs in the bank."""
        return len(self.bank)

    def sample_weight(self, num_pairs: int) -> float:
        """What a squared error of x_0 weighs on the mean of the first pairs."""
        of_samples = self.generator.schedule.error_weight(self.bank.timesteps[:num_pairs].cpu(), 'sample')
        return float((self.weight[:num_pairs].cpu() / of_samples).mean())

    def settings(self) -> dict:
        """Its arguments but the generator."""
        return dict(num_pairs=len(self), low=self.low, high=self.high, space=self.space, seed=self.seed,
                    precision=self.precision)

    def on_bank(self, num_pairs: int, seed: int | None = None) -> 'Likelihood':
        """The same objective on a bank of another size, or of other noise, on the same device."""
        changed = dict(num_pairs=num_pairs, seed=self.seed if seed is None else seed)
        return Likelihood(self.generator, **{**self.settings(), **changed}).to(self.bank.noise.device)

    def pair_errors(self, latents: Tensor, rows: Tensor, pairs: Tensor, reduce: bool = True) -> Tensor:
        """Error of each item on one pair.

        Args:
            latents: (B, c, h, w).
            rows: (B, L, D) token rows.
            pairs: (B,) indices into the bank.
            reduce: mean over all elements, else over channels alone.

        Returns:
            (B,), or (B, h, w) without reduction.
        """
        t, noise = self.bank.timesteps[pairs], self.bank.noise[pairs]
        x_t = self.generator.schedule.q_sample(latents, t, noise)
        with mixed_precision(latents.device, self.precision):
            predicted = self.generator.predict_noise(x_t, t, rows).float()
        error = (predicted - noise).square()
        error = error.mean(dim=(1, 2, 3) if reduce else 1)
        return error * self.weight[pairs].view(-1, *[1] * (error.dim() - 1))

    def errors(self, latents: Tensor, rows: Tensor, batch_size: int = 256) -> Tensor:
        """Errors on every pair, latents (B, c, h, w) and rows (B, L, D) -> (B, P), without gradients."""
        count = len(self.bank)
        with torch.no_grad():
            items = torch.arange(len(latents) * count, device=latents.device)
            errors = [self.pair_errors(latents[part // count], rows[part // count], part % count)
                      for part in items.split(batch_size)]
        return torch.cat(errors).view(len(latents), count)

    def energy(self, latents: Tensor, rows: Tensor, batch_size: int = 256) -> Tensor:
        """Mean over the whole bank, latents (B, c, h, w) and rows (B, L, D) -> (B,), without gradients."""
        return self.errors(latents, rows, batch_size).mean(dim=1)
