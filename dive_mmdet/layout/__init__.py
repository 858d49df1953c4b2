from .tokenizer import Layout, LayoutTokenizer
from .vocabulary import LayoutVocabulary

__all__ = ['Layout', 'LayoutTokenizer', 'LayoutVocabulary']
