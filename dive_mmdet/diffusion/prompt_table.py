"""A table whose rows are the words of a prompt: one a place, one or several a class."""
import torch
from torch import Tensor, nn

from dive_mmdet.layout import LayoutVocabulary
from dive_mmdet.registry import MODELS


@MODELS.register_module()
class PromptTable(nn.Module):
    """Rows of words as a text encoder looks them up, `words` of them an id.

    A row is (1, its vector) where there is a word and zero elsewhere. Words stand at the end of an id's rows, so that
    the last words of two classes, which say most of what things are, share a row.

    Args:
        vocabulary: the ids, classes apart from corners.
        width: W of a word's vector.
        words: M, of the longest class.

    Raises:
        ValueError: classes and corners share ids, or there is no room for a word.
    """

    def __init__(self, vocabulary: LayoutVocabulary, width: int, words: int = 1):
        super().__init__()
        if vocabulary.shared_ids:
            raise ValueError('Words need a vocabulary with shared_ids=False: an id is a place or a class there.')
        if words < 1:
            raise ValueError(f'A class needs at least one word, got words={words}.')
        self.vocabulary, self.words = vocabulary, words
        classes = vocabulary.none - vocabulary.class_offset
        self.weight = nn.Parameter(0.02 * torch.randn(classes, words, width))
        self.places = nn.Parameter(0.02 * torch.randn(vocabulary.num_corners, width))
        # 1 where a class has a word, (classes, M).
        self.register_buffer('has_word', torch.ones(classes, words))

    @property
    def dim(self) -> int:
        """D, width of a row."""
        return 1 + self.weight.shape[2]

    def forward(self, ids: Tensor) -> Tensor:
        """(...) ids -> (..., M, D) rows.

        Raises:
            ValueError: an id outside the vocabulary.
        """
        self.vocabulary.require_known(ids)
        offset, none = self.vocabulary.class_offset, self.vocabulary.none
        classes = (ids - offset).clamp(0, len(self.weight) - 1)
        is_class, is_place = (ids >= offset) & (ids < none), ids < offset
        marked = self.has_word[classes] * is_class[..., None]                         # (..., M)
        rows = torch.cat([marked[..., None], self.weight[classes] * marked[..., None]], dim=-1)
        place = nn.functional.embedding(ids.clamp(max=offset - 1), self.places)       # (..., W)
        place = nn.functional.pad(place, (1, 0), value=1.0) * is_place[..., None]     # (..., D)
        return rows + nn.functional.pad(place[..., None, :], (0, 0, self.words - 1, 0))
