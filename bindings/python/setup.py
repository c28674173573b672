"""Only for wheels that carry the shared library, see tools/wheel.py: they are for one platform, and any Python 3."""

import os

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel

PLATFORM = os.environ.get("MAQUETTE_WHEEL_PLATFORM")


class PlatformDistribution(Distribution):
    def has_ext_modules(self) -> bool:
        return PLATFORM is not None


class PlatformWheel(bdist_wheel):
    def get_tag(self) -> tuple[str, str, str]:
        return ("py3", "none", PLATFORM) if PLATFORM else super().get_tag()


setup(distclass=PlatformDistribution, cmdclass={"bdist_wheel": PlatformWheel})
