"""A run of verl on Ray: the trainer is in an actor, as verl's own command line has it."""

import sys

import ray


@ray.remote
class Runner:
    """As verl's `TaskRunner`."""

    def run(self, *arguments):
        from tests.trainers.verl.trainer import fit  # noqa: PLC0415 - the driver needs nothing of it

        fit(*arguments)


if __name__ == "__main__":
    from tests.trainers.verl import program  # noqa: PLW0406 - the actor's class is a module's

    ray.init(num_cpus=4, include_dashboard=False)
    ray.get(program.Runner.remote().run.remote(*sys.argv[1:]))
