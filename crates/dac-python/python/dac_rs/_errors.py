"""Exceptions of the package."""


class DacError(Exception):
    """Any error of the package; its subclasses say what is wrong."""


class AudioError(DacError):
    """Audio cannot be read, written, resampled or encoded."""


class TokensError(DacError):
    """Tokens are invalid, do not fit the model, or cannot be read or written."""


class WeightsError(DacError):
    """Weights are missing, invalid or of another model."""


class UsageError(DacError, ValueError):
    """An argument has an invalid value, or arguments contradict each other."""


for _error in (DacError, AudioError, TokensError, WeightsError, UsageError):
    _error.__module__ = "dac_rs"
