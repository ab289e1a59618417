"""A trained model running live: the step program, what runs it, the session that keeps its state. No torch."""

from unspool.streaming.executor import Executor
from unspool.streaming.interpreter import Interpreter
from unspool.streaming.program import Operation, Program
from unspool.streaming.session import Session, state_from_json, state_to_json

__all__ = ["Executor", "Interpreter", "Operation", "Program", "Session", "state_from_json", "state_to_json"]
