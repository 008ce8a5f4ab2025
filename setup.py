"""Builds the compiled loops and their custom calls; everything else is in pyproject.toml.

Without a compiler, or the headers of XLA, the package installs as well: array programs do what they would have done.
"""

import glob
import importlib.util
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.modified import newer_group

unix = sys.platform != "win32"
options = (
    ["-std=c++17", "-O3", "-g0", "-fno-math-errno", "-fvisibility=hidden", "-Wno-psabi", "-pthread"] if unix else []
)
# what decides how the sources are built
RECIPE = ["setup.py", "pyproject.toml"]
headers = glob.glob("resource_ode/native/*.h")


def extension(name: str, *sources: str, **more: list[str]) -> Extension:
    return Extension(
        f"resource_ode.native._{name}",
        [f"resource_ode/native/{source}.cpp" for source in sources],
        depends=headers,
        extra_compile_args=options,
        extra_link_args=["-pthread"] if unix else [],
        language="c++",
        optional=True,
        **more,
    )


# the loops themselves are a source per kind of processor
extensions = [extension("loops", "loops_avx512", "loops_avx2", "loops_plain", "loops")]
# the headers of the oldest jaxlib supported, by build-system.requires: newer ones take handlers built with them
jaxlib = importlib.util.find_spec("jaxlib")
if jaxlib is not None and jaxlib.origin is not None:
    extensions.append(
        extension("handlers", "handlers", include_dirs=[os.path.join(os.path.dirname(jaxlib.origin), "include")])
    )


class BuildLoops(build_ext):
    """An editable install takes a build that is newer than its sources: `make` installs several times.

    Where an extension cannot be built, the reason is kept beside its place, for `resource_ode.show_config`.
    """

    def build_extensions(self):
        one_by_one = self.compiler.compile

        def at_once(sources, **options):
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                made = pool.map(lambda source: one_by_one([source], **options), sources)
                return [name for names in made for name in names]

        self.compiler.compile = at_once
        super().build_extensions()

    def build_extension(self, ext):
        place = self.get_ext_fullpath(ext.name)
        kept = os.path.join(*ext.name.split(".")[:-1], os.path.basename(place))
        if self.editable_mode and not self.force and not newer_group([*ext.sources, *ext.depends, *RECIPE], kept):
            os.makedirs(os.path.dirname(place), exist_ok=True)
            shutil.copy2(kept, place)
            return
        reason = os.path.join(os.path.dirname(place), ext.name.rpartition(".")[2] + "_not_built.txt")
        if os.path.exists(reason):
            os.remove(reason)
        try:
            super().build_extension(ext)
        except Exception as error:
            os.makedirs(os.path.dirname(reason), exist_ok=True)
            with open(reason, "w", encoding="utf-8") as file:
                file.write(f"{type(error).__name__}: {error}".splitlines()[0][:500] + "\n")
            raise


class BuildWithExamples(build_py):
    """The examples go along: `resource-ode examples` shows them from an install too."""

    def run(self):
        super().run()
        if not self.editable_mode:
            target = os.path.join(self.build_lib, "resource_ode", "examples")
            os.makedirs(target, exist_ok=True)
            for name in sorted(glob.glob("examples/*.*")):
                shutil.copy(name, target)


setup(ext_modules=extensions, cmdclass={"build_ext": BuildLoops, "build_py": BuildWithExamples})
