import shutil
import tempfile
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
VERSION = (ROOT / 'dive_mmdet' / 'version.py').read_text().split("'")[1]

# torch (2.1 or later), mmcv (2.1 or later), mmengine, and mmdet for detection or mmpretrain for classification are
# wanted but not required: each comes from one of two packages (the original or its onedl-* fork) in a build that fits
# the machine, and pip must not put another one beside it. Which diffusers fits depends on torch, which pip cannot say:
# 0.36 and later do not import before torch 2.3, so there the extra `old-torch` is wanted, too.
REQUIRES = ['diffusers>=0.30', 'timm>=1.0', 'pycocotools>=2.0.6', 'numpy>=1.24']
PICTURES = ['mlxtend>=0.22', 'matplotlib>=3.7', 'scikit-image>=0.20']
EXTRAS = {
    'mm': ['onedl-mmcv>=2.3.6', 'onedl-mmengine>=0.10.12', 'onedl-mmdetection>=3.5.1', 'onedl-mmpretrain>=1.3.6'],
    'old-torch': ['diffusers<0.36', 'numpy<2'],
    # For tools/model_converters/encode_text.py alone: mmdet and mmpretrain do not import beside transformers 5, so this
    # belongs into an environment or a folder of its own.
    'text': ['transformers>=4.38'],
    'demo': PICTURES,
    'test': [*PICTURES, 'pytest>=7.4', 'pytest-xdist>=3.5', 'scikit-learn>=1.2', 'nbclient>=0.8', 'nbformat>=5.7',
             'ipykernel>=6.20'],
    'lint': ['ruff>=0.14'],
}
SHIPPED = ('configs', 'demo', 'tools', 'weights', 'model-index.yml')


class BuildWithMim(build_py):
    """Adds what a user touches to a built package as `dive_mmdet/.mim`, where OpenMMLab's tools look for it.

    It goes into the build folder alone: the checkout keeps one copy of everything.
    """

    def run(self) -> None:
        super().run()
        if getattr(self, 'editable_mode', False):
            return
        mim = Path(self.build_lib) / 'dive_mmdet' / '.mim'
        shutil.rmtree(mim, ignore_errors=True)
        for name in SHIPPED:
            source, target = ROOT / name, mim / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns('__pycache__', '*.pyc', '.*'))
            elif source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)


# Not `build/` in the checkout: files that were deleted since would stay there and end up in the next wheel.
with tempfile.TemporaryDirectory() as scratch:
    setup(
        name='dive-mmdet',
        version=VERSION,
        description='Detection and classification by inverting a frozen conditional diffusion model (DIVE)',
        long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
        long_description_content_type='text/markdown',
        author='The dive_mmdet authors',
        license='Apache-2.0',
        keywords=['diffusion model', 'object detection', 'image classification', 'model inversion', 'mmdetection'],
        python_requires='>=3.10',
        packages=find_packages(include=['dive_mmdet', 'dive_mmdet.*']),
        install_requires=REQUIRES,
        extras_require=EXTRAS,
        cmdclass={'build_py': BuildWithMim},
        options={'build': {'build_base': scratch}},
        zip_safe=False,
    )
