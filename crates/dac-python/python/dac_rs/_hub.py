"""Weights in the cache of Hugging Face's hub, in directories, and, only on request, from the hub."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

WEIGHTS = "model.safetensors"


def cache_folder() -> Path:
    """Folder of the hub's cache, from the variables that huggingface_hub reads."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if os.environ.get(name):
            return Path(os.environ[name])
    if os.environ.get("HF_HOME"):
        return Path(os.environ["HF_HOME"]) / "hub"
    parent = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(parent) / "huggingface" / "hub"


def find(
    name: str | os.PathLike[str], *, revision: str | None, cache_dir: str | os.PathLike[str] | None, download: bool
) -> Path:
    """Returns the weights of a repository, or of a local directory or file.

    Raises:
        OSError: there are none, as `from_pretrained` raises it.
    """
    path = Path(os.fspath(name))
    if path.is_file():
        return path
    if path.is_dir():
        if (path / WEIGHTS).is_file():
            return path / WEIGHTS
        raise OSError(f"{path} contains no {WEIGHTS}")
    repository = os.fspath(name)
    cache = Path(cache_dir) if cache_dir is not None else cache_folder()
    folder = cache / f"models--{repository.replace('/', '--')}"
    for snapshot in _snapshots(folder, revision):
        if (snapshot / WEIGHTS).is_file():
            return snapshot / WEIGHTS
    if download:
        return _download(repository, revision, cache_dir)
    raise OSError(
        f"{repository} is neither a local directory nor in the hub cache {cache}; "
        "nothing is downloaded unless download=True is passed"
    )


def _snapshots(folder: Path, revision: str | None) -> list[Path]:
    """Snapshots of a revision, or with the one of `main` first."""
    snapshots = folder / "snapshots"
    ref = folder / "refs" / (revision or "main")
    chosen = [snapshots / ref.read_text().strip()] if ref.is_file() else []
    if revision is not None:
        return [*chosen, snapshots / revision]
    others = sorted(snapshots.iterdir()) if snapshots.is_dir() else []
    return [*chosen, *others]


def _download(repository: str, revision: str | None, cache_dir: str | os.PathLike[str] | None) -> Path:
    try:
        import huggingface_hub
    except ImportError as error:
        raise OSError("download=True needs huggingface_hub: pip install 'dac-rs[hub]'") from error
    hub: Any = huggingface_hub
    for file in ("config.json", WEIGHTS):
        path = hub.hf_hub_download(repository, file, revision=revision, cache_dir=cache_dir)
    return Path(path)
