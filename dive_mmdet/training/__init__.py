from .class_generator_model import ClassGeneratorModel
from .fused_adamw import FusedAdamW
from .generator_model import GeneratorModel
from .new_class_model import NewClassModel
from .prior_model import LayoutPriorModel

__all__ = ['ClassGeneratorModel', 'FusedAdamW', 'GeneratorModel', 'LayoutPriorModel', 'NewClassModel']
