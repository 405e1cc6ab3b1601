"""Small classifiers that say what a generated picture reads as, and give its features."""

from torch import nn


def block(ins, outs):
    return nn.Sequential(
        nn.Conv2d(ins, outs, 3, padding=1, bias=False), nn.BatchNorm2d(outs), nn.ReLU()
    )
