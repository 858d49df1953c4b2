from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
VERSION = (ROOT / 'dive_mmdet' / 'version.py').read_text().split("'")[1]

setup(
    name='dive-mmdet',
    version=VERSION,
    description='Detection and classification by inverting a frozen conditional diffusion model (DIVE)',
    long_description=(ROOT / 'README.md').read_text(),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.10',
    packages=find_packages(include=['dive_mmdet', 'dive_mmdet.*']),
)
