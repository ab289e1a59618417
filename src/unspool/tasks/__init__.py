"""What can be asked of a network; a task is a value that answers four questions and owns no loop."""
