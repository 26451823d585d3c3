"""Optional dependencies, by the extras of pyproject.toml, and versions of installed packages."""

from functools import cache
from importlib.util import find_spec

from wordgate.errors import MissingExtraError

TORCH = "torch"
"""Part of the extra `train` that only the families `mlp` and `lstm` need."""

PACKAGES = {
    "train": ("jinja2", "narwhals", "pyarrow", "scipy", "sklearn"),
    "parquet": ("pyarrow",),
    "transformer": (TORCH, "tokenizers", "transformers"),
    "distill": ("sentence_transformers",),
    "numba": ("numba",),
    "onnx": ("onnx", "onnxruntime"),
    "files": ("fsspec", "python_calamine"),
    "ray": ("ray",),
    "spark": ("pandas", "pyarrow", "pyspark"),
    "tune": ("jinja2", "narwhals", "optuna", "pyarrow", "scipy", "sklearn"),
    "serve": ("httptools", "orjson", "prometheus_client", "uvicorn"),
}


def require_extra(extra: str, purpose: str, *further: str) -> None:
    """Refuse, before any work, a purpose whose packages are not installed.

    Args:
        extra: The extra with the packages.
        purpose: The beginning of the message, such as ``"training an LSTM"``.
        further: Further packages of the purpose, by their import names.

    Raises:
        MissingExtraError: A package is not installed.
    """
    if not all(map(find_spec, (*PACKAGES[extra], *further))):
        raise MissingExtraError(purpose, extra)


def installed_versions(*packages: str) -> dict[str, str]:
    """Return the versions of packages; those that are not installed are left out."""
    versions = {package: _installed_version(package) for package in packages}
    return {package: version for package, version in versions.items() if version is not None}


@cache  # the metadata of a package are parsed every time
def _installed_version(package: str) -> str | None:
    from importlib import metadata  # slow to import, and seldom needed

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
