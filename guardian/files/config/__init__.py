"""Configuration files: text in, services, steps and receivers out, and every error with its place.

Adapters' options stay as they stand in the file: `wiring` asks the adapter what they mean.
"""

from guardian.files.config.loading import absent, load, usable
from guardian.files.config.values import (
    NOWHERE,
    AdapterRef,
    Aws,
    Config,
    ConfiguredReceiver,
    ServiceConfig,
)

__all__ = [
    "NOWHERE",
    "AdapterRef",
    "Aws",
    "Config",
    "ConfiguredReceiver",
    "ServiceConfig",
    "absent",
    "load",
    "usable",
]
