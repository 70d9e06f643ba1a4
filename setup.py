"""Installation of fcn4_dist."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (ROOT / "fcn4_dist/__init__.py").read_text())

# Songs are tagged without these.
REPORT = ["jinja2>=3.1", "matplotlib>=3.7"]
ASCEND = [
    "librosa>=0.10",
    "numba>=0.58",
    "scikit-learn>=1.3",
    "tensorboardX>=2.6",
    *REPORT,
]
ONNX = ["onnxruntime>=1.18"]
# ml_dtypes is onnx's: later ones need NumPy 2.
EXPORT = ["ml_dtypes<0.6", "onnx>=1.16", *ONNX]
TRAIN = ["mindspore>=2.7.1,<2.11", "mpi4py>=3.1", *ASCEND, *EXPORT]

setup(
    name="fcn4_dist",
    version=VERSION[1],
    description="Distributed training of FCN-4 music taggers with MindSpore on Ascend cards",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Topic :: Multimedia :: Sound/Audio :: Analysis",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: System :: Distributed Computing",
        "Typing :: Typed",
    ],
    packages=find_packages(include=["fcn4_dist", "fcn4_dist.*"]),
    package_data={
        "fcn4_dist": [
            "py.typed",
            "clips/gtzan_filtered/*",
            "exporting/clips/*",
            "reports/templates/*",
            "trial/*.json",
        ]
    },
    python_requires=">=3.10",
    install_requires=[
        "audioread>=3",
        "msgspec>=0.18.6",
        # MindSpore up to 2.9 needs it, and 2.10 breaks with NumPy 2 in its data sets.
        "numpy>=1.25,<2",
        "psutil>=5.9",
        "PyYAML>=6",
        "scipy>=1.10",
        "shtab>=1.10",
        "soundfile>=0.13",
        "soxr>=0.3.2",
        "tqdm>=4.60",
        "wcwidth>=0.6",
    ],
    extras_require={
        "train": TRAIN,
        "ascend": ASCEND,
        "export": EXPORT,
        "report": REPORT,
        "onnx": ONNX,
        # To look at what a training writes, on any machine; nothing of ours imports it.
        "tensorboard": ["tensorboard>=2.12"],
    },
    entry_points={"console_scripts": ["fcn4-dist = fcn4_dist.__main__:main"]},
)
