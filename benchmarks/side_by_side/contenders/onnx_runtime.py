"""ONNX Runtime's RNN, GRU and LSTM operators; inference, and one step with its state in and out."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from side_by_side.cases import STEP_CALLS, Arrays, Cannot, Case, Prepared
from side_by_side.worker import best_of

ORDERS = {"rnn": (0,), "gru": (1, 0, 2), "lstm": (0, 3, 1, 2)}
"""ONNX's gates in torch's numbering: update, reset, new of a GRU; input, output, forget, cell of an LSTM."""


def prepare(case: Case) -> Prepared:
    if case.training:
        raise Cannot("it runs trained models, and trains none")
    session = open_session(case)
    feeds = {"x": np.ascontiguousarray(case.inputs_array().transpose(1, 0, 2))}
    if case.streaming:
        return min((_step(case, session, feeds), _bound_step(case, session, feeds)), key=lambda prepared: best_of(prepared.run))
    if case.varied:
        feeds["lengths"] = case.lengths().astype(np.int32)
    plain, bound = _plain(session, feeds), _bound(session, feeds)
    return min((plain, bound), key=lambda prepared: best_of(prepared.run))


def _plain(session: onnxruntime.InferenceSession, feeds: Mapping[str, np.ndarray]) -> Prepared:
    def run() -> np.ndarray:
        (y,) = session.run(["y"], feeds)
        return y

    return Prepared(run, lambda: {"y": run()[:, 0].transpose(1, 0, 2)}, variant="run")


def _bound(session: onnxruntime.InferenceSession, feeds: Mapping[str, np.ndarray]) -> Prepared:
    """Outputs are written where those of the call before were."""
    binding = session.io_binding()
    for name, array in feeds.items():
        binding.bind_cpu_input(name, array)
    (y,) = session.run(["y"], feeds)
    place = onnxruntime.OrtValue.ortvalue_from_numpy(np.empty_like(y))
    binding.bind_ortvalue_output("y", place)

    def run() -> None:
        session.run_with_iobinding(binding)

    def answers() -> Arrays:
        run()
        return {"y": place.numpy()[:, 0].transpose(1, 0, 2)}

    return Prepared(run, answers, variant="run_with_iobinding")


def _step(case: Case, session: onnxruntime.InferenceSession, feeds: dict[str, np.ndarray]) -> Prepared:
    fed = {**feeds, "before": np.zeros((1, case.rows, case.hidden), np.float32)}

    def run() -> np.ndarray:
        (fed["before"],) = session.run(["after"], fed)
        return fed["before"]

    def answers() -> Arrays:
        fed["before"] = np.zeros((1, case.rows, case.hidden), np.float32)
        for _ in range(STEP_CALLS):
            run()
        return {"y": fed["before"][0]}

    return Prepared(run, answers, variant="run")


def _bound_step(case: Case, session: onnxruntime.InferenceSession, feeds: dict[str, np.ndarray]) -> Prepared:
    """Two places of the state are read and written in turn; the input is read where the caller left it."""
    places = [onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros((1, case.rows, case.hidden), np.float32)) for _ in range(2)]
    bindings = [session.io_binding(), session.io_binding()]
    for turn, binding in enumerate(bindings):
        binding.bind_cpu_input("x", feeds["x"])
        binding.bind_ortvalue_input("before", places[turn])
        binding.bind_ortvalue_output("after", places[1 - turn])
    turns = {"next": 0}

    def run() -> None:
        turn = turns["next"]
        session.run_with_iobinding(bindings[turn])
        turns["next"] = 1 - turn

    def answers() -> Arrays:
        for place in places:
            place.update_inplace(np.zeros((1, case.rows, case.hidden), np.float32))
        for _ in range(STEP_CALLS):
            run()
        return {"y": places[turns["next"]].numpy()[0]}

    return Prepared(run, answers, variant="run_with_iobinding")


def open_session(case: Case) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(graph(case).SerializeToString(), options, providers=["CPUExecutionProvider"])


def graph(case: Case) -> onnx.ModelProto:
    """One node; time first."""
    weights = {name: np.concatenate([np.split(array, case.gates)[gate] for gate in ORDERS[case.kind]]) for name, array in case.weights().items()}
    constants = {
        "w": weights["input_weight"][None],
        "r": weights["state_weight"][None],
        "b": np.concatenate([weights["input_bias"], weights["state_bias"]])[None],
    }
    state = [1, case.rows, case.hidden]
    places = ["x", "w", "r", "b", "lengths" if case.varied else "", "before" if case.streaming else ""]
    results = ["", "after"] if case.streaming else ["y"]
    attributes = {"hidden_size": case.hidden, **({"linear_before_reset": 1} if case.kind == "gru" else {})}
    node = helper.make_node(case.kind.upper(), places, results, **attributes)
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [case.steps, case.rows, case.inputs])]
    if case.varied:
        inputs.append(helper.make_tensor_value_info("lengths", TensorProto.INT32, [case.rows]))
    if case.streaming:
        inputs.append(helper.make_tensor_value_info("before", TensorProto.FLOAT, state))
    outputs = [
        helper.make_tensor_value_info("after", TensorProto.FLOAT, state)
        if case.streaming
        else helper.make_tensor_value_info("y", TensorProto.FLOAT, [case.steps, *state])
    ]
    made = helper.make_graph([node], case.kind, inputs, outputs, [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()])
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
