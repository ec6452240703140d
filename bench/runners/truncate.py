"""A model folder with only the first layers of another. Settings: weights, target, layers."""
import json
import os

from safetensors.torch import load_file, save_file

from runner import read_config, settings

target, layers = settings["target"], settings["layers"]
tensors = load_file(f"{settings['weights']}/model.safetensors")


def kept(name):
    parts = name.split(".")
    return parts[1] != "layers" or int(parts[2]) < layers


os.makedirs(target, exist_ok=True)
save_file({name: tensor for name, tensor in tensors.items() if kept(name)}, f"{target}/model.safetensors", metadata={"format": "pt"})
# The configuration comes last: a folder that has one is complete.
with open(f"{target}/config.json.partial", "w") as file:
    json.dump({**read_config(), "num_hidden_layers": layers}, file)
os.rename(f"{target}/config.json.partial", f"{target}/config.json")
