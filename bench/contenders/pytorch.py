"""PyTorch as its users write it, eager: trains and predicts what tasks.ts describes, and prints the answer as one line of JSON."""

import ctypes
import json
import re
import resource
import sys
import time

import numpy
import torch
from torch import nn
from torch.nn import functional

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
# Of data that are gathered, shuffled, at once: slices of them cost less than a gather for each batch.
SHUFFLED_ROWS = 16384
# As timing.ts has it.
UNTIMED_SHARE = 0.25


def main():
    options, task = (json.loads(text) for text in sys.argv[1:3])
    # Also for the threads that are started from here on: moments that turn denormal would slow it down.
    torch.set_flush_denormal(options["flush"])
    torch.set_num_threads(options["threads"])
    handlers = {"training": train, "inference": predict, "epochs": epochs}
    answer = handlers[task["kind"]](task, options)
    print(json.dumps({**answer, "ran": what_ran(options)}))


def run_laps(lap):
    """As tasks.ts has them."""
    print("ready", flush=True)
    for _ in sys.stdin:
        print(lap(), flush=True)


def train(task, options):
    case = Case(task["case"])
    model, step = case.create(options)
    compared = task["compared"]
    for _ in range(compared["epochs"]):
        for rows in torch.arange(compared["rows"]).split(case.batch_size):
            step(case.x[rows], case.y[rows])
    case.write_outputs(case.with_softmax(model), task["judgedRows"])

    model, step = case.create(options)
    batches = case.shuffled_batches()
    warm_up = task["warmUp"]
    started = time.perf_counter()
    updates = 0
    while True:
        seconds = time.perf_counter() - started
        if seconds >= warm_up["mostSeconds"]:
            break
        if updates >= warm_up["updates"] and seconds >= warm_up["leastSeconds"]:
            break
        step(*next(batches))
        updates += 1

    def speed_for(least_seconds):
        started = time.perf_counter()
        updates = 0
        while True:
            step(*next(batches))
            updates += 1
            seconds = time.perf_counter() - started
            if seconds >= least_seconds:
                return updates * case.batch_size / seconds

    def lap():
        speed_for(task["seconds"] * UNTIMED_SHARE)
        return speed_for(task["seconds"])

    run_laps(lap)
    return {"peakBytes": peak_bytes()}


def predict(task, options):
    case = Case(task["case"])
    model = case.with_softmax(case.logits()).eval()
    with torch.inference_mode():
        if options["scripted"]:
            model = torch.jit.freeze(torch.jit.trace(model, case.x))
            for _ in range(3):  # for the profiling executor to have optimized it
                model(case.x)
        case.write_outputs(model, case.rows)

        def seconds_of(calls):
            started = time.perf_counter()
            for _ in range(calls):
                model(case.x)
            return time.perf_counter() - started

        calls = 1
        while seconds_of(calls) < 0.1:
            calls *= 2

        def lap():
            seconds_of(int(calls * UNTIMED_SHARE))
            return calls / seconds_of(calls)

        run_laps(lap)
    return {}


def epochs(task, options):
    case = Case(task["case"])
    _, step = case.create(options)
    batches = case.shuffled_batches()
    seconds = []
    for _ in range(task["epochs"]):
        started = time.perf_counter()
        for _ in range(case.rows // case.batch_size):
            step(*next(batches))
        seconds.append(time.perf_counter() - started)
    return {"seconds": seconds, "peakBytes": peak_bytes()}


def peak_bytes():
    """As peakBytes in program.ts."""
    if sys.platform != "linux":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes elsewhere
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


class Case:
    def __init__(self, case):
        self.case = case
        self.rows, self.inputs, self.batch_size = case["rows"], case["inputs"], case["batchSize"]
        self.classes = case["loss"] == "crossEntropy"
        files = case["files"]
        self.x = torch.from_numpy(numpy.fromfile(files["x"], numpy.float32).reshape(-1, self.inputs))
        self.x = self.x[: self.rows]
        if self.classes:
            self.y = torch.from_numpy(numpy.fromfile(files["y"], numpy.int32)).long()
        else:
            self.y = torch.from_numpy(numpy.fromfile(files["y"], numpy.float32).reshape(-1, 1))

    def logits(self):
        """The network but for a softmax at its end, which PyTorch has in the loss."""
        values = torch.from_numpy(numpy.fromfile(self.case["files"]["parameters"], numpy.float32))
        layers, width, offset = [], self.inputs, 0
        for layer in self.case["layers"]:
            units = layer["units"]
            linear = nn.Linear(width, units)
            with torch.no_grad():
                linear.weight.copy_(values[offset : offset + width * units].reshape(width, units).t())
                linear.bias.copy_(values[offset + width * units : offset + (width + 1) * units])
            layers.append(linear)
            if layer["activation"] in ACTIVATIONS:
                layers.append(ACTIVATIONS[layer["activation"]]())
            width, offset = units, offset + (width + 1) * units
        return nn.Sequential(*layers)

    def with_softmax(self, logits):
        return nn.Sequential(logits, nn.Softmax(dim=-1)) if self.classes else logits

    def create(self, options):
        """The network as `logits` makes it, and a function that makes one update."""
        model = self.logits()
        optimizer = self.optimizer(model.parameters(), options["foreach"])
        loss_of = functional.cross_entropy if self.classes else functional.mse_loss

        def step(x, y):
            optimizer.zero_grad(set_to_none=True)
            loss_of(model(x), y).backward()
            optimizer.step()

        return model, step

    def optimizer(self, parameters, foreach):
        spec = self.case["optimizer"]
        rate = spec["learningRate"]
        if spec["type"] == "adam":
            betas = (spec["beta1"], spec["beta2"])
            return torch.optim.Adam(parameters, lr=rate, betas=betas, eps=spec["epsilon"], foreach=foreach)
        return torch.optim.SGD(parameters, lr=rate, momentum=spec["momentum"], foreach=foreach)

    def shuffled_batches(self):
        whole = self.rows - self.rows % self.batch_size
        while True:
            for rows in torch.randperm(self.rows)[:whole].split(max(1, SHUFFLED_ROWS // self.batch_size) * self.batch_size):
                yield from zip(self.x[rows].split(self.batch_size), self.y[rows].split(self.batch_size))

    def write_outputs(self, model, rows):
        with torch.inference_mode():
            model(self.x[:rows]).numpy().tofile(self.case["files"]["outputs"])


def what_ran(options):
    """Says which kernels ran, and fails if they are not those asked for."""
    blas = ctypes.CDLL("libopenblas.so.0")
    blas.openblas_get_corename.restype = ctypes.c_char_p
    core = blas.openblas_get_corename().decode()
    capability = re.search(r"CPU capability usage: (\w+)", torch.__config__.show()).group(1)
    for name, got in (("core", core), ("capability", capability)):
        if options.get(name, got) != got:
            raise SystemExit(f"expected {options[name]} for PyTorch's {name}, got {got}")
    return f"PyTorch {torch.__version__}, OpenBLAS {core}, {capability}"


main()
