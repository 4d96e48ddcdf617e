"""Names by which things of others are known before they are looked at; the finder reads them at every start."""

SDKS = ("openai", "anthropic", "groq")
"""Packages by the same generator: whoever imports one is about to call an LLM."""
HTTP = ("httpx", "httpx2", "requests", "aiohttp", "boto3")
"""Everybody imports these; they tell something only in a process that belongs to a watched one."""
ENDPOINTS = (
    *("/completions", "/responses", "/responses/compact", "/embeddings", "/evaluations"),
    *("/v1/messages", "/v1/complete"),
    *(":generateContent", ":streamGenerateContent", ":embedContent", ":batchEmbedContents"),
)
"""Ends of the paths that are LLM calls; `/chat/completions` and Azure's deployments end so too. The second row is
Anthropic's (the messages of one of openai's threads are not at the root), the third Gemini's."""
STEP_METHODS = ("train_step", "training_step")
"""Methods that make a class look like a trainer."""
PAIRED_REWARD_STEP = "_calculate_rewards_from_functions"
"""Online DPO's, with two completions of each prompt: all first ones, then all second ones."""
REWARD_STEPS = ("_compute_rewards_per_func", "_calculate_rewards", PAIRED_REWARD_STEP)
"""So do these: ms-swift's, whose class has inherited TRL's own and does not call it; of GRPO and RLOO; Online DPO's."""
TRAINER_MODULES = (
    *(f"trl.trainer.{kind}_trainer" for kind in ("grpo", "rloo", "online_dpo")),
    *(f"trl.experimental.{kind}.{kind}_trainer" for kind in ("async_grpo", "online_dpo", "a2po")),
    *(f"swift.{room}.grpo_trainer" for room in ("rlhf_trainers", "trainers.rlhf_trainer")),
)
"""Modules of installed libraries whose trainers are looked at as the user's own."""
FRAMEWORKS = (
    *("verl.utils.tracking", "verl.experimental.reward_loop.reward_loop"),
    *("verl.trainer.ppo.ray_trainer", "verl.trainer.ppo.v1.trainer_base", "verl.trainer.ppo.reward"),
    "verl.experimental.agent_loop.agent_loop",
    *(f"agentlightning.{name}" for name in ("verl.agl_rollout_manager", "verl.trainer", "controller.local_reconciler")),
    *("openrlhf.datasets.prompts_dataset", "openrlhf.trainer.ppo_trainer", "openrlhf.utils.agent"),
    "openrlhf.trainer.ppo_utils.samples_generator",
    *("roll.utils.tracking", "roll.pipeline.rlvr.rewards.llm_judge_reward_worker"),
    *(f"roll.distributed.scheduler.{name}_scheduler" for name in ("generate", "reward")),
    *(f"roll.pipeline.rlvr.{name}_pipeline" for name in ("rlvr", "rlvr_vlm")),
    *("skyrl.train.utils.tracking", "skyrl.train.generators.skyrl_gym_generator", "skyrl.train.trainer"),
    *(f"tinker_cookbook.{name}" for name in ("utils.ml_log", "rl.rollouts", "rl.metric_util", "rl.train")),
    *("art.model", "art.rewards.ruler"),
    *(f"verifiers.v1.{name}" for name in ("env", "task", "judge")),
    *(f"verifiers.v1.judges.{name}" for name in ("reference", "rubric", "decision")),
)
"""Modules of frameworks in which something is hooked; `trainers.frameworks.table` says what."""
VALIDATION_METHODS = ("evaluate_on_val_set", "evaluate", "validate", "_validate", "validation_step", "eval_step")
TRAINING_METHODS = ("train", "fit", "run")
"""Methods by which training begins, as do those that take the steps: what a trainer is made of is known by then."""
MAINS = ("__main__", "__mp_main__")
"""The main module: by its own name, and as a spawned child knows it."""
RAY = "ray._private.worker"
"""Where `ray.init` is."""
ACTORS = "ray._private.function_manager"
"""The module of Ray that makes an actor of a class, in each of its workers."""
