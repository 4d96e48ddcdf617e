"""Trainers that only their user knows for such."""

import shapes


class Mine:
    def __init__(self):
        self.marks = shapes.RewardComputer()

    def turn(self, step):
        return self.marks.compute_reward(prediction="4", **shapes.ITEM)


Mine().turn(1)
oddly = shapes.Oddly()
oddly.one_round(1)
oddly.one_round(2)
shapes.Net().train_step(1)
