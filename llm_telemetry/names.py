"""Names by which things of others are known before they are looked at; the finder reads them at every start."""

from __future__ import annotations

SDKS = ("openai", "anthropic", "groq")
"""Packages by the same generator: whoever imports one is about to call an LLM."""
HTTP = ("httpx", "httpx2", "requests", "aiohttp", "boto3")
"""Everybody imports these; they tell something only in a process that belongs to a watched one."""
STEP_METHODS = ("train_step", "training_step")
"""Methods that make a class look like a trainer."""
REWARD_STEPS = ("_calculate_rewards",)
"""So do these, of TRL's."""
TRAINER_MODULES = ("trl.trainer.grpo_trainer", "trl.trainer.rloo_trainer")
"""Modules of installed libraries whose classes are looked at as the user's own."""
VALIDATION_METHODS = ("evaluate_on_val_set", "evaluate", "validate", "_validate", "validation_step", "eval_step")
TRAINING_METHODS = ("train", "fit", "run")
"""Methods of a trainer in which steps are taken: what it is made of is known when one of them is called."""
MAINS = ("__main__", "__mp_main__")
"""The main module: by its own name, and as a spawned child knows it."""
