"""Packages that can be called.

``vinpaint.detect`` and ``vinpaint.fill`` are rooms of the project and, for its users, functions. The import system
binds a package to its parent under its own name, so the package itself has to answer the call.
"""

from __future__ import annotations

import sys
from inspect import Signature, signature
from types import ModuleType
from typing import Any


class CallablePackage(ModuleType):
    """A package whose call is the function of the same name in :mod:`vinpaint.api`."""

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        """What the function does, behind what the package is."""
        return f"{self.__dict__.get('__doc__')}\n\n{self._function.__doc__}"

    @property
    def __signature__(self) -> Signature:
        """The function's."""
        return signature(self._function)

    @property
    def _function(self) -> Any:
        from vinpaint import api

        return getattr(api, self.__name__.rpartition(".")[2])

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Call the function."""
        return self._function(*args, **options)


def make_callable(package: str) -> None:
    """Let an imported package of vinpaint answer calls."""
    sys.modules[package].__class__ = CallablePackage
