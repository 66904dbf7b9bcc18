"""A device that is not there: its tensors live on the CPU, and refuse to be mixed with the CPU's.

After `install()`, torch.device("pretend") can be used. Every operation is done by the CPU on what
the tensors hold; one that mixes the two kinds raises, as it would on a graphics card. Allowed, as
there: a CPU tensor of one number, CPU tensors as indices, and copying from one to the other.
"""

import torch
from torch.utils._device import _device_constructors
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

HERE, CPU = torch.device("privateuseone:0"), torch.device("cpu")
COPIES = ("aten::copy_", "aten::_copy_from", "aten::_to_copy")
INDEXING = (
    "aten::index",
    "aten::index_put",
    "aten::index_put_",
    "aten::_index_put_impl_",
)


class Pretend(torch.Tensor):
    """A tensor that says it is on the device; `held` is the CPU tensor that it stands for."""

    @staticmethod
    def __new__(cls, held):
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=HERE,
        )
        made.held = held
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, op, types, arguments=(), named=None):
        return by_cpu(op, *arguments, **(named or {}))

    def __repr__(self):
        return repr(self.held)

    def __getitem__(self, index):
        """Lists as indices would be made tensors of this device, by a way that classes lack."""
        whole = index if isinstance(index, tuple) else (index,)
        whole = [torch.as_tensor(i) if isinstance(i, list) else i for i in whole]
        return super().__getitem__(tuple(whole))

    def tolist(self):
        return self.held.tolist()

    def __array__(self, *_):
        raise TypeError("can't convert a tensor on pretend:0 to numpy: .cpu() first")

    def __format__(self, spec):
        return format(self.held, spec)


def check(name, leaves):
    """RuntimeError where tensors of the CPU, of more than one number, meet the device's."""
    tensors = [x for x in leaves if isinstance(x, torch.Tensor)]
    strangers = [x for x in tensors if not isinstance(x, Pretend) and x.dim() > 0]
    if name in INDEXING:
        strangers = [x for x in strangers if x.dtype not in (torch.long, torch.bool)]
    if strangers and name not in COPIES and len(strangers) < len(tensors):
        raise RuntimeError(f"{name}: tensors on two devices, cpu and pretend:0")


def by_cpu(op, *arguments, **named):
    """Any operation of which a tensor, or what it makes, is on the device."""
    name, leaves = op.name().split(".")[0], tree_leaves((arguments, named))
    check(name, leaves)
    if name == "aten::_copy_from":
        arguments, op = arguments[1::-1], torch.ops.aten.copy_.default
    held = {id(x.held): x for x in leaves if isinstance(x, Pretend)}

    def to_cpu(x):
        if isinstance(x, Pretend):
            return x.held
        return CPU if isinstance(x, torch.device) else x

    def back(x):
        if not isinstance(x, torch.Tensor):
            return x
        return held[id(x)] if id(x) in held else Pretend(x)

    found = op(*tree_map(to_cpu, arguments), **tree_map(to_cpu, named))
    leaves_for_cpu = str(named.get("device", "")) == "cpu"
    return found if leaves_for_cpu else tree_map(back, found)


def tensor(data, device=None, plain=torch.tensor, **options):
    """torch.tensor cannot make one of a class of Python: made here, then moved."""
    made = plain(data, **options)
    return made if device is None else made.to(device)


class Module:
    """What torch asks of a device's module."""

    def is_available(self):
        return True

    def device_count(self):
        return 1

    def current_device(self):
        return 0

    def _is_in_bad_fork(self):
        return False

    def manual_seed_all(self, seed):
        pass


def install():
    """Registers the device; it is there as long as what is returned."""
    _setup_privateuseone_for_python_backend("pretend", backend_module=Module())
    _device_constructors()  # remembers the true torch.tensor for `with torch.device(…)`
    torch.tensor = tensor
    library = torch.library.Library("_", "IMPL")
    library.fallback(by_cpu, "PrivateUse1")
    return library
