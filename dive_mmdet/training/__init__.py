from .class_generator_model import ClassGeneratorModel
from .generator_model import GeneratorModel
from .prior_model import LayoutPriorModel

__all__ = ['ClassGeneratorModel', 'GeneratorModel', 'LayoutPriorModel']
