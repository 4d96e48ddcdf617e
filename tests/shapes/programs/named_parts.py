"""A trainer in words of its own: nothing is called what it is called elsewhere."""

from tests.shapes.programs.world import ITEMS, STEPS, ask, is_right


class Playground:
    def play(self, riddle, origin):
        return ask(riddle)


class Oracle:
    def weigh(self, riddle, utterance, truth):
        return float(is_right(utterance, truth))


class Gardener:
    def __init__(self):
        self.playground = Playground()
        self.oracle = Oracle()

    def season(self, number):
        for item in ITEMS:
            utterance = self.playground.play(item["problem"], item["source"])
            self.oracle.weigh(item["problem"], utterance, item["ground_truth"])


def train(gardener):
    for number in range(1, STEPS + 1):
        gardener.season(number)


if __name__ == "__main__":
    train(Gardener())
