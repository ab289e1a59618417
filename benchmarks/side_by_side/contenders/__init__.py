"""Who is measured. A contender is a module with `prepare(case) -> Prepared`; it is imported in a process of its own."""

from __future__ import annotations

from typing import Any

CONTENDERS: dict[str, dict[str, Any]] = {
    "ours": {"module": "ours", "package": "unspool"},
    "torch": {"module": "torch_nn", "package": "torch"},
    "jax": {"module": "jax_scan", "package": "jax"},
    "keras-torch": {"module": "keras_torch", "package": "keras", "environment": {"KERAS_BACKEND": "torch"}},
    "keras-jax": {"module": "keras_jax", "package": "keras", "environment": {"KERAS_BACKEND": "jax"}},
    "onnxruntime": {"module": "onnx_runtime", "package": "onnxruntime"},
}
"""By name: its module here, the package that it needs, and what its process finds in the environment."""

TITLES = {
    "ours": "Unspool",
    "torch": "torch.nn",
    "jax": "JAX",
    "keras-torch": "Keras (torch)",
    "keras-jax": "Keras (JAX)",
    "onnxruntime": "ONNX Runtime",
}
