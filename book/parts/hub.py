"""Models of the hub: the folder where one is kept on this machine."""

import socket
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from huggingface_hub import constants, snapshot_download

OTHER_FORMATS = ["*.h5", "*.msgpack", "*.ot", "onnx/*", "openvino/*"]


def downloaded(model):
    """The folder of what was downloaded whole; a download cut short has left no weights."""
    folder = Path(snapshot_download(model, local_files_only=True))
    if any(folder.glob("*.safetensors")) or any(folder.glob("*.bin")):
        return str(folder)
    raise FileNotFoundError(f"{model}: no weights in {folder}")


def folder_of(model):
    """A folder, what was downloaded before, or a download, of "owner/name".

    No hub within three seconds, or no such model: OSError.
    """
    if Path(model).is_dir():
        return model
    try:
        return downloaded(model)
    except FileNotFoundError:
        hub = urlsplit(constants.ENDPOINT)
        port = hub.port or {"http": 80, "https": 443}[hub.scheme]
        # Behind a proxy it is the proxy that knocks
        if not getproxies():
            socket.create_connection((hub.hostname, port), timeout=3).close()
        try:
            return snapshot_download(model, ignore_patterns=OTHER_FORMATS)
        except OSError:
            raise
        # A proxy that refuses is none
        except Exception as error:
            raise OSError(f"{model}: {error}") from error
