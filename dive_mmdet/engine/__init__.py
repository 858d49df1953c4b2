from .image_runner import evaluate_records, run_images
from .resumable_test_loop import ResumableTestLoop

__all__ = ['ResumableTestLoop', 'evaluate_records', 'run_images']
