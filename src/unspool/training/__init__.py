"""How weights are learnt: the loop, optimizers and schedules, checkpoints that a crash cannot spoil, and the hooks that watch."""
