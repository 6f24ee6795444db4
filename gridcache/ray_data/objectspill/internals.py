"""Internals: the names of Ray that object spilling leans on and that are not public.

They are compared with what is expected before anything is touched. Where they differ
Ray spills as ever.
"""

import inspect
from importlib import import_module
from typing import Any

__all__ = ["HOOK_VARIABLE", "io_worker", "storage_module", "unfit"]

HOOK_VARIABLE = "__RAY_WORKER_PROCESS_SETUP_HOOK_ENV_VAR"
"""Environment: a function that each worker process calls when it starts."""
_METHODS = {
    "spill_objects": ("self", "object_refs", "owner_addresses"),
    "restore_spilled_objects": ("self", "object_refs", "url_with_offset_list"),
    "delete_spilled_objects": ("self", "urls"),
    "destroy_external_storage": ("self",),
    "_write_multiple_objects": ("self", "f", "object_refs", "owner_addresses", "url"),
    "_put_object_to_store": (
        "self",
        "metadata",
        "data_size",
        "file_like",
        "object_ref",
        "owner_address",
    ),
}
_FUNCTIONS = {
    "create_url_with_offset": ("url", "offset", "size"),
    "parse_url_with_offset": ("url_with_offset",),
}


def storage_module() -> Any:
    """The module in which Ray's workers find their storage."""
    return import_module("ray._private.external_storage")


def io_worker() -> bool:
    """True in a process of Ray's that spills and restores."""
    ray = import_module("ray")
    mode = import_module("ray._private.worker").global_worker.mode
    return mode in {ray.SPILL_WORKER_MODE, ray.RESTORE_WORKER_MODE}


def unfit() -> str:
    """Why this Ray cannot be taught; empty if it can."""
    try:
        module = storage_module()
        files = module.FileSystemStorage
        odd = [name for name, known in _METHODS.items() if _takes(files, name) != known]
        odd += [
            name for name, known in _FUNCTIONS.items() if _takes(module, name) != known
        ]
        if not hasattr(module, "_external_storage"):
            odd.append("_external_storage")
        constants = import_module("ray._private.ray_constants")
        if constants.WORKER_PROCESS_SETUP_HOOK_ENV_VAR != HOOK_VARIABLE:
            odd.append("WORKER_PROCESS_SETUP_HOOK_ENV_VAR")
    except (ImportError, AttributeError) as error:
        return f"Ray has changed: {error}"
    return f"Ray has changed: {', '.join(odd)}" if odd else ""


def _takes(owner: Any, name: str) -> tuple[str, ...]:
    return tuple(inspect.signature(getattr(owner, name)).parameters)
