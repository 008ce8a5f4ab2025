"""Builds the compiled loops and their custom calls; everything else is in pyproject.toml.

Without a compiler, or the headers of XLA, the package installs as well: array programs do what they would have done.
"""

import glob
import importlib.util
import os
import sys

from setuptools import Extension, setup

unix = sys.platform != "win32"
options = ["-std=c++17", "-O3", "-fvisibility=hidden", "-Wno-psabi", "-pthread"] if unix else []
headers = glob.glob("resource_ode/native/*.h")


def extension(name: str, **more: list[str]) -> Extension:
    return Extension(
        f"resource_ode.native._{name}",
        [f"resource_ode/native/{name}.cpp"],
        depends=headers,
        extra_compile_args=options,
        extra_link_args=["-pthread"] if unix else [],
        language="c++",
        optional=True,
        **more,
    )


extensions = [extension("loops")]
# the headers of the oldest jaxlib supported, by build-system.requires: newer ones take handlers built with them
jaxlib = importlib.util.find_spec("jaxlib")
if jaxlib is not None and jaxlib.origin is not None:
    extensions.append(extension("handlers", include_dirs=[os.path.join(os.path.dirname(jaxlib.origin), "include")]))

setup(ext_modules=extensions)
