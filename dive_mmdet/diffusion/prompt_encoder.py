"""The condition of a UNet that attends to a prompt which names objects and where they are."""
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from dive_mmdet.layout import LayoutVocabulary
from dive_mmdet.layout.vocabulary import TOKENS_PER_OBJECT
from dive_mmdet.registry import MODELS

from .prompt_table import PromptTable
from .text_transformer import TextTransformer


@MODELS.register_module()
class PromptEncoder(nn.Module):
    """Rows of a `PromptTable` -> the text encoder's output for their prompt, as GeoDiffusion has it (arXiv 2306.04607).

    The prompt is `before`, then of each object the words of its class, its top-left and its bottom-right place, in the
    order of the slots, then one end and as much padding as is wanted. What is too long loses its last words, as with
    the published tokenizer. Without objects the prompt is the empty one, which the published training saw in place of
    dropped ones.

    Args:
        width: W of a word.
        words: M, rows an id.
        before: words before the objects, with that of the begin.
        length: words of a prompt.
        num_layers, num_heads, mlp_width, activation, eps: as of `TextTransformer`.
    """

    order_free = False

    def __init__(self, width: int, words: int, before: int, num_layers: int, num_heads: int, mlp_width: int,
                 length: int = 77, activation: str = 'quick_gelu', eps: float = 1e-5):
        super().__init__()
        self.context_dim, self.words, self.length = width, words, length
        self.register_buffer('before', torch.zeros(before, width))
        self.register_buffer('end', torch.zeros(width))
        self.register_buffer('padding', torch.zeros(width))
        self.transformer = TextTransformer(width, length, num_layers, num_heads, mlp_width, activation, eps)

    @property
    def room(self) -> int:
        """Words that objects may have in all."""
        return self.length - len(self.before) - 1

    def require_fit(self, vocabulary: LayoutVocabulary, table: nn.Module) -> None:
        """Raises ValueError where rows are no words, or no prompt holds as many objects as there are slots."""
        if not isinstance(table, PromptTable) or (table.words, table.dim) != (self.words, 1 + self.context_dim):
            raise ValueError(f'A prompt is made of the rows of a PromptTable with words={self.words} and '
                             f'width={self.context_dim}: give the generator such a table.')
        if vocabulary.num_objects * TOKENS_PER_OBJECT > self.room:
            raise ValueError(f'{vocabulary.num_objects} objects of a word and two places each do not fit the '
                             f'{self.room} words that a prompt has for them: give the vocabulary num_objects up to '
                             f'{self.room // TOKENS_PER_OBJECT}.')

    def forward(self, rows: Tensor) -> Tensor:
        """(B, 3 K M, 1 + W) -> (B, S, W)."""
        return self.transformer(self.prompt(rows))

    def prompt(self, rows: Tensor) -> Tensor:
        """Words of the prompts, with begin, end and padding, (B, 3 K M, 1 + W) -> (B, S, W)."""
        objects = rows.unflatten(1, (-1, TOKENS_PER_OBJECT, self.words))              # (B, K, 3, M, 1 + W)
        is_word = objects[..., 0] > 0.5
        is_word = (is_word & is_word[:, :, :1].any(dim=3, keepdim=True)).flatten(1)   # a class alone makes an object
        order = is_word.logical_not().byte().argsort(dim=1, stable=True)[:, :self.room]
        words = rows[..., 1:].gather(1, order[..., None].expand(-1, -1, self.context_dim))
        words = torch.cat([self.before.expand(len(rows), -1, -1), words], dim=1)
        words = pad(words, (0, 0, 0, self.length - words.shape[1]))                   # (B, S, W)
        count = is_word.sum(dim=1).clamp(max=self.room)[:, None, None]
        end = torch.where(count > 0, len(self.before) + count, 1)
        place = torch.arange(self.length, device=rows.device)[:, None]
        words = torch.where(place < end, words, self.padding)
        return torch.where(place == end, self.end, words)
