"""A training configuration in words."""

from __future__ import annotations

from pathlib import Path

from pocketvox.config import LossConfig, NetworkConfig, SamplingConfig, TrainConfig


def describe(config: TrainConfig) -> list[str]:
    """A line each on network, samples, loss and optimizer.

    Numbers are those of the configuration; what is switched off is not mentioned.
    """
    return [
        f"Network: {_network(config.network, config.sampling.spacing)}",
        f"Samples: {_samples(config.sampling)}{_share(config)}",
        f"Loss: {_loss(config.loss)}{_taught(config)}",
        f"Optimizer: {_optimizer(config)}",
        f"Start: {_start(config)}",
    ]


def validation_words(config: TrainConfig) -> str:
    """What a run was validated on, from its :attr:`~data_prep.report_logs.Run.validated`."""
    s = config.sampling
    return (
        f"{config.val_crops} fixed crops of {s.crop_size} voxels of {s.spacing:g} A ({s.crop_size * s.spacing:g} A), "
        f"{percent(s.surface_fraction)} of them on surfaces, families drawn with power {s.cluster_power:g}, "
        f"seed {config.seed}"
    )


def percent(value: float) -> str:
    """``12.5 %``."""
    return f"{100 * value:.3g} %"


def _network(network: NetworkConfig, spacing: float) -> str:
    unit = f"voxels of {spacing:g} A"
    if network.patch > 1:
        unit = f"patches of {network.patch}x{network.patch}x{network.patch} {unit}"
    kind = "residual blocks" if network.residual else "convolutions"
    parts = [
        f"3D U-Net of {len(network.filters)} resolutions on {unit}",
        f"{_join(network.filters)} filters",
        f"{_join(network.blocks)} {kind}, from the finest down",
        f"{'transposed convolutions' if network.upsampling == 'transpose' else 'repetition'} on the way up",
        f"{network.activation}, {'batch normalization' if network.norm == 'batch' else 'no normalization'}",
        f"{len(network.features)} input and {len(network.channels)} output channels",
    ]
    if network.fusion:
        alone = network.fusion in ("receptor", "ligand")
        parts.append(f"looks at the {network.fusion} alone" if alone else f"{network.fusion} fusion with the ligand")
    told = {"the distance to": network.proximity, "contacts": network.contacts}
    parts += [f"told {what} {_quoted(names)}" for what, names in told.items() if names]
    if network.descriptors and network.fusion not in ("receptor", "ligand"):
        parts.append(f"told {len(network.descriptors)} descriptors of the complex")
    if network.constraints:
        parts.append(f"constraints {_quoted(network.constraints)}")
    if network.dropout:
        parts.append(f"dropout {network.dropout:g}")
    return "; ".join(parts) + "."


def _samples(sampling: SamplingConfig) -> str:
    parts = [
        f"crops of {sampling.crop_size} voxels ({sampling.crop_size * sampling.spacing:g} A)",
        f"{percent(1 - sampling.surface_fraction)} about a ligand",
        f"{percent(sampling.surface_fraction)} about a point of the surface",
        f"displaced by up to {sampling.jitter:g} A",
        "rotated at random" if sampling.rotate else "not rotated",
        f"noise of {sampling.noise:g} A on coordinates" if sampling.noise else "no noise",
        f"a family of n ligands drawn with weight n^{sampling.cluster_power:g}",
    ]
    if sampling.warp:
        parts.insert(-1, f"smooth displacements of {sampling.warp:g} A")
    if sampling.drop:
        parts.insert(-1, f"{percent(sampling.drop)} of the far receptor points missing")
    return "; ".join(parts)


def _share(config: TrainConfig) -> str:
    out = f"; {percent(config.data_fraction)} of the training families" if config.data_fraction < 1 else ""
    if config.extra_store:
        store = Path(config.extra_store).stem
        out += f"; {percent(config.extra_fraction)} of the samples from the second store, `{store}`"
    out += f"; flexibility from the B column by `{config.normalizer}`" if config.normalizer else ""
    return out + "."


def _loss(loss: LossConfig) -> str:
    kind = f"focal cross-entropy of exponent {loss.focal:g}" if loss.focal else "cross-entropy"
    weights = ", ".join(f"`{name}` {weight:g}" for name, weight in loss.channel_weights.items() if weight != 1)
    out = f"{kind} over known voxels"
    out += f", channels weighted {weights}, others 1" if weights else ""
    out += f"; {loss.dice:g} soft Dice" if loss.dice else ""
    out += f"; {loss.tversky:g} Tversky, false positives {loss.false_positives:g}" if loss.tversky else ""
    out += f"; voxels outside the envelope as negatives with weight {loss.unlabelled:g}" if loss.unlabelled else ""
    return out


def _taught(config: TrainConfig) -> str:
    if not config.teachers:
        return "."
    return f"; {percent(config.loss.distill)} of it to the mean probabilities of {_quoted(config.teachers)}."


def _optimizer(config: TrainConfig) -> str:
    parts = [
        f"AdamW, batches of {config.batch_size}, {config.epochs} epochs of {config.steps_per_epoch} steps",
        f"learning rate up to {config.learning_rate:g} within {config.warmup_steps} steps, down along a half cosine to "
        f"{percent(config.final_fraction)} of it",
        f"weight decay {config.weight_decay:g}",
        f"gradients clipped at norm {config.clip_norm:g}" if config.clip_norm else "gradients not clipped",
        f"weights averaged with decay {config.ema_decay:g}" if config.ema_decay else "weights not averaged",
        f"{config.precision}",
        f"seed {config.seed}",
    ]
    if config.stop_after:
        parts.append(f"ended after {config.stop_after:,} steps")
    return "; ".join(parts) + "."


def _start(config: TrainConfig) -> str:
    return f"`{config.initial_weights}`." if config.initial_weights else "random weights."


def _join(values: tuple) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
