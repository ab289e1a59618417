"""Procedures that produce numbers: predict, score, compare with baselines, calibrate."""
