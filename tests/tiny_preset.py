"""A preset that is quick to make and to run: a network of one pointwise layer, with weights written by hand.

It says that ligand atoms are where the receptor offers hydrogen bonds, rings or hydrophobic contacts, and each typed
channel follows the matching feature. Its pockets are crude and always the same.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pocketvox.channels import CHANNELS, LIGAND
from pocketvox.config import NetworkConfig
from pocketvox.features import FEATURES
from pocketvox.inference import PresetConfig, load_preset
from pocketvox.inference.presets import CARD, CONFIG, OPENVINO, WEIGHTS, _write_json, _write_metadata

#: Channel -> feature -> weight.
RULES = {
    "hbond_donor": {"acceptor_site": 6.0},
    "hbond_acceptor": {"donor_site": 6.0},
    "pi_stacking": {"ring_site": 6.0},
    "hydrophobic": {"hydrophobic": 2.0},
    LIGAND: {"acceptor_site": 4.0, "donor_site": 4.0, "ring_site": 6.0, "occupancy": -8.0},
}
BIAS = -1.5


def make_preset(folder: Path) -> Path:
    """Write the preset into a new folder and return it."""
    import openvino
    from openvino import opset13 as ops

    weights = np.zeros((len(FEATURES), len(CHANNELS)), np.float32)
    for channel, rule in RULES.items():
        for feature, weight in rule.items():
            weights[FEATURES.index(feature), CHANNELS.index(channel)] = weight
    features = ops.parameter([-1, -1, -1, -1, len(FEATURES)], np.float32, name="features")
    logits = ops.add(ops.matmul(features, ops.constant(weights), False, False), ops.constant(np.float32([BIAS])))
    (folder / OPENVINO).parent.mkdir(parents=True)
    openvino.save_model(openvino.Model([logits], [features], "tiny"), str(folder / OPENVINO), compress_to_fp16=False)
    network = NetworkConfig(features=FEATURES, filters=(1,), blocks=(1,))
    config = PresetConfig(network=network, spacing=1.0, roi_size=48, halo=0)
    _write_json(folder / CONFIG, config.to_dict())
    (folder / WEIGHTS).write_bytes(b"the Keras engine is not tested with this preset")
    (folder / CARD).write_text("A network of one layer for tests.\n")
    _write_metadata(folder, {}, {})
    load_preset(folder)
    return folder
