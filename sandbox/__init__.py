"""A local AWS for tests and demonstrations: `with Sandbox() as aws: ...`; no part of the product.

The parts are loaded when first used: whoever needs the EC2 simulator alone does not wait for the rest.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.local import Sandbox

__all__ = ["Sandbox"]


def __getattr__(name: str) -> Any:
    if name == "Sandbox":
        from sandbox.local import Sandbox  # noqa: PLC0415 - see the module's docstring

        return Sandbox
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
