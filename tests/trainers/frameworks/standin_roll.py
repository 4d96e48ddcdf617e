"""A stand-in for ROLL at 8eb27cc2: the functions at which we hear something, in its modules, with its signatures.

All is in one process, where ROLL has schedulers and workers in actors of Ray; rows are lists, where ROLL has tensors.
"""

MODULES = {
    "roll.utils.tracking": """
        import functools

        def strip_at_tag_in_log(func):
            @functools.wraps(func)
            def wrapper(self, values, step=None, **kwargs):
                return func(self, {name.partition("@")[0]: value for name, value in values.items()}, step, **kwargs)
            return wrapper

        class BaseTracker:
            def log(self, values, step, **kwargs):
                pass

        class StdoutTracker(BaseTracker):
            def __init__(self, config, **kwargs):
                self.rows = []

            @strip_at_tag_in_log
            def log(self, values, step, **kwargs):
                self.rows.append((step, values))
        """,
    "roll.distributed.scheduler.protocol": """
        class Column(list):
            def tolist(self):
                return list(self)

        class DataProto:
            def __init__(self, batch, non_tensor_batch=None):
                self.batch = {name: Column(column) for name, column in batch.items()}
                self.non_tensor_batch = non_tensor_batch or {}
                self.meta_info = {}

            def __len__(self):
                return len(next(iter(self.batch.values())))
        """,
    "roll.distributed.scheduler.reward_scheduler": """
        class RewardScheduler:
            async def compute_rewards(self, data, reward_clusters, pipeline_config):
                return reward_clusters.compute_rewards(data)
        """,
    "roll.distributed.scheduler.generate_scheduler": """
        import uuid

        class RolloutContext:
            def __init__(self, worker, prompt_id):
                self.worker, self.prompt_id, self.domain = worker, prompt_id, None

            async def compute_rewards(self, req, domain):
                req.non_tensor_batch["rollout_id"] = [str(uuid.uuid4()) for _ in range(len(req))]
                return self.worker.compute_rewards(req)
        """,
    "roll.pipeline.rlvr.rewards.llm_judge_reward_worker": """
        import functools

        from openai import OpenAI

        from roll.distributed.scheduler.protocol import DataProto

        def register(func):
            @functools.wraps(func)
            def inner(*args, **kwargs):
                return func(*args, **kwargs)
            inner.BIND_WORKER_METHOD_FLAG = {}
            return inner

        class LLMJudgeRewardWorker:
            def __init__(self, judge_api_url):
                self.judge_api_url = judge_api_url

            def _call_api_model(self, messages, retry_times=3):
                output = ""
                with OpenAI(api_key="none", base_url=self.judge_api_url) as client:
                    while retry_times > 0 and not output:
                        retry_times -= 1
                        said = client.chat.completions.create(model="gpt-4o-mini", messages=messages)
                        output = said.choices[0].message.content
                return output

            def _get_llm_judgment(self, prompt_id, prompt, response, reference=None):
                text = self._call_api_model([{"role": "user", "content": f"{prompt} {response}"}])
                return (1 if "yes" in text.lower() else 0), {"prompt_id": prompt_id}

            @register
            def compute_rewards(self, data):
                columns = data.non_tensor_batch
                rows = zip(columns["id"], data.batch["prompts"], data.batch["responses"], columns["ground_truth"])
                return DataProto({"response_level_rewards": [self._get_llm_judgment(*row)[0] for row in rows]})
        """,
    "roll.pipeline.rlvr.rlvr_pipeline": """
        import asyncio

        from roll.distributed.scheduler.generate_scheduler import RolloutContext
        from roll.utils.tracking import StdoutTracker

        class RLVRPipeline:
            def __init__(self, worker, prompts, validated):
                self.worker, self.prompts, self.validated = worker, prompts, validated
                self.tracker = StdoutTracker({})

            def get_batch(self, prompts):
                for prompt_id, responses in enumerate(prompts):
                    context = RolloutContext(self.worker, prompt_id)
                    for req in responses:
                        context.domain = req.non_tensor_batch["domain"][0]
                        asyncio.run(context.compute_rewards(req, context.domain))

            def val(self, global_step):
                self.get_batch(self.validated)
                return {"val_correct/all/mean": 0.5}

            def run(self):
                for global_step in range(2):
                    metrics = {"time/step@mean": 1.0, **self.val(global_step=global_step)}
                    self.get_batch(self.prompts)
                    self.tracker.log(values=metrics, step=global_step)
        """,
    "roll.pipeline.rlvr.rlvr_vlm_pipeline": """
        class RLVRVLMPipeline:
            def val(self, global_step):
                return {}
        """,
}
