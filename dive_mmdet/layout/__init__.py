from .class_vocabulary import ClassVocabulary
from .tokenizer import Layout, LayoutTokenizer
from .vocabulary import LayoutVocabulary

__all__ = ['ClassVocabulary', 'Layout', 'LayoutTokenizer', 'LayoutVocabulary']
