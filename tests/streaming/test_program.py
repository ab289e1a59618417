"""A step program goes to its two files and back; a hostile file gets no further than an error."""

import copy
import json

import numpy as np
import pytest
from safetensors.numpy import save

from unspool.errors import BundleError
from unspool.streaming import Executor, Interpreter, Operation, Program

from .models import HALVING, forecast, text


@pytest.mark.parametrize("made", [forecast, text])
def test_a_program_survives_its_files(made):
    program = made().program
    again = Program.from_files(program.files())
    assert again.files() == program.files() and again.digest == program.digest
    draw = np.random.default_rng(0)
    inputs = {
        name: draw.integers(0, 2, (3, *shape)) if name == "codes" else draw.normal(size=(3, *shape)).astype(np.float32)
        for name, shape in program.inputs.items()
    }
    left, right = (Interpreter(one).run(inputs, one.initial_state(3)) for one in (program, again))
    np.testing.assert_array_equal(left[0], right[0])
    for name, array in left[1].items():
        np.testing.assert_array_equal(array, right[1][name])


def test_the_digest_tells_programs_apart():
    program = forecast().program
    name = next(iter(program.parameters))
    other = Program.from_files(program.files())
    other.parameters[name].flat[0] += 1
    assert Program.from_files(other.files()).digest != program.digest


def described():
    files = forecast(front=HALVING).program.files()
    return json.loads(files["program.json"]), files["program.safetensors"]


def first(tree, name):
    return next(operation for operation in tree["operations"] if operation["name"] == name)


HOSTILE = {
    "no operations": lambda tree: tree.pop("operations"),
    "a further key": lambda tree: tree.update(more=1),
    "another format": lambda tree: tree.update(format=99),
    "no format": lambda tree: tree.update(format="1"),
    "an operation that is none": lambda tree: tree["operations"][0].update(name="__import__"),
    "an operation of another type": lambda tree: tree["operations"].insert(0, "add"),
    "a further key of an operation": lambda tree: tree["operations"][0].update(path="x"),
    "a further attribute": lambda tree: first(tree, "slice")["attributes"].update(more=1),
    "an attribute of another type": lambda tree: first(tree, "slice")["attributes"].update(axis="0"),
    "an attribute that is not finite": lambda tree: first(tree, "softplus")["attributes"].update(beta=float("nan")),
    "an attribute too large": lambda tree: first(tree, "slice")["attributes"].update(stop=10**30),
    "a slice that is none": lambda tree: first(tree, "slice")["attributes"].update(start=10**6),
    "an input that is not there": lambda tree: tree["operations"][0].update(inputs=["nothing", "nothing"]),
    "too many inputs": lambda tree: first(tree, "relu").update(inputs=["values"] * 2),
    "inputs that are no names": lambda tree: first(tree, "relu").update(inputs=[["values"]]),
    "a name given twice": lambda tree: tree["operations"][1].update(output=tree["operations"][0]["output"]),
    "a name that is an input's": lambda tree: tree["operations"][0].update(output="values"),
    "operations out of order": lambda tree: tree["operations"].reverse(),
    "another input": lambda tree: tree["inputs"].update(path=[1]),
    "no inputs": lambda tree: tree.update(inputs={}),
    "a size that is none": lambda tree: tree["inputs"].update(values=[-1]),
    "a size that is no number": lambda tree: tree["inputs"].update(values=[True]),
    "a parameter of another shape": lambda tree: tree["parameters"].update({next(iter(tree["parameters"])): [1, 1]}),
    "a parameter that is not there": lambda tree: tree["parameters"].update(more=[1]),
    "a parameter left out": lambda tree: tree["parameters"].pop(next(iter(tree["parameters"]))),
    "a state that becomes nothing": lambda tree: tree["after"].clear(),
    "a state that becomes another form": lambda tree: tree["after"].update({next(iter(tree["after"])): "values"}),
    "a state that becomes no name": lambda tree: tree["after"].update({next(iter(tree["after"])): []}),
    "an answer that is not there": lambda tree: tree.update(output="nothing"),
    "an answer without streams": lambda tree: tree.update(output=next(iter(tree["parameters"]))),
    "a bomb": lambda tree: tree["operations"].extend(
        {"name": "cat", "inputs": [f"b{i}" if i else "values"] * 4096, "output": f"b{i + 1}", "attributes": {"axis": 1}}
        for i in range(9)
    ),
    "a large constant": lambda tree: tree["operations"].append(
        {
            "name": "full",
            "inputs": ["values"],
            "output": "b",
            "attributes": {"shape": [10**6, 10**6], "value": 0, "kind": "float"},
        }
    ),
    "a softmax over streams": lambda tree: tree["operations"].append(
        {"name": "softmax", "inputs": ["values"], "output": "b", "attributes": {"axis": 0}}
    ),
}


@pytest.mark.parametrize("harm", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_program_is_refused(harm):
    tree, tensors = described()
    harm(tree)
    with pytest.raises(BundleError, match=r"program\.") as refused:
        Program.from_files({"program.json": json.dumps(tree).encode(), "program.safetensors": tensors})
    assert len(str(refused.value)) < 2000


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"format": 1e400}']
)
def test_what_is_no_json_is_refused(content):
    with pytest.raises(BundleError, match=r"program\.json"):
        Program.from_files({"program.json": content, "program.safetensors": described()[1]})


def test_any_flipped_bit_of_the_json_is_refused_or_harmless():
    tree, tensors = described()
    content, draw = json.dumps(tree).encode(), np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(content)
        damaged[draw.integers(len(content))] ^= 1 << int(draw.integers(8))
        try:
            program = Program.from_files({"program.json": bytes(damaged), "program.safetensors": tensors})
        except BundleError:
            continue
        inputs = {
            name: np.zeros((2, *shape), np.int64 if name == "codes" else np.float32)
            for name, shape in program.inputs.items()
        }
        for engine in (Interpreter, Executor):
            engine(program).run(inputs, program.initial_state(2))


@pytest.mark.parametrize(
    "header", [b"", b"\xff" * 8, (10**9).to_bytes(8, "little") + b"{}", (2).to_bytes(8, "little") + b"[]", b"\x00" * 8]
)
def test_tensors_with_a_lying_header_are_refused(header):
    with pytest.raises(BundleError, match=r"program\.safetensors"):
        Program.from_files({"program.json": json.dumps(described()[0]).encode(), "program.safetensors": header})


def test_tensors_that_are_not_named_or_of_another_type_are_refused():
    program = forecast().program
    files = program.files()
    more = {f"state/{name}": array for name, array in program.state.items()} | {
        f"parameter/{name}": array for name, array in program.parameters.items()
    }
    with pytest.raises(BundleError, match="does not name"):
        Program.from_files(files | {"program.safetensors": save(more | {"more": np.zeros(1, np.float32)})})
    wide = {name: array.astype(np.float64) for name, array in more.items()}
    with pytest.raises(BundleError, match="float64"):
        Program.from_files(files | {"program.safetensors": save(wide)})


MISFITS = [
    ("matmul", ("values", "w"), {}),
    ("linear", ("values", "m"), {}),
    ("add", ("values", "m"), {}),
    ("add", ("values", "codes"), {}),
    ("layer_norm", ("values",), {"axes": 2, "epsilon": 1e-5}),
    ("sum", ("values",), {"axes": (0,), "keep": False}),
    ("sum", ("values",), {"axes": (1, -1), "keep": False}),
    ("sum", ("values",), {"axes": (), "keep": False}),
    ("softmax", ("none",), {"axis": 0}),
    ("reshape", ("values",), {"shape": (3, -1)}),
    ("reshape", ("future",), {"shape": (1, -1, 0)}),
    ("reshape", ("values",), {"shape": (-3,)}),
    ("matmul", ("values", "values"), {}),
    ("reshape", ("values",), {"shape": (-1, 4)}),
    ("permute", ("values",), {"order": (1, 1)}),
    ("expand", ("w",), {"shape": (-1, 3)}),
    ("select", ("values",), {"axis": 1, "index": 3}),
    ("embedding", ("m", "values"), {}),
    ("one_hot", ("values",), {"size": 3}),
    ("where", ("values", "values", "values"), {}),
    ("full", ("w",), {"shape": (1,), "value": 1, "kind": "float"}),
    ("stack", ("values", "w"), {"axis": 1}),
    ("cat", ("values", "m"), {"axis": 1}),
    ("not", ("values",), {}),
    ("exp", ("codes",), {}),
]


@pytest.mark.parametrize(("name", "reads", "attributes"), MISFITS)
def test_an_operation_that_does_not_fit_what_it_reads_is_refused(name, reads, attributes):
    parameters = {"none": np.zeros(0, np.float32), "w": np.zeros(3, np.float32), "m": np.zeros((5, 7), np.float32)}
    operations = (Operation(name, reads, "y", copy.deepcopy(attributes)),)
    with pytest.raises(BundleError, match=rf"operations\[0\] \({name}\)"):
        Program({"values": (3,), "codes": (2,), "future": (0,)}, {}, parameters, operations, "y", {})
