from .generator_model import GeneratorModel

__all__ = ['GeneratorModel']
