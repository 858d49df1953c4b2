"""p(layout): a small diffusion model over the rows of the generator's frozen table (paper, section 3.2)."""
import torch
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from mmengine.model import BaseModule
from torch import Tensor, nn

from dive_mmdet.checkpoints.loading import require_all_weights
from dive_mmdet.compat import TransformerEncoderLayer
from dive_mmdet.diffusion.noise_bank import NoiseBank, stratified_timesteps
from dive_mmdet.diffusion.schedule import PREDICTION_TYPES
from dive_mmdet.layout.vocabulary import TOKENS_PER_OBJECT
from dive_mmdet.registry import MODELS

SEED = 42  # of the bank's noise


@MODELS.register_module()
class LayoutPrior(BaseModule):
    """Scores sequences of token rows by the denoising error of a transformer over objects.

    The paper leaves architecture and scale open. Here an object's three rows make one token, so the order of objects
    carries no meaning; rows are standardised per dimension, since a trained table may have any scale, and the scale
    is kept with the weights.

    Args:
        length: L, tokens of a layout.
        row_dim: D, width of the table.
        width, num_layers, num_heads: of the transformer.
        schedule: config of the noise schedule.
        prediction_type: `epsilon` (the paper's formula), `sample` or `v_prediction`; errors are measured in it.
        num_pairs: of the bank, over all timesteps, on which `energy` compares layouts.
        init_cfg: as in any BaseModule.
    """

    def __init__(self, length: int, row_dim: int, width: int, num_layers: int, num_heads: int, schedule: dict,
                 prediction_type: str = 'epsilon', num_pairs: int = 16, init_cfg: dict | None = None):
        super().__init__(init_cfg)
        if prediction_type not in PREDICTION_TYPES:
            raise ValueError(f"Unknown prediction_type '{prediction_type}': use one of {', '.join(PREDICTION_TYPES)}.")
        self.length, self.row_dim, self.prediction_type = length, row_dim, prediction_type
        self.schedule = MODELS.build(schedule)
        timesteps = stratified_timesteps(num_pairs, 0, self.schedule.num_steps)
        self.bank = NoiseBank(timesteps, (length, row_dim), SEED)
        self.register_buffer('row_mean', torch.zeros(row_dim))
        self.register_buffer('row_std', torch.ones(row_dim))
        self.num_objects = length // TOKENS_PER_OBJECT
        self.embed_object = nn.Linear(TOKENS_PER_OBJECT * row_dim, width)
        self.predict_object = nn.Linear(width, TOKENS_PER_OBJECT * row_dim)
        if length % TOKENS_PER_OBJECT:
            self.embed_crop, self.predict_crop = nn.Linear(2 * row_dim, width), nn.Linear(width, 2 * row_dim)
        self.time = nn.Sequential(Timesteps(width, flip_sin_to_cos=True, downscale_freq_shift=0),
                                  TimestepEmbedding(width, width))
        layer = TransformerEncoderLayer(width, num_heads, 4 * width, dropout=0.0, activation='gelu', batch_first=True,
                                        norm_first=True)
        self.layers = nn.TransformerEncoder(layer, num_layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        require_all_weights(self, 'the layout prior')

    def set_scale(self, table: Tensor) -> None:
        """Standardise by the rows of a table, (num_tokens, D)."""
        self.row_mean.copy_(table.mean(dim=0))
        self.row_std.copy_(table.std(dim=0).clamp(min=1e-6))

    def predict(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Prediction for noised standardised rows, (B, L, D), (B,) -> (B, L, D)."""
        count = self.num_objects * TOKENS_PER_OBJECT
        tokens = self.embed_object(x_t[:, :count].unflatten(1, (-1, TOKENS_PER_OBJECT)).flatten(2))  # (B, K, W)
        if count < self.length:
            tokens = torch.cat([tokens, self.embed_crop(x_t[:, count:].flatten(1))[:, None]], dim=1)
        tokens = self.norm(self.layers(tokens + self.time(t)[:, None]))
        rows = self.predict_object(tokens[:, :self.num_objects]).unflatten(2, (TOKENS_PER_OBJECT, -1)).flatten(1, 2)
        if count < self.length:
            crop = self.predict_crop(tokens[:, -1]).unflatten(1, (2, -1))
            rows = torch.cat([rows, crop], dim=1)
        return rows

    def loss(self, rows: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Training loss at uniform timesteps, (B, L, D) -> scalar."""
        t = torch.randint(self.schedule.num_steps, (len(rows),), generator=generator).to(rows.device)
        noise = torch.randn(rows.shape, generator=generator).to(rows)
        return self._errors(self._standardise(rows), t, noise).mean()

    def energy(self, rows: Tensor) -> Tensor:
        """Mean squared error on the bank, differentiable in the rows, (B, L, D) -> (B,)."""
        count = len(self.bank)
        x0 = self._standardise(rows).repeat_interleave(count, dim=0)
        t, noise = self.bank.timesteps.repeat(len(rows)), self.bank.noise.repeat(len(rows), 1, 1)
        return self._errors(x0, t, noise).view(len(rows), count).mean(dim=1)

    def _standardise(self, rows: Tensor) -> Tensor:
        return (rows - self.row_mean) / self.row_std

    def _errors(self, x0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        x_t = self.schedule.q_sample(x0, t, noise)
        target = self.schedule.target(x0, noise, t, self.prediction_type)
        return (self.predict(x_t, t) - target).square().mean(dim=(1, 2))
