from .class_vocabulary import ClassVocabulary
from .compatible import build_tokens
from .tokenizer import Layout, LayoutTokenizer
from .vocabulary import LayoutVocabulary

__all__ = ['ClassVocabulary', 'Layout', 'LayoutTokenizer', 'LayoutVocabulary', 'build_tokens']
