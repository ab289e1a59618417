"""Contenders measured side by side: one process each, asked in turn, on the same threads, weights and inputs."""
