from .image_runner import evaluate_records, run_images

__all__ = ['evaluate_records', 'run_images']
