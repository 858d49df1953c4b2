from .compatible import build_tokens
from .tokenizer import Layout, LayoutTokenizer
from .vocabulary import LayoutVocabulary

__all__ = ['Layout', 'LayoutTokenizer', 'LayoutVocabulary', 'build_tokens']
