"""Which versions of packages are installed."""

from importlib import metadata


def installed(*packages: str) -> dict[str, str]:
    """Name the versions of the packages given, where installed."""
    found = {package: _version(package) for package in packages}
    return {package: version for package, version in found.items() if version}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
