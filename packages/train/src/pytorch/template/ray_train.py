"""The same training on a Ray cluster: `python ray_train.py --workers 8 [options of train.py]`.

This folder must lie at the same path on every machine, as on a shared file system.
"""

import argparse
import sys
from pathlib import Path

import torch
from ray.train import ScalingConfig
from ray.train.torch import TorchTrainer

FOLDER = str(Path(__file__).resolve().parent)


def work(config):
    sys.path.insert(0, FOLDER)
    import train

    train.Trainer(train.arguments(config["options"])).train()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=1)
    args, options = parser.parse_known_args()
    scaling = ScalingConfig(num_workers=args.workers, use_gpu=torch.cuda.is_available())
    TorchTrainer(work, train_loop_config={"options": options}, scaling_config=scaling).fit()
