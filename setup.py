"""Builds the compiled loops; everything else is in pyproject.toml. Without a compiler the package installs as well."""

import glob
import sys

from setuptools import Extension, setup

options = [] if sys.platform == "win32" else ["-std=c++17", "-O3", "-fvisibility=hidden", "-Wno-psabi", "-pthread"]
loops = Extension(
    "resource_ode.native._loops",
    ["resource_ode/native/loops.cpp"],
    depends=glob.glob("resource_ode/native/*.h"),
    extra_compile_args=options,
    extra_link_args=[] if sys.platform == "win32" else ["-pthread"],
    language="c++",
    optional=True,
)

setup(ext_modules=[loops])
