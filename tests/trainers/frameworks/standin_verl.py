"""A stand-in for verl 0.9.1: the functions at which we hear something, in its modules, with its signatures."""

MODULES = {
    "verl.utils.tracking": """
        class Tracking:
            def __init__(self, project_name, experiment_name, default_backend="console", config=None):
                self.rows = []

            def log(self, data, step, backend=None):
                self.rows.append((step, data))
        """,
    "verl.experimental.reward_loop.reward_loop": """
        class DataProto:
            def __init__(self, non_tensor_batch):
                self.batch, self.non_tensor_batch, self.meta_info = None, non_tensor_batch, {}

        def pad_dataproto_to_divisor(data, size_divisor):
            return data, 0

        class RewardLoopManager:
            def compute_rm_score(self, data):
                return data

        class RewardLoopWorker:
            def __init__(self, compute_score):
                self._compute_score = compute_score

            async def compute_score(self, data):
                row = {name: column[-1] for name, column in data.non_tensor_batch.items()}
                result = self._compute_score(row["data_source"], row["answer"])
                return {"reward_score": result, "reward_extra_info": {"acc": result}}
        """,
    "verl.trainer.ppo.v1.trainer_base": """
        import asyncio

        from verl.experimental.reward_loop.reward_loop import DataProto, RewardLoopWorker
        from verl.utils.tracking import Tracking

        class PPOTrainer:
            def __init__(self, compute_score):
                self.worker = RewardLoopWorker(compute_score)
                self.logger = Tracking("project", "experiment")
                self.global_steps = 0

            def reward(self, rows):
                data = [DataProto({name: [value] for name, value in row.items()}) for row in rows]
                return [asyncio.run(self.worker.compute_score(one)) for one in data]

            def _validate(self):
                self.reward([{"data_source": "held-out", "answer": "1", "uid": "v"}])
                return {"val-core/acc": 1.0}

            def fit(self, batches):
                self.logger.log(data=self._validate(), step=self.global_steps)
                for rows in batches:
                    self.global_steps += 1
                    self.reward(rows)
                    metrics = {"training/global_step": self.global_steps, **self._validate()}
                    self.logger.log(data=metrics, step=self.global_steps)
        """,
}
